"""Move the keys of orders to the table of idempotent requests, and drop their own table.

The responses are not moved: a repeated request gets the order as it is. An empty fingerprint stands
for any payload.

Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

from app.database.base import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

COLUMNS = ("key", "fingerprint", "resource_id", "locked_until", "expires_at")
requests = sa.table("idempotent_requests", *map(sa.column, COLUMNS))
keys = sa.table("idempotency_keys", *map(sa.column, [*COLUMNS, "order_id"]))


def upgrade() -> None:
    moved = sa.select(
        keys.c.key, sa.literal_column("''"), keys.c.order_id, keys.c.locked_until, keys.c.expires_at
    )
    op.execute(requests.insert().from_select(COLUMNS, moved))
    op.drop_table("idempotency_keys")


def downgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("response", sa.Text(), nullable=True),
        sa.Column("locked_until", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["orders.id"],
            name=op.f("fk_idempotency_keys_order_id_orders"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_idempotency_keys")),
    )
    for column in ("order_id", "expires_at"):
        op.create_index(op.f(f"ix_idempotency_keys_{column}"), "idempotency_keys", [column])
