import json

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient
from werkzeug.datastructures import WWWAuthenticate

from app import create_app
from app.api import Blueprint
from app.api.errors import field_errors, list_faults
from app.config import load_config


@pytest.fixture
def service() -> Flask:
    return create_app(load_config("testing"))


def test_an_unknown_path_is_a_problem(client: FlaskClient) -> None:
    response = client.get("/nowhere")
    assert response.status_code == 404
    assert response.mimetype == "application/problem+json"
    assert response.get_json()["title"] == "Not Found"


def test_a_wrong_method_says_which_are_allowed(client: FlaskClient) -> None:
    response = client.post("/health/live")
    assert response.status_code == 405
    assert response.mimetype == "application/problem+json"
    assert "GET" in response.headers["Allow"]


def test_a_fault_of_ours_is_a_problem_without_its_traceback() -> None:
    app = create_app(load_config("testing"))
    app.config["PROPAGATE_EXCEPTIONS"] = False

    @app.get("/fault")
    def fault() -> str:
        raise RuntimeError("internal detail")

    response = app.test_client().get("/fault")
    assert response.status_code == 500
    assert response.mimetype == "application/problem+json"
    assert "internal detail" not in response.text


def test_every_challenge_is_kept(service: Flask) -> None:
    challenges = [WWWAuthenticate(scheme, {"realm": "r"}) for scheme in ("bearer", "basic")]

    @service.get("/guarded")
    def guarded() -> str:
        abort(401, www_authenticate=challenges)

    response = service.test_client().get("/guarded")
    assert response.status_code == 401
    assert response.headers.getlist("WWW-Authenticate") == ["Bearer realm=r", "Basic realm=r"]
    assert response.headers.getlist("Content-Type") == ["application/problem+json"]
    assert int(response.headers["Content-Length"]) == len(response.data)


def test_what_is_not_modified_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
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
    service.before_request_funcs.pop("things", None)  # whoever asks
    client = service.test_client()
    for path in ("/things/set", "/things/computed"):
        etag = client.get(path).headers["ETag"]
        response = client.get(path, headers={"If-None-Match": f'"another", {etag}'})
        assert (response.status_code, response.data) == (304, b"")
        assert response.headers["ETag"] == etag
        assert "Content-Type" not in response.headers


def test_every_fault_of_the_input_says_where_it_is() -> None:
    faults = {
        "json": {"items": {0: {"a/b": ["Too long."]}}, "_schema": ["Odd."]},
        "query": {"limit": ["Too large.", "Not round."]},
    }
    assert list(field_errors(faults)) == [
        {"detail": "Too long.", "pointer": "#/items/0/a~1b"},
        {"detail": "Odd.", "pointer": "#"},
        {"detail": "Too large.", "parameter": "limit"},
        {"detail": "Not round.", "parameter": "limit"},
    ]


def test_a_problem_lists_the_first_faults_and_counts_the_rest() -> None:
    faults = {"json": {f"field-{number}": ["Unknown field."] for number in range(30)}}
    listed, omitted = list_faults(faults)
    assert [fault["pointer"] for fault in listed] == [f"#/field-{n}" for n in range(20)]
    assert omitted == 10


def test_a_problem_is_short_whatever_a_client_sends() -> None:
    faults = {"json": {chr(number) * 1000: ["Unknown field."] for number in range(1, 30)}}
    listed, omitted = list_faults(faults)
    assert len(json.dumps(listed)) < 10_000
    assert 0 < len(listed) == len(faults["json"]) - omitted
