"""The settings of a service that trusts the tokens of an issuer."""

from typing import Any
from urllib.parse import urlsplit

from environs import FileAwareEnv, ValidationError, validate

from app.auth.tokens.settings import DEVELOPMENT_KEY, read_key_setting, validate_keys
from app.version import SERVICE


def read_auth(env: FileAwareEnv, *, production: bool) -> dict[str, Any]:
    """Return the settings by name. Where there is a `JWKS_URL`, the keys are found there."""

    def validate_url(url: str) -> None:
        """Raise `ValidationError` unless it is an absolute URL; in production whoever answers is proven."""
        schemes = ("https",) if production else ("https", "http")
        try:
            parts = urlsplit(url)
            is_absolute = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_absolute = False
        if url and not is_absolute:
            raise ValidationError(f"Must be a URL that starts with {' or '.join(schemes)}://.")

    jwks_url = env.str("JWKS_URL", "", validate=validate_url)
    keys = {"default": "" if jwks_url else DEVELOPMENT_KEY}
    given = validate.Length(min=1)
    return {
        "JWKS_URL": jwks_url,
        "JWT_KEYS": read_key_setting(
            env, validate_keys, **({} if production and not jwks_url else keys)
        ),
        "JWT_ISSUER": env.str("JWT_ISSUER", validate=given)
        if production
        else env.str("JWT_ISSUER", "development"),
        "JWT_AUDIENCE": env.str("JWT_AUDIENCE", SERVICE, validate=given),
    }
