"""Validation of settings that app/own_settings.py may replace."""

from typing import Any

from flask import Flask

from app.auth.scopes import is_scope_list
from app.config import ConfigError
from app.version import SERVICE

# Seconds; longer lifetimes are taken for typos.
MAX_LIFETIME = 366 * 24 * 3600


def validate_setting(app: Flask, name: str, is_valid: Any, message: str) -> None:
    """Raise `ConfigError` with the message unless the setting is valid."""
    if not is_valid:
        value = app.config[name]
        raise ConfigError(f"Invalid configuration of {SERVICE}. {name}: {message} ({value!r})")


def validate_default_scopes(app: Flask) -> None:
    """Raise `ConfigError` unless DEFAULT_SCOPES is None or a list of scopes."""
    scopes = app.config["DEFAULT_SCOPES"]
    is_valid = scopes is None or is_scope_list(scopes)
    validate_setting(app, "DEFAULT_SCOPES", is_valid, "Must be None or space-separated scopes.")


def validate_lifetimes(app: Flask, *names: str) -> None:
    """Raise `ConfigError` unless the settings are seconds, up to a year."""
    for name in names:
        value = app.config[name]
        is_valid = type(value) is int and 0 < value <= MAX_LIFETIME
        validate_setting(app, name, is_valid, f"Must be from 1 to {MAX_LIFETIME} seconds.")
