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
    """What a page of this service needs once somebody is logged in; the rest is in the cookie."""

    csrf_token = fields.String(
        required=True, metadata={"description": "To be sent as X-CSRF-Token with all but GET"}
    )


auth = Blueprint("auth", __name__, url_prefix="/auth", description="Accounts and login")


@auth.post("/register", public=True)
@auth.arguments(RegistrationSchema)
@auth.response(201, RegistrationSchema)
@auth.alt_response(403, "FORBIDDEN")
def register(credentials: dict[str, str]) -> dict[str, str]:
    """Create an account

    The response is the same when the e-mail address already has one, which stays unchanged.
    """
    users.register(**credentials, address=request.remote_addr)
    return credentials


@auth.post("/login", public=True)
@auth.arguments(CredentialsSchema)
@auth.response(200, LoginSchema)
@auth.alt_response(401, "UNAUTHORIZED")
@auth.alt_response(429, "TOO_MANY_REQUESTS")
def log_in(credentials: dict[str, str]) -> dict[str, str]:
    """Get a cookie for an e-mail address and its password"""
    login = sessions.log_in(users.check_credentials(**credentials, address=request.remote_addr))
    return {"csrf_token": csrf_token(login.token)}


@auth.get("/csrf")
@auth.response(200, LoginSchema)
def csrf() -> dict[str, str]:
    """Get the csrf_token again, for a page that was loaded anew"""
    return {"csrf_token": csrf_token(current_user.token)}


@auth.post("/logout")
@auth.response(204)
def log_out() -> None:
    """End this login"""
    sessions.log_out(current_user.token)


@auth.post("/logout-everywhere")
@auth.response(204)
def log_out_everywhere() -> None:
    """End every login of this user"""
    sessions.end_logins(current_user.user.id)


@auth.get("/me")
@auth.response(200, UserSchema)
def me() -> User:
    """Get the current user"""
    return users.current_user()
