"""The caller of a request, authenticated at most once per request."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple, cast

from flask import Flask, current_app, g, has_request_context, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized
from werkzeug.local import LocalProxy

from app.observability.record import get_record
from app.version import SERVICE

# Key of the caller in a request's WSGI environment.
IDENTITY_KEY = "app.identity"


class Identity(NamedTuple):
    """Authenticated caller with its granted scopes."""

    subject: str
    scopes: frozenset[str]


class Authentication(NamedTuple):
    """Authentication method of an application."""

    # Return the caller, or None without credentials; raise `Unauthorized` for invalid ones.
    authenticate: Callable[[], Identity | None]
    # Scheme of the WWW-Authenticate header, and detail of a 401 without credentials.
    scheme: str
    hint: str


authentication: Authentication = LocalProxy(  # type: ignore[assignment]
    lambda: current_app.extensions["authentication"]
)


def init_authentication(app: Flask, method: Authentication) -> None:
    """Authenticate the requests of the application by this method."""
    app.extensions["authentication"] = method


def require(*scopes: str) -> Identity:
    """Require all `scopes`; with none, any authenticated caller. Return the caller.

    Raises `Unauthorized` without a caller, `Forbidden` without a scope.
    """
    identity = current_identity()
    if identity is None:
        raise unauthorized(authentication.hint)
    if not identity.scopes.issuperset(scopes):
        raise insufficient_scope(scopes)
    return identity


def current_identity() -> Identity | None:
    """Return the caller of the request, or `g.identity` outside of a request; None without one.

    Raises `Unauthorized` for invalid credentials, in a public view, too, so that the client renews
    its token (RFC 6750, section 3.1). A public view that does not call this ignores credentials.
    """
    if not has_request_context():
        return cast("Identity | None", g.get("identity")) if g else None
    environ = request.environ
    if IDENTITY_KEY not in environ:
        identity = environ[IDENTITY_KEY] = authentication.authenticate()
        if identity:
            get_record().fields["uid"] = identity.subject
    return cast("Identity | None", environ[IDENTITY_KEY])


def namespace_by_caller(key: str) -> str:
    """Hash `key` with the caller's subject, so keys of two callers never collide."""
    identity = current_identity()
    subject = identity.subject if identity else ""
    return hashlib.sha256(f"{len(subject)} {subject} {key}".encode()).hexdigest()


def unauthorized(description: str, **parameters: str) -> Unauthorized:
    """Return a 401 error with its WWW-Authenticate challenge."""
    challenge = WWWAuthenticate(authentication.scheme, {"realm": SERVICE, **parameters})
    return Unauthorized(description, www_authenticate=challenge)


def insufficient_scope(scopes: tuple[str, ...]) -> Forbidden:
    """Return a 403 error that names the required scopes (RFC 6750, section 3.1)."""
    return Forbidden(f"Requires the scope {' '.join(scopes)}.")
