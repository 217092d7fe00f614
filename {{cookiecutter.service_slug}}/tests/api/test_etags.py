"""Conditional requests: ETags, If-Match, and changes of ETags by proxies."""

import pytest
from flask.testing import FlaskClient
from marshmallow import Schema, fields

from app import create_app
from app.api import Blueprint
from app.config import load_config
from app.flask_app import restore_etags


class NoteSchema(Schema):
    version = fields.Integer()


@pytest.fixture
def notes_client(monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """Return a client of a service with a note; PATCH requires If-Match, PUT only honors it."""
    notes = Blueprint("notes", "notes", url_prefix="/notes")
    note = {"version": 1}

    @notes.get("/")
    @notes.etag
    @notes.response(200, NoteSchema)
    def get_note() -> dict[str, int]:
        return note

    @notes.patch("/")
    @notes.etag
    @notes.if_match
    @notes.response(200, NoteSchema)
    def change_note() -> dict[str, int]:
        notes.check_etag(note, NoteSchema)
        note["version"] += 1
        return note

    @notes.put("/")
    @notes.etag
    @notes.response(200, NoteSchema)
    def replace_note() -> dict[str, int]:
        notes.check_etag(note, NoteSchema)
        note["version"] += 1
        return note

    monkeypatch.setattr("app.RESOURCES", [notes])
    service = create_app(load_config("testing"))
    service.before_request_funcs.pop("notes", None)  # no authentication
    return service.test_client()


def test_if_match_is_required_only_where_a_route_says_so(notes_client: FlaskClient) -> None:
    assert notes_client.patch("/notes/").status_code == 428
    assert notes_client.put("/notes/").status_code == 200


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_an_outdated_etag_is_rejected(notes_client: FlaskClient, method: str) -> None:
    first = notes_client.get("/notes/").headers["ETag"]
    changed = notes_client.open("/notes/", method=method, headers={"If-Match": first})
    assert (changed.status_code, changed.get_json()) == (200, {"version": 2})
    assert changed.headers["ETag"] == notes_client.get("/notes/").headers["ETag"] != first
    again = notes_client.open("/notes/", method=method, headers={"If-Match": first})
    assert again.status_code == 412
    anything = notes_client.open("/notes/", method=method, headers={"If-Match": "*"})
    assert anything.status_code == 200


def test_openapi_documents_where_if_match_is_required(notes_client: FlaskClient) -> None:
    operations = notes_client.get("/openapi.json").get_json()["paths"]["/notes/"]
    assert operations["patch"]["parameters"] == [{"$ref": "#/components/parameters/IF_MATCH"}]
    assert {"412", "428"} <= set(operations["patch"]["responses"])
    assert "parameters" not in operations["put"]
    assert not {"412", "428"} & set(operations["put"]["responses"])


@pytest.mark.parametrize("sent", ['"abc"', 'W/"abc"', '"abc-gzip"', 'W/"x", "abc-br"', "*"])
def test_etag_changed_by_a_proxy_matches(sent: str) -> None:
    assert "abc" in restore_etags(sent)


@pytest.mark.parametrize("sent", [None, "", '"abcd"', 'W/"abcd"', '"ab"'])
def test_different_etag_does_not_match(sent: str | None) -> None:
    assert "abc" not in restore_etags(sent)
