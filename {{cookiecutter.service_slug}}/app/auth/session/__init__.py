"""This service knows its users, and lets them in by a cookie once they have logged in."""

from flask import Flask
from flask_login import LoginManager, current_user
from werkzeug.exceptions import Unauthorized

from app.auth.identity import Identity, init_identity, unauthorized
from app.auth.session.csrf import check_csrf_token, refuse_foreign_origin
from app.auth.session.routes import auth
from app.auth.session.service import load_login, record_use
from app.auth.users.commands import commands
from app.auth.users.routes import users
from app.extensions import api


def init_auth(app: Flask) -> None:
    """Serve /auth, and know each request by its cookie."""
    manager = LoginManager(app)
    # It would compare addresses and agents, which change; a login is kept in the database instead.
    manager.session_protection = None
    manager.user_loader(load_login)
    app.teardown_request(record_use)
    app.before_request(refuse_foreign_origin)
    init_identity(app, authenticate, missing)
    api.spec.components.security_scheme(
        "cookie",
        {
            "type": "apiKey",
            "in": "cookie",
            "name": app.config["SESSION_COOKIE_NAME"],
            "description": "The cookie that /auth/login sets.",
        },
    )
    api.spec.components.security_scheme(
        "csrf",
        {
            "type": "apiKey",
            "in": "header",
            "name": "X-CSRF-Token",
            "description": "The csrf_token that /auth/login answers; for all but GET.",
        },
    )
    api.register_blueprint(users)
    api.register_blueprint(auth)
    app.cli.add_command(commands)


def authenticate() -> Identity | None:
    """Return the user whose cookie the request carries; None where their login has ended.

    Raises `Forbidden` where another site may have sent it.
    """
    if not current_user.is_authenticated:
        return None
    check_csrf_token(current_user.token)
    user = current_user.user
    return Identity(str(user.id), frozenset(user.scopes.split()))


def missing() -> Unauthorized:
    """Return the error of a request without a login."""
    return unauthorized("cookie", "Log in at /auth/login.")
