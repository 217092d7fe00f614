"""/openapi.json, and Swagger UI at /docs from files that the service itself serves: it works offline."""

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

# Swagger UI needs nothing but its own files, and data: for its icons.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

docs = Blueprint(
    "docs", __name__, url_prefix="/docs", template_folder="templates", static_folder="static"
)


def init_docs(app: Flask) -> None:
    """Serve what OpenAPI says of the API, and the page over it."""
    spec = api.spec

    @cache
    def describe() -> str:
        return json.dumps(spec.to_dict())

    def openapi() -> ResponseReturnValue:
        """The API as OpenAPI describes it, which is made once."""
        response = Response(describe(), mimetype="application/json")
        response.headers["Cache-Control"] = "no-cache"  # keep it, and ask whether it has changed
        response.add_etag()
        return response.make_conditional(request)

    app.add_url_rule("/openapi.json", view_func=openapi)
    app.register_blueprint(docs)


@docs.get("")
def page() -> Response:
    """The page; Swagger UI renders /openapi.json in it."""
    response = make_response(render_template("docs.html"))
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response


@docs.get("/swagger-ui/<path:name>")
def swagger_ui(name: str) -> ResponseReturnValue:
    """Swagger UI's own files, as its package ships them."""
    return send_from_directory(str(SWAGGER_UI), name, max_age=86400)
