"""The caller of a request, authenticated at most once."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple, cast

from flask import Flask, current_app, g, has_request_context, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from app.context import get_context
from app.version import SERVICE

# Where a request's WSGI environment keeps its caller.
IDENTITY = "app.identity"


class Identity(NamedTuple):
    """An authenticated caller, and the scopes that are granted to them."""

    subject: str
    scopes: frozenset[str]


# Returns the caller, or None without credentials; raises `Unauthorized` for invalid ones.
Authenticate = Callable[[], Identity | None]
# Returns the error of a request without credentials, with its challenge.
Challenge = Callable[[], Unauthorized]


def init_identity(app: Flask, authenticate: Authenticate, challenge: Challenge) -> None:
    """Set the functions that authenticate requests, and that refuse those without credentials."""
    app.extensions["authenticate"] = authenticate
    app.extensions["challenge"] = challenge


def require(*scopes: str) -> Identity:
    """Return the caller; raises `Unauthorized` without one, `Forbidden` without all of `scopes`."""
    identity = current_identity()
    if identity is None:
        raise current_app.extensions["challenge"]()
    if not identity.scopes.issuperset(scopes):
        raise insufficient_scope(scopes)
    return identity


def current_identity() -> Identity | None:
    """Return the caller of the request, or the one that a command acts for; None without either.

    A public view may ask, too: it gets None for a request without credentials. For invalid ones
    this raises `Unauthorized`, so that a client renews its token instead of being taken for
    somebody unknown (RFC 6750, section 3.1). A public view that does not ask ignores them.
    """
    if not has_request_context():
        return cast("Identity | None", g.get("identity")) if g else None
    environ = request.environ
    if IDENTITY not in environ:
        identity: Identity | None = current_app.extensions["authenticate"]()
        environ[IDENTITY] = identity
        if identity:
            get_context().fields["uid"] = identity.subject
    return cast("Identity | None", environ[IDENTITY])


def make_own(name: str) -> str:
    """Hash a name that clients choose with the caller's subject, so those of two callers differ."""
    identity = current_identity()
    subject = identity.subject if identity else ""
    return hashlib.sha256(f"{len(subject)} {subject} {name}".encode()).hexdigest()


def unauthorized(scheme: str, description: str, **parameters: str) -> Unauthorized:
    """Return the error of a request that is not authenticated, with its challenge."""
    challenge = WWWAuthenticate(scheme, {"realm": SERVICE, **parameters})
    return Unauthorized(description, www_authenticate=challenge)


def insufficient_scope(scopes: tuple[str, ...]) -> Forbidden:
    """Return the error of a caller who lacks a scope (RFC 6750, section 3.1)."""
    return Forbidden(f"Requires the scope {' '.join(scopes)}.")
