"""The Flask application class: all of Flask's features, with less work for each request."""

import re
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast

import orjson
from flask import Flask, Request, Response, current_app
from flask.json.provider import DefaultJSONProvider
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from werkzeug.datastructures import ETags, ImmutableMultiDict
from werkzeug.http import parse_etags
from werkzeug.routing import MapAdapter
from werkzeug.sansio.http import parse_cookie
from werkzeug.sansio.utils import get_host
from werkzeug.utils import cached_property

T = TypeVar("T")

# Polled every few seconds, by address: measured, but neither logged, limited nor held to TRUSTED_HOSTS.
# Whole paths: below a prefix, anybody could hide.
PROBE_PATHS = frozenset(
    {"/health/live", "/health/ready", "/health/startup", "/__heartbeat__", "/__lbheartbeat__"}
)

# How OpenAPI describes If-Match (RFC 9110, section 13.1.1).
ETAG_PATTERN = r'^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$'

# What Apache appends to the ETag of a response that it compresses (mod_deflate, mod_brotli).
SUFFIXES = ("-gzip", "-br")

collapse_spaces = re.compile(r"[ \t]+").sub


class AppState(Generic[T]):
    """A typed value that a feature keeps in `app.extensions` under its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def set(self, app: Flask, value: T) -> None:
        app.extensions[self.name] = value

    def get(self, app: Flask | None = None) -> T:
        """Return the value of `app`, by default the current application."""
        return cast("T", (app or current_app).extensions[self.name])


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


class AppRequest(Request):
    """Flask's request, with ETags as this service sent them and cookies parsed in linear time.

    A proxy that compresses a response changes its ETag: nginx makes it weak, Apache appends a
    suffix. The client sends that one back, and it would never match.
    """

    @cached_property
    def if_match(self) -> ETags:
        return restore_etags(self.headers.get("If-Match"))

    @cached_property
    def if_none_match(self) -> ETags:
        return restore_etags(self.headers.get("If-None-Match"))

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


class FlaskApp(Flask):
    """Flask with faster JSON, sessions and routing; its other features are unchanged."""

    request_class = AppRequest
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


def restore_etags(header: str | None) -> ETags:
    """Parse a header of ETags, and undo what compression has done to them."""
    sent = parse_etags(header)
    restored = sent.as_set(include_weak=True)
    for suffix in SUFFIXES:  # werkzeug reads an empty ETag as None
        restored = {(etag or "").removesuffix(suffix) for etag in restored}
    return ETags(restored, star_tag=sent.star_tag)
