"""Who a request is by, and what they may do."""

from app.auth.{{ "session" if cookiecutter.auth == "session" else "resource_server" if cookiecutter.database == "none" else "issuer" }} import init_auth

__all__ = ["init_auth"]
