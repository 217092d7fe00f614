"""Fixture of clients."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

__all__ = ["make_caller"]


@pytest.fixture
def make_caller(app: Flask) -> Callable[..., FlaskClient]:
    """Return a function that creates clients; the service does not check `scopes`."""
    return lambda scopes=None: app.test_client()
