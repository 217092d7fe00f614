"""Idempotency-Key: a repeated request returns the response of the first one.

1. Insert the key, locked, with an id for the resource that the view creates.
2. Call the view with that id. A view that does not commit leaves the transaction to the decorator:
   key, resource and response are stored together, or nothing is.
3. Store the response, and commit.

An exception before the first commit discards the key. One after it, such as a timeout of another
service, unlocks the key; if the process dies, the lock expires. The client's next request with the
key then calls the view again, with the id of the first call. Only responses are stored, not errors.
"""

import hashlib
import json
import random
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, NoReturn, TypeVar, cast

from flask import Response, current_app, make_response, request
from marshmallow import Schema, fields
from sqlalchemy import CursorResult, String, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.orm.attributes import set_committed_value

from app.api.blueprint import Blueprint
from app.api.errors import abort
from app.api.fields import FullMatch
from app.database.base import UtcDateTime, now
from app.database.dialect import LONG_TEXT
from app.database.transactions import retry_on_conflict
from app.extensions import Model, db

View = TypeVar("View", bound=Callable[..., Any])

# Must outlast the view.
LOCK_DURATION = timedelta(seconds=60)
KEY_LIFETIME = timedelta(hours=24)
RETRY_AFTER = {"Retry-After": "2"}
STORED_HEADERS = ("Content-Type", "ETag", "Location")

# One of so many requests with a new key deletes expired keys: at most twice as many.
CLEANUP_INTERVAL = 100
MAX_EXPIRED = 2 * CLEANUP_INTERVAL


class IdempotencySchema(Schema):
    """Header of a request that is safe to retry (draft-ietf-httpapi-idempotency-key-header)."""

    idempotency_key = fields.String(
        data_key="Idempotency-Key", validate=FullMatch(r"^[!-~]{1,255}$")
    )


class IdempotentRequest(Model):
    """Request with an Idempotency-Key; its response is null while it is in flight."""

    __tablename__ = "idempotent_requests"

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    resource_id: Mapped[uuid.UUID]
    response: Mapped[str | None] = mapped_column(LONG_TEXT)
    locked_until: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


def idempotent(
    blueprint: Blueprint, *, resumable: bool = False, lock_duration: timedelta = LOCK_DURATION
) -> Callable[[View], View]:
    """Accept an Idempotency-Key. List it below `@blueprint.arguments` of the payload, above `etag`.

    After the payload, the view gets the id of the resource to create. It raises errors, and leaves
    the commit to this decorator, so that the resource is created exactly once. A view that must
    commit before it returns, because it calls another service, is `resumable`: it is also passed
    whether it is called again for a resource that a previous call stored, and continues there.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def with_key(*args: Any, **kwargs: Any) -> Response:
            *payload, headers = args
            key = headers.get("idempotency_key")

            def call(resource_id: uuid.UUID, resumed: bool) -> Response:
                marks = (resumed,) if resumable else ()
                returned = current_app.ensure_sync(view)(*payload, resource_id, *marks, **kwargs)
                return make_response(returned)

            if key is None:
                response = call(uuid.uuid4(), False)
                db.session.commit()
                return response
            target = [request.method, request.endpoint, kwargs, request.query_string]
            canonical = json.dumps([target, payload], sort_keys=True, default=str)
            fingerprint = hashlib.sha256(canonical.encode()).hexdigest()
            return respond(blueprint.namespace_by_caller(key), fingerprint, call, lock_duration)

        documented = blueprint.arguments(IdempotencySchema, location="headers")(with_key)
        return cast("View", documented)

    return decorate


@retry_on_conflict
def respond(
    key: str,
    fingerprint: str,
    call: Callable[[uuid.UUID, bool], Response],
    lock_duration: timedelta,
) -> Response:
    """Return the stored response of the key, or call the view and store its response.

    Abort with 409 while another request with the key is in flight, and with 422 if the key was used
    for another payload.
    """
    record = db.session.get(IdempotentRequest, key)
    if record and record.expires_at < now():
        db.session.delete(record)
        db.session.flush()
        record = None
    is_first = record is None
    if record is None:
        record = insert_key(key, fingerprint, lock_duration)
    elif record.fingerprint not in ("", fingerprint):  # release 0.1.0 stored other fingerprints
        abort(422, errors={"headers": {"Idempotency-Key": ["Was used for another payload."]}})
    elif record.response is not None:
        return Response(**json.loads(record.response))
    else:
        take_over_key(record, lock_duration)
    locked = (record.key, record.locked_until)
    try:
        response = call(record.resource_id, not is_first)
        record.response = json.dumps(
            {
                "response": response.get_data(as_text=True),
                "status": response.status_code,
                "headers": {n: v for n, v in response.headers.items() if n in STORED_HEADERS},
            }
        )
        db.session.commit()
    except Exception:
        db.session.rollback()
        if record in db.session:  # the view had committed it
            update_lock(*locked, now())
        raise
    return response


def insert_key(key: str, fingerprint: str, lock_duration: timedelta) -> IdempotentRequest:
    """Insert the key, locked; abort with 409 if a concurrent request has inserted it."""
    if random.randrange(CLEANUP_INTERVAL) == 0:
        delete_expired_keys()
    record = IdempotentRequest(
        key=key,
        fingerprint=fingerprint,
        resource_id=uuid.uuid4(),
        locked_until=now() + lock_duration,
        expires_at=now() + KEY_LIFETIME,
    )
    db.session.add(record)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        abort_in_flight()
    return record


def take_over_key(record: IdempotentRequest, lock_duration: timedelta) -> None:
    """Lock the key of a request that failed; abort with 409 while that request's lock is valid."""
    if record.locked_until > now():
        abort_in_flight()
    locked_until = now() + lock_duration
    if not update_lock(record.key, record.locked_until, locked_until):
        abort_in_flight()
    set_committed_value(record, "locked_until", locked_until)


def update_lock(key: str, old: datetime, new: datetime) -> bool:
    """Replace the lock of a key, and commit; return False if it has changed, or has a response.

    So a request that outlasts its lock does not unlock the key for a third one.
    """
    unchanged = update(IdempotentRequest).where(
        IdempotentRequest.key == key,
        IdempotentRequest.locked_until == old,
        IdempotentRequest.response.is_(None),
    )
    lock = unchanged.values(locked_until=new)
    result = cast(
        "CursorResult[Any]",
        db.session.execute(lock.execution_options(synchronize_session=False)),
    )
    db.session.commit()
    return result.rowcount == 1


def abort_in_flight() -> NoReturn:
    """Abort with 409: another request with the same key is in flight."""
    abort(409, "A request with this Idempotency-Key is in flight.", headers=RETRY_AFTER)


def delete_expired_keys() -> None:
    """Delete a few expired keys one by one: deleting a range would block concurrent inserts."""
    expired = select(IdempotentRequest.key).where(IdempotentRequest.expires_at < now())
    keys = sorted(db.session.scalars(expired.limit(MAX_EXPIRED)))
    if keys:
        db.session.execute(delete(IdempotentRequest).where(IdempotentRequest.key.in_(keys)))
    db.session.commit()
