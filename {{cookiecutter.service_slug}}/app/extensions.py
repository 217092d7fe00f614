"""Extension instances, bound to the application by its factory."""

from app.api import Api

api = Api()
