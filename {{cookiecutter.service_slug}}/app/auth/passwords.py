"""Password hashing with argon2id (RFC 9106)."""

import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP's parameters: argon2-cffi's default of 64 MiB per hash would exhaust a container's memory.
# https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@cache
def dummy_hash() -> str:
    """Return a hash to verify against if the account does not exist."""
    return hasher.hash("nobody's")


def normalize_password(password: str) -> str:
    """Return the password in Unicode form NFKC, which keyboards agree on (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password)


def hash_password(password: str) -> str:
    """Return the argon2id hash of a password."""
    return hasher.hash(normalize_password(password))


def is_correct_password(password: str, password_hash: str | None) -> bool:
    """Return whether the password matches the hash; None takes as long as a mismatch."""
    # Also try the password as typed: release 0.1.0 of the template did not normalize passwords.
    forms = dict.fromkeys((normalize_password(password), password))
    target = password_hash or dummy_hash()
    return any(is_match(form, target) for form in forms) and bool(password_hash)


def is_match(password: str, password_hash: str) -> bool:
    """Return whether the normalized password matches the hash."""
    try:
        return hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(password_hash: str) -> bool:
    """Return whether the hash has outdated parameters."""
    return hasher.check_needs_rehash(password_hash)
