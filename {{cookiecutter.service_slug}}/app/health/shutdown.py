"""Whether the service is shutting down: a flag that gunicorn's master shares with its workers."""

from mmap import mmap

# Anonymous shared memory: set once in the master, seen by every process that it has forked.
_flag = mmap(-1, 1)


def begin_shutdown() -> None:
    """Fail readiness from now on, in every worker."""
    _flag[0] = 1


def is_shutting_down() -> bool:
    """Return whether the service was told to stop: it still serves, but wants no new traffic."""
    return _flag[0] != 0
