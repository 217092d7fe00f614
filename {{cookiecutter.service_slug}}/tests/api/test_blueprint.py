"""Routes require authentication unless they are public."""

import flask_smorest
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import Unauthorized

from app import create_app
from app.api import Blueprint
from app.auth.identity import Authentication, Identity, current_identity, init_authentication
from app.config import load_config

# Public routes that are not resources: probes, documentation, metrics.
PUBLIC = {
    "dockerflow.heartbeat",
    "dockerflow.lbheartbeat",
    "dockerflow.version",
    "docs.page",
    "docs.static",
    "docs.swagger_ui",
    "health.live",
    "health.ready",
    "health.startup",
    "openapi",
    "serve_metrics",
    "static",
}


def is_declared_public(app: Flask, endpoint: str) -> bool:
    """Return whether the route or its blueprint is declared with `public=True`."""
    name, _, view = endpoint.rpartition(".")
    blueprint = app.blueprints.get(name)
    return isinstance(blueprint, Blueprint) and view in blueprint.public_endpoints


def is_guarded(app: Flask, endpoint: str, method: str) -> bool:
    """Return whether a request without credentials is rejected before the view is called."""
    with app.test_request_context(method=method) as context:
        context.request.url_rule = next(app.url_map.iter_rules(endpoint))
        context.request.view_args = {}
        try:
            app.preprocess_request()
        except Unauthorized:
            return True
    return False


def unguarded_routes(app: Flask) -> set[tuple[str, str]]:
    """Return the routes that require no authentication without being declared public."""
    return {
        (rule.endpoint, method)
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if rule.endpoint not in PUBLIC | set(app.config.get("PUBLIC_ENDPOINTS", ()))
        and not is_declared_public(app, rule.endpoint)
        and not (method == "OPTIONS" and rule.provide_automatic_options)  # type: ignore[attr-defined]
        and not is_guarded(app, rule.endpoint, method)
    }


def test_every_route_is_guarded_or_public(app: Flask) -> None:
    """If this fails, use app.api.Blueprint for your route, with `public=True` if it is public.

    List a plain Flask route that anyone may call in PUBLIC_ENDPOINTS in app/own_settings.py.
    """
    assert unguarded_routes(app) == set()


@pytest.fixture
def things(monkeypatch: pytest.MonkeyPatch) -> Blueprint:
    """A resource as in app/resources.py."""
    things = Blueprint("things", __name__, url_prefix="/things")
    monkeypatch.setattr("app.RESOURCES", [things])
    return things


def make_things_client() -> FlaskClient:
    return create_app(load_config("testing")).test_client()


def test_new_resource_is_guarded(things: Blueprint) -> None:
    things.get("/")(lambda: {"called": True})
    things.route("/any", methods=["GET", "POST", "OPTIONS"])(lambda: {"called": True})
    client = make_things_client()
    assert client.get("/things/").status_code == 401
    for method in ("GET", "POST", "OPTIONS"):
        assert client.open("/things/any", method=method).status_code == 401
    operation = client.get("/openapi.json").get_json()["paths"]["/things/"]["get"]
    assert operation["security"]
    assert "401" in operation["responses"]


def test_public_applies_to_one_route(things: Blueprint) -> None:
    def view() -> dict[str, bool]:
        return {"called": True}

    things.get("/open", public=True)(view)
    things.post("/open")(view)
    client = make_things_client()
    assert client.get("/things/open").get_json() == {"called": True}
    assert client.post("/things/open").status_code == 401
    paths = client.get("/openapi.json").get_json()["paths"]
    assert "security" not in paths["/things/open"]["get"]
    assert paths["/things/open"]["post"]["security"]


def test_blueprint_can_be_public(monkeypatch: pytest.MonkeyPatch) -> None:
    public = Blueprint("public", __name__, public=True)
    public.get("/public")(lambda: {"called": True})
    monkeypatch.setattr("app.RESOURCES", [public])
    assert make_things_client().get("/public").status_code == 200


def test_nested_blueprint_is_guarded(things: Blueprint) -> None:
    child = Blueprint("child", __name__)
    child.get("/child")(lambda: {"called": True})
    things.register_blueprint(child)
    assert make_things_client().get("/things/child").status_code == 401


def test_nested_blueprint_is_public_by_its_own_declaration(things: Blueprint) -> None:
    public = Blueprint("open", __name__, public=True)
    public.get("/open")(lambda: {"called": True})
    plain = flask_smorest.Blueprint("plain", __name__)
    plain.get("/plain", endpoint="seen")(lambda: {"called": True})
    things.get("/seen", endpoint="seen", public=True)(lambda: {"called": True})
    things.register_blueprint(public)
    things.register_blueprint(plain)
    client = make_things_client()
    statuses = {
        path: client.get(f"/things/{path}").status_code for path in ("seen", "open", "plain")
    }
    assert statuses == {"seen": 200, "open": 200, "plain": 401}


def test_unguarded_route_is_found(things: Blueprint) -> None:
    app = create_app(load_config("testing"))
    app.add_url_rule("/forgotten", "forgotten", lambda: "anybody")
    assert {endpoint for endpoint, _ in unguarded_routes(app)} == {"forgotten"}
    app.config["PUBLIC_ENDPOINTS"] = {*app.config.get("PUBLIC_ENDPOINTS", ()), "forgotten"}
    assert unguarded_routes(app) == set()


def test_coroutine_view_can_require_a_scope(things: Blueprint) -> None:
    @things.get("/later")
    @things.response(200)
    @things.requires("things:read")
    async def later() -> dict[str, bool]:
        return {"called": True}

    client = make_things_client()
    assert client.get("/things/later").status_code == 401
    caller = Identity("ada", frozenset({"things:read"}))
    authenticated = Authentication(lambda: caller, "bearer", "")
    init_authentication(client.application, authenticated)
    assert client.get("/things/later").get_json() == {"called": True}


def test_public_view_ignores_credentials(things: Blueprint) -> None:
    things.get("/ignores", public=True)(lambda: {"called": True})

    @things.get("/identified", public=True)
    def identified() -> dict[str, bool]:
        return {"known": current_identity() is not None}

    client = make_things_client()
    assert client.get("/things/identified").get_json() == {"known": False}
    bad = {"Authorization": "Bearer a.b.c"}
    assert client.get("/things/ignores", headers=bad).status_code == 200


def test_required_scopes_are_documented(things: Blueprint) -> None:
    @things.get("/")
    @things.requires("things:audit")
    def audit() -> str:
        """Audit things"""
        return "audited"

    operation = make_things_client().get("/openapi.json").get_json()["paths"]["/things/"]["get"]
    (schemes,) = operation["security"]
    assert all(scopes == ["things:audit"] for scopes in schemes.values())


def test_a_public_route_documents_only_the_scopes_that_it_requires(things: Blueprint) -> None:
    @things.get("/", public=True)
    @things.requires("things:audit")
    def audit() -> str:
        """Audit things"""
        return "audited"

    operation = make_things_client().get("/openapi.json").get_json()["paths"]["/things/"]["get"]
    (schemes,) = operation["security"]
    assert all(scopes == ["things:audit"] for scopes in schemes.values())
