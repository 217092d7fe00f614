"""Clients that are signed in."""

from tests.auth.sign_in import sign_in

__all__ = ["sign_in"]
