"""Settings and SQL specific to MySQL and MariaDB."""

from typing import Any

from sqlalchemy import DateTime, Dialect, String, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError

DRIVERS = {"mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}

# Seconds to connect, and to wait for a response; arguments in DATABASE_URL take precedence.
CONNECT_ARGS: dict[str, Any] = {"connect_timeout": 3, "read_timeout": 35}
MIGRATION_CONNECT_ARGS: dict[str, Any] = {"connect_timeout": 3}

# The connection holds the lock until it closes. Lock names are global to the server and have at
# most 64 characters.
TRY_MIGRATION_LOCK = "SELECT GET_LOCK(CONCAT('migrations.', SHA1(DATABASE())), 0)"

# By default MySQL drops fractions of a second.
DATETIME = DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
# MySQL's TEXT has 64 kB.
LONG_TEXT = Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


def exact_string(length: int) -> String:
    """Return a text type with a binary collation: the default one ignores accents and case."""
    exact = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return String(length).with_variant(exact, "mysql", "mariadb")


# ER_LOCK_DEADLOCK, and MariaDB's ER_CHECKREAD: the transaction was rolled back.
CONFLICTS = {1213, 1020}
# ER_LOCK_WAIT_TIMEOUT, MariaDB's ER_STATEMENT_TIMEOUT, MySQL's ER_QUERY_TIMEOUT.
TIMEOUTS = {1205, 1969, 3024}


def open_connection(dialect: Dialect, args: Any, kwargs: Any) -> Any:
    """Open a connection with SQLAlchemy's arguments.

    PyMySQL 1.2 applies `read_timeout` to the server's greeting too: use `connect_timeout` there.
    Only the private attribute can change the timeout of an open connection.
    """
    kwargs = CONNECT_ARGS | kwargs
    connection: Any = dialect.connect(*args, **kwargs | {"read_timeout": kwargs["connect_timeout"]})
    connection._read_timeout = kwargs["read_timeout"]
    return connection


def error_code(error: DBAPIError) -> Any:
    """Return the error number of the server or the client library."""
    return error.orig.args[0] if error.orig and error.orig.args else None


def configure_connection(connection: Any, query: str, seconds: int) -> str | None:
    """Limit each statement to `seconds`, unless the URL's `query` sets a limit.

    READ COMMITTED does not lock the gaps between rows, which cause most deadlocks.
    """
    # MySQL limits only SELECT, in milliseconds; MariaDB limits every statement, in seconds.
    name, limit = "max_execution_time", seconds * 1000
    if "MariaDB" in connection.get_server_info():
        name, limit = "max_statement_time", seconds
    with connection.cursor() as cursor:
        if name not in query:
            cursor.execute(f"SET SESSION {name} = {limit}")
        if "isolation" not in query.lower():
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
    return None
