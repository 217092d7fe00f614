"""How the database is reached: its URL, and limits on how long it may keep a request waiting."""

from typing import Any

from environs import ValidationError
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

CONNECT_TIMEOUT = 3
STATEMENT_TIMEOUT = 30

# The usual schemes, and the driver that this service ships for each.
DRIVERS = {
    {% if cookiecutter.database == "postgresql" %}
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    {% endif %}
    {% if cookiecutter.database == "mysql" %}
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    {% endif %}
}

# Seconds, as each driver wants them said.
CONNECT_ARGS: dict[str, dict[str, Any]] = {
    {% if cookiecutter.database == "postgresql" %}
    "postgresql": {
        "connect_timeout": CONNECT_TIMEOUT,
        "options": f"-c statement_timeout={STATEMENT_TIMEOUT}s",
    },
    {% endif %}
    {% if cookiecutter.database == "mysql" %}
    "mysql": {"connect_timeout": CONNECT_TIMEOUT, "read_timeout": STATEMENT_TIMEOUT},
    "mariadb": {"connect_timeout": CONNECT_TIMEOUT, "read_timeout": STATEMENT_TIMEOUT},
    {% endif %}
    "sqlite": {"timeout": CONNECT_TIMEOUT},
}


def parse_url(url: str) -> str:
    """Return `url` with the driver that this service ships for it.

    Raises `ValidationError` when it is no database URL, or there is no driver for it.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValidationError("Not a database URL.") from None
    parsed = parsed.set(drivername=DRIVERS.get(parsed.drivername, parsed.drivername))
    if parsed.drivername not in {*DRIVERS.values(), "sqlite"}:
        raise ValidationError(f"No driver for {parsed.drivername}.")
    return parsed.render_as_string(hide_password=False)


def engine_options(url: str) -> dict[str, Any]:
    """Return SQLAlchemy's engine options for `url`."""
    backend = make_url(url).get_backend_name()
    return {"pool_pre_ping": True, "connect_args": CONNECT_ARGS[backend]}
