"""Whether this process has been told to stop."""

from collections.abc import Callable

_ask: Callable[[], bool] = bool


def ask(question: Callable[[], bool]) -> None:
    """Have `question` say from now on whether the process is stopping."""
    global _ask
    _ask = question


def is_stopping() -> bool:
    """Tell whether the process is stopping: it finishes what it has begun, and wants no more."""
    return _ask()
