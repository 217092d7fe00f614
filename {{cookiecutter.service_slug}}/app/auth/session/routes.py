"""Logging in and out over HTTP."""

from flask import request
from flask_login import current_user

from app.api import Blueprint
from app.auth.session import service
from app.auth.session.csrf import csrf_token
from app.auth.session.schemas import LoginSchema
from app.auth.users.accounts import check_credentials
from app.auth.users.schemas import CredentialsSchema

auth = Blueprint("auth", __name__, url_prefix="/auth", description="Log in and out")


@auth.post("/login", public=True)
@auth.arguments(CredentialsSchema)
@auth.response(200, LoginSchema)
@auth.alt_response(401, "UNAUTHORIZED")
@auth.alt_response(429, "TOO_MANY_REQUESTS")
def log_in(credentials: dict[str, str]) -> dict[str, str]:
    """Get a cookie for an e-mail address and its password"""
    login = service.log_in(check_credentials(**credentials, address=request.remote_addr))
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
    service.log_out(current_user.token)


@auth.post("/logout-everywhere")
@auth.response(204)
def log_out_everywhere() -> None:
    """End every login of this user"""
    service.end_logins(current_user.user.id)
