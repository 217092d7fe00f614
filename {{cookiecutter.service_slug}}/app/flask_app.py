"""Subclass of Flask that does less work per request and keeps all of Flask's features."""

import re
from functools import lru_cache
from typing import Any

import orjson
from flask import Flask, Request, Response
from flask.json.provider import DefaultJSONProvider
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from werkzeug.datastructures import ETags, ImmutableMultiDict
from werkzeug.http import parse_etags
from werkzeug.routing import MapAdapter
from werkzeug.sansio.http import parse_cookie
from werkzeug.sansio.utils import get_host
from werkzeug.utils import cached_property

# Probes: measured, but exempt from the request log, the rate limit and TRUSTED_HOSTS.
# Exact paths, because a prefix would exempt any path that starts with it.
PROBE_PATHS = frozenset(
    {"/health/live", "/health/ready", "/health/startup", "/__heartbeat__", "/__lbheartbeat__"}
)

# Suffixes that Apache appends to the ETag of a compressed response (mod_deflate, mod_brotli).
COMPRESSION_SUFFIXES = ("-gzip", "-br")

collapse_spaces = re.compile(r"[ \t]+").sub


class OrjsonProvider(DefaultJSONProvider):
    """JSON provider that serializes with orjson."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return super().dumps(obj, **kwargs) if kwargs else self.encode(obj).decode()

    def response(self, *args: Any, **kwargs: Any) -> Response:
        obj = self._prepare_response_obj(args, kwargs)  # what jsonify accepts, in Flask 3.1
        return Response(self.encode(obj), content_type=self.mimetype)

    def encode(self, obj: Any) -> bytes:
        """Serialize `obj` to UTF-8 JSON. Raises `TypeError` for unsupported types."""
        options = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATETIME
        try:
            return orjson.dumps(obj, default=self.default, option=options)
        except TypeError:  # orjson rejects integers beyond 64 bits and lone surrogates
            return super().dumps(obj).encode()


class AppRequest(Request):
    """Request that restores ETags changed by a proxy, and parses cookies in linear time.

    A proxy that compresses a response changes its ETag: nginx makes it weak, Apache appends a
    suffix. Clients send the changed ETag back, which would never match.
    """

    @cached_property
    def if_match(self) -> ETags:
        return restore_etags(self.headers.get("If-Match"))

    @cached_property
    def if_none_match(self) -> ETags:
        return restore_etags(self.headers.get("If-None-Match"))

    @cached_property
    def cookies(self) -> ImmutableMultiDict[str, str]:
        # werkzeug 3.1 takes a second to parse 8 kB of spaces in one cookie.
        header = collapse_spaces(" ", self.headers.get("Cookie", ""))
        return parse_cookie(header, cls=self.dict_storage_class)  # type: ignore[return-value]


class LazySessionInterface(SecureCookieSessionInterface):
    """Session interface that does no work for requests without a session."""

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
        """Return the same URL adapter as Flask, which would parse the host three times."""
        if request is None:
            return super().create_url_adapter(None)
        url_map, is_probe = self.url_map, request.path in PROBE_PATHS
        trusted_hosts = None if is_probe else self.config["TRUSTED_HOSTS"]
        request.trusted_hosts = trusted_hosts
        if "HTTP_HOST" in request.environ:
            host = request.environ["HTTP_HOST"]
            request.host = parse_host(request.scheme, host, tuple(trusted_hosts or ()))
        if not is_probe and (
            url_map.host_matching
            or self.subdomain_matching
            or self.config["SERVER_NAME"]
            or "HTTP_UPGRADE" in request.environ  # Flask routes WebSockets separately
            or not has_valid_labels(request.host)
        ):
            return super().create_url_adapter(request)
        return MapAdapter(
            url_map,
            server_name=request.host.lower(),
            script_name=request.root_path,
            subdomain=None if url_map.host_matching else url_map.default_subdomain or "",
            url_scheme=request.scheme,
            path_info=decode_wsgi(request.environ.get("PATH_INFO", "")),
            default_method=request.method,
            query_args=decode_wsgi(request.environ.get("QUERY_STRING", "")),
        )


@lru_cache(maxsize=64)
def parse_host(scheme: str, host: str, trusted_hosts: tuple[str, ...]) -> str:
    """Return the normalized host of a request. Raises `SecurityError` if it is not trusted.

    Cached: parsing a host takes longer than matching a route.
    """
    return get_host(scheme, host, trusted_hosts=trusted_hosts)


def has_valid_labels(host: str) -> bool:
    """Return whether IDNA accepts the length of every label, and so leaves `host` unchanged."""
    return len(host) < 64 and ".." not in host and not host.startswith(".")


def decode_wsgi(text: str) -> str:
    """Decode a string of a WSGI environment: UTF-8 bytes as Latin-1 characters (PEP 3333)."""
    return text.encode("latin-1").decode(errors="replace")


def restore_etags(header: str | None) -> ETags:
    """Parse a header of ETags, and undo the changes of compressing proxies."""
    sent = parse_etags(header)
    restored = sent.as_set(include_weak=True)
    for suffix in COMPRESSION_SUFFIXES:  # werkzeug parses an empty ETag as None
        restored = {(etag or "").removesuffix(suffix) for etag in restored}
    return ETags(restored, star_tag=sent.star_tag)
