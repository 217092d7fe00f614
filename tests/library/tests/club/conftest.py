"""Clients of members of the club."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.auth.sign_in import PASSWORD

Join = Callable[[str], tuple[FlaskClient, str]]


@pytest.fixture
def join(client: FlaskClient, sign_in: Callable[..., FlaskClient]) -> Join:
    """Return a function that makes a member, and returns a client and the member's id."""

    def join(name: str) -> tuple[FlaskClient, str]:
        email = f"{name}@example.com"
        body = {"email": email, "password": PASSWORD, "name": name}
        response = client.post("/readers/", json=body)
        assert response.status_code == 201, response.get_json()
        return sign_in(email), response.get_json()["id"]

    return join
