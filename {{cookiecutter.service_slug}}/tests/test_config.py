import os
from pathlib import Path

import pytest

from app.config import DEVELOPMENT_SECRET_KEY, ConfigError, load_config, load_server_config

SECRET = "a secret of more than thirty-two characters"
{% if cookiecutter.database != "none" %}
REQUIRED = ["SECRET_KEY", "DATABASE_URL"]
{% else %}
REQUIRED = ["SECRET_KEY"]
{% endif %}


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*REQUIRED, "APP_ENV", "PORT", "MAX_CONTENT_LENGTH"]:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    {% if cookiecutter.database != "none" %}
    monkeypatch.setenv("DATABASE_URL", "sqlite://")
    {% endif %}


def test_development_is_the_default_and_needs_nothing() -> None:
    assert load_config().DEBUG


def test_production_names_every_variable_at_fault_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in REQUIRED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MAX_CONTENT_LENGTH", "plenty")
    with pytest.raises(ConfigError) as refusal:
        load_config("production")
    message = str(refusal.value)
    assert all(name in message for name in [*REQUIRED, "MAX_CONTENT_LENGTH"])
    assert "\n" not in message


@pytest.mark.parametrize("secret", ["", "short", DEVELOPMENT_SECRET_KEY])
def test_production_refuses_a_secret_that_is_none(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", secret)
    with pytest.raises(ConfigError, match="SECRET_KEY"):
        load_config("production")


def test_production_reads_a_secret_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "secret"))
    assert load_config("production").SECRET_KEY == SECRET


def test_a_secret_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY_FILE", "/nowhere/secret")
    with pytest.raises(ConfigError, match="SECRET_KEY_FILE"):
        load_config("production")


def test_dotenv_counts_in_development_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.config.DOTENV", tmp_path / ".env")
    monkeypatch.setenv("SECRET_KEY", SECRET)
    (tmp_path / ".env").write_text("MAX_CONTENT_LENGTH=1\n")
    try:
        assert load_config("production").MAX_CONTENT_LENGTH != 1
        assert load_config("development").MAX_CONTENT_LENGTH == 1
    finally:
        os.environ.pop("MAX_CONTENT_LENGTH", None)


def test_an_unknown_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_ENV", "prod")
    with pytest.raises(ConfigError, match="development, testing, production; it is 'prod'"):
        load_config()


def test_a_port_that_is_no_port_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "80a")
    with pytest.raises(ConfigError, match="PORT: Not a valid integer"):
        load_server_config()
{% if cookiecutter.database != "none" %}


@pytest.mark.parametrize("url", ["", "postgres", "oracle://db/service"])
def test_a_database_url_that_is_none_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ConfigError, match="DATABASE_URL"):
        load_config("development")
{% endif %}
