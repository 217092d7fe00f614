"""The application factory, which initializes the features of the service."""

from flask import Flask

# First: it configures the storage of metrics, before any metric is declared.
from app.observability import init_observability  # isort: skip

from app.api.errors import init_errors
{% if cookiecutter.auth != "none" %}
from app.auth.setup import init_auth
{% endif %}
from app.config import Config, load_config
{% if cookiecutter.database != "none" %}
from app.database import init_database
{% endif %}
from app.docs import init_docs
from app.extensions import api
from app.flask_app import FlaskApp
from app.health import init_health
{% if cookiecutter.example %}
from app.orders.routes import orders
{% endif %}
from app.own_extensions import init_own_extensions
from app.resources import RESOURCES
from app.security import init_security
from app.version import __version__


def create_app(config: Config | None = None) -> Flask:
    """Create the application with `config`, by default read from environment variables.

    Raises `ConfigError` if a variable is invalid.
    """
    app = FlaskApp(__name__)
    app.config.from_object(config or load_config())

    init_observability(app)
    init_security(app)
    init_errors(app)
    init_health(app)
    {% if cookiecutter.database != "none" %}
    init_database(app)
    {% endif %}

    # The API's blueprints, then the documentation generated from them.
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

    init_own_extensions(app)
    return app
