"""ETags: conditional GET requests, and changes that do not overwrite each other (RFC 9110)."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar, cast

import flask_smorest
from flask import current_app, request
from flask_smorest.exceptions import PreconditionFailed, PreconditionRequired
from marshmallow import Schema

View = TypeVar("View", bound=Callable[..., Any])


class EtagBlueprint(flask_smorest.Blueprint):
    """flask-smorest blueprint whose routes require If-Match only if they are decorated so.

    `@blueprint.etag` adds the ETag of the body to a response, and `@blueprint.if_match` requires
    the current one of the client; its view calls `check_etag`.
    """

    # flask-smorest requires If-Match for these methods on every route with `@etag`.
    METHODS_NEEDING_CHECK_ETAG: Sequence[str] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Private, as `_apidoc` and the methods with an underscore below; flask-smorest 0.47.
        # tests/api/test_etags.py fails if they move.
        self._prepare_doc_cbks.append(self.describe_if_match)

    def if_match(self, view: View) -> View:
        """Require If-Match: abort with 428 without it."""

        @wraps(view)
        def conditional(*args: Any, **kwargs: Any) -> Any:
            if not request.if_match:
                raise PreconditionRequired
            return current_app.ensure_sync(view)(*args, **kwargs)

        conditional._apidoc = getattr(view, "_apidoc", {}) | {"if_match": True}  # type: ignore[attr-defined]
        return cast("View", conditional)

    def check_etag(self, etag_data: Any, etag_schema: type[Schema] | None = None) -> None:
        """Abort with 412 if the client sent an If-Match that differs from the ETag of the data."""
        if etag_schema is not None:
            etag_data = etag_schema().dump(etag_data)
        if request.if_match and self._generate_etag(etag_data) not in request.if_match:
            raise PreconditionFailed

    def describe_if_match(
        self, doc: dict[str, Any], operation: dict[str, Any], **_: Any
    ) -> dict[str, Any]:
        """Document the header, and the 412 and 428 responses of a route."""
        if "if_match" in operation:
            doc.setdefault("parameters", []).append("IF_MATCH")
            responses = doc.setdefault("responses", {})
            responses.setdefault("412", "PRECONDITION_FAILED")
            responses.setdefault("428", "PRECONDITION_REQUIRED")
        return doc
