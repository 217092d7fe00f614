"""Clients who may use orders; that others are kept out is for test_owners.py and its neighbors."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.auth.sign_in import sign_in

__all__ = ["sign_in"]


@pytest.fixture
def make_client(sign_in: Callable[..., FlaskClient]) -> Callable[[], FlaskClient]:  # noqa: F811
    """Makes clients of one and the same user, each for a thread of its own."""
    return lambda: sign_in("ada@example.com")
