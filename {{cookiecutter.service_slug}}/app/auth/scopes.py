"""Scopes that blueprints declare, and those of new users and tokens."""

import re
from typing import Any

from flask import current_app

from app.api import Blueprint

# RFC 6749, section 3.3; the length is that of a column.
is_scope = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+").fullmatch
MAX_LENGTH = 255


def is_scope_list(value: Any) -> bool:
    """Return whether `value` is a string of scopes separated by single spaces, or empty."""
    if not isinstance(value, str) or len(value) > MAX_LENGTH:
        return False
    return not value or all(map(is_scope, value.split(" ")))


def declared_scopes() -> set[str]:
    """Return the scopes that the application's blueprints and their views require."""
    return set().union(*(blueprint.declared_scopes for blueprint in guarded_blueprints()))


def default_scopes() -> str:
    """Return the scopes of a new user or token, space-separated.

    These are DEFAULT_SCOPES, or if it is None, those of the blueprints with `grant=True`.
    """
    configured: str | None = current_app.config["DEFAULT_SCOPES"]
    if configured is not None:
        return configured
    granted = (blueprint.scopes for blueprint in guarded_blueprints() if blueprint.grant)
    return " ".join(sorted(set().union(*granted)))


def guarded_blueprints() -> list[Blueprint]:
    blueprints = current_app.blueprints.values()
    return [blueprint for blueprint in blueprints if isinstance(blueprint, Blueprint)]
