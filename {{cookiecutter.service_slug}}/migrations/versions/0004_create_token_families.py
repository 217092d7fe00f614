"""Create the table of token families: the tokens of one login.

Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

from app.database.base import UtcDateTime

revision = "0004_tokens"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "token_families",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_token_families_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token_families")),
    )
    for column in ("user_id", "expires_at", "revoked_at"):
        op.create_index(op.f(f"ix_token_families_{column}"), "token_families", [column])


def downgrade() -> None:
    op.drop_table("token_families")
