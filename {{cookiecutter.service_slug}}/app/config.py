"""Every setting of the service, read from the environment when the application is created.

A variable comes from the environment, from the file that `<NAME>_FILE` points to (Docker and
Kubernetes secrets), or, in development alone, from `.env`. See https://12factor.net/config.
"""

import os
from pathlib import Path
{% if cookiecutter.database != "none" %}
from typing import Any, TypeVar, cast
{% else %}
from typing import TypeVar, cast
{% endif %}

from environs import EnvValidationError, FileAwareEnv, validate

{% if cookiecutter.database != "none" %}
from app.database.engine import engine_options, parse_url

{% endif %}
DOTENV = Path(__file__).parents[1] / ".env"
T = TypeVar("T", "Config", "ServerConfig")

DEVELOPMENT_SECRET_KEY = "development-only-secret-key-never-deploy-it"
SECRET_KEY_MIN_LENGTH = 32
{% if cookiecutter.database != "none" %}
DEVELOPMENT_DATABASE_URL = "sqlite:///development.sqlite3"
{% endif %}


class ConfigError(Exception):
    """The environment is no valid configuration; the message names every variable at fault."""


class Config:
    """What holds in every environment. Each subclass states only its differences."""

    DEBUG = False
    TESTING = False

    API_TITLE = "{{ cookiecutter.service_name }}"
    OPENAPI_VERSION = "3.1.0"
    OPENAPI_URL_PREFIX = "/"

    SECRET_KEY: str
    {% if cookiecutter.database != "none" %}
    SQLALCHEMY_DATABASE_URI: str
    {% endif %}

    def __init__(self, env: FileAwareEnv) -> None:
        self.read_secrets(env)
        self.MAX_CONTENT_LENGTH = env.int(
            "MAX_CONTENT_LENGTH", 1024 * 1024, validate=validate.Range(min=1)
        )
        self.HEALTH_CHECK_TIMEOUT = env.float(
            "HEALTH_CHECK_TIMEOUT", 2.0, validate=validate.Range(min=0, min_inclusive=False)
        )

    def read_secrets(self, env: FileAwareEnv) -> None:
        """Read what production must be given; elsewhere it has defaults."""
        self.SECRET_KEY = env.str("SECRET_KEY", DEVELOPMENT_SECRET_KEY)
        {% if cookiecutter.database != "none" %}
        self.SQLALCHEMY_DATABASE_URI = env.database_url("DATABASE_URL", DEVELOPMENT_DATABASE_URL)

    @property
    def SQLALCHEMY_ENGINE_OPTIONS(self) -> dict[str, Any]:
        return engine_options(self.SQLALCHEMY_DATABASE_URI)
        {% endif %}


class DevelopmentConfig(Config):
    """A laptop: works with nothing set."""

    DEBUG = True


class TestingConfig(Config):
    """The test suite: errors reach the test instead of becoming a response."""

    TESTING = True
    {% if cookiecutter.database != "none" %}

    def read_secrets(self, env: FileAwareEnv) -> None:
        super().read_secrets(env)
        self.SQLALCHEMY_DATABASE_URI = env.database_url("TEST_DATABASE_URL", "sqlite://")
    {% endif %}


class ProductionConfig(Config):
    """Deployed: it does not start on a missing, short or default secret."""

    def read_secrets(self, env: FileAwareEnv) -> None:
        self.SECRET_KEY = env.str(
            "SECRET_KEY",
            validate=[
                validate.Length(min=SECRET_KEY_MIN_LENGTH),
                validate.NoneOf([DEVELOPMENT_SECRET_KEY], error="Is the development default."),
            ],
        )
        {% if cookiecutter.database != "none" %}
        self.SQLALCHEMY_DATABASE_URI = env.database_url("DATABASE_URL")
        {% endif %}


class ServerConfig:
    """How gunicorn serves the application; gunicorn.conf.py says the rest."""

    def __init__(self, env: FileAwareEnv) -> None:
        self.HOST = env.str("HOST", "127.0.0.1")
        self.PORT = env.int("PORT", 8000, validate=validate.Range(0, 65535))
        self.WORKERS = env.int("WEB_CONCURRENCY", 2, validate=validate.Range(min=1))
        self.THREADS = env.int("WEB_THREADS", 4, validate=validate.Range(min=1))
        self.TIMEOUT = env.int("WEB_TIMEOUT", 30, validate=validate.Range(min=1))


CONFIGS: dict[str, type[Config]] = {
    "development": DevelopmentConfig,
    "testing": TestingConfig,
    "production": ProductionConfig,
}


def load_config(name: str | None = None) -> Config:
    """Read the configuration called `name`, by default the one that `APP_ENV` names.

    Raises `ConfigError`, with every fault at once in one line.
    """
    name = name or app_env()
    return read(CONFIGS[name], name)


def load_server_config() -> ServerConfig:
    """Read how to serve; raises `ConfigError` like `load_config`."""
    return read(ServerConfig, app_env())


def app_env() -> str:
    """Return the name of the configuration that the environment asks for."""
    name = os.environ.get("APP_ENV") or "development"
    if name not in CONFIGS:
        raise ConfigError(f"APP_ENV must be one of {', '.join(CONFIGS)}; it is {name!r}.")
    return name


def read(config: type[T], name: str) -> T:
    """Build `config` from the environment, and from .env in development."""
    env = FileAwareEnv(eager=False, strip_whitespace=True)
    {% if cookiecutter.database != "none" %}
    env.add_parser("database_url", parse_url)
    {% endif %}
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
