"""Who a request is by. It is asked for once in a request, and known to its record from then on."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple, cast

from flask import Flask, current_app, g
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from app.context import get_context
from app.version import SERVICE


class Identity(NamedTuple):
    """Somebody who has proven who they are, and the scopes that they are granted."""

    subject: str
    scopes: frozenset[str]


# Returns whose request it is; raises `Unauthorized` where it does not prove that.
Authenticate = Callable[[], Identity]


def init_identity(app: Flask, authenticate: Authenticate) -> None:
    """Have the requests of the application authenticated so."""
    app.extensions["authenticate"] = authenticate


def require(*scopes: str) -> Identity:
    """Return whose request it is; raises `Unauthorized`, or `Forbidden` without all of `scopes`."""
    identity: Identity = current_app.extensions["authenticate"]()
    g.identity = identity
    get_context().fields["uid"] = identity.subject
    if not identity.scopes.issuperset(scopes):
        raise insufficient_scope(scopes)
    return identity


def current_identity() -> Identity | None:
    """Return whose request is being served, or who a command acts as; None where that is nobody."""
    return cast("Identity | None", g.get("identity")) if g else None


def make_own(name: str) -> str:
    """Return what stands for a name that clients choose, apart for each of them."""
    identity = current_identity()
    subject = identity.subject if identity else ""
    return hashlib.sha256(f"{len(subject)} {subject} {name}".encode()).hexdigest()


def unauthorized(scheme: str, description: str, **parameters: str) -> Unauthorized:
    """Return the error of a request that does not prove whose it is, with its challenge."""
    challenge = WWWAuthenticate(scheme, {"realm": SERVICE, **parameters})
    return Unauthorized(description, www_authenticate=challenge)


def insufficient_scope(scopes: tuple[str, ...]) -> Forbidden:
    """Return the error of a request by somebody who may not make it (RFC 6750, section 3.1)."""
    return Forbidden(f"It takes the scope {' '.join(scopes)}.")
