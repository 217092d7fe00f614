"""HTTP routes of readers."""

import uuid
from typing import Any

from flask import current_app

from app.api import Blueprint, abort
from app.auth.users import create_user
from app.database.queries import find_or_404
from app.extensions import db
from app.readers.models import Follow, Reader
from app.readers.profiles import require_reader, select_readers
from app.readers.schemas import NewReaderSchema, ReaderSchema

readers = Blueprint("readers", __name__, url_prefix="/readers", description="Readers")


@readers.post("/", public=True)
@readers.arguments(NewReaderSchema)
@readers.response(201, ReaderSchema)
@readers.alt_response(403, "FORBIDDEN")
@readers.alt_response(409, "CONFLICT")
def join(values: dict[str, Any]) -> Reader:
    """Join the club, with a new account"""
    if not current_app.config["REGISTRATION_OPEN"]:
        abort(403, "The club takes no new members.")
    user = create_user(values.pop("email"), values.pop("password"), commit=False)
    if user is None:
        abort(409, "This e-mail address has an account.")
    db.session.add(Reader(id=user.id, **values))
    db.session.commit()
    return find_or_404(Reader, user.id, query=select_readers())


@readers.get("/<uuid:reader_id>", public=True)
@readers.response(200, ReaderSchema)
@readers.alt_response(404, "NOT_FOUND")
def get_reader(reader_id: uuid.UUID) -> Reader:
    """Get a reader"""
    return find_or_404(Reader, reader_id, query=select_readers())


@readers.put("/<uuid:reader_id>/follow")
@readers.response(204)
@readers.alt_response(404, "NOT_FOUND")
@readers.alt_response(409, "CONFLICT")
def follow(reader_id: uuid.UUID) -> None:
    """Follow a reader"""
    reader = find_or_404(Reader, reader_id)
    db.session.merge(Follow(follower_id=require_reader().id, reader_id=reader.id))
    db.session.commit()


@readers.delete("/<uuid:reader_id>/follow")
@readers.response(204)
def unfollow(reader_id: uuid.UUID) -> None:
    """Follow a reader no longer"""
    if follows := db.session.get(Follow, (require_reader().id, reader_id)):
        db.session.delete(follows)
        db.session.commit()
