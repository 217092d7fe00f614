"""All of Flask works, whatever was made cheaper."""

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
    "a key that is no text": {1: "one"},
    "text": "caf\xe9 \u2028 \U0001f375",
    "half a character": "\ud800",
    "nothing": None,
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_json_says_what_flask_would_say(app: Flask, value: Any) -> None:
    plain = Flask("plain")
    assert json.loads(app.json.dumps({"a": value})) == json.loads(plain.json.dumps({"a": value}))


def test_what_has_no_form_in_json_is_refused(app: Flask) -> None:
    with pytest.raises(TypeError):
        app.json.dumps({"a": object()})


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setattr("app.RESOURCES", [])  # one may have this path
    app = create_app(load_config("testing"))

    @app.get("/things/<name>")
    def thing(name: str) -> str:
        return url_for("thing", name=name, _external=True)

    return app


def test_a_url_is_built_for_the_host_that_was_asked(service: Flask) -> None:
    headers = {"Host": "shop.example:8080"}
    response = service.test_client().get("/things/a%20b", headers=headers)
    assert response.text == "http://shop.example:8080/things/a%20b"


def test_a_url_is_built_below_the_prefix_that_a_server_mounts_it_on(service: Flask) -> None:
    response = service.test_client().get("/things/a", environ_overrides={"SCRIPT_NAME": "/shop"})
    assert response.text == "http://localhost/shop/things/a"


def test_a_slash_too_few_is_redirected_with_the_query() -> None:
    app = create_app(load_config("testing"))

    @app.get("/folder/")
    def folder() -> str:
        return ""

    response = app.test_client().get("/folder?a=caf%C3%A9")
    assert response.status_code == 308
    assert response.headers["Location"].endswith("/folder/?a=caf%C3%A9")


def test_a_host_that_is_not_trusted_is_refused(service: Flask) -> None:
    service.config["TRUSTED_HOSTS"] = ["shop.example"]
    asked = [
        service.test_client().get("/things/a", headers={"Host": host}).status_code
        for host in ("shop.example", "evil.example")
    ]
    assert asked == [200, 400]


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
    "a host that is none": {"HTTP_HOST": "shop.example:abc"},
    "a prefix": {"SCRIPT_NAME": "/shop/"},
    "no path": {"PATH_INFO": ""},
    "two slashes": {"PATH_INFO": "//things"},
    "an odd path": {"PATH_INFO": "/caf\xc3\xa9/\xff"},
    "an odd query": {"QUERY_STRING": "a=caf\xc3\xa9&b=\xff"},
    "another method": {"REQUEST_METHOD": "PATCH"},
    "a WebSocket": {"HTTP_CONNECTION": "Upgrade", "HTTP_UPGRADE": "websocket"},
}


def bind(app: Flask, kind: type[Flask], environ: dict[str, str]) -> dict[str, Any] | int | None:
    """Return what a request is routed by, or the status that it is refused with."""
    made = app.test_request_context().request.environ
    try:
        adapter = kind.create_url_adapter(app, app.request_class({**made, **environ}))
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
def test_a_request_is_routed_as_flask_would(
    options: dict[str, Any], config: dict[str, Any], environ: dict[str, str]
) -> None:
    if "host_matching" in options:
        options = {**options, "static_host": "shop.example"}
    app = FlaskApp("plain", **options)
    app.config.update(config)
    assert bind(app, FlaskApp, environ) == bind(app, Flask, environ)


def test_where_nothing_is_asked_of_hosts_the_short_cut_is_taken(
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
def waiting(monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A client of views that wait."""
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
def test_a_coroutine_is_a_view_too(waiting: FlaskClient, path: str) -> None:
    assert waiting.get(path).get_json() == {"name": path}


@pytest.fixture
def remembering() -> Flask:
    """A service whose views use the session."""
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


def test_a_session_is_kept_in_a_cookie(remembering: Flask) -> None:
    client = remembering.test_client()
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


def test_a_session_that_is_forged_is_empty(remembering: Flask) -> None:
    client = remembering.test_client()
    client.set_cookie("session", "forged")
    assert client.get("/recall").get_json() == {}


def test_a_permanent_session_is_renewed_by_each_request(remembering: Flask) -> None:
    remembering.permanent_session_lifetime = timedelta(hours=1)
    client = remembering.test_client()
    client.get("/remember/tea?permanent")
    assert "Expires" in client.get("/health/live").headers["Set-Cookie"]


def test_who_uses_no_session_gets_none(remembering: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering.session_interface, "get_signing_serializer", None)
    remembering.after_request_funcs.clear()  # an extension may look at the session
    headers = remembering.test_client().get("/nowhere").headers
    assert "Set-Cookie" not in headers


def test_without_a_secret_key_it_is_said_that_there_is_none(remembering: Flask) -> None:
    remembering.secret_key = None
    client = remembering.test_client()
    assert client.get("/recall").get_json() == {}
    with pytest.raises(RuntimeError, match="no secret key was set"):
        client.get("/remember/tea")


def test_the_rest_of_flask(service: Flask) -> None:
    """Hooks, error handlers, nested blueprints, static files and the context of a test."""
    done: list[str] = []
    inner, outer = Blueprint("inner", __name__), Blueprint("outer", __name__)

    @inner.get("/view")
    def view() -> str:
        raise LookupError

    @outer.errorhandler(LookupError)
    def handle(_: LookupError) -> tuple[str, int]:
        return url_for("outer.inner.view"), 418

    outer.before_request(lambda: done.append("before"))
    outer.teardown_request(lambda _: done.append("after"))
    outer.register_blueprint(inner, url_prefix="/inner")
    service.register_blueprint(outer, url_prefix="/outer")
    response = service.test_client().get("/outer/inner/view")
    assert (response.status_code, response.text) == (418, "/outer/inner/view")
    assert done == ["before", "after"]
    with service.test_request_context("/outer/inner/view?a=1"):
        assert (request.endpoint, request.args["a"]) == ("outer.inner.view", "1")


def test_spaces_in_a_cookie_cost_no_time(app: Flask) -> None:
    spaces = " " * 8000
    started = time.perf_counter()
    with app.test_request_context(headers={"Cookie": f'session;a={spaces}"; b=1'}):
        assert request.cookies["b"] == "1"
    assert time.perf_counter() - started < 0.2


def test_cookies_of_any_bytes_are_read(app: Flask) -> None:
    with app.test_request_context(environ_overrides={"HTTP_COOKIE": "session=\xff\xfe"}):
        assert request.cookies["session"] == "\xff\xfe"
        assert not session
