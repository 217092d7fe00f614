"""What is MySQL's, and MariaDB's, own."""

from sqlalchemy import DateTime, String
from sqlalchemy.dialects.mysql import DATETIME, VARCHAR

DRIVERS = {"mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}

# To connect at most 3 s, for an answer at most 30 s.
CONNECT_ARGS = {"connect_timeout": 3, "read_timeout": 30}

# Held by one connection at a time, and released when that closes.
MIGRATION_LOCK = "SELECT GET_LOCK(CONCAT(DATABASE(), '.migrations'), 3600)"

# It drops fractions of a second unless told how many digits to keep.
MOMENT = DateTime().with_variant(DATETIME(fsp=6), "mysql", "mariadb")


def exact_string(length: int) -> String:
    """Return a text type that compares characters: by default accents and case are ignored."""
    exact = VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return String(length).with_variant(exact, "mysql", "mariadb")
