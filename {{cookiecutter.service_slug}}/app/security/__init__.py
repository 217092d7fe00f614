"""Security headers, CORS, proxy headers, rate limit; `worker` is gunicorn's worker."""

from flask import Flask, Response
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest
from werkzeug.middleware.proxy_fix import ProxyFix

from app.api.errors import handle_http_exception
from app.extensions import cors
from app.observability.record import set_default_headers
from app.security.rate_limit import init_rate_limit

# https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html
HEADERS = {
    # Responses are data: a browser may load, run or frame nothing because of them.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# Two years (RFC 6797); browsers ignore it over plain HTTP.
HSTS = {"Strict-Transport-Security": "max-age=63072000; includeSubDomains"}

# Response headers that pages of CORS_ORIGINS may read.
EXPOSED = ["ETag", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID"]


def init_security(app: Flask) -> None:
    """Set up security headers, the rate limit, CORS and proxy headers."""
    config = app.config
    set_default_headers(app, security_headers(config["ENVIRONMENT"]))
    app.register_error_handler(ParseException, handle_malformed_body)
    if config["RATE_LIMIT"]:
        init_rate_limit(app)
    if config["CORS_ORIGINS"]:
        cors.init_app(app, origins=config["CORS_ORIGINS"], expose_headers=EXPOSED)
    if config["TRUSTED_PROXIES"]:
        trust_proxy_headers(app, config["TRUSTED_PROXIES"])


def security_headers(environment: str) -> dict[str, str]:
    """Return the default headers of every response; HSTS in production only."""
    return HEADERS | (HSTS if environment == "production" else {})


def handle_malformed_body(error: ParseException) -> Response:
    """Return 400 for a chunked body that gunicorn rejects while a view reads it."""
    return handle_http_exception(BadRequest(str(error)))


def trust_proxy_headers(app: Flask, hops: int) -> None:
    """Take the client address, scheme and host from X-Forwarded-* of the last `hops` proxies.

    Each proxy appends its own value: values further left may be forged by the client.
    """
    app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
        app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops
    )
