"""Blueprints that know whom they let in: it is checked, and it shows in OpenAPI."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from flask import request

from app.api import Blueprint as OpenBlueprint
from app.auth.identity import require

View = TypeVar("View", bound=Callable[..., Any])

# Those that change nothing (RFC 9110, section 9.2.1).
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

# How OpenAPI calls what a request proves itself by.
SECURITY_SCHEMES = {{ '["cookie", "csrf"]' if cookiecutter.auth == "session" else '["bearer"]' }}


class Blueprint(OpenBlueprint):
    """A blueprint; with a `scope`, none of its routes is open.

    To read takes the scope `<scope>:read`, to write `<scope>:write`. A single route takes more, or
    is the only one that takes any, by `requires`.
    """

    def __init__(self, *args: Any, scope: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scope = scope
        if scope:
            self.before_request(self.check_scope)
            self._prepare_doc_cbks.append(self.describe_scope)

    def scope_of(self, method: str) -> str:
        return f"{self.scope}:{'read' if method in SAFE_METHODS else 'write'}"

    def check_scope(self) -> None:
        """Let in whom the scope is granted; a browser asks OPTIONS for no one."""
        if request.method != "OPTIONS":
            require(self.scope_of(request.method))

    def describe_scope(
        self, doc: dict[str, Any], _: dict[str, Any], *, method: str, **__: Any
    ) -> dict[str, Any]:
        """Say in OpenAPI what the route takes."""
        return describe(doc, self.scope_of(method.upper()))

    def requires(self, *scopes: str) -> Callable[[View], View]:
        """Let a view be called by whom all of `scopes` are granted; without any, by whom one knows."""

        def decorate(view: View) -> View:
            @wraps(view)
            def guarded(*args: Any, **kwargs: Any) -> Any:
                require(*scopes)
                return view(*args, **kwargs)

            documented = self.doc(**describe({}, *scopes))(guarded)
            return cast("View", documented)

        return decorate


def describe(doc: dict[str, Any], *scopes: str) -> dict[str, Any]:
    """Return `doc` of an operation with what it takes, and what it answers without."""
    doc["security"] = [{name: list(scopes) for name in SECURITY_SCHEMES}]
    responses = doc.setdefault("responses", {})
    responses.setdefault("401", "UNAUTHORIZED")
    responses.setdefault("403", "FORBIDDEN")
    return doc
