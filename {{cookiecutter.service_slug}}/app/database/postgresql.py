"""What is PostgreSQL's own."""

from sqlalchemy import DateTime, String

DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}

# To connect at most 3 s, for a statement at most 30 s.
CONNECT_ARGS = {"connect_timeout": 3, "options": "-c statement_timeout=30s"}

# Held by one connection at a time, and released when that closes.
MIGRATION_LOCK = "SELECT pg_advisory_lock(727)"

MOMENT = DateTime()


def exact_string(length: int) -> String:
    """Return a text type that compares characters, as every text does here."""
    return String(length)
