"""Serve /openapi.json, and Swagger UI at /docs from local files, which work offline."""

from functools import cache
from importlib.resources import files

from flask import (
    Blueprint,
    Flask,
    Response,
    json,
    make_response,
    render_template,
    request,
    send_from_directory,
)
from flask.typing import ResponseReturnValue

from app.extensions import api

SWAGGER_UI = files("flask_swagger_ui") / "dist"

# Swagger UI loads only its own files, and its icons from data: URLs.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

docs = Blueprint(
    "docs", __name__, url_prefix="/docs", template_folder="templates", static_folder="static"
)


def init_docs(app: Flask) -> None:
    """Register /openapi.json and /docs."""
    spec = api.spec

    @cache
    def serialize_spec() -> str:
        return json.dumps(spec.to_dict())

    def openapi() -> ResponseReturnValue:
        """Return the OpenAPI document, which is generated once."""
        response = Response(serialize_spec(), mimetype="application/json")
        response.headers["Cache-Control"] = "no-cache"  # clients revalidate it with its ETag
        response.add_etag()
        return response.make_conditional(request)

    app.add_url_rule("/openapi.json", view_func=openapi)
    app.register_blueprint(docs)


@docs.get("")
def page() -> Response:
    """Return the Swagger UI page, which renders /openapi.json."""
    response = make_response(render_template("docs.html"))
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response


@docs.get("/swagger-ui/<path:name>")
def swagger_ui(name: str) -> ResponseReturnValue:
    """Return a static file of the flask-swagger-ui package."""
    return send_from_directory(str(SWAGGER_UI), name, max_age=86400)
