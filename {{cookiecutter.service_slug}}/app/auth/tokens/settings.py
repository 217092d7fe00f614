"""How the settings of tokens are read."""

from collections.abc import Callable
from typing import Any

from environs import FileAwareEnv, ValidationError

from app.auth.tokens.keys import Key, read_keys

DEVELOPMENT_KEY = "development-only-token-key-never-deploy-it"


def read_key_setting(
    env: FileAwareEnv, validate: Callable[[str], object], **options: Any
) -> list[Key]:
    """Return the keys of `JWT_KEYS`; none, and a fault noted in `env`, where they are not valid."""
    text = env.str("JWT_KEYS", validate=validate, **options)
    return read_keys(text) if text else []


def validate_keys(text: str) -> list[Key]:
    """Raise `ValidationError` unless `text` is a JWK Set, a key as PEM or a long enough secret."""
    if text == DEVELOPMENT_KEY:
        raise ValidationError("Is the development default.")
    try:
        return read_keys(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def validate_signing_keys(text: str) -> None:
    """Raise `ValidationError` unless the first key can sign tokens."""
    if not validate_keys(text)[0].can_sign:
        raise ValidationError("The first key is a public one: it cannot sign tokens.")
