"""What stands between the service and the world: whom it believes, and what it lets a browser do."""

from flask import Flask, Response
from flask_cors import CORS
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest
from werkzeug.middleware.proxy_fix import ProxyFix

from app.edge.headers import security_headers
from app.edge.limits import init_limits
from app.errors import handle_http_exception

# What a page of another origin may read beside the body.
EXPOSED = ["ETag", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID"]


def init_edge(app: Flask) -> None:
    """Guard the application."""
    app.extensions["request_context"].headers = security_headers(app.config["ENVIRONMENT"])
    app.register_error_handler(ParseException, handle_malformed_body)
    if app.config["RATE_LIMIT"]:
        init_limits(app)
    if app.config["CORS_ORIGINS"]:
        CORS(app, origins=app.config["CORS_ORIGINS"], expose_headers=EXPOSED)
    if app.config["TRUSTED_PROXIES"]:
        believe_proxies(app, app.config["TRUSTED_PROXIES"])


def handle_malformed_body(error: ParseException) -> Response:
    """Answer 400 where gunicorn finds, while a view reads the body, that its chunks are malformed."""
    return handle_http_exception(BadRequest(str(error)))


def believe_proxies(app: Flask, hops: int) -> None:
    """Take the client's address, the scheme and the host from what the nearest `hops` proxies say.

    Each appends to X-Forwarded-*: what stands further left, a client can have made up.
    """
    app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
        app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops
    )
