"""Add owners to orders. Existing orders have no owner, and no user can see them."""

import sqlalchemy as sa
from alembic import op

# What a database of 0.1.0 has if it was applied there: see app/database/adoption.py.
CREATES = "orders.owner_id"


def upgrade() -> None:
    with op.batch_alter_table("orders") as orders:
        orders.add_column(sa.Column("owner_id", sa.Uuid(), nullable=True))
        orders.create_foreign_key(op.f("fk_orders_owner_id_users"), "users", ["owner_id"], ["id"])
        orders.create_index(
            op.f("ix_orders_owner_id_created_at_id"), ["owner_id", "created_at", "id"]
        )
