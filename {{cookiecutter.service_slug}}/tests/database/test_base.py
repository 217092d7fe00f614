from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select
from sqlalchemy.exc import StatementError

from app.database.base import Money, UtcDateTime
from app.extensions import db

table = Table(
    "test_types",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("amount", Money),
    Column("moment", UtcDateTime),
)


@pytest.fixture
def _table(app_context: None) -> Iterator[None]:
    table.create(db.engine)
    yield
    table.drop(db.engine)


def store_values(**values: object) -> tuple[object, ...]:
    """Insert a row, and return the stored values."""
    with db.engine.begin() as connection:
        key = connection.execute(insert(table).values(**values)).inserted_primary_key
        return tuple(connection.execute(select(table).where(table.c.id == key[0])).one())[1:]


@pytest.mark.usefixtures("_table")
class TestTypes:
    @pytest.mark.parametrize("amount", ["0.0001", "999999999999999.9999", "0.1", "-2.5"])
    def test_money_is_exact(self, amount: str) -> None:
        assert store_values(amount=Decimal(amount))[0] == Decimal(amount)

    def test_a_datetime_keeps_its_microseconds_and_is_returned_in_utc(self) -> None:
        moment = datetime(2026, 3, 29, 2, 30, 0, 123456, timezone(timedelta(hours=5, minutes=30)))
        (loaded,) = store_values(moment=moment)[1:]
        assert loaded == moment
        assert loaded.tzinfo is UTC

    def test_a_datetime_without_a_time_zone_is_rejected(self) -> None:
        with pytest.raises(StatementError, match="ambiguous"):
            store_values(moment=datetime(2026, 1, 1))

    def test_null_stays_null(self) -> None:
        assert store_values() == (None, None)
