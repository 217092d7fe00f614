import json

from flask.testing import FlaskClient

from app import create_app
from app.config import load_config
from app.errors import field_errors, list_faults


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
