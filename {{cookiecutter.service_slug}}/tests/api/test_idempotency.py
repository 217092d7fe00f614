"""A request with an Idempotency-Key takes effect once, whatever fails, and returns one response."""

import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event
from typing import Any

import pytest
from flask import Flask, request
from marshmallow import Schema, fields
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from app import create_app
from app.api import Blueprint, TextField, abort, idempotency
from app.api.idempotency import IdempotentRequest, idempotent
from app.config import load_config
from app.database.base import now
from app.database.engine import engine_options
from app.extensions import db
from tests.database.notes import Note, notes_table

__all__ = ["notes_table"]

PAST = timedelta(seconds=-1)


class Killed(BaseException):
    """Stands for SIGKILL: `except Exception` does not catch it."""


class NoteSchema(Schema):
    id = fields.UUID(dump_only=True)
    text = TextField(80, required=True)


class LongNoteSchema(Schema):
    text = TextField(30_000, required=True)


class Steps:
    """What happens in the views: before the commit of the slow one, after it, and how often."""

    def __init__(self) -> None:
        self.before: Callable[[], object] = lambda: None
        self.after: Callable[[], object] = lambda: None
        self.calls: list[bool] = []


@pytest.fixture
def steps() -> Steps:
    return Steps()


@pytest.fixture
def service(
    database_url: str, notes_table: None, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> Flask:
    """Return a service with a view that commits nothing, and one that commits in between."""
    notes = Blueprint("notes", "notes", url_prefix="/notes")

    def add_note(text: str, note_id: uuid.UUID) -> Note:
        note = Note(id=note_id, text=text)
        db.session.add(note)
        db.session.flush()
        return note

    @notes.post("/")
    @notes.arguments(NoteSchema)
    @idempotent(notes)
    @notes.etag
    @notes.response(201, NoteSchema)
    def create_note(note: dict[str, Any], note_id: uuid.UUID) -> tuple[Note, int, dict[str, str]]:
        steps.calls.append(False)
        steps.before()
        created = add_note(note["text"], note_id)
        steps.after()
        return created, 201, {"Location": f"/notes/{note_id}"}

    @notes.post("/long")
    @notes.arguments(LongNoteSchema)
    @idempotent(notes)
    @notes.response(200)
    def repeat_text(note: dict[str, Any], _: uuid.UUID) -> dict[str, Any]:
        return note

    @notes.route("/both", methods=["POST", "PUT"])
    @notes.arguments(NoteSchema)
    @idempotent(notes)
    @notes.response(200, NoteSchema)
    def set_note(note: dict[str, Any], note_id: uuid.UUID) -> Note:
        return Note(id=note_id, text=request.method)

    @notes.post("/<int:number>")
    @notes.arguments(NoteSchema)
    @idempotent(notes, resumable=True)
    @notes.response(201, NoteSchema)
    def send_note(note: dict[str, Any], note_id: uuid.UUID, resumed: bool, number: int) -> Note:
        steps.calls.append(resumed)
        steps.before()
        if resumed:
            sent = db.session.get_one(Note, note_id)
        else:
            sent = add_note(note["text"], note_id)
            db.session.commit()
        steps.after()
        return sent

    monkeypatch.setattr("app.RESOURCES", [notes])
    config = load_config("testing")
    config.SQLALCHEMY_DATABASE_URI = database_url
    config.SQLALCHEMY_ENGINE_OPTIONS = engine_options(database_url, threads=4)
    service = create_app(config)
    service.before_request_funcs.pop("notes", None)  # no authentication
    return service


def post(
    service: Flask, text: str = "tea", key: str | None = "k", path: str = "/notes/"
) -> TestResponse:
    headers = {"Idempotency-Key": key} if key else {}
    return service.test_client().post(path, json={"text": text}, headers=headers)


def count_notes(service: Flask) -> int:
    with service.app_context():
        return db.session.scalars(select(func.count()).select_from(Note)).one()


def update_keys(service: Flask, **offsets: timedelta) -> None:
    """Set columns of every key to the current time plus an offset."""
    with service.app_context():
        values = {name: now() + offset for name, offset in offsets.items()}
        db.session.execute(update(IdempotentRequest).values(values))
        db.session.commit()


def test_a_repeated_key_returns_the_stored_response(service: Flask, steps: Steps) -> None:
    first, second = post(service), post(service)
    assert first.status_code == second.status_code == 201
    assert second.data == first.data
    for name in ("Content-Type", "ETag", "Location"):
        assert second.headers.getlist(name) == first.headers.getlist(name) != []
    assert steps.calls == [False]
    assert count_notes(service) == 1


def test_a_response_larger_than_a_body_is_stored(service: Flask) -> None:
    # Quotes double when a response is stored: 64 kB of a body can become twice as many.
    first, second = (post(service, text='"' * 30_000, path="/notes/long") for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert second.data == first.data


def test_without_a_key_every_request_takes_effect(service: Flask) -> None:
    responses = [post(service, text, key=None) for text in ("one", "two")]
    assert [response.status_code for response in responses] == [201, 201]
    assert count_notes(service) == 2


def test_a_key_belongs_to_one_payload_and_one_route(service: Flask) -> None:
    post(service)
    for other in (
        post(service, "another"),
        post(service, path="/notes/1"),
    ):
        assert other.status_code == 422
        assert other.get_json()["errors"][0]["parameter"] == "Idempotency-Key"
    assert count_notes(service) == 1


def test_a_key_belongs_to_one_query_string_and_one_method(service: Flask) -> None:
    client, note, headers = service.test_client(), {"text": "tea"}, {"Idempotency-Key": "k"}
    created = client.post("/notes/both", json=note, headers=headers)
    assert created.get_json()["text"] == "POST"
    for other in (
        client.put("/notes/both", json=note, headers=headers),
        client.post("/notes/both?silent=yes", json=note, headers=headers),
    ):
        assert other.status_code == 422


def test_a_key_belongs_to_the_parameters_in_the_path(service: Flask) -> None:
    assert post(service, path="/notes/1").status_code == 201
    assert post(service, path="/notes/2").status_code == 422


def test_a_key_expires_and_is_deleted(service: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    assert post(service, "one").status_code == 201
    update_keys(service, expires_at=PAST)
    assert post(service, "two").status_code == 201
    update_keys(service, expires_at=PAST)
    monkeypatch.setattr(idempotency, "CLEANUP_INTERVAL", 1)
    assert post(service, "three", key="another").status_code == 201
    with service.app_context():
        assert db.session.scalar(select(func.count()).select_from(IdempotentRequest)) == 1


@pytest.mark.parametrize("path", ["/notes/", "/notes/1"])
@pytest.mark.parametrize("point", ["before", "after"])
def test_an_error_is_not_stored_and_the_request_can_be_repeated(
    service: Flask, steps: Steps, path: str, point: str
) -> None:
    setattr(steps, point, lambda: abort(503, "Not now."))
    assert post(service, path=path).status_code == 503
    committed = path == "/notes/1" and point == "after"
    assert count_notes(service) == committed
    setattr(steps, point, lambda: None)
    assert post(service, path=path).status_code == 201
    assert post(service, path=path).status_code == 201
    assert steps.calls == [False, committed]
    assert count_notes(service) == 1


@pytest.mark.parametrize("path", ["/notes/", "/notes/1"])
@pytest.mark.parametrize("point", ["before", "after"])
def test_a_request_whose_process_died_is_completed(
    service: Flask, steps: Steps, path: str, point: str
) -> None:
    def die() -> None:
        raise Killed

    setattr(steps, point, die)
    with pytest.raises(Killed):
        post(service, path=path)
    setattr(steps, point, lambda: None)
    committed = path == "/notes/1" and point == "after"
    if committed:
        locked = post(service, path=path)
        assert (locked.status_code, locked.headers["Retry-After"]) == (409, "2")
        update_keys(service, locked_until=PAST)
    assert post(service, path=path).status_code == 201
    assert steps.calls == [False, committed]
    assert count_notes(service) == 1


def test_a_violated_constraint_of_the_view_is_not_reported_as_in_flight(service: Flask) -> None:
    assert post(service, "tea", key=None).status_code == 201
    response = post(service, "tea")
    assert response.status_code == 409
    assert "in flight" not in response.get_json()["detail"]


def test_a_key_in_flight_is_a_conflict(service: Flask, steps: Steps) -> None:
    started, finish = Event(), Event()

    def wait() -> None:
        started.set()
        assert finish.wait(10)

    steps.after = wait
    with ThreadPoolExecutor() as pool:
        first = pool.submit(post, service, path="/notes/1")
        assert started.wait(10)
        second = post(service, path="/notes/1")
        finish.set()
    assert (second.status_code, second.headers["Retry-After"]) == (409, "2")
    assert first.result().status_code == 201
    assert post(service, path="/notes/1").data == first.result().data


def test_one_of_two_concurrent_requests_takes_effect(
    service: Flask, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, insert_key = Barrier(2), idempotency.insert_key

    def insert_concurrently(*args: Any) -> IdempotentRequest:
        both.wait(10)
        return insert_key(*args)

    monkeypatch.setattr(idempotency, "insert_key", insert_concurrently)
    with ThreadPoolExecutor() as pool:
        responses = [pool.submit(post, service) for _ in range(2)]
    assert sorted(response.result().status_code for response in responses) == [201, 409]
    assert steps.calls == [False]
    assert count_notes(service) == 1


def test_one_of_two_concurrent_repetitions_takes_over(
    service: Flask, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps.after = lambda: abort(503, "Not now.")
    assert post(service, path="/notes/1").status_code == 503
    steps.after = lambda: None
    both, take_over_key = Barrier(2), idempotency.take_over_key

    def take_over_concurrently(*args: Any) -> None:
        both.wait(10)
        take_over_key(*args)

    monkeypatch.setattr(idempotency, "take_over_key", take_over_concurrently)
    with ThreadPoolExecutor() as pool:
        responses = [pool.submit(post, service, path="/notes/1") for _ in range(2)]
    assert sorted(response.result().status_code for response in responses) == [201, 409]
    assert steps.calls == [False, True]


def test_a_request_that_outlasts_its_lock_does_not_unlock_the_key(
    service: Flask, steps: Steps
) -> None:
    taken_over, finish = Event(), Event()

    def outlast_lock() -> None:
        steps.after = wait
        update_keys(service, locked_until=PAST)
        seconds.append(pool.submit(post, service, path="/notes/1"))
        assert taken_over.wait(10)
        abort(503, "Too late.")

    def wait() -> None:
        taken_over.set()
        assert finish.wait(10)

    steps.after = outlast_lock
    seconds: list[Future[TestResponse]] = []
    with ThreadPoolExecutor() as pool:
        first = post(service, path="/notes/1")
        third = post(service, path="/notes/1")
        finish.set()
    assert (first.status_code, third.status_code) == (503, 409)
    assert seconds[0].result().status_code == 201


def test_a_response_that_is_stored_meanwhile_is_not_replaced(
    service: Flask, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_over_key = idempotency.take_over_key

    def take_over_late(*args: Any) -> None:
        with ThreadPoolExecutor() as pool:  # the first request, whose lock has expired, ends
            pool.submit(store_response).result()
        take_over_key(*args)

    def store_response() -> None:
        with service.app_context():
            db.session.execute(update(IdempotentRequest).values(response="{}"))
            db.session.commit()

    steps.after = lambda: abort(503, "Not now.")
    assert post(service, path="/notes/1").status_code == 503
    monkeypatch.setattr(idempotency, "take_over_key", take_over_late)
    assert post(service, path="/notes/1").status_code == 409
    assert steps.calls == [False]


@pytest.mark.parametrize("key", ["two words", "x" * 256, "caf\xe9"])
def test_an_invalid_key_is_rejected(service: Flask, key: str) -> None:
    assert post(service, key=key).status_code == 422


def test_openapi_documents_the_header(service: Flask) -> None:
    spec = service.test_client().get("/openapi.json").get_json()
    (parameter,) = spec["paths"]["/notes/"]["post"]["parameters"]
    assert (parameter["name"], parameter["in"]) == ("Idempotency-Key", "header")
