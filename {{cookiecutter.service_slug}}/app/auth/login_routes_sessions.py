"""Login and CSRF tokens over HTTP."""

from flask import request
from flask_login import current_user
from marshmallow import Schema, fields

from app.api import Blueprint
from app.auth import logins, users
from app.auth.csrf import csrf_token
from app.auth.schemas import CredentialsSchema


class LoginSchema(Schema):
    """CSRF token of a login, for the pages of this service."""

    csrf_token = fields.String(
        required=True,
        metadata={"description": "Value of the X-CSRF-Token header, required except for GET"},
    )


login = Blueprint("login", __name__, url_prefix="/auth", description="Login")


@login.post("/login", public=True)
@login.arguments(CredentialsSchema)
@login.response(200, LoginSchema)
@login.alt_response(401, "UNAUTHORIZED")
@login.alt_response(429, "TOO_MANY_REQUESTS")
def log_in(credentials: dict[str, str]) -> dict[str, str]:
    """Log in with an e-mail address and a password; sets the session cookie"""
    return logins.log_in(users.authenticate_user(**credentials, address=request.remote_addr))


@login.get("/csrf")
@login.response(200, LoginSchema)
def csrf() -> dict[str, str]:
    """Get the CSRF token of this login"""
    return {"csrf_token": csrf_token(current_user.token)}


@login.post("/logout")
@login.response(204)
def log_out() -> None:
    """Log out"""
    logins.log_out()
