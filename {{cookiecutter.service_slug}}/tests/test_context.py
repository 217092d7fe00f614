import pytest
from flask.testing import FlaskClient

from app.context import current_context


def test_every_response_carries_a_request_id(client: FlaskClient) -> None:
    ids = {client.get(path).headers["X-Request-ID"] for path in ("/health/live", "/nowhere")}
    assert len(ids) == 2


@pytest.mark.parametrize("header", ["X-Request-ID", "X-Correlation-ID"])
def test_a_sane_id_is_kept(client: FlaskClient, header: str) -> None:
    response = client.get("/health/live", headers={header: "caller-7"})
    assert response.headers[header] == "caller-7"


@pytest.mark.parametrize("header", ["X-Request-ID", "X-Correlation-ID"])
@pytest.mark.parametrize("hostile", ["", "x" * 129, "two words", "<script>", "caf\xe9", "a\tb"])
def test_any_other_id_is_not(client: FlaskClient, header: str, hostile: str) -> None:
    response = client.get("/health/live", headers={header: hostile})
    assert response.headers.get(header) != hostile


def test_a_problem_tells_the_ids(client: FlaskClient) -> None:
    headers = {"X-Request-ID": "rid-7", "X-Correlation-ID": "cid-9"}
    problem = client.get("/nowhere", headers=headers).get_json()
    assert (problem["request_id"], problem["correlation_id"]) == ("rid-7", "cid-9")


def test_outside_of_a_request_there_is_a_context_too() -> None:
    assert current_context.request_id == current_context.correlation_id
    assert current_context.path == ""
