"""Accounts and login over HTTP."""

from flask import request
from flask_login import current_user
from marshmallow import Schema, fields

from app.api import Blueprint
from app.auth import sessions, users
from app.auth.csrf import csrf_token
from app.auth.schemas import CredentialsSchema, RegistrationSchema, UserSchema
from app.auth.users import User


class LoginSchema(Schema):
    """CSRF token of a login, for the pages of this service."""

    csrf_token = fields.String(
        required=True,
        metadata={"description": "Value of the X-CSRF-Token header, required except for GET"},
    )


auth = Blueprint("auth", __name__, url_prefix="/auth", description="Accounts and login")


@auth.post("/register", public=True)
@auth.arguments(RegistrationSchema)
@auth.response(201, RegistrationSchema)
@auth.alt_response(403, "FORBIDDEN")
def register(credentials: dict[str, str]) -> dict[str, str]:
    """Create an account

    The response is the same if the e-mail address already has an account, which stays unchanged.
    """
    users.register(**credentials, address=request.remote_addr)
    return credentials


@auth.post("/login", public=True)
@auth.arguments(CredentialsSchema)
@auth.response(200, LoginSchema)
@auth.alt_response(401, "UNAUTHORIZED")
@auth.alt_response(429, "TOO_MANY_REQUESTS")
def log_in(credentials: dict[str, str]) -> dict[str, str]:
    """Log in with an e-mail address and a password; sets the session cookie"""
    login = sessions.log_in(users.authenticate_user(**credentials, address=request.remote_addr))
    return {"csrf_token": csrf_token(login.token)}


@auth.get("/csrf")
@auth.response(200, LoginSchema)
def csrf() -> dict[str, str]:
    """Get the CSRF token of this login"""
    return {"csrf_token": csrf_token(current_user.token)}


@auth.post("/logout")
@auth.response(204)
def log_out() -> None:
    """Log out"""
    sessions.log_out(current_user.token)


@auth.post("/logout-everywhere")
@auth.response(204)
def log_out_everywhere() -> None:
    """End all logins of the current user"""
    sessions.revoke_logins(current_user.user.id)


@auth.get("/me")
@auth.response(200, UserSchema)
def me() -> User:
    """Get the current user"""
    return users.current_user()
