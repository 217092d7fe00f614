"""The subclass of Flask behaves as Flask does."""

import asyncio
import json
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import flask_smorest
import pytest
from flask import (
    Blueprint,
    Flask,
    Response,
    jsonify,
    request,
    session,
    stream_with_context,
    url_for,
)
from flask.testing import FlaskClient
from marshmallow import Schema, fields
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from app import create_app
from app.config import load_config
from app.flask_app import FlaskApp
from app.observability.record import PROBE_PATHS, current_context

VALUES: dict[str, Any] = {
    "decimal": Decimal("1.10"),
    "uuid": uuid.UUID(int=7),
    "time": datetime(2026, 11, 21, tzinfo=UTC),
    "beyond 64 bits": 2**70,
    "a key that is not a string": {1: "one"},
    "text": "caf\xe9 \u2028 \U0001f375",
    "a lone surrogate": "\ud800",
    "nothing": None,
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_json_equals_that_of_flask(app: Flask, value: Any) -> None:
    plain = Flask("plain")
    assert json.loads(app.json.dumps({"a": value})) == json.loads(plain.json.dumps({"a": value}))


def test_unserializable_objects_raise(app: Flask) -> None:
    with pytest.raises(TypeError):
        app.json.dumps({"a": object()})


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setattr("app.RESOURCES", [])  # a resource may have this path
    app = create_app(load_config("testing"))

    @app.get("/things/<name>")
    def thing(name: str) -> str:
        return url_for("thing", name=name, _external=True)

    return app


def test_external_urls_have_the_host_of_the_request(service: Flask) -> None:
    headers = {"Host": "shop.example:8080"}
    response = service.test_client().get("/things/a%20b", headers=headers)
    assert response.text == "http://shop.example:8080/things/a%20b"


def test_external_urls_have_the_script_name(service: Flask) -> None:
    response = service.test_client().get("/things/a", environ_overrides={"SCRIPT_NAME": "/shop"})
    assert response.text == "http://localhost/shop/things/a"


def test_a_missing_slash_is_redirected_with_the_query() -> None:
    app = create_app(load_config("testing"))

    @app.get("/folder/")
    def folder() -> str:
        return ""

    response = app.test_client().get("/folder?a=caf%C3%A9")
    assert response.status_code == 308
    assert response.headers["Location"].endswith("/folder/?a=caf%C3%A9")


def test_an_untrusted_host_is_rejected(service: Flask) -> None:
    service.config["TRUSTED_HOSTS"] = ["shop.example"]
    statuses = [
        service.test_client().get("/things/a", headers={"Host": host}).status_code
        for host in ("shop.example", "evil.example")
    ]
    assert statuses == [200, 400]


ENVIRONS: dict[str, dict[str, str]] = {
    "plain": {"HTTP_HOST": "shop.example"},
    "a port": {"HTTP_HOST": "shop.example:8080"},
    "the standard port": {"HTTP_HOST": "shop.example:80"},
    "upper case": {"HTTP_HOST": "Shop.EXAMPLE"},
    "an address": {"HTTP_HOST": "[::1]:8000"},
    "no host": {"HTTP_HOST": ""},
    "an empty label": {"HTTP_HOST": "shop..example"},
    "an empty first label": {"HTTP_HOST": ".example"},
    "a label too long": {"HTTP_HOST": f"{'x' * 64}.example"},
    "an invalid port": {"HTTP_HOST": "shop.example:abc"},
    "a prefix": {"SCRIPT_NAME": "/shop/"},
    "no path": {"PATH_INFO": ""},
    "two slashes": {"PATH_INFO": "//things"},
    "an odd path": {"PATH_INFO": "/caf\xc3\xa9/\xff"},
    "an odd query": {"QUERY_STRING": "a=caf\xc3\xa9&b=\xff"},
    "another method": {"REQUEST_METHOD": "PATCH"},
    "a WebSocket": {"HTTP_CONNECTION": "Upgrade", "HTTP_UPGRADE": "websocket"},
}


def bind(app: Flask, kind: type[Flask], environ: dict[str, str]) -> dict[str, Any] | int | None:
    """Return the attributes of a request's URL adapter, or the status of its error."""
    defaults = app.test_request_context().request.environ
    try:
        adapter = kind.create_url_adapter(app, app.request_class({**defaults, **environ}))
    except HTTPException as error:
        return error.code
    return vars(adapter)


@pytest.mark.parametrize("environ", ENVIRONS.values(), ids=ENVIRONS.keys())
@pytest.mark.parametrize(
    "config",
    [{}, {"TRUSTED_HOSTS": ["shop.example"]}, {"SERVER_NAME": "shop.example:80"}],
    ids=["by default", "of trusted hosts", "of a name"],
)
@pytest.mark.parametrize("options", [{}, {"subdomain_matching": True}, {"host_matching": True}])
@pytest.mark.filterwarnings("ignore:Current server name")
def test_the_url_adapter_equals_that_of_flask(
    options: dict[str, Any], config: dict[str, Any], environ: dict[str, str]
) -> None:
    if "host_matching" in options:
        options = {**options, "static_host": "shop.example"}
    app = FlaskApp("plain", **options)
    app.config.update(config)
    assert bind(app, FlaskApp, environ) == bind(app, Flask, environ)


def test_plain_hosts_skip_the_adapter_of_flask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Flask, "create_url_adapter", None)
    app = FlaskApp("plain")
    assert isinstance(app.create_url_adapter(app.request_class(ENVIRONS["plain"])), MapAdapter)


@pytest.mark.parametrize("path", sorted(PROBE_PATHS))
def test_every_probe_is_served(app: Flask, path: str) -> None:
    assert path in {rule.rule for rule in app.url_map.iter_rules()}


def test_routes_by_host_and_by_subdomain() -> None:
    by_subdomain = FlaskApp("by_subdomain", subdomain_matching=True)
    by_subdomain.config["SERVER_NAME"] = "shop.example"
    by_subdomain.add_url_rule("/", subdomain="blue", view_func=lambda: "blue")
    by_host = FlaskApp("by_host", host_matching=True, static_host="shop.example")
    by_host.add_url_rule("/", host="blue.shop.example", view_func=lambda: "blue")
    for app in (by_subdomain, by_host):
        client = app.test_client()
        assert client.get("/", base_url="http://blue.shop.example").text == "blue"
        assert client.get("/", base_url="http://green.shop.example").status_code == 404


class ThingSchema(Schema):
    name = fields.String()


@pytest.fixture
def async_client(monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """Return a client of an application whose views are coroutines."""
    things = flask_smorest.Blueprint("things", "things", url_prefix="/waiting")

    async def wait(_: object = None) -> dict[str, str]:
        await asyncio.sleep(0)
        assert current_context.fields["waited"]
        return {"name": request.path}

    async def wait_before() -> None:
        await asyncio.sleep(0)
        current_context.fields["waited"] = True

    things.before_request(wait_before)
    things.get("/plain")(wait)
    things.get("/responding", endpoint="responding")(things.response(200, ThingSchema)(wait))
    things.get("/asking", endpoint="asking")(
        things.arguments(ThingSchema, location="query")(things.response(200, ThingSchema)(wait))
    )
    monkeypatch.setattr("app.RESOURCES", [things])
    return create_app(load_config("testing")).test_client()


@pytest.mark.parametrize("path", ["/waiting/plain", "/waiting/responding", "/waiting/asking"])
def test_a_coroutine_can_be_a_view(async_client: FlaskClient, path: str) -> None:
    assert async_client.get(path).get_json() == {"name": path}


@pytest.fixture
def session_app() -> Flask:
    """Return an application whose views use the session."""
    app = create_app(load_config("testing"))
    app.secret_key = "x" * 40

    @app.get("/remember/<thing>")
    def remember(thing: str) -> str:
        session["thing"] = thing
        session.permanent = "permanent" in request.args
        return ""

    @app.get("/recall")
    def recall() -> Response:
        return jsonify(dict(session))

    @app.get("/forget")
    def forget() -> str:
        session.clear()
        return ""

    @app.get("/stream")
    def stream() -> Response:
        def body() -> Iterator[str]:
            yield session["thing"]

        return Response(stream_with_context(body()))

    return app


def test_a_session_is_kept_in_a_cookie(session_app: Flask) -> None:
    client = session_app.test_client()
    remembered = client.get("/remember/tea")
    assert "Cookie" in remembered.headers["Vary"]
    assert client.get("/recall").get_json()["thing"] == "tea"
    assert client.get("/stream").text == "tea"
    with client.session_transaction() as opened:
        assert opened["thing"] == "tea"
        opened["thing"] = "coffee"
    assert client.get("/recall").get_json()["thing"] == "coffee"
    assert "Max-Age=0" in client.get("/forget").headers["Set-Cookie"]
    assert client.get("/recall").get_json() == {}


def test_a_forged_session_is_empty(session_app: Flask) -> None:
    client = session_app.test_client()
    client.set_cookie("session", "forged")
    assert client.get("/recall").get_json() == {}


def test_a_permanent_session_is_renewed_by_each_request(session_app: Flask) -> None:
    session_app.permanent_session_lifetime = timedelta(hours=1)
    client = session_app.test_client()
    client.get("/remember/tea?permanent")
    assert "Expires" in client.get("/health/live").headers["Set-Cookie"]


def test_no_cookie_is_set_if_the_session_is_unused(
    session_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_app.session_interface, "get_signing_serializer", None)
    session_app.after_request_funcs.clear()  # an extension may access the session
    headers = session_app.test_client().get("/nowhere").headers
    assert "Set-Cookie" not in headers


def test_a_missing_secret_key_raises(session_app: Flask) -> None:
    session_app.secret_key = None
    client = session_app.test_client()
    assert client.get("/recall").get_json() == {}
    with pytest.raises(RuntimeError, match="no secret key was set"):
        client.get("/remember/tea")


def test_other_features_of_flask(service: Flask) -> None:
    """Hooks, error handlers, nested blueprints and request contexts."""
    calls: list[str] = []
    inner, outer = Blueprint("inner", __name__), Blueprint("outer", __name__)

    @inner.get("/view")
    def view() -> str:
        raise LookupError

    @outer.errorhandler(LookupError)
    def handle(_: LookupError) -> tuple[str, int]:
        return url_for("outer.inner.view"), 418

    outer.before_request(lambda: calls.append("before"))
    outer.teardown_request(lambda _: calls.append("after"))
    outer.register_blueprint(inner, url_prefix="/inner")
    service.register_blueprint(outer, url_prefix="/outer")
    response = service.test_client().get("/outer/inner/view")
    assert (response.status_code, response.text) == (418, "/outer/inner/view")
    assert calls == ["before", "after"]
    with service.test_request_context("/outer/inner/view?a=1"):
        assert (request.endpoint, request.args["a"]) == ("outer.inner.view", "1")


def test_a_cookie_of_spaces_is_parsed_fast(app: Flask) -> None:
    spaces = " " * 8000
    started = time.perf_counter()
    with app.test_request_context(headers={"Cookie": f'session;a={spaces}"; b=1'}):
        assert request.cookies["b"] == "1"
    assert time.perf_counter() - started < 0.2


def test_cookies_may_contain_any_bytes(app: Flask) -> None:
    with app.test_request_context(environ_overrides={"HTTP_COOKIE": "session=\xff\xfe"}):
        assert request.cookies["session"] == "\xff\xfe"
        assert not session
