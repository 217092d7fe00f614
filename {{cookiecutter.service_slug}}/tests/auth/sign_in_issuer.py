"""The `sign_in` fixture: clients with an access token."""

from collections.abc import Callable

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient

from app.auth import passwords
from app.auth.logins import log_in
from app.auth.users import create_user, find_user

PASSWORD = "correct horse battery staple"

# The least work that argon2 allows: the tests hash many passwords.
passwords.hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def sign_in(app: Flask) -> Callable[..., FlaskClient]:
    """Return a function that creates a user and returns a client logged in as that user."""

    def sign_in(email: str, scopes: str | None = None) -> FlaskClient:
        with app.app_context():
            user = create_user(email, PASSWORD, scopes) or find_user(email)
            assert user is not None
            tokens = log_in(user)
        client = app.test_client()
        proof = f"{tokens['token_type']} {tokens['access_token']}"
        client.environ_base["HTTP_AUTHORIZATION"] = proof
        return client

    return sign_in
