"""The `sign_in` fixture: clients with an access token."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient


@pytest.fixture
def sign_in(app: Flask) -> Callable[..., FlaskClient]:
    """Return a function that returns a client with an access token for a subject."""

    def sign_in(subject: str, scopes: str | None = None) -> FlaskClient:
        command = ["tokens", "make", subject]
        if scopes is not None:
            command += ["--scopes", scopes]
        token = app.test_cli_runner().invoke(args=command).output.strip()
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        return client

    return sign_in
