{% if cookiecutter.database != "none" %}
"""Clients who may do what they do; that others are kept out is for test_owners.py and test_access.py."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.auth.users.accounts import NEW_USER_SCOPES, create_user

PASSWORD = "correct horse battery staple"


@pytest.fixture
def sign_in(app: Flask) -> Callable[..., FlaskClient]:
    """Makes clients who are somebody."""

    def sign_in(email: str, scopes: str = NEW_USER_SCOPES) -> FlaskClient:
        with app.app_context():
            create_user(email, PASSWORD, scopes)
        client = app.test_client()
        body = {"email": email, "password": PASSWORD}
        answer = client.post("/auth/login", json=body).get_json()
        client.environ_base[{{ '"HTTP_X_CSRF_TOKEN"' if cookiecutter.auth == "session" else '"HTTP_AUTHORIZATION"' }}] = {{ 'answer["csrf_token"]' if cookiecutter.auth == "session" else 'f"Bearer {answer[\'access_token\']}"' }}
        return client

    return sign_in


@pytest.fixture
def make_client(sign_in: Callable[..., FlaskClient]) -> Callable[[], FlaskClient]:
    """Makes clients of one and the same user, each for a thread of its own."""
    return lambda: sign_in("ada@example.com")
{% else %}
"""Clients who bring a token; that others are kept out is for test_owners.py."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.auth.resource_server.commands import SCOPES


@pytest.fixture
def sign_in(app: Flask) -> Callable[..., FlaskClient]:
    """Makes clients who bring a token of somebody."""

    def sign_in(subject: str, scopes: str = SCOPES) -> FlaskClient:
        command = ["tokens", "make", subject, "--scopes", scopes]
        token = app.test_cli_runner().invoke(args=command).output.strip()
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        return client

    return sign_in


@pytest.fixture
def make_client(sign_in: Callable[..., FlaskClient]) -> Callable[[], FlaskClient]:
    """Makes clients of one and the same caller, each for a thread of its own."""
    return lambda: sign_in("ada")
{% endif %}
