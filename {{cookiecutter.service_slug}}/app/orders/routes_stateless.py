"""HTTP route of orders, which are priced, charged and returned, but not stored."""

import uuid
from datetime import UTC, datetime
from typing import Any

from app.api.idempotency import IdempotencySchema
from app.clients import payments
from app.observability.slo import slo
from app.orders import orders
from app.orders.metrics import count_order
from app.orders.pricing import calculate_total, minor_unit
from app.orders.schemas import OrderSchema

__all__ = ["orders"]


@orders.post("/")
@orders.arguments(IdempotencySchema, location="headers")
@orders.arguments(OrderSchema)
@orders.response(201, OrderSchema)
@orders.alt_response(402, "PAYMENT_REQUIRED")
@orders.alt_response(503, "SERVICE_UNAVAILABLE")
@slo("order-creation", objective=0.999, latency=1.0)
def create_order(headers: dict[str, str], order: dict[str, Any]) -> dict[str, Any]:
    """Price an order and charge it

    The service does not store the order: the response is the only copy. Repeating the request with
    the same Idempotency-Key returns the same order id and does not charge again.
    """
    order_id = uuid.uuid4()
    if key := headers.get("idempotency_key"):
        order_id = uuid.uuid5(uuid.NAMESPACE_URL, orders.namespace_by_caller(key))
    amount = calculate_total(order["items"]).quantize(minor_unit(order["currency"]))
    payments.charge(order_id, amount, order["currency"])
    count_order("paid", amount, order["currency"])
    return {
        **order,
        "id": order_id,
        "status": "paid",
        "total": amount,
        "created_at": datetime.now(UTC),
    }
