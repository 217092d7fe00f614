"""How the settings of tokens are read."""

from typing import Any

from environs import FileAwareEnv, ValidationError

from app.auth.tokens.keys import Key, read_keys

DEVELOPMENT_KEY = "development-only-token-key-never-deploy-it"


def read_key_setting(env: FileAwareEnv, **options: Any) -> list[Key]:
    """Return the keys of `JWT_KEYS`; none, and a fault noted in `env`, where they will not do."""
    text = env.str("JWT_KEYS", validate=are_keys, **options)
    return read_keys(text) if text else []


def are_keys(text: str) -> None:
    """Raise `ValidationError` for what is no JWK Set, no key as PEM, and no secret to rely on."""
    if text == DEVELOPMENT_KEY:
        raise ValidationError("Is the development default.")
    try:
        read_keys(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None
