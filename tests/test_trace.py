"""How far a request goes through the default service's code: a reader follows it downward, not back and forth."""

import json

import pytest

from tests import harness, servers

# The most files, returns to a file that was left before, and functions, as `make trace` counts them.
BOUNDS = {
    "GET /orders/<id>": (20, 10, 64),
    "POST /orders/ with Idempotency-Key": (26, 28, 110),
    "POST /orders/ invalid": (17, 7, 72),
    "POST /auth/login": (21, 26, 87),
    "GET /health/ready": (11, 11, 45),
}

# A test of the service, among those of orders: its client is signed in as theirs is. Each request is sent five times,
# and its shortest way counts: once a second one of them queries the revocations, and the first ones open connections.
MEASURE = """
import json
import uuid
from pathlib import Path

from flask.testing import FlaskClient

from tests.auth.sign_in import PASSWORD
from tools.trace import Call, count_files, count_returns, record_calls

ORDER = {"currency": "EUR", "items": [{"sku": "TEA-100", "quantity": 2, "unit_price": "9.99"}]}
INVALID = {"currency": "EUR", "items": [{"sku": "TEA-100", "quantity": 0}]}
LOGIN = {"email": "ada@example.com", "password": PASSWORD}


def test_measure(client: FlaskClient) -> None:
    placed = client.post("/orders/", json=ORDER).headers["Location"]
    requests = {
        "GET /orders/<id>": (200, "GET", placed, None),
        "POST /orders/ with Idempotency-Key": (201, "POST", "/orders/", ORDER),
        "POST /orders/ invalid": (422, "POST", "/orders/", INVALID),
        "POST /auth/login": (200, "POST", "/auth/login", LOGIN),
        "GET /health/ready": (200, "GET", "/health/ready", None),
    }
    measured = {}
    for name, (status, method, path, body) in requests.items():
        ways = [trace(client, status, method, path, body) for _ in range(5)]
        calls = min(ways, key=len)
        measured[name] = (count_files(calls), count_returns(calls), len(calls))
    Path("measured.json").write_text(json.dumps(measured))


def trace(client: FlaskClient, status: int, method: str, path: str, body: object) -> list[Call]:
    # As bytes: the client would make JSON of it by the application's own code.
    sent = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
    headers = {"Idempotency-Key": uuid.uuid4().hex} if status == 201 else {}
    answers = []
    calls = record_calls(
        lambda: answers.append(client.open(path, method=method, headers=headers, **sent))
    )
    assert answers[0].status_code == status, (method, path, answers[0].get_json())
    return calls
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> dict[str, tuple[int, int, int]]:
    """The files, returns and functions of each request."""
    folder = harness.write(harness.render(harness.default()), tmp_path_factory.mktemp("trace") / "service")
    test = folder / "tests" / "orders" / "test_measure.py"
    test.write_text(MEASURE)
    result = servers.run(folder, "pytest", "-q", "-p", "no:cacheprovider", str(test))
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-2000:]
    return {
        name: tuple(counts) for name, counts in json.loads((folder / "measured.json").read_text()).items()
    }


def test_requests_keep_their_bounds(measured, record_property):
    lines = [f"{'files':>45}{'returns':>10}{'functions':>10}"]
    lines += [
        f"{name:36}" + "".join(f"{count:>{width}}" for count, width in zip(counts, (9, 10, 10), strict=True))
        for name, counts in measured.items()
    ]
    print(*lines, sep="\n")
    record_property("summary", "\n".join(["Ways of requests through the default service:", *lines]))
    assert measured.keys() == BOUNDS.keys()
    beyond = {
        name: counts
        for name, counts in measured.items()
        if any(count > bound for count, bound in zip(counts, BOUNDS[name], strict=True))
    }
    assert beyond == {}
