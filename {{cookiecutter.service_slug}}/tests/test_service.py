import json
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask, url_for

from app import create_app
from app.config import load_config

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
def service() -> Flask:
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
