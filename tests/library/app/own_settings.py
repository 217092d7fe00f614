"""This service's own settings. The template leaves this file to you."""

from typing import Any

from environs import FileAwareEnv


def read_own(env: FileAwareEnv, *, production: bool) -> dict[str, Any]:
    """Return the settings by name, for `app.config`."""
    return {
        "ACCESS_TOKEN_LIFETIME": env.int("ACCESS_TOKEN_LIFETIME", 3600),
        "COMMENTS_OPEN": env.bool("COMMENTS_OPEN", True),
    }
