"""The payment provider. Every call is safe to repeat: the provider knows it by the order's id.

What it sends is bounded and validated like a client's input: it is stored with the order.
"""

import os
import uuid
from decimal import Decimal
from functools import cache

import httpx
from flask import current_app
from marshmallow import EXCLUDE, Schema, ValidationError, fields
from werkzeug.exceptions import HTTPException, ServiceUnavailable

from app.api import FullMatch
from app.clients.http import make_client, read_json

TIMEOUT = httpx.Timeout(5, connect=2)
# A call waits for a free connection, to connect, to send, and for the answer.
LONGEST_CALL = sum(seconds for seconds in TIMEOUT.as_dict().values() if seconds)


class ReceiptSchema(Schema):
    """The provider's response to a charge or a refund."""

    class Meta:
        unknown = EXCLUDE

    # As long as the column of an order's charge.
    id = fields.String(required=True, validate=FullMatch(r"^[!-~]{1,80}$"))


class PaymentDeclined(HTTPException):
    """The provider refused the charge for good; to a client, 402."""

    code = 402
    description = "The payment was declined."


class PaymentUnavailable(ServiceUnavailable):
    """Whether the charge was made is unknown: ask again. To a client, 503."""

    def __init__(self) -> None:
        super().__init__("The payment provider does not answer.", retry_after=2)


class InvalidReceipt(PaymentUnavailable):
    """The provider's response cannot be used, so asking again may not help. To a client, 503."""


def charge(order_id: uuid.UUID, amount: Decimal, currency: str) -> str:
    """Charge `amount` for the order, once however often it is called; return the charge's id.

    Raises `PaymentDeclined` or `PaymentUnavailable`.
    """
    body = {"order": str(order_id), "amount": str(amount), "currency": currency}
    return call("charges", order_id, body)


def refund(order_id: uuid.UUID, charge_id: str) -> None:
    """Give the charge back, once however often it is called; raises like `charge`."""
    call("refunds", order_id, {"charge": charge_id})


def call(resource: str, order_id: uuid.UUID, body: dict[str, str]) -> str:
    """Have the provider make a charge or a refund; return its id."""
    provider = current_app.config["PAYMENTS_URL"]
    if not provider:
        current_app.logger.warning("PAYMENTS_URL is not set: simulated %s: %s", resource, body)
        return f"simulated-{order_id}"
    url = f"{provider.rstrip('/')}/{resource}"
    headers = {"Idempotency-Key": f"{resource}-{order_id}"}
    try:
        with client(os.getpid()).stream("POST", url, json=body, headers=headers) as response:
            if response.status_code == 402:
                raise PaymentDeclined
            response.raise_for_status()
            receipt: dict[str, str] = ReceiptSchema().load(read_json(response))
    except (ValidationError, ValueError) as error:
        message = "invalid response of the payment provider to %s of order %s: %s"
        current_app.logger.error(message, resource, order_id, error)
        raise InvalidReceipt() from error
    except httpx.HTTPError as error:
        message = "no response of the payment provider to %s of order %s: %r"
        current_app.logger.warning(message, resource, order_id, error)
        raise PaymentUnavailable() from error
    return receipt["id"]


@cache
def client(pid: int) -> httpx.Client:
    """One client for each process: a forked worker must not share its parent's connections."""
    return make_client(TIMEOUT)
