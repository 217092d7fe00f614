import pytest
from flask.testing import FlaskClient


def test_every_response_carries_a_request_id(client: FlaskClient) -> None:
    ids = {client.get(path).headers["X-Request-ID"] for path in ("/health/live", "/nowhere")}
    assert len(ids) == 2


def test_a_sane_request_id_is_kept(client: FlaskClient) -> None:
    response = client.get("/health/live", headers={"X-Request-ID": "caller-7"})
    assert response.headers["X-Request-ID"] == "caller-7"


@pytest.mark.parametrize("hostile", ["", "x" * 129, "two words", "<script>", "caf\xe9"])
def test_any_other_request_id_is_replaced(client: FlaskClient, hostile: str) -> None:
    response = client.get("/health/live", headers={"X-Request-ID": hostile})
    assert response.headers["X-Request-ID"] != hostile
