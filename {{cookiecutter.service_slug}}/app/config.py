"""Every setting of the service, read from the environment when the application is created.

A variable comes from the environment, from the file that `<NAME>_FILE` points to (Docker and
Kubernetes secrets), or, in development only, from `.env`. See https://12factor.net/config.
"""

import os
from pathlib import Path
from typing import Any, cast

from environs import EnvValidationError, FileAwareEnv, validate

from app import validators
{% if cookiecutter.auth == "jwt" %}
from app.auth import keys
{% endif %}
{% if cookiecutter.database != "none" %}
from app.database.engine import engine_options, with_driver
{% endif %}
from app.own_settings import read_own
from app.version import SERVICE

DOTENV = Path(__file__).parents[1] / ".env"
DEVELOPMENT_SECRET_KEY = "development-only-secret-key-never-deploy-it"


class ConfigError(Exception):
    """Invalid configuration; the message names every invalid variable."""


class Config:
    """Settings of all environments; subclasses override some."""

    # The value of APP_ENV.
    ENVIRONMENT: str
    DEBUG = False
    TESTING = False
    # In development, too, an unhandled exception is logged and becomes a problem response.
    PROPAGATE_EXCEPTIONS = False
    # Seconds for which the results of health checks are cached, so that probes cause no load.
    HEALTH_CHECK_CACHE = 1.0
    DEFAULT_RATE_LIMIT = 60_000

    # Formats of error responses by path prefix, of type `app.api.errors.ErrorFormat`.
    ERROR_FORMATS: dict[str, Any] = {}

    API_TITLE = "{{ cookiecutter.service_name }}"
    OPENAPI_VERSION = "3.1.0"
    {% if cookiecutter.auth != "none" %}
    # Scopes of a new user or token, space-separated; None: those of the blueprints with grant=True.
    DEFAULT_SCOPES: str | None = None
    {% endif %}

    def __init__(self, env: FileAwareEnv) -> None:
        production = self.ENVIRONMENT == "production"

        self.LOG_LEVEL: str = env.str(
            "LOG_LEVEL",
            "INFO",
            validate=validate.OneOf(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]),
        )
        self.LOG_FORMAT: str = env.str(
            "LOG_FORMAT",
            "json" if production else "console",
            validate=validate.OneOf(["json", "console"]),
        )

        # Settings of gunicorn; the others are in gunicorn.conf.py. HOST may be in brackets: [::1].
        host = env.str("HOST", "127.0.0.1", validate=validators.validate_address)
        self.HOST = (host or "").strip("[]")
        self.PORT = env.int("PORT", 8000, validate=validate.Range(0, 65535))
        self.WEB_CONCURRENCY = env.int("WEB_CONCURRENCY", 2, validate=validate.Range(min=1))
        self.WEB_THREADS = env.int("WEB_THREADS", 4, validate=validate.Range(min=1))
        self.WEB_TIMEOUT = env.int("WEB_TIMEOUT", 30, validate=validate.Range(min=1))
        # Seconds to receive a request.
        self.REQUEST_TIMEOUT = env.float("REQUEST_TIMEOUT", 10.0, validate=validate.Range(1, 3600))
        # Seconds to keep serving after SIGTERM while /health/ready returns 503.
        self.DRAIN_SECONDS = env.float(
            "DRAIN_SECONDS", 5.0 if production else 0.0, validate=validate.Range(0, 20)
        )
        self.TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", 0, validate=validate.Range(min=0))
        # Connections per address and worker. 0 is unlimited: a proxy holds all connections.
        self.CONNECTIONS_PER_ADDRESS = env.int(
            "CONNECTIONS_PER_ADDRESS",
            0 if self.TRUSTED_PROXIES else 250,
            validate=validate.Range(min=0),
        )
        # The port of /metrics; 0 is PORT.
        self.METRICS_PORT = env.int(
            "METRICS_PORT", 9090 if production else 0, validate=validate.Range(0, 65535)
        )
        self.HEALTH_CHECK_TIMEOUT = env.float(
            "HEALTH_CHECK_TIMEOUT", 2.0, validate=validate.Range(0, 60, min_inclusive=False)
        )

        secret = validate.Length(min=32 if production else 0)
        not_default = validate.NoneOf(
            [DEVELOPMENT_SECRET_KEY] if production else [], error="Is the development default."
        )
        self.SECRET_KEY: str | None = env.str(
            "SECRET_KEY",
            None if production else DEVELOPMENT_SECRET_KEY,
            validate=[secret, not_default],
        )
        # None allows any host.
        self.TRUSTED_HOSTS: list[str] | None = (
            env.list(
                "TRUSTED_HOSTS",
                validate=[validate.Length(min=1 if production else 0), validators.validate_hosts],
                **self.unless_production([]),
            )
            or None
        )
        self.CORS_ORIGINS: list[str] = env.list(
            "CORS_ORIGINS", [], validate=validators.validate_origins
        )
        # Requests per minute and address; 0 is unlimited.
        self.RATE_LIMIT = env.int(
            "RATE_LIMIT", self.DEFAULT_RATE_LIMIT, validate=validate.Range(min=0)
        )
        self.MAX_CONTENT_LENGTH = env.int(
            "MAX_CONTENT_LENGTH", 64 * 1024, validate=validate.Range(min=1)
        )
        {% if cookiecutter.database != "none" %}

        database_url = env.str(
            "DATABASE_URL",
            validate=with_driver,
            **self.unless_production("sqlite:///development.sqlite3"),
        )
        self.SQLALCHEMY_DATABASE_URI = with_driver(database_url) if database_url else None
        self.SQLALCHEMY_ENGINE_OPTIONS = engine_options(
            self.SQLALCHEMY_DATABASE_URI, threads=self.WEB_THREADS
        )
        {% endif %}
        {% if cookiecutter.auth == "jwt" and cookiecutter.database != "none" %}

        development_key = self.unless_production(keys.DEVELOPMENT_KEY)
        # The scheme of the Authorization header.
        self.AUTH_SCHEME = "Bearer"
        jwt_keys = env.str("JWT_KEYS", validate=keys.validate_signing_keys, **development_key)
        self.JWT_KEYS: list[keys.Key] = keys.parse_keys(jwt_keys) if jwt_keys else []
        self.JWT_ISSUER = env.str("JWT_ISSUER", SERVICE, validate=validate.Length(min=1))
        self.JWT_AUDIENCE = env.str("JWT_AUDIENCE", SERVICE, validate=validate.Length(min=1))
        # All three in seconds. A login of over 366 days is taken for a typo.
        self.ACCESS_TOKEN_LIFETIME = env.int(
            "ACCESS_TOKEN_LIFETIME", 15 * 60, validate=validate.Range(1, 24 * 3600)
        )
        self.REFRESH_TOKEN_LIFETIME = env.int(
            "REFRESH_TOKEN_LIFETIME", 14 * 24 * 3600, validate=validate.Range(1, 366 * 24 * 3600)
        )
        self.REVOCATION_DELAY = env.float("REVOCATION_DELAY", 1.0, validate=validate.Range(0, 60))
        {% elif cookiecutter.auth == "jwt" %}

        # The scheme of the Authorization header.
        self.AUTH_SCHEME = "Bearer"
        # Keys are fetched from JWKS_URL, or given as JWT_KEYS.
        # HTTPS authenticates the issuer.
        schemes = ("https",) if production else ("https", "http")
        self.JWKS_URL = env.str(
            "JWKS_URL", "", validate=lambda url: validators.validate_url(url, schemes)
        )
        jwt_keys = env.str(
            "JWT_KEYS",
            validate=keys.validate_keys,
            **({"default": ""} if self.JWKS_URL else self.unless_production(keys.DEVELOPMENT_KEY)),
        )
        self.JWT_KEYS: list[keys.Key] = keys.parse_keys(jwt_keys) if jwt_keys else []
        self.JWT_ISSUER = env.str(
            "JWT_ISSUER", validate=validate.Length(min=1), **self.unless_production("development")
        )
        self.JWT_AUDIENCE = env.str("JWT_AUDIENCE", SERVICE, validate=validate.Length(min=1))
        {% elif cookiecutter.auth == "session" %}

        # Browsers accept a __Host- cookie over HTTPS only, and only from this host (RFC 6265bis).
        self.SESSION_COOKIE_NAME = "__Host-session" if production else "session"
        self.SESSION_COOKIE_SECURE = production
        self.SESSION_COOKIE_HTTPONLY = True
        self.SESSION_COOKIE_SAMESITE = "Lax"
        # In seconds. Over 366 days is taken for a typo.
        lifetime = validate.Range(1, 366 * 24 * 3600)
        self.SESSION_IDLE_LIFETIME = env.int("SESSION_IDLE_LIFETIME", 30 * 60, validate=lifetime)
        self.SESSION_LIFETIME = env.int("SESSION_LIFETIME", 12 * 3600, validate=lifetime)
        {% endif %}
        {% if cookiecutter.auth != "none" and cookiecutter.database != "none" %}
        if production:
            # Read again, without a default, to report it if it is missing: it signs logins.
            env.str("SECRET_KEY")
        self.REGISTRATION_OPEN = env.bool("REGISTRATION_OPEN", not production)
        # False leaves out the routes of accounts and logins below /auth.
        self.ACCOUNT_ROUTES = True
        {% endif %}
        {% if cookiecutter.example %}

        # Without a provider, payments are simulated.
        self.PAYMENTS_URL: str = env.str(
            "PAYMENTS_URL",
            validate=[validate.Length(min=1 if production else 0), validators.validate_url],
            **self.unless_production(""),
        )
        {% endif %}
        {% if cookiecutter.tracing != "none" %}

        self.TRACES_SAMPLE_RATIO = env.float(
            "TRACES_SAMPLE_RATIO", 0.01 if production else 1.0, validate=validate.Range(0, 1)
        )
        self.TRACES_PARENT_LIMIT = env.int(
            "TRACES_PARENT_LIMIT", 10, validate=validate.Range(min=0)
        )
        self.BAGGAGE_ALLOWED: list[str] = env.list("BAGGAGE_ALLOWED", [])
        {% endif %}

        vars(self).update(read_own(env, production=production))

    def unless_production(self, default: Any) -> dict[str, Any]:
        """Return `default` as a keyword argument; none in production, which requires a value."""
        return {} if self.ENVIRONMENT == "production" else {"default": default}


class DevelopmentConfig(Config):
    """Local development: requires no variable."""

    ENVIRONMENT = "development"
    DEBUG = True


class TestingConfig(Config):
    """Tests: exceptions propagate to the test."""

    ENVIRONMENT = "testing"
    DEFAULT_RATE_LIMIT = 0
    HEALTH_CHECK_CACHE = 0.0
    TESTING = True
    PROPAGATE_EXCEPTIONS = True


class ProductionConfig(Config):
    """Production: rejects missing, short and default secrets."""

    ENVIRONMENT = "production"


CONFIGS: dict[str, type[Config]] = {
    config.ENVIRONMENT: config for config in (DevelopmentConfig, TestingConfig, ProductionConfig)
}


def load_config(name: str | None = None) -> Config:
    """Return the configuration called `name`, by default that of `APP_ENV`.

    Raises `ConfigError` that lists every error on one line.
    """
    name = os.environ.get("APP_ENV", "development") if name is None else name
    if name not in CONFIGS:
        raise ConfigError(f"APP_ENV must be one of {', '.join(CONFIGS)}; it is {name!r}.")
    env = FileAwareEnv(eager=False, strip_whitespace=True)
    if name == "development":
        env.read_env(DOTENV, recurse=False)
    faults: dict[str, list[str]] = {}
    try:
        config = CONFIGS[name](env)
        if config.METRICS_PORT and config.METRICS_PORT == config.PORT:
            faults["METRICS_PORT"] = ["Must differ from PORT."]
        env.seal()
    except EnvValidationError as error:
        faults = cast("dict[str, list[str]]", error.error_messages) | faults
    except ValueError as error:  # a <NAME>_FILE that cannot be read
        raise ConfigError(f"Invalid {name} configuration of {SERVICE}. {error}") from error
    if faults:
        listed = (f"{variable}: {' '.join(messages)}" for variable, messages in faults.items())
        raise ConfigError(f"Invalid {name} configuration of {SERVICE}. {' '.join(listed)}")
    return config
