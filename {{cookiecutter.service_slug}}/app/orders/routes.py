"""The resource over HTTP: each route reads as its specification."""

{% if cookiecutter.database != "none" %}
import uuid
from typing import Any

from flask import url_for
from flask_smorest import abort

from app.api import Blueprint
from app.orders import service
from app.orders.models import Order
from app.orders.pagination import PageQuerySchema, PageSchema
from app.orders.schemas import OrderSchema

orders = Blueprint("orders", __name__, url_prefix="/orders", description="Take orders")


@orders.post("/")
@orders.arguments(OrderSchema)
@orders.response(201, OrderSchema, headers={"Location": {"schema": {"type": "string"}}})
def create_order(order: dict[str, Any]) -> tuple[Order, dict[str, str]]:
    """Place an order"""
    placed = service.place_order(**order)
    return placed, {"Location": url_for("orders.get_order", order_id=placed.id)}


@orders.get("/<uuid:order_id>")
@orders.response(200, OrderSchema)
@orders.alt_response(404, "NOT_FOUND")
def get_order(order_id: uuid.UUID) -> Order:
    """Look at an order"""
    return service.find_order(order_id) or abort(404, message="There is no such order.")


@orders.get("/")
@orders.arguments(PageQuerySchema, location="query")
@orders.response(200, PageSchema)
def list_orders(page: dict[str, Any]) -> dict[str, Any]:
    """List the orders, newest first"""
    found, following = service.list_orders(**page)
    return {"orders": found, "next": following and following.encode()}
{% else %}
import uuid
from datetime import UTC, datetime
from typing import Any

from app.api import Blueprint
from app.orders.pricing import total
from app.orders.schemas import OrderSchema

orders = Blueprint("orders", __name__, url_prefix="/orders", description="Take orders")


@orders.post("/")
@orders.arguments(OrderSchema)
@orders.response(201, OrderSchema)
def create_order(order: dict[str, Any]) -> dict[str, Any]:
    """Price an order

    The response is its only copy: the service stores nothing.
    """
    return {
        **order,
        "id": uuid.uuid4(),
        "total": total(order["items"]),
        "created_at": datetime.now(UTC),
    }
{% endif %}
