"""The settings of an issuer of tokens."""

from typing import Any

from environs import FileAwareEnv, validate

from app.auth.tokens.settings import DEVELOPMENT_KEY, read_key_setting, validate_signing_keys
from app.auth.users.settings import read_users, validate_lifetime
from app.version import SERVICE


def read_auth(env: FileAwareEnv, *, production: bool) -> dict[str, Any]:
    """Return the settings by name; times are in seconds."""
    default = {} if production else {"default": DEVELOPMENT_KEY}
    given = validate.Length(min=1)
    return {
        "JWT_KEYS": read_key_setting(env, validate_signing_keys, **default),
        "JWT_ISSUER": env.str("JWT_ISSUER", SERVICE, validate=given),
        "JWT_AUDIENCE": env.str("JWT_AUDIENCE", SERVICE, validate=given),
        "ACCESS_TOKEN_LIFETIME": env.int(
            "ACCESS_TOKEN_LIFETIME", 15 * 60, validate=validate.Range(1, 24 * 3600)
        ),
        "REFRESH_TOKEN_LIFETIME": env.int(
            "REFRESH_TOKEN_LIFETIME", 14 * 24 * 3600, validate=validate_lifetime
        ),
        "REVOCATION_DELAY": env.float("REVOCATION_DELAY", 1.0, validate=validate.Range(0, 60)),
        **read_users(env, production=production),
    }
