"""The caller of a request, authenticated at most once."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple, cast

from flask import g, has_request_context, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from app.flask_app import AppState
from app.observability.record import get_record
from app.version import SERVICE_NAME

# Where a request's WSGI environment keeps its caller.
IDENTITY = "app.identity"


class Identity(NamedTuple):
    """An authenticated caller, and the scopes that are granted to them."""

    subject: str
    scopes: frozenset[str]


class Authentication(NamedTuple):
    """How the requests of an application are authenticated."""

    # Returns the caller, or None without credentials; raises `Unauthorized` for invalid ones.
    authenticate: Callable[[], Identity | None]
    # The scheme of WWW-Authenticate, and the detail of a 401 without credentials.
    scheme: str
    hint: str


authentication = AppState[Authentication]("authentication")


def require(*scopes: str) -> Identity:
    """Return the caller; raises `Unauthorized` without one, `Forbidden` without all of `scopes`."""
    identity = current_identity()
    if identity is None:
        raise unauthorized(authentication.get().hint)
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
        identity = environ[IDENTITY] = authentication.get().authenticate()
        if identity:
            get_record().fields["uid"] = identity.subject
    return cast("Identity | None", environ[IDENTITY])


def namespace_by_caller(key: str) -> str:
    """Hash `key` with the caller's subject, so keys of two callers never collide."""
    identity = current_identity()
    subject = identity.subject if identity else ""
    return hashlib.sha256(f"{len(subject)} {subject} {key}".encode()).hexdigest()


def unauthorized(description: str, **parameters: str) -> Unauthorized:
    """Return the error of a request that is not authenticated, with its challenge."""
    challenge = WWWAuthenticate(authentication.get().scheme, {"realm": SERVICE_NAME, **parameters})
    return Unauthorized(description, www_authenticate=challenge)


def insufficient_scope(scopes: tuple[str, ...]) -> Forbidden:
    """Return the error of a caller who lacks a scope (RFC 6750, section 3.1)."""
    return Forbidden(f"Requires the scope {' '.join(scopes)}.")
