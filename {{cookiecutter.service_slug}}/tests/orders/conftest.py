"""Authorized clients; test_owners.py and its neighbors test access by others."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.auth.sign_in import sign_in

__all__ = ["sign_in"]


@pytest.fixture
def make_client(sign_in: Callable[..., FlaskClient]) -> Callable[[], FlaskClient]:  # noqa: F811
    """Return a function that creates clients of the same user, one for each thread."""
    return lambda: sign_in("ada@example.com")
