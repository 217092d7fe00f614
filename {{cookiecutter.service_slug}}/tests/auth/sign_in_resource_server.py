"""The `sign_in` fixture: clients with an access token of the issuer."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient


@pytest.fixture
def sign_in(app: Flask) -> Callable[..., FlaskClient]:
    """Return a function that returns a client with a token of the subject."""

    def sign_in(subject: str, scopes: str | None = None) -> FlaskClient:
        command = ["tokens", "make", subject]
        command += [] if scopes is None else ["--scopes", scopes]
        token = app.test_cli_runner().invoke(args=command).output.strip()
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"{app.config['AUTH_SCHEME']} {token}"
        return client

    return sign_in
