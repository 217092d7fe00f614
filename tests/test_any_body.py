"""Whatever the body of POST /orders/: no 5xx, no traceback, and every refusal is a problem."""

import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import harness, servers

pytestmark = pytest.mark.proof

BODIES = int(os.environ.get("BODIES", "500"))

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=12,
)
prices = st.one_of(
    st.decimals(allow_nan=True, allow_infinity=True).map(str),
    st.from_regex(r"-?[0-9]{0,12}\.?[0-9]{0,6}([eE][-+]?[0-9]{1,12})?"),
    json_values,
)
items = st.fixed_dictionaries(
    {
        "sku": st.sampled_from(["TEA-100", "", "x" * 65, "\x00", "tea\n"]) | json_values,
        "quantity": st.integers() | json_values,
        "unit_price": prices,
    },
    optional={"extra": json_values},
)
orders = st.fixed_dictionaries(
    {
        "currency": st.sampled_from(["EUR", "JPY", "KWD", "eur", "ZZZ", ""]) | json_values,
        "items": st.lists(items, max_size=4),
    },
    optional={"id": json_values, "total": json_values},
)
good_items = st.fixed_dictionaries(
    {
        "sku": st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True),
        "quantity": st.integers(1, 10_000),
        "unit_price": st.decimals(0, 999_999_999, places=2).map(str) | st.integers(0, 999_999_999),
    }
)
good_orders = st.fixed_dictionaries(
    {
        "currency": st.sampled_from(["EUR", "USD", "XTS"]),
        "items": st.lists(good_items, min_size=1, max_size=100),
    }
)
bodies = st.one_of(
    good_orders.map(lambda order: json.dumps(order).encode()),
    orders.map(lambda order: json.dumps(order).encode()),
    json_values.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=200),
    st.sampled_from(
        [b"[" * 200_000, b"9" * 10_000, b"1e99999999999999999999", b'"\\ud800"', b"\xef\xbb\xbf{}"]
    ),
)


@pytest.mark.parametrize("database", harness.choices()["database"])
def test_no_body_is_a_server_error(database, tmp_path):
    answers = harness.default(database=database)
    folder = harness.write(harness.render(answers), tmp_path / "service")
    if database != "none":
        assert servers.run(folder, "flask", "db", "upgrade").returncode == 0
    statuses: list[int] = []
    with servers.serving(folder, tmp_path / "log") as server:
        server.sign_in()

        @given(body=bodies)
        @settings(max_examples=BODIES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        def holds(body):
            answer = server.ask("POST", "/orders/", body)
            statuses.append(answer.status)
            assert answer.status == 201 or 400 <= answer.status < 500, body
            if answer.status != 201:
                assert answer.headers["Content-Type"] == "application/problem+json"
                assert answer.json["status"] == answer.status

        holds()
    assert "Traceback" not in server.log.read_text()
    assert len(statuses) >= BODIES
    assert {201, 400, 422} <= set(statuses)
