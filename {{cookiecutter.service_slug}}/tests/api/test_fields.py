"""Fields accept what can be stored unchanged, and nothing else."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError, fields

from app.api import MomentField, MoneyField, TextField


def is_rejected(field: fields.Field[Any], value: object) -> bool:
    try:
        field.deserialize(value)
    except ValidationError:
        return True
    return False


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=80))
def test_text_is_unchanged(text: str) -> None:
    assert TextField(80).deserialize(text) == text


@given(st.text(), st.characters(categories=["Cc", "Cs"]), st.text())
def test_text_with_a_control_character_or_a_surrogate_is_rejected(
    start: str, character: str, end: str
) -> None:
    text = start + character + end
    assert is_rejected(TextField(10_000), text)
    assert character in "\t\n\r" or is_rejected(TextField(10_000, multiline=True), text)


def test_text_of_several_lines_is_accepted_on_request() -> None:
    text = "one\ttwo\r\nthree\n"
    assert TextField(80, multiline=True).deserialize(text) == text


@pytest.mark.parametrize("value", ["", "x" * 81, 7, None, ["x"], "\0", json.loads('"\\ud800"')])
def test_invalid_text_is_rejected(value: object) -> None:
    assert is_rejected(TextField(80), value)
    assert is_rejected(TextField(80, multiline=True), value)


def test_the_length_of_text_counts_characters() -> None:
    assert TextField(2).deserialize("🫖🫖") == "🫖🫖"
    assert TextField(2, min_length=0).deserialize("") == ""


@given(st.decimals(0, Decimal("999999999.9999"), places=4))
def test_money_is_exact(amount: Decimal) -> None:
    for sent in (f"{amount:f}", amount):
        assert MoneyField().deserialize(sent) == amount
    assert MoneyField().serialize("x", {"x": amount}) == f"{amount:f}"


@pytest.mark.parametrize(
    "value",
    ["-1", "1e3", "1.00000", "0x1", "NaN", "1_0", "１", " 1", "1\n", "", ".5", "5.", "9" * 10, None]
    + [Decimal("-0.01"), Decimal("1.00001"), Decimal("1e9"), Decimal("NaN"), [1], {}],
)
def test_invalid_money_is_rejected(value: object) -> None:
    assert is_rejected(MoneyField(), value)


def test_money_has_its_own_limits() -> None:
    field = MoneyField(digits=2, places=2)
    assert field.deserialize("99.99") == Decimal("99.99")
    assert field.deserialize(Decimal("-0.0")).is_signed() is False
    assert is_rejected(field, "100")
    assert is_rejected(field, "0.001")


@given(
    moment=st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30)),
    minutes=st.integers(-1439, 1439),
)
def test_a_moment_is_converted_to_utc(moment: datetime, minutes: int) -> None:
    moment = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    loaded = MomentField().deserialize(moment.isoformat())
    assert loaded == moment
    assert loaded.tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-01T00:00:00",
        "2026-01-01",
        "2026-W01-1T00:00:00Z",
        "20260101T000000Z",
        "2026-02-30T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00Z\n",
        "0999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+12:00",
        "9999-12-31T23:59:59-12:00",
        "",
        1_767_225_600,
        None,
    ],
)
def test_an_invalid_moment_is_rejected(value: object) -> None:
    assert is_rejected(MomentField(), value)
