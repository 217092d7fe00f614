"""Client for the payment provider; each call is safe to repeat, because it carries the order's id.

Responses are bounded and validated like a client's input: their ids are stored with the orders.
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
# Seconds: a call waits for a free connection, to connect, to send, and for the response.
LONGEST_CALL = sum(seconds for seconds in TIMEOUT.as_dict().values() if seconds)


class ReceiptSchema(Schema):
    """The provider's response to a charge or a refund."""

    class Meta:
        unknown = EXCLUDE

    # No longer than the column `charge_id` of an order.
    id = fields.String(required=True, validate=FullMatch(r"^[!-~]{1,80}$"))


class PaymentDeclined(HTTPException):
    """The provider declined the charge; a client gets 402."""

    code = 402
    description = "The payment was declined."


class PaymentUnavailable(ServiceUnavailable):
    """The outcome of the call is unknown, and it is safe to repeat; a client gets 503."""

    def __init__(self) -> None:
        super().__init__("The payment provider is unavailable.", retry_after=2)


class InvalidReceipt(PaymentUnavailable):
    """The provider's response is invalid, and repeating may not help; a client gets 503."""


def charge(order_id: uuid.UUID, amount: Decimal, currency: str) -> str:
    """Charge `amount` for the order and return the charge's id; a repeated call charges once.

    Raise `PaymentDeclined` or `PaymentUnavailable`.
    """
    body = {"order": str(order_id), "amount": str(amount), "currency": currency}
    return send_request("charges", order_id, body)


def refund(order_id: uuid.UUID, charge_id: str) -> None:
    """Refund the charge; a repeated call refunds once. Raise what `charge` raises."""
    send_request("refunds", order_id, {"charge": charge_id})


def send_request(resource: str, order_id: uuid.UUID, body: dict[str, str]) -> str:
    """Request a charge or a refund from the provider and return its id."""
    provider = current_app.config["PAYMENTS_URL"]
    if not provider:
        current_app.logger.warning("PAYMENTS_URL is not set: simulated %s: %s", resource, body)
        return f"simulated-{order_id}"
    url = f"{provider.rstrip('/')}/{resource}"
    headers = {"Idempotency-Key": f"{resource}-{order_id}"}
    try:
        with get_client(os.getpid()).stream("POST", url, json=body, headers=headers) as response:
            if response.status_code == 402:
                raise PaymentDeclined
            response.raise_for_status()
            receipt: dict[str, str] = ReceiptSchema().load(read_json(response))
    except (ValidationError, ValueError) as error:
        message = "invalid response from the payment provider to %s of order %s: %s"
        current_app.logger.error(message, resource, order_id, error)
        raise InvalidReceipt() from error
    except httpx.HTTPError as error:
        message = "no response from the payment provider to %s of order %s: %r"
        current_app.logger.warning(message, resource, order_id, error)
        raise PaymentUnavailable() from error
    return receipt["id"]


@cache
def get_client(pid: int) -> httpx.Client:
    """Return the process's client: a forked worker must not share its parent's connections."""
    return make_client(TIMEOUT)
