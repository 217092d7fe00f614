"""Transactions that a deadlock or a time limit has ended, and when to try again."""

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
# Seconds before the second attempt at the most; doubled before each further one.
BACKOFF = 0.02


def retry_on_conflict(function: Callable[P, R]) -> Callable[P, R]:
    """Call `function` again when its transaction is rolled back by a deadlock or serialization failure.

    `function` must be the whole transaction, commit included, and do nothing that cannot be
    repeated: no call to another service. It must not keep objects of the session from before.
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
            # At random, so that the same transactions do not meet again.
            time.sleep(random.uniform(0, BACKOFF * 2**attempt))
        return function(*args, **kwargs)

    return wrapper


def is_conflict(error: BaseException) -> bool:
    """Return whether `error` is a deadlock or a serialization failure, which a retry may solve."""
    return isinstance(error, DBAPIError) and error_code(error) in CONFLICTS


def is_timeout(error: BaseException) -> bool:
    """Return whether a statement, or its wait for a lock, was ended by a time limit."""
    return isinstance(error, DBAPIError) and error_code(error) in TIMEOUTS
