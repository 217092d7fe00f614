"""Every setting of the service, read from the environment when the application is created.

A variable comes from the environment, from the file that `<NAME>_FILE` points to (Docker and
Kubernetes secrets), or, in development alone, from `.env`. See https://12factor.net/config.
"""

import os
import re
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import {{ "Any, " if cookiecutter.example else "" }}TypeVar, cast

from environs import EnvValidationError, FileAwareEnv, ValidationError, validate

{% if cookiecutter.auth != "none" %}
from app.auth.{{ "session" if cookiecutter.auth == "session" else "resource_server" if cookiecutter.database == "none" else "issuer" }}.settings import read_auth
{% endif %}
{% if cookiecutter.database != "none" %}
from app.database.engine import engine_options, read_url
{% endif %}
from app.edge.settings import read_edge, read_proxies
from app.own_settings import read_own

T = TypeVar("T")

DOTENV = Path(__file__).parents[1] / ".env"
DEVELOPMENT_SECRET_KEY = "development-only-secret-key-never-deploy-it"


class ConfigError(Exception):
    """The environment is no valid configuration; the message names every variable at fault."""


class Config:
    """What holds in every environment. Each subclass states only its differences."""

    # What APP_ENV calls it.
    ENVIRONMENT: str
    DEBUG = False
    TESTING = False
    # In development too, a fault of ours is logged and answered as a problem.
    PROPAGATE_EXCEPTIONS = False
    # Seconds for which the results of the health checks hold: probes must not become a load.
    HEALTH_CHECK_CACHE = 1.0
    # Requests a minute from one address; 0 is any number.
    DEFAULT_RATE_LIMIT = 60_000
    # Whether the secrets must be given, or have defaults that do for a laptop.
    SECRETS_REQUIRED = False

    API_TITLE = "{{ cookiecutter.service_name }}"
    OPENAPI_VERSION = "3.1.0"

    def __init__(self, env: FileAwareEnv) -> None:
        self.SECRET_KEY = self.read_secret(env, "SECRET_KEY", DEVELOPMENT_SECRET_KEY)
        {% if cookiecutter.database != "none" %}
        self.SQLALCHEMY_DATABASE_URI = read_url(env, required=self.SECRETS_REQUIRED)
        self.SQLALCHEMY_ENGINE_OPTIONS = engine_options(
            self.SQLALCHEMY_DATABASE_URI, threads=read_threads(env)
        )
        {% endif %}
        {% if cookiecutter.auth != "none" %}
        vars(self).update(read_auth(env, production=self.SECRETS_REQUIRED))
        {% endif %}
        {% if cookiecutter.example %}
        is_url = validate.URL(schemes={"http", "https"}, require_tld=False)
        payments: dict[str, Any] = (
            {"validate": is_url}
            if self.SECRETS_REQUIRED
            else {"default": "", "validate": lambda url: url and is_url(url)}
        )
        self.PAYMENTS_URL = env.str("PAYMENTS_URL", **payments)
        {% endif %}
        edge = read_edge(env, production=self.SECRETS_REQUIRED, rate_limit=self.DEFAULT_RATE_LIMIT)
        vars(self).update(edge)
        self.HEALTH_CHECK_TIMEOUT = env.float(
            "HEALTH_CHECK_TIMEOUT", 2.0, validate=validate.Range(0, 60, min_inclusive=False)
        )
        self.METRICS_PORT = read_metrics_port(env, self.ENVIRONMENT)
        {% if cookiecutter.tracing != "none" %}
        self.TRACES_SAMPLE_RATIO = env.float(
            "TRACES_SAMPLE_RATIO",
            0.01 if self.ENVIRONMENT == "production" else 1.0,
            validate=validate.Range(0, 1),
        )
        self.TRACES_PARENT_LIMIT = env.int(
            "TRACES_PARENT_LIMIT", 10, validate=validate.Range(min=0)
        )
        self.BAGGAGE_ALLOWED: list[str] = env.list("BAGGAGE_ALLOWED", [])
        {% endif %}
        vars(self).update(read_own(env, production=self.SECRETS_REQUIRED))

    def read_secret(self, env: FileAwareEnv, name: str, development_default: str) -> str | None:
        """Return the secret called `name`; None where it is not set, and for a fault noted in `env`.

        A piece that cannot do without one requires it in its own settings.
        """
        if not self.SECRETS_REQUIRED:
            return env.str(name, development_default)
        is_secret = validate.NoneOf([development_default], error="Is the development default.")
        return env.str(name, None, validate=[validate.Length(min=32), is_secret])


class DevelopmentConfig(Config):
    """A laptop: works with nothing set."""

    ENVIRONMENT = "development"
    DEBUG = True


class TestingConfig(Config):
    """The test suite: errors reach the test instead of becoming a response."""

    ENVIRONMENT = "testing"
    DEFAULT_RATE_LIMIT = 0
    HEALTH_CHECK_CACHE = 0.0
    TESTING = True
    PROPAGATE_EXCEPTIONS = True


class ProductionConfig(Config):
    """Deployed: it does not start on a missing, short or default secret."""

    ENVIRONMENT = "production"
    SECRETS_REQUIRED = True


class ServerConfig:
    """How gunicorn serves the application; gunicorn.conf.py says the rest."""

    def __init__(self, env: FileAwareEnv, environment: str) -> None:
        # An IPv6 address with brackets or without.
        self.HOST = (env.str("HOST", "127.0.0.1", validate=validate_address) or "").strip("[]")
        self.PORT = env.int("PORT", 8000, validate=validate.Range(0, 65535))
        self.WORKERS = env.int("WEB_CONCURRENCY", 2, validate=validate.Range(min=1))
        self.THREADS = read_threads(env)
        self.TIMEOUT = env.int("WEB_TIMEOUT", 30, validate=validate.Range(min=1))
        # In seconds: in which a request must arrive; that the service goes on after SIGTERM.
        self.REQUEST_TIMEOUT = env.float("REQUEST_TIMEOUT", 10.0, validate=validate.Range(1, 3600))
        self.DRAIN_SECONDS = env.float(
            "DRAIN_SECONDS",
            5.0 if environment == "production" else 0.0,
            validate=validate.Range(0, 20),
        )
        # Connections that one address may hold to one worker. A proxy holds all of them.
        self.CONNECTIONS_PER_ADDRESS = env.int(
            "CONNECTIONS_PER_ADDRESS",
            0 if read_proxies(env) else 250,
            validate=validate.Range(min=0),
        )
        self.METRICS_PORT = read_metrics_port(env, environment)


class LogConfig:
    """What is logged, and how; it is read first, so that all else can be logged."""

    def __init__(self, env: FileAwareEnv, environment: str) -> None:
        levels = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
        self.LOG_LEVEL = env.str("LOG_LEVEL", "INFO", validate=validate.OneOf(levels))
        self.LOG_FORMAT = env.str(
            "LOG_FORMAT",
            "json" if environment == "production" else "console",
            validate=validate.OneOf(["json", "console"]),
        )


def validate_address(host: str) -> None:
    """Raise `ValidationError` for what is not an address or a name to listen on, such as a URL."""
    try:
        ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", host):
            raise ValidationError(f"Not an address: {host!r}.") from None


def read_threads(env: FileAwareEnv) -> int:
    """Return how many threads a worker has."""
    return env.int("WEB_THREADS", 4, validate=validate.Range(min=1))


def read_metrics_port(env: FileAwareEnv, environment: str) -> int:
    """Return the port of /metrics; 0 is the service's own."""
    default = 9090 if environment == "production" else 0
    return env.int("METRICS_PORT", default, validate=validate.Range(0, 65535))


CONFIGS: dict[str, type[Config]] = {
    config.ENVIRONMENT: config for config in (DevelopmentConfig, TestingConfig, ProductionConfig)
}


def load_config(name: str | None = None) -> Config:
    """Read the configuration called `name`, by default the one that `APP_ENV` names.

    Raises `ConfigError`, with every fault at once in one line.
    """
    name = name or app_env()
    return read(CONFIGS[name], name)


def load_server_config() -> ServerConfig:
    """Read how to serve; raises `ConfigError` like `load_config`."""
    name = app_env()
    server = read(partial(ServerConfig, environment=name), name)
    if server.METRICS_PORT and server.METRICS_PORT == server.PORT:
        raise ConfigError(f"Invalid {name} configuration. METRICS_PORT: Must differ from PORT.")
    return server


def load_log_config() -> LogConfig:
    """Read how to log; raises `ConfigError` like `load_config`."""
    name = app_env()
    return read(partial(LogConfig, environment=name), name)


def app_env() -> str:
    """Return the name of the configuration that the environment asks for."""
    name = os.environ.get("APP_ENV", "development")
    if name not in CONFIGS:
        raise ConfigError(f"APP_ENV must be one of {', '.join(CONFIGS)}; it is {name!r}.")
    return name


def read(config: Callable[[FileAwareEnv], T], name: str) -> T:
    """Build `config` from the environment, and from .env in development."""
    env = FileAwareEnv(eager=False, strip_whitespace=True)
    if name == "development":
        env.read_env(DOTENV, recurse=False)
    try:
        loaded = config(env)
        env.seal()
    except EnvValidationError as error:
        messages = cast("dict[str, list[str]]", error.error_messages)
        faults = (f"{variable}: {' '.join(said)}" for variable, said in messages.items())
        raise ConfigError(f"Invalid {name} configuration. {' '.join(faults)}") from error
    except ValueError as error:  # a <NAME>_FILE that cannot be read
        raise ConfigError(f"Invalid {name} configuration. {error}") from error
    return loaded
