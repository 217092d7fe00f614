"""Accounts over HTTP."""

from flask import request

from app.api import Blueprint
from app.auth.users import accounts
from app.auth.users.models import User
from app.auth.users.schemas import RegistrationSchema, UserSchema

users = Blueprint("users", __name__, url_prefix="/auth", description="Accounts")


@users.post("/register", public=True)
@users.arguments(RegistrationSchema)
@users.response(201, RegistrationSchema)
@users.alt_response(403, "FORBIDDEN")
def register(credentials: dict[str, str]) -> dict[str, str]:
    """Make an account

    The answer is the same where the e-mail address has one already; that one stays as it is.
    """
    accounts.register(**credentials, address=request.remote_addr)
    return credentials


@users.get("/me")
@users.response(200, UserSchema)
def me() -> User:
    """Get the current user"""
    return accounts.current_user()
