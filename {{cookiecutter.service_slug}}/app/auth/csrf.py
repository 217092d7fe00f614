"""Protection against cross-site request forgery (CSRF) by a token and the Origin header.

See https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html.
"""

import hmac

from flask import current_app, request
from werkzeug.exceptions import Forbidden

from app.api.blueprint import SAFE_METHODS


def csrf_token(token: str) -> str:
    """Return the CSRF token of a login, which its pages send as X-CSRF-Token."""
    key = current_app.config["SECRET_KEY"].encode()
    return hmac.new(key, f"csrf:{token}".encode(), "sha256").hexdigest()


def validate_csrf_token(token: str) -> None:
    """Raise `Forbidden` for an unsafe request without the CSRF token of its login."""
    if request.method in SAFE_METHODS:
        return
    sent = request.headers.get("X-CSRF-Token", "")
    if not hmac.compare_digest(sent.encode(), csrf_token(token).encode()):
        raise Forbidden("Send the csrf_token from /auth/login as X-CSRF-Token.")


def require_allowed_origin() -> None:
    """Raise `Forbidden` for an unsafe request from another site.

    This includes login: another site could log a victim in to the attacker's account.
    """
    if request.method in SAFE_METHODS:
        return
    origin = request.headers.get("Origin")
    # Behind a proxy that terminates TLS, the request's scheme is not the browser's: allow both.
    own = (f"https://{request.host}", f"http://{request.host}")
    if origin is None or origin in own or origin in current_app.config["CORS_ORIGINS"]:
        return
    raise Forbidden("Requests from this origin are not allowed.")
