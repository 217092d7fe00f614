"""The service: an application factory and the features it is made of."""

from flask import Flask

from app import docs, errors, health
from app.config import Config, load_config
from app.context import RequestContextMiddleware
{% if cookiecutter.database != "none" %}
from app.database import availability
from app.extensions import api, db, migrate
{% else %}
from app.extensions import api
{% endif %}
{% if cookiecutter.example %}
from app.orders.routes import orders
{% endif %}

__version__ = "0.1.0"


def create_app(config: Config | None = None) -> Flask:
    """Build the application.

    Without a `config` the environment decides; raises `ConfigError` when it is not a valid one.
    """
    app = Flask(__name__)
    app.config.from_object(config or load_config())
    app.wsgi_app = RequestContextMiddleware(app.wsgi_app)  # type: ignore[method-assign]

    errors.init_app(app)
    health.init_app(app)
    docs.init_app(app)
    {% if cookiecutter.database != "none" %}
    db.init_app(app)
    migrate.init_app(app, db)
    availability.init_app(app)
    {% endif %}
    api.init_app(app, spec_kwargs={"version": __version__})

    # The resources, one line each; /openapi.json and /docs describe them.
    {% if cookiecutter.example %}
    api.register_blueprint(orders)
    {% endif %}

    return app
