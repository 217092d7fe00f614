"""The resource over HTTP: each route reads as its specification."""

{% if cookiecutter.database != "none" %}
import uuid
from typing import Any

from flask import jsonify, url_for
from flask.typing import ResponseReturnValue

from app.api import Blueprint
{% if cookiecutter.auth != "none" %}
from app.auth.users.accounts import current_user_id
{% endif %}
from app.observability.slo import slo
from app.orders import changes, checkout, service
from app.orders.changes import OrderChangeSchema
from app.orders.models import Order
from app.orders.pagination import PageQuerySchema, PageSchema
from app.orders.samples import commands
from app.orders.schemas import IdempotencySchema, OrderSchema

orders = Blueprint("orders", __name__, url_prefix="/orders"{{ "" if cookiecutter.auth == "none" else ', scope="orders"' }}, description="Orders")
orders.record_once(lambda state: state.app.cli.add_command(commands))


@orders.post("/")
@orders.etag
@orders.arguments(IdempotencySchema, location="headers")
@orders.arguments(OrderSchema)
@orders.response(201, OrderSchema, headers={"Location": {"schema": {"type": "string"}}})
@orders.alt_response(402, "PAYMENT_REQUIRED")
@orders.alt_response(409, "CONFLICT")
@orders.alt_response(503, "SERVICE_UNAVAILABLE")
@slo("order-creation", objective=0.999, latency=1.0)
def create_order(headers: dict[str, str], order: dict[str, Any]) -> ResponseReturnValue:
    """Place an order and charge it

    Sent again with the same Idempotency-Key, it is placed and charged once.
    """
    key = headers.get("idempotency_key")
    placed = checkout.place_order(order, key{{ "" if cookiecutter.auth == "none" else ", owner_id=current_user_id()" }})
    orders.set_etag(placed)
    return jsonify(placed), 201, {"Location": url_for("orders.get_order", order_id=placed["id"])}


@orders.get("/<uuid:order_id>")
@orders.etag
@orders.response(200, OrderSchema)
@orders.alt_response(404, "NOT_FOUND")
def get_order(order_id: uuid.UUID) -> Order:
    """Get an order"""
    return service.find_order(order_id)


@orders.get("/")
@orders.arguments(PageQuerySchema, location="query")
@orders.response(200, PageSchema)
def list_orders(page: dict[str, Any]) -> dict[str, Any]:
    """List the orders, newest first"""
    found, following = service.list_orders(**page)
    return {"orders": found, "next": following and following.encode()}


@orders.patch("/<uuid:order_id>")
@orders.etag
@orders.arguments(OrderChangeSchema)
@orders.response(200, OrderSchema)
@orders.alt_response(404, "NOT_FOUND")
@orders.alt_response(409, "CONFLICT")
def change_order(change: dict[str, Any], order_id: uuid.UUID) -> Order:
    """Change an order that nobody else has changed"""
    order = service.find_order(order_id)
    orders.check_etag(order, OrderSchema)
    return changes.change_order(order, change)


@orders.delete("/<uuid:order_id>")
@orders.etag
@orders.response(204)
@orders.alt_response(404, "NOT_FOUND")
@orders.alt_response(409, "CONFLICT")
def cancel_order(order_id: uuid.UUID) -> None:
    """Cancel an order and give its charge back"""
    order = service.find_order(order_id)
    orders.check_etag(order, OrderSchema)
    changes.cancel_order(order)
{% else %}
import uuid
from datetime import UTC, datetime
from typing import Any

from app.api import Blueprint
from app.clients import payments
from app.observability.slo import slo
from app.orders.metrics import count_order
from app.orders.pricing import minor_unit, total
from app.orders.schemas import IdempotencySchema, OrderSchema

orders = Blueprint("orders", __name__, url_prefix="/orders"{{ "" if cookiecutter.auth == "none" else ', scope="orders"' }}, description="Orders")


@orders.post("/")
@orders.arguments(IdempotencySchema, location="headers")
@orders.arguments(OrderSchema)
@orders.response(201, OrderSchema)
@orders.alt_response(402, "PAYMENT_REQUIRED")
@orders.alt_response(503, "SERVICE_UNAVAILABLE")
@slo("order-creation", objective=0.999, latency=1.0)
def create_order(headers: dict[str, str], order: dict[str, Any]) -> dict[str, Any]:
    """Price an order and charge it

    The response is its only copy: the service stores nothing. Sent again with the same
    Idempotency-Key, it is the same order to the payment provider, and charged once.
    """
    key = headers.get("idempotency_key")
    order_id = uuid.uuid5(uuid.NAMESPACE_URL, key) if key else uuid.uuid4()
    amount = total(order["items"]).quantize(minor_unit(order["currency"]))
    payments.charge(order_id, amount, order["currency"])
    count_order("paid", amount, order["currency"])
    return {
        **order,
        "id": order_id,
        "status": "paid",
        "total": amount,
        "created_at": datetime.now(UTC),
    }
{% endif %}
