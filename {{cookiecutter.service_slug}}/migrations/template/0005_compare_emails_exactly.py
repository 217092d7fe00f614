"""Compare e-mail addresses exactly, and normalize the stored ones."""

import unicodedata

import sqlalchemy as sa
from alembic import op

from app.database.dialect import exact_string

users = sa.table("users", sa.column("id", sa.Uuid()), sa.column("email", sa.String()))


def normalize(email: str) -> str:
    local, at, domain = unicodedata.normalize("NFC", email.strip()).rpartition("@")
    return unicodedata.normalize("NFC", local.lower() + at + domain.casefold())


def find_changes() -> dict[str, tuple[object, str]]:
    """Return the user id and the stored address by normalized address, where the two differ.

    Raises `RuntimeError` if two users would have the same address.
    """
    by_email: dict[str, tuple[object, str]] = {}
    for user_id, email in op.get_bind().execute(sa.select(users.c.id, users.c.email)):
        other = by_email.setdefault(normalize(email), (user_id, email))
        if other[0] != user_id:
            raise RuntimeError(
                f"The users {other[0]} and {user_id} have the same e-mail address "
                "after normalization. Change or delete one of them, then migrate again."
            )
    return {new: user for new, user in by_email.items() if new != user[1]}


def upgrade() -> None:
    dialect = op.get_context().dialect.name
    # With --sql there is no connection to read rows from.
    changes = {} if op.get_context().as_sql else find_changes()
    # SQLite already compares exactly, and would have to copy the table.
    if dialect != "sqlite":
        op.alter_column(
            "users",
            "email",
            existing_type=sa.String(length=254),
            type_=exact_string(254),
            existing_nullable=False,
        )
    for email, (user_id, _) in changes.items():
        op.execute(users.update().where(users.c.id == user_id).values(email=email))
