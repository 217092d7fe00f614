"""HTTP routes of orders."""

import uuid
from typing import Any

from flask import jsonify, url_for
from flask.typing import ResponseReturnValue

from app.api import Blueprint
from app.api.idempotency import IdempotencySchema
from app.api.pagination import PageQuerySchema, page_schema
from app.observability.slo import slo
from app.orders import changes, checkout, queries
from app.orders.commands import orders_cli
from app.orders.models import Order
from app.orders.schemas import OrderSchema

orders = Blueprint(
    "orders",
    __name__,
    {% if cookiecutter.auth != "none" %}
    scope="orders",
    grant=True,
    {% endif %}
    url_prefix="/orders",
    description="Orders",
)
orders.record_once(lambda state: state.app.cli.add_command(orders_cli))


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

    Repeating it with the same Idempotency-Key returns the same order, without another charge.
    """
    key = headers.get("idempotency_key")
    placed = checkout.place_order(order, key)
    orders.set_etag(placed)
    return jsonify(placed), 201, {"Location": url_for("orders.get_order", order_id=placed["id"])}


@orders.get("/<uuid:order_id>")
@orders.etag
@orders.response(200, OrderSchema)
@orders.alt_response(404, "NOT_FOUND")
def get_order(order_id: uuid.UUID) -> Order:
    """Get an order"""
    return queries.find_order(order_id)


@orders.get("/")
@orders.arguments(PageQuerySchema, location="query")
@orders.response(200, page_schema("orders", OrderSchema))
def list_orders(page: dict[str, Any]) -> dict[str, Any]:
    """List orders, newest first"""
    found, next_cursor = queries.list_orders(**page)
    return {"orders": found, "next": next_cursor and next_cursor.encode()}


@orders.patch("/<uuid:order_id>")
@orders.etag
@orders.arguments(changes.OrderChangeSchema)
@orders.response(200, OrderSchema)
@orders.alt_response(404, "NOT_FOUND")
@orders.alt_response(409, "CONFLICT")
def change_order(change: dict[str, Any], order_id: uuid.UUID) -> Order:
    """Change an order

    Requires the order's current ETag in If-Match.
    """
    order = queries.find_order(order_id)
    orders.check_etag(order, OrderSchema)
    return changes.change_order(order, change)


@orders.delete("/<uuid:order_id>")
@orders.etag
@orders.response(204)
@orders.alt_response(404, "NOT_FOUND")
@orders.alt_response(409, "CONFLICT")
def cancel_order(order_id: uuid.UUID) -> None:
    """Cancel an order and refund its charge

    Requires the order's current ETag in If-Match.
    """
    order = queries.find_order(order_id)
    orders.check_etag(order, OrderSchema)
    changes.cancel_order(order)
