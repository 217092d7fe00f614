"""What every service answers, whether asked in process or over HTTP."""

import uuid
from collections.abc import Callable
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """A response, however it was got."""

    status: int
    headers: dict[str, str]
    json: Any


# Called with a method, a path, a body to send as JSON or None, and headers.
Ask = Callable[[str, str, Any, dict[str, str]], Answer]

ORDER = {"currency": "EUR", "items": [{"sku": "TEA-100", "quantity": 2, "unit_price": "9.99"}]}


ACCOUNT = {"email": "tester@example.com", "password": "correct horse battery staple"}
# Whose every login may end.
LEAVER = {**ACCOUNT, "email": "leaver@example.com"}

# Runs a `flask` command of the service, with more of an environment; returns what it prints.
Flask = Callable[[list[str], dict[str, str]], str]


def sign_in(ask: Ask, flask: Flask, account: dict[str, str] = ACCOUNT) -> dict[str, str]:
    """Become somebody who may do everything, made if need be; return the headers that prove it."""
    spec = ask("GET", "/openapi.json", None, {}).json
    schemes = spec["components"].get("securitySchemes", {})
    if not schemes:
        return {}
    if "/auth/login" not in spec["paths"]:
        token = flask(["tokens", "make", account["email"]], {}).strip()
        return {"Authorization": f"Bearer {token}"}
    login = ask("POST", "/auth/login", account, {})
    if login.status == 401:
        flask(["users", "create", account["email"]], {"NEW_USER_PASSWORD": account["password"]})
        login = ask("POST", "/auth/login", account, {})
    assert login.status == 200, login
    return proof(login.json, login.headers.get("Set-Cookie"))


def proof(login: dict[str, str], cookie: str | None) -> dict[str, str]:
    """Return the headers that prove a login, from what it was answered with."""
    if "access_token" in login:
        return {"Authorization": f"Bearer {login['access_token']}"}
    return {"Cookie": (cookie or "").partition(";")[0], "X-CSRF-Token": login["csrf_token"]}


def check(ask: Ask, proof: dict[str, str]) -> int:
    """Ask for everything the service offers, as who `sign_in` made one; return how many answers were seen."""
    seen: list[Answer] = []

    def get(path: str) -> Answer:
        return request("GET", path)

    def request(method: str, path: str, body: Any = None, headers: Any = None) -> Answer:
        answer = ask(method, path, body, {**proof, **(headers or {})})
        assert answer.headers.get("X-Request-ID"), path
        assert answer.headers.get("X-Content-Type-Options") == "nosniff", path
        assert "Server" not in answer.headers, path
        assert answer.status < 500, (path, answer)
        if answer.status >= 400:
            assert answer.headers["Content-Type"] == "application/problem+json", path
            assert answer.json["status"] == answer.status
        seen.append(answer)
        return answer

    assert get("/health/live")[::2] == (200, {"status": "alive"})
    assert get("/health/startup")[::2] == (200, {"status": "started"})
    ready = get("/health/ready")
    assert (ready.status, ready.json["status"]) == (200, "ready")
    assert set(ready.json["checks"].values()) <= {"ok"}
    heartbeat = get("/__heartbeat__")
    assert (heartbeat.status, heartbeat.json["checks"]) == (200, ready.json["checks"])
    assert get("/__lbheartbeat__").status == 200
    assert set(get("/__version__").json) >= {"source", "version", "commit", "build"}
    assert get("/docs").status == 200
    assert get("/nowhere").status == 404
    assert get("/nowhere").headers["RateLimit-Policy"].endswith(";w=60")
    assert request("POST", "/health/live").status == 405

    spec = get("/openapi.json").json
    assert spec["openapi"].startswith("3.1")
    for path, operations in spec["paths"].items():
        if "{" not in path and "get" in operations:
            assert get(path).status == 200

    if "/orders/" in spec["paths"]:
        anonymous = ask("POST", "/orders/", ORDER, {})
        assert anonymous.status == (401 if proof else 201)
        assert ("WWW-Authenticate" in anonymous.headers) == bool(proof)
        check_orders(request, stored="/orders/{order_id}" in spec["paths"])
    return len(seen)


def check_orders(request: Callable[..., Answer], *, stored: bool) -> None:
    """The example: what was posted is priced, and is found again where there is a database."""
    placed = request("POST", "/orders/", ORDER)
    assert placed.status == 201
    assert placed.json["total"] == "19.98"
    assert request("POST", "/orders/", {**ORDER, "currency": 7}).status == 422
    assert ("Location" in placed.headers) == stored
    if stored:
        found = request("GET", placed.headers["Location"])
        assert (found.status, found.json) == (200, placed.json)
        listed = request("GET", "/orders/?limit=1")
        assert listed.json["orders"] == [placed.json]
        assert request("GET", "/orders/7").status == 404
        assert request("PATCH", placed.headers["Location"], {"reference": "x"}).status == 428
        seen = {"If-Match": placed.headers["ETag"]}
        changed = request("PATCH", placed.headers["Location"], {"reference": "x"}, seen)
        assert (changed.status, changed.json["reference"]) == (200, "x")
        assert request("DELETE", placed.headers["Location"], None, seen).status == 412
        seen = {"If-Match": changed.headers["ETag"]}
        assert request("DELETE", placed.headers["Location"], None, seen).status == 204
    once = {"Idempotency-Key": uuid.uuid4().hex}
    first, second = (request("POST", "/orders/", ORDER, once) for _ in range(2))
    assert first.json["id"] == second.json["id"]
