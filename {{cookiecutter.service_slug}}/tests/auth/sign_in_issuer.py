"""The `sign_in` fixture: clients with an access token."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.auth.users import create_user

PASSWORD = "correct horse battery staple"


@pytest.fixture
def sign_in(app: Flask) -> Callable[..., FlaskClient]:
    """Return a function that creates a user and returns a client logged in as that user."""

    def sign_in(email: str, scopes: str | None = None) -> FlaskClient:
        with app.app_context():
            create_user(email, PASSWORD, scopes)
        client = app.test_client()
        tokens = client.post("/auth/login", json={"email": email, "password": PASSWORD}).get_json()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {tokens['access_token']}"
        return client

    return sign_in
