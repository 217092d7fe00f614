"""The settings of an issuer of tokens."""

from typing import Any

from environs import FileAwareEnv, validate

from app.auth.tokens.settings import DEVELOPMENT_KEY, read_key_setting
from app.version import SERVICE


def read_auth(env: FileAwareEnv, *, production: bool) -> dict[str, Any]:
    """Return the settings by name; times are in seconds."""
    default = {} if production else {"default": DEVELOPMENT_KEY}
    return {
        "JWT_KEYS": read_key_setting(env, **default),
        "JWT_ISSUER": env.str("JWT_ISSUER", SERVICE),
        "JWT_AUDIENCE": env.str("JWT_AUDIENCE", SERVICE),
        "ACCESS_TOKEN_LIFETIME": env.int(
            "ACCESS_TOKEN_LIFETIME", 15 * 60, validate=validate.Range(1, 24 * 3600)
        ),
        "REFRESH_TOKEN_LIFETIME": env.int(
            "REFRESH_TOKEN_LIFETIME", 14 * 24 * 3600, validate=validate.Range(min=1)
        ),
        "REVOCATION_DELAY": env.float("REVOCATION_DELAY", 1.0, validate=validate.Range(0, 60)),
        "REGISTRATION_OPEN": env.bool("REGISTRATION_OPEN", not production),
    }
