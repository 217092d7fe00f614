"""What a page of orders costs as the table grows: python -m benchmarks.listing

GET /orders/?limit=20 of the default service on PostgreSQL (POSTGRESQL_URL), in process, in turns: the
first page and one from the middle, at 1,000 and at 1,000,000 orders.
"""

import importlib
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import sqlalchemy

from tests import harness, servers

SIZES = (1_000, 1_000_000)
ROUNDS = 300
GOAL = 1.2

FILL = """
INSERT INTO orders (id, status, currency, total, created_at, updated_at, version)
SELECT gen_random_uuid(), 'paid', 'EUR', 19.98, moment, moment, 2
FROM (SELECT timestamp '2026-01-01' + n * interval '1 second' AS moment FROM generate_series(1, :size) n) moments;
INSERT INTO order_items (order_id, sku, quantity, unit_price) SELECT id, 'TEA-100', 2, 9.99 FROM orders;
ANALYZE orders, order_items
"""


def main() -> None:
    if "POSTGRESQL_URL" not in os.environ:
        sys.exit("This benchmark needs POSTGRESQL_URL.")
    answers = harness.default(auth="none")
    with (
        tempfile.TemporaryDirectory() as scratch,
        servers.database(os.environ["POSTGRESQL_URL"]) as small,
        servers.database(os.environ["POSTGRESQL_URL"]) as large,
    ):
        folder = harness.write(harness.render(answers), Path(scratch, "service"))
        sys.path.insert(0, str(folder))
        os.chdir(folder)
        clients = {}
        for size, url in zip(SIZES, (small, large), strict=True):
            assert servers.run(folder, "flask", "db", "upgrade", DATABASE_URL=url).returncode == 0
            engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
            with engine.begin() as connection:
                for statement in FILL.split(";"):
                    connection.execute(
                        sqlalchemy.text(statement), {"size": size} if ":size" in statement else {}
                    )
            engine.dispose()
            os.environ["DATABASE_URL"] = url
            app = importlib.import_module("app").create_app()
            clients[size] = app.test_client()

        cursors = {size: middle(client, size) for size, client in clients.items()}
        found: dict[tuple[str, int], list[float]] = {}
        for _ in range(ROUNDS):
            for size, client in clients.items():
                for page, query in (("first page", ""), ("deep page", f"&cursor={cursors[size]}")):
                    started = time.perf_counter()
                    response = client.get(f"/orders/?limit=20{query}")
                    found.setdefault((page, size), []).append(time.perf_counter() - started)
                    assert len(response.get_json()["orders"]) == 20
        plan = explain(clients[SIZES[1]].application, cursors[SIZES[1]])
        for client in clients.values():
            with client.application.app_context():
                importlib.import_module("app.database").db.engine.dispose()
    print(f"A page of 20 orders on PostgreSQL, median of {ROUNDS}:")
    for page in ("first page", "deep page"):
        at = [statistics.median(found[page, size]) for size in SIZES]
        print(
            f"  {page:10}  {SIZES[0]:,}: {at[0] * 1000:.2f} ms   {SIZES[1]:,}: {at[1] * 1000:.2f} ms"
            f"   ratio {at[1] / at[0]:.2f}  (goal: at most {GOAL})"
        )
    print(f"  the deep page's plan: {plan}")


def middle(client, size: int) -> str:
    """The cursor of a page in the middle of the list."""
    from app.api.pagination import Cursor
    from app.orders.models import Order

    with client.application.app_context():
        from app.database import db

        query = (
            sqlalchemy.select(Order.created_at, Order.id)
            .order_by(Order.created_at)
            .offset(size // 2)
            .limit(1)
        )
        return Cursor(*db.session.execute(query).one()).encode()


def explain(app, cursor: str) -> str:
    """How PostgreSQL finds the page: the nodes of its plan."""
    from app.api.pagination import CursorField
    from app.database import db
    from app.database.queries import paginate
    from app.orders.models import Order

    statements = []
    with app.app_context():
        sqlalchemy.event.listen(
            db.engine, "before_cursor_execute", lambda *args: statements.append(args[2:4])
        )
        paginate(Order, 20, CursorField().deserialize(cursor))
        sql, parameters = statements[0]
        with db.engine.connect() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN {sql}", parameters).scalars().all()
    return "; ".join(line.strip(" ->").split("  (")[0] for line in plan if "Scan" in line or "Limit" in line)


if __name__ == "__main__":
    main()
