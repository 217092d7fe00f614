"""Authentication and scopes of routes: a route is guarded unless it is declared public."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import flask_smorest
from flask import current_app, request

from app.auth.identity import require

View = TypeVar("View", bound=Callable[..., Any])

# Those that change nothing (RFC 9110, section 9.2.1).
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

# The security schemes of OpenAPI that a guarded route requires.
SECURITY_SCHEMES = {{ '["cookie", "csrf"]' if cookiecutter.auth == "session" else '["bearer"]' }}


class GuardedBlueprint(flask_smorest.Blueprint):
    """A blueprint whose routes require an authenticated caller.

    With a `scope`, reading requires the scope `<scope>:read` and writing `<scope>:write`.
    `public=True` opens the whole blueprint, or the one route that it is given to. `app.api.Blueprint`
    is the one to use.
    """

    def __init__(
        self, *args: Any, scope: str | None = None, public: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.scope = scope
        self.public = public
        self.public_endpoints: set[str] = set()
        self.before_request(self.require_access)
        self._prepare_doc_cbks.append(self.describe_access)

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Any = None,
        provide_automatic_options: bool | None = None,
        *,
        public: bool = False,
        **options: Any,
    ) -> None:
        """Register a route; `public` opens this route and no other of the same view."""
        super().add_url_rule(rule, endpoint, view_func, provide_automatic_options, **options)
        # flask-smorest 0.47 gives each route an endpoint of its own.
        endpoint = self._endpoints[-1]
        if public or self.public:
            self.public_endpoints.add(endpoint)
        else:
            for operation in filter(None, self._docs[endpoint].values()):
                operation["is_guarded"] = True

    def required_scopes(self, method: str) -> list[str]:
        """Return the scopes that a request of this method requires."""
        if self.scope is None:
            return []
        return [f"{self.scope}:{'read' if method in SAFE_METHODS else 'write'}"]

    def require_access(self) -> None:
        """Require an authenticated caller with the blueprint's scope, unless the route is public."""
        # Of a nested blueprint, its own declaration counts.
        blueprint = current_app.blueprints.get(request.blueprint or "")
        public_endpoints = getattr(blueprint, "public_endpoints", ())
        if (request.endpoint or "").rpartition(".")[2] in public_endpoints:
            return
        # Flask answers these itself: a browser sends no credentials with a preflight request.
        is_automatic = getattr(request.url_rule, "provide_automatic_options", False)
        if request.method == "OPTIONS" and is_automatic:
            return
        require(*self.required_scopes(request.method))

    def describe_access(
        self, doc: dict[str, Any], operation: dict[str, Any], *, method: str, **_: Any
    ) -> dict[str, Any]:
        """Document what the route requires."""
        if "is_guarded" not in operation:
            return doc
        return describe(doc, *self.required_scopes(method.upper()))

    def requires(self, *scopes: str) -> Callable[[View], View]:
        """Require all `scopes`; with none, any authenticated caller."""

        def decorate(view: View) -> View:
            @wraps(view)
            def guarded(*args: Any, **kwargs: Any) -> Any:
                require(*scopes)
                return current_app.ensure_sync(view)(*args, **kwargs)

            documented = self.doc(**describe({}, *scopes))(guarded)
            return cast("View", documented)

        return decorate


def describe(doc: dict[str, Any], *scopes: str) -> dict[str, Any]:
    """Add to an operation of OpenAPI what it requires, and its answers without."""
    doc["security"] = [{name: list(scopes) for name in SECURITY_SCHEMES}]
    responses = doc.setdefault("responses", {})
    responses.setdefault("401", "UNAUTHORIZED")
    responses.setdefault("403", "FORBIDDEN")
    return doc
