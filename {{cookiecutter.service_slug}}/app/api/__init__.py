"""Blueprint, fields, parser and errors that every resource of the API uses."""

from typing import Any

import flask_smorest
from flask import Flask
from flask_smorest.etag import IF_MATCH_HEADER

from app.api.blueprint import Blueprint
from app.api.errors import ErrorResponses, abort, handle_http_exception
from app.api.fields import BoundedList, FullMatch, MomentField, MoneyField, TextField
from app.api.parser import JSONParser

# Pattern of If-Match in the OpenAPI document (RFC 9110, section 13.1.1).
ETAG_PATTERN = r'^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$'

__all__ = [
    "Api",
    "Blueprint",
    "BoundedList",
    "FullMatch",
    "JSONParser",
    "MomentField",
    "MoneyField",
    "TextField",
    "abort",
]


class Api(flask_smorest.Api):
    """flask-smorest API that describes and returns every error as app.api.errors does."""

    def init_app(self, app: Flask, **kwargs: Any) -> None:
        """Register the API; describe If-Match by the pattern of ETags."""
        # flask-smorest 0.47 describes the header by this constant, without a pattern.
        IF_MATCH_HEADER["schema"] = {"type": "string", "pattern": ETAG_PATTERN}
        self.error_responses = ErrorResponses(app.config["ERROR_FORMATS"])
        options = {**kwargs.pop("spec_kwargs", {}), "extra_plugins": [self.error_responses]}
        super().init_app(app, spec_kwargs=options, **kwargs)

    def handle_http_exception(self, error: Any) -> Any:
        """Return the problem; flask-smorest would return its own JSON."""
        return handle_http_exception(error)

    def _register_pagination_header(self) -> None:
        """Omit flask-smorest's pagination header: lists are paged by cursor."""

    def _register_responses(self) -> None:
        # flask-smorest 0.47 has one content type for responses and errors.
        self.error_responses.register(self.spec)
