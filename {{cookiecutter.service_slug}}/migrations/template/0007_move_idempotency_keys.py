"""Move the keys of orders to the table of idempotent requests, and drop their own table.

The responses are not moved: a repeated request gets the order as it is. An empty fingerprint stands
for any payload.
"""

import sqlalchemy as sa
from alembic import op

COLUMNS = ("key", "fingerprint", "resource_id", "locked_until", "expires_at")
requests = sa.table("idempotent_requests", *map(sa.column, COLUMNS))
keys = sa.table("idempotency_keys", *map(sa.column, [*COLUMNS, "order_id"]))


def upgrade() -> None:
    moved = sa.select(
        keys.c.key, sa.literal_column("''"), keys.c.order_id, keys.c.locked_until, keys.c.expires_at
    )
    op.execute(requests.insert().from_select(COLUMNS, moved))
    op.drop_table("idempotency_keys")
