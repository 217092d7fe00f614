"""Whatever the body of POST /orders/: no 5xx, no traceback, and every refusal is a problem."""

import json
import os
import time

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


SIZE = 64 * 1024


def repeated(head: str, item: str, tail: str) -> bytes:
    """As many items as a body may be long."""
    number = (SIZE - len(head) - len(tail)) // (len(item) + 1)
    return (head + ",".join([item] * number) + tail).encode()


def order(item: str) -> bytes:
    return f'{{"currency": "EUR", "items": [{item}]}}'.encode()


HOSTILE = {
    "numbers for items": repeated('{"currency":"EUR","items":[', "0", "]}"),
    "empty items": repeated('{"currency":"EUR","items":[', "{}", "]}"),
    "as many as are looked at": order(",".join(["{}"] * 990)),
    "a hundred items of unknown fields": order(
        ",".join(["{" + ",".join(f'"{n}":0' for n in range(8)) + "}"] * 100)
    ),
    "a list of objects": repeated("[", "{}", "]"),
    "unknown fields": ("{" + ",".join(f'"{n}":0' for n in range(7_000)) + "}").encode(),
    "some unknown fields": ("{" + ",".join(f'"{n}":0' for n in range(990)) + "}").encode(),
    "names of control characters": (
        "{" + ",".join(f'"{n:02}{chr(92)}u0001' + r"\u0001" * 90 + '":0' for n in range(99)) + "}"
    ).encode(),
    "a long name": ('{"' + "x" * 60_000 + '":0}').encode(),
    "deep": b"[" * SIZE,
    "a long fraction": order('{"sku":"A","quantity":1,"unit_price":0.' + "9" * 60_000 + "}"),
    "a huge exponent": order('{"sku":"A","quantity":1e9999999,"unit_price":1}'),
    "a long price": order('{"sku":"A","quantity":1,"unit_price":"' + "9" * 60_000 + '"}'),
    "a long sku": order('{"sku":"' + "A" * 60_000 + '","quantity":1,"unit_price":1}'),
    "many long integers": repeated('{"currency":"EUR","items":[', "9" * 4299, "]}"),
    "an address of dots": ('{"password":"x","email":"' + "a." * 30_000 + '@x"}').encode(),
    "a domain of dots": ('{"password":"x","email":"x@' + "a." * 30_000 + '!"}').encode(),
    "a domain of dashes": ('{"password":"x","email":"x@' + ("a" * 61 + "-.") * 950 + '"}').encode(),
    "a long password": ('{"email":"a@b.example","password":"' + "x" * 60_000 + '"}').encode(),
    "a long refresh token": ('{"refresh_token":"' + "x" * 60_000 + '"}').encode(),
}


@pytest.mark.parametrize("variant", [{}, {"auth": "session"}, {"database": "none"}], ids=str)
def test_no_body_takes_long_or_gets_a_long_answer(variant, record_property, tmp_path):
    """100 ms and 10 kB for each route that takes a body."""
    folder = harness.write(harness.render(harness.default(**variant)), tmp_path / "service")
    if "database" not in variant:
        assert servers.run(folder, "flask", "db", "upgrade").returncode == 0
    slowest, longest = 0.0, 0
    with servers.serving(folder, tmp_path / "log", RATE_LIMIT="0") as server:
        server.sign_in()
        sent = {**server.headers, "Content-Type": "application/json"}
        paths = server.ask("GET", "/openapi.json").json["paths"]
        taking = [path for path, operations in paths.items() if "requestBody" in operations.get("post", {})]
        assert "/orders/" in taking
        for path in taking:
            for name, body in HOSTILE.items():
                assert len(body) <= SIZE
                took = []
                for _ in range(3):  # the machine may be busy
                    began = time.perf_counter()
                    status, _, answer = servers.exchange(server.port, "POST", path, body, sent, timeout=30)
                    took.append(time.perf_counter() - began)
                    assert 400 <= status < 500, (path, name, status)
                    assert len(answer) < 10_000, (path, name)
                    longest = max(longest, len(answer))
                assert min(took) < 0.1, (path, name, took)
                slowest = max(slowest, min(took))
    label = "-".join(variant.values()) or "default"
    record_property(
        "summary",
        f"Hostile bodies, {label}: {len(taking) * len(HOSTILE)} tried,"
        f" {slowest * 1000:.0f} ms and {longest} bytes at the most.",
    )
