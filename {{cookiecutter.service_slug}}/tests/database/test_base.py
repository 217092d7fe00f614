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


def stored(**values: object) -> tuple[object, ...]:
    with db.engine.begin() as connection:
        key = connection.execute(insert(table).values(**values)).inserted_primary_key
        return tuple(connection.execute(select(table).where(table.c.id == key[0])).one())[1:]


@pytest.mark.usefixtures("_table")
class TestTypes:
    @pytest.mark.parametrize("amount", ["0.0001", "999999999999999.9999", "0.1", "-2.5"])
    def test_money_is_exact(self, amount: str) -> None:
        assert stored(amount=Decimal(amount))[0] == Decimal(amount)

    def test_a_moment_keeps_its_microseconds_and_comes_back_in_utc(self) -> None:
        moment = datetime(2026, 3, 29, 2, 30, 0, 123456, timezone(timedelta(hours=5, minutes=30)))
        (read,) = stored(moment=moment)[1:]
        assert read == moment
        assert read.tzinfo is UTC

    def test_a_moment_without_a_time_zone_is_refused(self) -> None:
        with pytest.raises(StatementError, match="ambiguous"):
            stored(moment=datetime(2026, 1, 1))

    def test_nothing_stays_nothing(self) -> None:
        assert stored() == (None, None)
