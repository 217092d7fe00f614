"""A browser sends the cookie with whatever another site has it send: such requests are refused.

See https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html.
"""

import hmac

from flask import current_app, request
from werkzeug.exceptions import Forbidden

from app.api.blueprint import SAFE_METHODS


def csrf_token(token: str) -> str:
    """Return what a page of ours sends along as X-CSRF-Token: bound to the login, and no use without."""
    key = current_app.config["SECRET_KEY"].encode()
    return hmac.new(key, f"csrf:{token}".encode(), "sha256").hexdigest()


def validate_csrf_token(token: str) -> None:
    """Raise `Forbidden` for a request that changes something and has not said what only we can tell."""
    if request.method in SAFE_METHODS:
        return
    sent = request.headers.get("X-CSRF-Token", "")
    if not hmac.compare_digest(sent.encode(), csrf_token(token).encode()):
        raise Forbidden("Send the csrf_token of /auth/login as X-CSRF-Token.")


def refuse_foreign_origin() -> None:
    """Raise `Forbidden` for a request by which a page of another site would change something.

    Logging in is one, too: a victim would go on as somebody else.
    """
    if request.method in SAFE_METHODS:
        return
    origin = request.headers.get("Origin")
    # Behind a proxy that ends TLS, the scheme may be either; a malformed origin equals neither.
    own = (f"https://{request.host}", f"http://{request.host}")
    if origin is None or origin in own or origin in current_app.config["CORS_ORIGINS"]:
        return
    raise Forbidden("Requests from this origin are not allowed.")
