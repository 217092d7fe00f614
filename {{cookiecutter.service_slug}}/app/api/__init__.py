"""Blueprint, parser and errors that every resource of the API uses."""

from typing import Any

import flask_smorest
from flask import Flask
from flask_smorest.etag import IF_MATCH_HEADER

from app.api.blueprint import Blueprint
from app.api.errors import PROBLEM_JSON, ProblemSchema, abort, handle_http_exception
from app.api.parser import BoundedList, FullMatch, JSONParser
from app.flask_app import ETAG_PATTERN

__all__ = ["Api", "Blueprint", "BoundedList", "FullMatch", "JSONParser", "abort"]


class Api(flask_smorest.Api):
    """flask-smorest API that describes and returns every error as a problem (RFC 9457)."""

    ERROR_SCHEMA = ProblemSchema

    def init_app(self, app: Flask, **kwargs: Any) -> None:
        IF_MATCH_HEADER["schema"] = {"type": "string", "pattern": ETAG_PATTERN}
        super().init_app(app, **kwargs)

    def handle_http_exception(self, error: Any) -> Any:
        return handle_http_exception(error)

    def _register_pagination_header(self) -> None:
        """Omit flask-smorest's pagination header: lists are paged by cursor."""

    def _register_responses(self) -> None:
        # flask-smorest has one content type for responses and errors.
        self.DEFAULT_RESPONSE_CONTENT_TYPE = PROBLEM_JSON
        super()._register_responses()
        del self.DEFAULT_RESPONSE_CONTENT_TYPE
