"""Retry transactions that a deadlock or a serialization failure rolled back."""

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import current_app
from sqlalchemy.exc import DBAPIError

from app.database.dialect import CONFLICTS, TIMEOUTS, error_code
from app.extensions import db

P = ParamSpec("P")
R = TypeVar("R")

ATTEMPTS = 5
# Base of the maximum wait in seconds, which doubles with each attempt.
BACKOFF = 0.02


def retry_on_conflict(function: Callable[P, R]) -> Callable[P, R]:
    """Repeat `function` if a deadlock or a serialization failure rolls its transaction back.

    `function` must be the whole transaction, including its commit. It must be safe to repeat, so it
    must not call other services, nor use objects that the session loaded before it.
    """

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        for attempt in range(1, ATTEMPTS):
            try:
                return function(*args, **kwargs)
            except DBAPIError as error:
                if not is_conflict(error):
                    raise
                db.session.rollback()
                current_app.logger.info("transaction conflict, attempt %d: %s", attempt, error.orig)
            # A random wait keeps the same transactions from conflicting again.
            time.sleep(random.uniform(0, BACKOFF * 2**attempt))
        return function(*args, **kwargs)

    return wrapper


def is_conflict(error: BaseException) -> bool:
    """Return whether `error` is a deadlock or a serialization failure."""
    return isinstance(error, DBAPIError) and error_code(error) in CONFLICTS


def is_timeout(error: BaseException) -> bool:
    """Return whether a statement, or its wait for a lock, exceeded a time limit."""
    return isinstance(error, DBAPIError) and error_code(error) in TIMEOUTS
