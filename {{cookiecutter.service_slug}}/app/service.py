"""The Flask application class: all of Flask's features, with less work for each request."""

import re
from functools import lru_cache
from typing import Any

import orjson
from flask import Flask, Request, Response
from flask.json.provider import DefaultJSONProvider
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.routing import MapAdapter
from werkzeug.sansio.http import parse_cookie
from werkzeug.sansio.utils import get_host
from werkzeug.utils import cached_property

from app.context import PROBE_PATHS

collapse_spaces = re.compile(r"[ \t]+").sub


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


class ServiceRequest(Request):
    """A request whose cookies are parsed in a time that grows with their length, not its square."""

    @cached_property
    def cookies(self) -> ImmutableMultiDict[str, str]:
        # werkzeug (3.1) takes a second for 8 kB of spaces in one cookie.
        header = collapse_spaces(" ", self.headers.get("Cookie", ""))
        return parse_cookie(header, cls=self.dict_storage_class)  # type: ignore[return-value]


class LazySessionInterface(SecureCookieSessionInterface):
    """Flask's sessions, without the cost for requests that send no session cookie and set none."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        cookies = request.environ.get("HTTP_COOKIE")
        if app.secret_key and not (cookies and self.get_cookie_name(app) in cookies):
            return self.session_class()
        return super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if session or session.accessed or session.modified:
            super().save_session(app, session, response)


class Service(Flask):
    """Flask with faster JSON, sessions and routing; its other features are unchanged."""

    request_class = ServiceRequest
    json_provider_class = OrjsonProvider
    session_interface = LazySessionInterface()

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return the URL adapter that Flask would, without parsing the host three times."""
        if request is None:
            return super().create_url_adapter(None)
        url_map, is_probe = self.url_map, request.path in PROBE_PATHS
        trusted_hosts = None if is_probe else self.config["TRUSTED_HOSTS"]
        request.trusted_hosts = trusted_hosts
        if "HTTP_HOST" in request.environ:
            sent = request.environ["HTTP_HOST"]
            request.host = parse_host(request.scheme, sent, tuple(trusted_hosts or ()))
        if not is_probe and (
            url_map.host_matching
            or self.subdomain_matching
            or self.config["SERVER_NAME"]
            or "HTTP_UPGRADE" in request.environ  # a WebSocket has rules of its own
            or not is_plain(request.host)
        ):
            return super().create_url_adapter(request)
        return MapAdapter(
            url_map,
            server_name=request.host.lower(),
            script_name=request.root_path,
            subdomain=None if url_map.host_matching else url_map.default_subdomain or "",
            url_scheme=request.scheme,
            path_info=decode(request.environ.get("PATH_INFO", "")),
            default_method=request.method,
            query_args=decode(request.environ.get("QUERY_STRING", "")),
        )


@lru_cache(maxsize=64)
def parse_host(scheme: str, sent: str, trusted_hosts: tuple[str, ...]) -> str:
    """Return the host of a request; raises `SecurityError` for one that is not trusted.

    Most requests are for the same few hosts: to parse one takes longer than to route by its path.
    """
    return get_host(scheme, sent, trusted_hosts=trusted_hosts)


def is_plain(host: str) -> bool:
    """Return whether every label of `host` is of a length that IDNA takes, so that it stays as it is."""
    return len(host) < 64 and ".." not in host and not host.startswith(".")


def decode(text: str) -> str:
    """Return a string of a WSGI environment, whose bytes it has as Latin-1 (PEP 3333)."""
    return text.encode("latin-1").decode(errors="replace")
