"""Blueprint of every resource: routes require authentication unless they are public."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from apispec import APISpec
from flask import current_app, request
from flask.sansio.blueprints import BlueprintSetupState
from flask_smorest.exceptions import NotModified

from app.api.etags import EtagBlueprint
from app.api.parser import JSONParser
from app.auth.identity import namespace_by_caller, require

View = TypeVar("View", bound=Callable[..., Any])

# Methods that change nothing (RFC 9110, section 9.2.1).
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


class Blueprint(EtagBlueprint):
    """flask-smorest blueprint whose routes require authentication.

    With a `scope`, safe methods require `<scope>:read` and other methods `<scope>:write`.
    `grant=True` grants both to new users, `grant=False` does not; without either, new users do not
    get them, and the application warns when it starts.
    `public=True` makes the whole blueprint public, or a single route.
    """

    ARGUMENTS_PARSER = JSONParser()

    # For keys that clients choose, such as an Idempotency-Key.
    namespace_by_caller = staticmethod(namespace_by_caller)

    def __init__(
        self,
        *args: Any,
        scope: str | None = None,
        grant: bool | None = None,
        public: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.scope = scope
        self.grant = grant
        self.scopes = set() if scope is None else {f"{scope}:read", f"{scope}:write"}
        # Those of the blueprint and those that single views require.
        self.declared_scopes = set(self.scopes)
        self.public = public
        self.public_endpoints: set[str] = set()
        self.before_request(self.require_access)
        self.record_once(self.warn_of_undecided_scopes)
        # Private, as `_apidoc` and `_docs` below; flask-smorest 0.47 has no public way to add to the
        # OpenAPI document of each route. tests/api/test_blueprint.py fails if they move.
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
        """Register a route; `public` applies to this route only, not to others of its view."""
        super().add_url_rule(rule, endpoint, view_func, provide_automatic_options, **options)
        # flask-smorest 0.47 gives each route an endpoint of its own.
        endpoint = self._endpoints[-1]
        if public or self.public:
            self.public_endpoints.add(endpoint)
        else:
            for operation in filter(None, self._docs[endpoint].values()):
                operation["is_guarded"] = True

    def warn_of_undecided_scopes(self, state: BlueprintSetupState) -> None:
        """Log a warning if nothing says whether new users get the blueprint's scopes."""
        defaults = (state.app.config["DEFAULT_SCOPES"] or "").split()
        if self.grant is None and not self.scopes.issubset(defaults):
            state.app.logger.warning(
                "New users are not granted %s: pass grant=True or grant=False to the blueprint %s.",
                " ".join(sorted(self.scopes)),
                self.name,
            )

    def required_scopes(self, method: str) -> list[str]:
        """Return the scopes that a request with this method requires."""
        if self.scope is None:
            return []
        return [f"{self.scope}:{'read' if method in SAFE_METHODS else 'write'}"]

    def require_access(self) -> None:
        """Require an authenticated caller with the blueprint's scope unless the route is public."""
        # For a nested blueprint, the declaration of the inner one applies.
        blueprint = current_app.blueprints.get(request.blueprint or "")
        public_endpoints = getattr(blueprint, "public_endpoints", ())
        if (request.endpoint or "").rpartition(".")[2] in public_endpoints:
            return
        # Browsers send no credentials with a preflight request, which Flask answers.
        is_automatic = getattr(request.url_rule, "provide_automatic_options", False)
        if request.method == "OPTIONS" and is_automatic:
            return
        require(*self.required_scopes(request.method))

    def describe_access(
        self,
        doc: dict[str, Any],
        operation: dict[str, Any],
        *,
        spec: APISpec,
        method: str,
        **_: Any,
    ) -> dict[str, Any]:
        """Document the required scopes and the 401 and 403 responses of a route."""
        if "is_guarded" in operation or "scopes" in operation:
            scopes = self.required_scopes(method.upper()) if "is_guarded" in operation else []
            scopes += operation.get("scopes", [])
            doc["security"] = [{name: [*scopes] for name in spec.components.security_schemes}]
            responses = doc.setdefault("responses", {})
            responses.setdefault("401", "UNAUTHORIZED")
            responses.setdefault("403", "FORBIDDEN")
        return doc

    def requires(self, *scopes: str) -> Callable[[View], View]:
        """Require all `scopes`; with none, any authenticated caller."""
        self.declared_scopes.update(scopes)

        def decorate(view: View) -> View:
            @wraps(view)
            def guarded(*args: Any, **kwargs: Any) -> Any:
                require(*scopes)
                return current_app.ensure_sync(view)(*args, **kwargs)

            requirements = {"scopes": list(scopes)}
            guarded._apidoc = getattr(view, "_apidoc", {}) | requirements  # type: ignore[attr-defined]
            return cast("View", guarded)

        return decorate

    def _check_not_modified(self, etag: str) -> None:
        """Add the ETag to a 304 response; flask-smorest 0.47 omits it."""
        try:
            super()._check_not_modified(etag)
        except NotModified as error:
            error.etag = etag
            raise
