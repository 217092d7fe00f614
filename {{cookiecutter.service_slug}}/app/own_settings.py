"""This service's own settings. The template leaves this file to you."""

from typing import Any

from environs import FileAwareEnv


def read_own(env: FileAwareEnv, *, production: bool) -> dict[str, Any]:
    """Return the settings by name, for `app.config`.

    A setting of app/config.py is replaced by the value that is returned under its name. To still
    read it from the environment, use `env`: {"RATE_LIMIT": env.int("RATE_LIMIT", 600)}.
    """
    return {}
