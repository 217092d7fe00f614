"""The `sign_in` fixture: clients with the cookie of a login."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.auth.users import create_user

PASSWORD = "correct horse battery staple"


@pytest.fixture
def sign_in(app: Flask) -> Callable[..., FlaskClient]:
    """Return a function that makes a user, logs them in and returns their client."""

    def sign_in(email: str, scopes: str | None = None) -> FlaskClient:
        with app.app_context():
            create_user(email, PASSWORD, scopes)
        client = app.test_client()
        answer = client.post("/auth/login", json={"email": email, "password": PASSWORD}).get_json()
        client.environ_base["HTTP_X_CSRF_TOKEN"] = answer["csrf_token"]
        return client

    return sign_in
