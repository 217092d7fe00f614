"""Add owners to orders. Existing orders have no owner, and no user can see them.

Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("orders") as orders:
        orders.add_column(sa.Column("owner_id", sa.Uuid(), nullable=True))
        orders.create_foreign_key(op.f("fk_orders_owner_id_users"), "users", ["owner_id"], ["id"])
        orders.create_index(
            op.f("ix_orders_owner_id_created_at_id"), ["owner_id", "created_at", "id"]
        )


def downgrade() -> None:
    with op.batch_alter_table("orders") as orders:
        orders.drop_constraint(op.f("fk_orders_owner_id_users"), type_="foreignkey")
        orders.drop_index(op.f("ix_orders_owner_id_created_at_id"))
        orders.drop_column("owner_id")
