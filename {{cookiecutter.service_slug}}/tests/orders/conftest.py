"""Authorized clients; test_owners.py and its neighbors test access by others."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient


@pytest.fixture
def make_client(make_caller: Callable[..., FlaskClient]) -> Callable[..., FlaskClient]:
    """Return a function that creates clients of the same user, one for each thread."""
    return make_caller
