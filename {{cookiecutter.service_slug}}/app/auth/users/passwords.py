"""Passwords, kept as argon2id hashes (RFC 9106)."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP's choice for servers, in KiB: with 64 MiB each, a worker's threads would exhaust a container.
# https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@cache
def decoy() -> str:
    """Return the hash of no one's password, to compare with where there is no account."""
    return hasher.hash("nobody's")


def hash_password(password: str) -> str:
    """Return what is kept of a password."""
    return hasher.hash(password)


def verify_password(password: str, password_hash: str | None) -> bool:
    """Tell whether the password is the one kept; it takes as long where None is."""
    try:
        hasher.verify(password_hash or decoy(), password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Tell whether it was hashed with other parameters than today's."""
    return hasher.check_needs_rehash(password_hash)
