"""The service: an application factory and the features it is made of."""

from flask import Flask

# Before anything declares a metric: it says where their values are kept.
from app.observability import init_observability  # isort: skip

{% if cookiecutter.auth != "none" %}
from app.auth.{{ "session" if cookiecutter.auth == "session" else "resource_server" if cookiecutter.database == "none" else "issuer" }} import init_auth
{% endif %}
from app.config import Config, load_config
from app.context import init_context
{% if cookiecutter.database != "none" %}
from app.database import init_database
{% endif %}
from app.docs import init_docs
from app.edge import init_edge
from app.errors import init_errors
from app.extensions import api
from app.health import init_health
{% if cookiecutter.example %}
from app.orders.routes import orders
{% endif %}
from app.resources import RESOURCES
from app.service import Service
from app.version import __version__


def create_app(config: Config | None = None) -> Flask:
    """Build the application.

    Without a `config` the environment decides; raises `ConfigError` when it is not a valid one.
    """
    app = Service(__name__)
    app.config.from_object(config or load_config())

    init_context(app)
    init_observability(app)
    init_edge(app)
    init_errors(app)
    init_health(app)
    {% if cookiecutter.database != "none" %}
    init_database(app)
    {% endif %}

    # The API: its resources, one line each, and the documentation made from them.
    api.init_app(app, spec_kwargs={"version": __version__})
    {% if cookiecutter.auth != "none" %}
    init_auth(app)
    {% endif %}
    {% if cookiecutter.example %}
    api.register_blueprint(orders)
    {% endif %}
    for resource in RESOURCES:
        api.register_blueprint(resource)
    init_docs(app)

    return app
