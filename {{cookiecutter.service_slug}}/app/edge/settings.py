"""The settings of the edge."""

import re
from typing import Any

from environs import FileAwareEnv, ValidationError, validate


def read_edge(env: FileAwareEnv, *, production: bool, rate_limit: int) -> dict[str, Any]:
    """Return the settings by name; `rate_limit` is what holds where none is set."""
    hosts: dict[str, Any] = {"validate": validate.Length(min=1)} if production else {"default": []}
    return {
        # None is any.
        "TRUSTED_HOSTS": env.list("TRUSTED_HOSTS", **hosts) or None,
        "TRUSTED_PROXIES": env.int("TRUSTED_PROXIES", 0, validate=validate.Range(min=0)),
        "CORS_ORIGINS": env.list("CORS_ORIGINS", [], validate=are_origins),
        "RATE_LIMIT": env.int("RATE_LIMIT", rate_limit, validate=validate.Range(min=0)),
        "MAX_CONTENT_LENGTH": env.int(
            "MAX_CONTENT_LENGTH", 64 * 1024, validate=validate.Range(min=1)
        ),
    }


def are_origins(origins: list[str]) -> None:
    """Raise `ValidationError` for what is no origin (RFC 6454), such as a URL with a path, or `*`."""
    for origin in origins:
        if not re.fullmatch(r"https?://[^/*\s]+", origin):
            raise ValidationError(f"Not an origin: {origin!r}.")
