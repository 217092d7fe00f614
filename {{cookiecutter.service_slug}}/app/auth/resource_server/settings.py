"""The settings of a service that trusts the tokens of an issuer."""

from typing import Any

from environs import FileAwareEnv, ValidationError, validate

from app.auth.tokens.settings import DEVELOPMENT_KEY, read_key_setting
from app.version import SERVICE


def read_auth(env: FileAwareEnv, *, production: bool) -> dict[str, Any]:
    """Return the settings by name. Where there is a `JWKS_URL`, the keys are found there."""

    def is_url(url: str) -> None:
        """Raise `ValidationError` for what is no URL to rely on: whoever answers it lets anyone in."""
        schemes = ("https://",) if production else ("https://", "http://")
        if url and not url.startswith(schemes):
            raise ValidationError(f"Must start with {' or '.join(schemes)}.")

    jwks_url = env.str("JWKS_URL", "", validate=is_url)
    keys = {"default": "" if jwks_url else DEVELOPMENT_KEY}
    given = validate.Length(min=1)
    return {
        "JWKS_URL": jwks_url,
        "JWT_KEYS": read_key_setting(env, **({} if production and not jwks_url else keys)),
        "JWT_ISSUER": env.str("JWT_ISSUER", validate=given)
        if production
        else env.str("JWT_ISSUER", "development"),
        "JWT_AUDIENCE": env.str("JWT_AUDIENCE", SERVICE, validate=given),
    }
