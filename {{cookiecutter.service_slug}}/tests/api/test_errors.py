import json

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient
from werkzeug.datastructures import WWWAuthenticate

from app import create_app
from app.api import Blueprint
from app.api.errors import field_errors, limit_errors
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
