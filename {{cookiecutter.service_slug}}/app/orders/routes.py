"""HTTP routes of orders."""

import uuid
from typing import Any

from flask import url_for

from app.api.idempotency import idempotent
from app.api.pagination import PageQuerySchema, page_schema
from app.database.queries import find_or_404, paginate
from app.observability.slo import slo
from app.orders import changes, checkout, orders
from app.orders.commands import orders_cli
from app.orders.models import Order
from app.orders.schemas import OrderChangeSchema, OrderSchema

__all__ = ["orders"]

orders.record_once(lambda state: state.app.cli.add_command(orders_cli))


@orders.post("/")
@orders.arguments(OrderSchema)
@idempotent(orders, resumable=True, lock_duration=checkout.LOCK_DURATION)
@orders.etag
@orders.response(201, OrderSchema, headers={"Location": {"schema": {"type": "string"}}})
@orders.alt_response(402, "PAYMENT_REQUIRED")
@orders.alt_response(409, "CONFLICT")
@orders.alt_response(503, "SERVICE_UNAVAILABLE")
@slo("order-creation", objective=0.999, latency=1.0)
def create_order(
    order: dict[str, Any], order_id: uuid.UUID, resumed: bool
) -> tuple[Order, int, dict[str, str]]:
    """Place an order and charge it

    Repeating it with the same Idempotency-Key returns the same order, without another charge.
    """
    placed = checkout.place_order(order, order_id, resumed=resumed)
    return placed, 201, {"Location": url_for("orders.get_order", order_id=order_id)}


@orders.get("/<uuid:order_id>")
@orders.etag
@orders.response(200, OrderSchema)
@orders.alt_response(404, "NOT_FOUND")
def get_order(order_id: uuid.UUID) -> Order:
    """Get an order"""
    return find_or_404(Order, order_id)


@orders.get("/")
@orders.arguments(PageQuerySchema, location="query")
@orders.response(200, page_schema("orders", OrderSchema))
def list_orders(page: dict[str, Any]) -> dict[str, Any]:
    """List orders, newest first"""
    found, next_cursor = paginate(Order, **page)
    return {"orders": found, "next": next_cursor}


@orders.patch("/<uuid:order_id>")
@orders.etag
@orders.if_match
@orders.arguments(OrderChangeSchema)
@orders.response(200, OrderSchema)
@orders.alt_response(404, "NOT_FOUND")
@orders.alt_response(409, "CONFLICT")
def change_order(change: dict[str, Any], order_id: uuid.UUID) -> Order:
    """Change an order

    Requires the order's current ETag in If-Match.
    """
    order = find_or_404(Order, order_id)
    orders.check_etag(order, OrderSchema)
    return changes.change_order(order, change)


@orders.delete("/<uuid:order_id>")
@orders.if_match
@orders.response(204)
@orders.alt_response(404, "NOT_FOUND")
@orders.alt_response(409, "CONFLICT")
def cancel_order(order_id: uuid.UUID) -> None:
    """Cancel an order and refund its charge

    Requires the order's current ETag in If-Match.
    """
    order = find_or_404(Order, order_id)
    orders.check_etag(order, OrderSchema)
    changes.cancel_order(order)
