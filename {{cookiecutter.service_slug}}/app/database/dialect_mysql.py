"""What is MySQL's, and MariaDB's, own."""

from typing import Any

from sqlalchemy import DateTime, Dialect, String
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError

DRIVERS = {"mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}

# Seconds to connect, and to wait for an answer; what DATABASE_URL says itself wins.
CONNECT_ARGS: dict[str, Any] = {"connect_timeout": 3, "read_timeout": 35}
MIGRATION_CONNECT_ARGS: dict[str, Any] = {"connect_timeout": 3}

# Held by one connection at a time, and released when that closes. A name is of the whole server,
# and has at most 64 characters.
TRY_MIGRATION_LOCK = "SELECT GET_LOCK(CONCAT('migrations.', SHA1(DATABASE())), 0)"

# It drops fractions of a second unless told how many digits to keep.
DATETIME = DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def exact_string(length: int) -> String:
    """Return a text type that compares characters: by default accents and case are ignored."""
    exact = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return String(length).with_variant(exact, "mysql", "mariadb")


# ER_LOCK_DEADLOCK, and MariaDB's ER_CHECKREAD: the transaction was rolled back.
CONFLICTS = {1213, 1020}
# ER_LOCK_WAIT_TIMEOUT, MariaDB's ER_STATEMENT_TIMEOUT, MySQL's ER_QUERY_TIMEOUT.
TIMEOUTS = {1205, 1969, 3024}


def open_connection(dialect: Dialect, args: Any, kwargs: Any) -> Any:
    """Connect; SQLAlchemy gives the arguments.

    PyMySQL 1.2 waits for the server's greeting as long as for any answer: here no longer than for
    the connection. The private name is the only way to wait for longer afterwards.
    """
    kwargs = CONNECT_ARGS | kwargs
    connection: Any = dialect.connect(*args, **kwargs | {"read_timeout": kwargs["connect_timeout"]})
    connection._read_timeout = kwargs["read_timeout"]
    return connection


def error_code(error: DBAPIError) -> Any:
    """Return the server's, or the client library's, number of `error`."""
    return error.orig.args[0] if error.orig and error.orig.args else None


def configure_connection(connection: Any, query: str, seconds: int) -> str | None:
    """Limit each statement to so many seconds, unless the URL's `query` has a limit of its own.

    READ COMMITTED: it locks no gaps between rows, the cause of most deadlocks.
    """
    # MySQL limits SELECT alone, in milliseconds.
    name, limit = "max_execution_time", seconds * 1000
    if "MariaDB" in connection.get_server_info():
        name, limit = "max_statement_time", seconds
    with connection.cursor() as cursor:
        if name not in query:
            cursor.execute(f"SET SESSION {name} = {limit}")
        if "isolation" not in query.lower():
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
    return None
