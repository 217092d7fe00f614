"""Accounts over HTTP; login_routes.py has the routes of a login."""

from flask import request

from app.api import Blueprint
from app.auth import users
from app.auth.accounts import change_account, end_logins
from app.auth.schemas import AccountChangeSchema, RegistrationSchema, UserSchema
from app.auth.users import User

accounts = Blueprint("accounts", __name__, url_prefix="/auth", description="Accounts")


@accounts.post("/register", public=True)
@accounts.arguments(RegistrationSchema)
@accounts.response(201, RegistrationSchema)
@accounts.alt_response(403, "FORBIDDEN")
def register(credentials: dict[str, str]) -> dict[str, str]:
    """Create an account

    The response is the same if the e-mail address already has an account, which stays unchanged.
    """
    users.register(**credentials, address=request.remote_addr)
    return credentials


@accounts.get("/me")
@accounts.response(200, UserSchema)
def me() -> User:
    """Get the current user"""
    return users.current_user()


@accounts.patch("/me")
@accounts.arguments(AccountChangeSchema)
@accounts.response(200, UserSchema)
@accounts.alt_response(409, "CONFLICT")
@accounts.alt_response(429, "TOO_MANY_REQUESTS")
def change_me(changes: dict[str, str]) -> User:
    """Change the current user's e-mail address or password

    Ends all other logins of the user. A wrong current password counts as a failed login.
    """
    user = users.current_user()
    change_account(user, changes, request.remote_addr)
    return user


@accounts.post("/logout-everywhere")
@accounts.response(204)
def log_out_everywhere() -> None:
    """End all logins of the current user"""
    end_logins(users.current_user().id)
