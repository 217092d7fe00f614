import json
from typing import Any

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient
from marshmallow import Schema, fields
from werkzeug.datastructures import WWWAuthenticate

from app import create_app
from app.api import Blueprint
from app.api.errors import ErrorFormat, field_errors, limit_errors
from app.config import load_config


@pytest.fixture
def service() -> Flask:
    return create_app(load_config("testing"))


def test_unknown_path_is_a_problem(client: FlaskClient) -> None:
    response = client.get("/nowhere")
    assert response.status_code == 404
    assert response.mimetype == "application/problem+json"
    assert response.get_json()["title"] == "Not Found"


def test_wrong_method_lists_the_allowed_ones(client: FlaskClient) -> None:
    response = client.post("/health/live")
    assert response.status_code == 405
    assert response.mimetype == "application/problem+json"
    assert "GET" in response.headers["Allow"]


def test_unhandled_exception_is_a_problem_without_a_traceback() -> None:
    app = create_app(load_config("testing"))
    app.config["PROPAGATE_EXCEPTIONS"] = False

    @app.get("/fault")
    def fault() -> str:
        raise RuntimeError("internal detail")

    response = app.test_client().get("/fault")
    assert response.status_code == 500
    assert response.mimetype == "application/problem+json"
    assert "internal detail" not in response.text


def test_all_challenges_are_kept(service: Flask) -> None:
    challenges = [WWWAuthenticate(scheme, {"realm": "r"}) for scheme in ("bearer", "basic")]

    @service.get("/guarded")
    def guarded() -> str:
        abort(401, www_authenticate=challenges)

    response = service.test_client().get("/guarded")
    assert response.status_code == 401
    assert response.headers.getlist("WWW-Authenticate") == ["Bearer realm=r", "Basic realm=r"]
    assert response.headers.getlist("Content-Type") == ["application/problem+json"]
    assert int(response.headers["Content-Length"]) == len(response.data)


def test_not_modified_response_has_an_etag(monkeypatch: pytest.MonkeyPatch) -> None:
    things = Blueprint("things", "things", url_prefix="/things")

    @things.get("/set")
    @things.etag
    @things.response(200)
    def thing() -> dict[str, int]:
        things.set_etag({"version": 1})
        return {"version": 1}

    @things.get("/computed")
    @things.etag
    @things.response(200)
    def computed() -> dict[str, int]:
        return {"version": 1}

    monkeypatch.setattr("app.RESOURCES", [things])
    service = create_app(load_config("testing"))
    service.before_request_funcs.pop("things", None)  # no authentication
    client = service.test_client()
    for path in ("/things/set", "/things/computed"):
        etag = client.get(path).headers["ETag"]
        response = client.get(path, headers={"If-None-Match": f'"another", {etag}'})
        assert (response.status_code, response.data) == (304, b"")
        assert response.headers["ETag"] == etag
        assert "Content-Type" not in response.headers


def test_each_error_has_its_location() -> None:
    messages = {
        "json": {"items": {0: {"a/b": ["Too long."]}}, "_schema": ["Odd."]},
        "query": {"limit": ["Too large.", "Not round."]},
    }
    assert list(field_errors(messages)) == [
        {"detail": "Too long.", "pointer": "#/items/0/a~1b"},
        {"detail": "Odd.", "pointer": "#"},
        {"detail": "Too large.", "parameter": "limit"},
        {"detail": "Not round.", "parameter": "limit"},
    ]


def test_problem_lists_the_first_errors_and_counts_the_rest() -> None:
    messages = {"json": {f"field-{number}": ["Unknown field."] for number in range(30)}}
    errors, omitted = limit_errors(messages)
    assert [error["pointer"] for error in errors] == [f"#/field-{n}" for n in range(20)]
    assert omitted == 10


def test_size_of_a_problem_is_bounded() -> None:
    messages = {"json": {chr(number) * 1000: ["Unknown field."] for number in range(1, 30)}}
    errors, omitted = limit_errors(messages)
    assert len(json.dumps(errors)) < 10_000
    assert 0 < len(errors) == len(messages["json"]) - omitted


class MessagesSchema(Schema):
    """Error body of another API."""

    messages = fields.List(fields.String(), required=True)


def render_messages(problem: dict[str, Any]) -> dict[str, list[str]]:
    faults = [error["detail"] for error in problem.get("errors", ())]
    return {"messages": faults or [problem.get("detail", problem["title"])]}


def make_service(monkeypatch: pytest.MonkeyPatch, prefix: str) -> Flask:
    """Return an application with another format of errors below `prefix`, and a resource in it."""

    class ThingSchema(Schema):
        size = fields.Integer(required=True)

    things = Blueprint("things", __name__, url_prefix="/api/things", description="Things")

    @things.post("/")
    @things.arguments(ThingSchema)
    @things.response(201, ThingSchema)
    @things.alt_response(409, "CONFLICT")
    def create_thing(thing: dict[str, int]) -> dict[str, int]:
        """Create a thing"""
        if thing["size"] < 0:
            raise RuntimeError("internal detail")
        abort(409, "Taken.")

    monkeypatch.setattr("app.RESOURCES", [things])
    config = load_config("testing")
    config.ERROR_FORMATS = {prefix: ErrorFormat(render_messages, MessagesSchema)}
    config.MAX_CONTENT_LENGTH = 100
    config.RATE_LIMIT = 9
    config.PROPAGATE_EXCEPTIONS = False
    service = create_app(config)
    service.before_request_funcs.pop("things", None)  # no authentication
    return service


@pytest.mark.parametrize("prefix", ["/", "/api", "/api/things/"])
def test_every_error_has_the_format_of_its_prefix(
    monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    client = make_service(monkeypatch, prefix).test_client()
    path = "/api/things/"
    responses = [
        client.get(f"{path}nowhere"),
        client.get(path),
        client.post(path, data="{", content_type="application/json"),
        client.post(path, data="{}"),
        client.post(path, json={"size": "x"}),
        client.post(path, json={"size": 1, "more": "x" * 100}),
        client.post(path, json={"size": 1}),
        client.post(path, json={"size": -1}),
        client.get("/nowhere"),
        client.get(f"{path}nowhere"),  # beyond the rate limit
    ]
    outside = responses.pop(8)
    assert [response.status_code for response in responses] == [
        *(404, 405, 400, 415, 422, 413, 409, 500, 429)
    ]
    for response in responses:
        assert response.headers.getlist("Content-Type") == ["application/json"]
        assert list(response.get_json()) == ["messages"]
        assert response.headers["X-Request-ID"]
    messages = [response.get_json()["messages"] for response in responses]
    assert messages[4] == ["Not a valid integer."]
    assert messages[6] == ["Taken."]
    assert "internal detail" not in responses[7].text
    assert "POST" in responses[1].headers["Allow"]
    assert int(responses[8].headers["Retry-After"]) > 0
    kind = "application/json" if prefix == "/" else "application/problem+json"
    assert (outside.status_code, outside.mimetype) == (404, kind)


@pytest.mark.parametrize("prefix", ["/", "/api"])
def test_error_format_is_documented(monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    spec = make_service(monkeypatch, prefix).test_client().get("/openapi.json").get_json()
    responses = spec["paths"]["/api/things/"]["post"]["responses"]
    for status in ("409", "422", "default"):
        name = responses[status]["$ref"].rpartition("/")[2]
        content = spec["components"]["responses"][name]["content"]
        assert content == {
            "application/json": {"schema": {"$ref": "#/components/schemas/Messages"}}
        }


def test_sibling_of_the_prefix_keeps_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    client = make_service(monkeypatch, "/api").test_client()
    assert client.get("/apis").mimetype == "application/problem+json"
    assert client.get("/api").mimetype == "application/json"


def test_prefix_without_a_slash_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="ERROR_FORMATS"):
        make_service(monkeypatch, "api")
