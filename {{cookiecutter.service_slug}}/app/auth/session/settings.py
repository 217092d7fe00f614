"""The settings of logins by cookie."""

from typing import Any

from environs import FileAwareEnv

from app.auth.users.settings import read_users, validate_lifetime


def read_auth(env: FileAwareEnv, *, production: bool) -> dict[str, Any]:
    """Return the settings by name; times are in seconds."""
    return {
        # A browser takes a cookie of that prefix over HTTPS alone, and for this host alone (RFC 6265bis).
        "SESSION_COOKIE_NAME": "__Host-session" if production else "session",
        "SESSION_COOKIE_SECURE": production,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_IDLE_LIFETIME": env.int(
            "SESSION_IDLE_LIFETIME", 30 * 60, validate=validate_lifetime
        ),
        "SESSION_LIFETIME": env.int("SESSION_LIFETIME", 12 * 3600, validate=validate_lifetime),
        **read_users(env, production=production),
    }
