"""Fixtures of authenticated clients."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.auth.sign_in import sign_in

__all__ = ["make_caller", "sign_in"]


@pytest.fixture
def make_caller(sign_in: Callable[..., FlaskClient]) -> Callable[..., FlaskClient]:  # noqa: F811
    """Return a function that creates clients of the same user, with `scopes` or the default ones.

    `sign_in(email, scopes)` creates clients of other users.
    """
    return lambda scopes=None: sign_in("ada@example.com", scopes)
