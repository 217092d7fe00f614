"""Authentication of users by a session cookie."""

from flask import Flask
from flask_login import current_user

from app.auth.commands import users_cli
from app.auth.csrf import require_allowed_origin, validate_csrf_token
from app.auth.identity import Authentication, Identity, init_authentication
from app.auth.login_routes import login
from app.auth.logins import load_login, update_seen_at
from app.auth.routes import accounts
from app.auth.settings import validate_default_scopes, validate_lifetimes
from app.extensions import api, login_manager


def init_auth(app: Flask) -> None:
    """Register /auth unless ACCOUNT_ROUTES is off, and authenticate requests by their session cookie."""
    validate_default_scopes(app)
    validate_lifetimes(app, "SESSION_IDLE_LIFETIME", "SESSION_LIFETIME")
    login_manager.init_app(app)
    # Flask-Login would compare addresses and user agents, which change within a session.
    login_manager.session_protection = None
    login_manager.user_loader(load_login)
    app.teardown_request(update_seen_at)
    app.before_request(require_allowed_origin)
    init_authentication(app, Authentication(authenticate, "cookie", "Log in at /auth/login."))
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
            "description": "The csrf_token from /auth/login; not needed for GET.",
        },
    )
    if app.config["ACCOUNT_ROUTES"]:
        api.register_blueprint(accounts)
        api.register_blueprint(login)
    app.cli.add_command(users_cli)


def authenticate() -> Identity | None:
    """Return the caller of the request; None if its login has ended.

    Raises `Forbidden` for an unsafe request without its CSRF token.
    """
    if not current_user.is_authenticated:
        return None
    validate_csrf_token(current_user.token)
    user = current_user.user
    return Identity(str(user.id), frozenset(user.scopes.split()))
