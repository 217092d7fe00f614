"""The settings of users, however they log in."""

from typing import Any

from environs import FileAwareEnv, validate

# A login that lasts longer is a mistyped number.
MAX_LIFETIME = 366 * 24 * 3600

validate_lifetime = validate.Range(1, MAX_LIFETIME)


def read_users(env: FileAwareEnv, *, production: bool) -> dict[str, Any]:
    """Return the settings by name."""
    if production:
        env.str("SECRET_KEY")  # logins are signed with it: it has to be set
    return {"REGISTRATION_OPEN": env.bool("REGISTRATION_OPEN", not production)}
