"""The example resource: orders, which are priced and charged."""

from app.api import Blueprint

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
