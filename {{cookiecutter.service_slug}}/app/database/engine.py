"""How the database is reached: its URL, and limits on how long it may keep a request waiting."""

from typing import Any

from environs import FileAwareEnv, ValidationError
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app.database.{{ cookiecutter.database }} import CONNECT_ARGS, DRIVERS

DEVELOPMENT_URL = "sqlite:///development.sqlite3"

# Seconds that a request waits for a connection while all of them are in use.
POOL_TIMEOUT = 5
# Readiness asks over connections of its own, beside one for each thread.
PROBES = 2


def read_url(env: FileAwareEnv, *, required: bool) -> str | None:
    """Return `DATABASE_URL` with the driver that this service ships for it.

    None, and a fault noted in `env`, where it is missing or no such URL.
    """
    if required:
        url = env.str("DATABASE_URL", validate=with_driver)
    else:
        url = env.str("DATABASE_URL", DEVELOPMENT_URL, validate=with_driver)
    return None if url is None else with_driver(url)


def with_driver(url: str) -> str:
    """Return `url` with its driver named; raises `ValidationError` where there is none for it."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValidationError("Not a database URL.") from None
    parsed = parsed.set(drivername=DRIVERS.get(parsed.drivername, parsed.drivername))
    if parsed.drivername not in {*DRIVERS.values(), "sqlite"}:
        raise ValidationError(f"No driver for {parsed.drivername}.")
    return parsed.render_as_string(hide_password=False)


def engine_options(url: str | None, threads: int) -> dict[str, Any]:
    """Return SQLAlchemy's engine options for `url` in a worker of so many threads."""
    # An error tells its statement, and none of the values in it.
    options: dict[str, Any] = {"hide_parameters": True}
    if url is None or url.startswith("sqlite"):
        return options
    return options | {
        "pool_pre_ping": True,
        "pool_size": threads,
        "max_overflow": PROBES,
        "pool_timeout": POOL_TIMEOUT,
        "connect_args": CONNECT_ARGS,
    }
