"""The kind of Flask application that this service is: JSON in and out, no coroutines."""

from typing import Any, TypeVar

import orjson
from flask import Flask, Request, Response{{ ", sessions" if cookiecutter.auth == "session" else "" }}
from flask.json.provider import DefaultJSONProvider
from werkzeug.routing import MapAdapter
{% if cookiecutter.auth != "session" %}

from app.sessionless import NoSessions
{% endif %}

View = TypeVar("View")

# Exactly these: a path that routing would redirect must be for a trusted host.
PROBE_PATHS = {
    "/health/live",
    "/health/ready",
    "/health/startup",
    "/__heartbeat__",
    "/__lbheartbeat__",
}


class OrjsonProvider(DefaultJSONProvider):
    """Flask's JSON, made by orjson."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return super().dumps(obj, **kwargs) if kwargs else self.encode(obj).decode()

    def response(self, *args: Any, **kwargs: Any) -> Response:
        obj = self._prepare_response_obj(args, kwargs)
        return Response(self.encode(obj), content_type=self.mimetype)

    def encode(self, obj: Any) -> bytes:
        """Return `obj` as JSON in UTF-8; raises `TypeError` for what has no form in JSON."""
        options = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATETIME
        try:
            return orjson.dumps(obj, default=self.default, option=options)
        except TypeError:  # an integer beyond 64 bits, or text that UTF-8 cannot hold
            return super().dumps(obj).encode()


class Service(Flask):
    """Flask without what a service does not use; that pays for what each request is observed with."""

    json_provider_class = OrjsonProvider
    session_interface = {{ "sessions.SecureCookieSessionInterface()" if cookiecutter.auth == "session" else "NoSessions()" }}

    def ensure_sync(self, func: View) -> View:
        """Take every view for a plain function; Flask would look at each, each time."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Route by the path alone; Flask would parse the host three times, for routes by host."""
        if request is None:
            return super().create_url_adapter(None)
        # Probes and load balancers ask by address.
        if request.path not in PROBE_PATHS:
            request.trusted_hosts = self.config["TRUSTED_HOSTS"]
        return MapAdapter(
            self.url_map,
            server_name=request.host,
            script_name=request.root_path,
            subdomain="",
            url_scheme=request.scheme,
            path_info=request.path,
            default_method=request.method,
            query_args=request.query_string.decode("latin-1"),
        )
