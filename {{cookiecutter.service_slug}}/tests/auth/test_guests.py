"""Public routes that know their caller."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask, g, render_template_string
from flask.testing import FlaskClient

from app import create_app
from app.api import Blueprint
from app.auth.identity import current_identity


def subject_of_caller() -> str | None:
    """Return the subject of the caller, or None for a guest."""
    identity = current_identity()
    return identity and identity.subject


@pytest.fixture
def app(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """Return an application with a route that guests read."""
    articles = Blueprint("articles", __name__, url_prefix="/articles")

    @articles.before_request
    def remember_reader() -> None:
        g.reader = subject_of_caller()

    @articles.route("/", methods=["GET", "POST"], public=True)
    def read() -> dict[str, Any]:
        template = "{{ subject_of_caller() or '' }}"
        rendered = render_template_string(template, subject_of_caller=subject_of_caller)
        return {"readers": [g.reader, subject_of_caller(), rendered or None]}

    monkeypatch.setattr("app.RESOURCES", [articles])
    return create_app(SimpleNamespace(**app.config))  # type: ignore[arg-type]


def test_guest_reads_a_public_route(app: Flask) -> None:
    for method in ("GET", "POST"):
        response = app.test_client().open("/articles/", method=method)
        assert response.get_json() == {"readers": [None, None, None]}


def test_public_route_knows_its_caller(sign_in: Callable[..., FlaskClient]) -> None:
    client = sign_in("ada@example.com")
    for method in ("GET", "POST"):
        readers = client.open("/articles/", method=method).get_json()["readers"]
        assert len(set(readers)) == 1
        assert readers[0]
