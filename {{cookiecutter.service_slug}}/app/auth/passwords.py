"""Passwords, kept as argon2id hashes (RFC 9106)."""

import unicodedata
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


def normalize_password(password: str) -> str:
    """Return the password in one form, whatever keyboard it is typed on (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password)


def hash_password(password: str) -> str:
    """Return the hash that is stored of a password."""
    return hasher.hash(normalize_password(password))


def verify_password(password: str, password_hash: str | None) -> bool:
    """Return whether the hash is that of the password; None takes as long as a hash."""
    # As typed, too: passwords of services made by 0.1.0 were hashed without a normal form.
    forms = dict.fromkeys((normalize_password(password), password))
    return any(is_match(form, password_hash or decoy()) for form in forms) and bool(password_hash)


def is_match(password: str, password_hash: str) -> bool:
    try:
        return hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(password_hash: str) -> bool:
    """Tell whether it was hashed with other parameters than today's."""
    return hasher.check_needs_rehash(password_hash)
