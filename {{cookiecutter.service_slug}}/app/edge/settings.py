"""The settings of the edge."""

import re
from typing import Any

from environs import FileAwareEnv, ValidationError, validate


def read_edge(env: FileAwareEnv, *, production: bool, rate_limit: int) -> dict[str, Any]:
    """Return the settings by name; `rate_limit` is what holds where none is set."""
    hosts: list[Any] = [validate.Length(min=1)] if production else []
    default: dict[str, Any] = {} if production else {"default": []}
    return {
        # None is any.
        "TRUSTED_HOSTS": env.list("TRUSTED_HOSTS", validate=[*hosts, validate_hosts], **default)
        or None,
        "TRUSTED_PROXIES": read_proxies(env),
        "CORS_ORIGINS": env.list("CORS_ORIGINS", [], validate=are_origins),
        "RATE_LIMIT": env.int("RATE_LIMIT", rate_limit, validate=validate.Range(min=0)),
        "MAX_CONTENT_LENGTH": env.int(
            "MAX_CONTENT_LENGTH", 64 * 1024, validate=validate.Range(min=1)
        ),
    }


def read_proxies(env: FileAwareEnv) -> int:
    """Return how many proxies stand before the service."""
    return env.int("TRUSTED_PROXIES", 0, validate=validate.Range(min=0))


def validate_hosts(hosts: list[str]) -> None:
    """Raise `ValidationError` for what is not a host name, such as a URL or `*`."""
    for host in hosts:
        # No IPv6 addresses: werkzeug compares what is before the first colon.
        if not re.fullmatch(r"\.?[^\W_]([\w.-]*\w)?(:\d{1,5})?", host) or ".." in host:
            raise ValidationError(f"Not a host name: {host!r}.")


def are_origins(origins: list[str]) -> None:
    """Raise `ValidationError` for what is no origin (RFC 6454), such as a URL with a path, or `*`."""
    for origin in origins:
        # Flask-CORS takes one with brackets, and the like, for a regular expression.
        if not re.fullmatch(r"https?://[\w.-]+(:\d{1,5})?", origin):
            raise ValidationError(f"Not an origin: {origin!r}.")
