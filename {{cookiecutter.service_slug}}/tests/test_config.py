from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from app.config import DEVELOPMENT_SECRET_KEY, ConfigError, load_config


@pytest.fixture(autouse=True)
def _bare_environment(production: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*production, "APP_ENV", "HOST", "PORT", "METRICS_PORT", "MAX_CONTENT_LENGTH"]:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    monkeypatch.setattr("app.config.DOTENV", Path("/nowhere/.env"))


def set_all(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def test_development_is_the_default_and_requires_nothing() -> None:
    assert load_config().DEBUG


def test_production_accepts_the_required_variables(
    production: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, production)
    assert not load_config("production").DEBUG


def test_error_names_every_invalid_variable(
    production: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_CONTENT_LENGTH", "plenty")
    with pytest.raises(ConfigError) as error:
        load_config("production")
    message = str(error.value)
    assert all(name in message for name in [*production, "MAX_CONTENT_LENGTH"])
    assert "\n" not in message


def test_production_rejects_empty_variables(
    production: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, dict.fromkeys(production, ""))
    with pytest.raises(ConfigError) as error:
        load_config("production")
    assert all(f"{name}: " in str(error.value) for name in production)


@pytest.mark.parametrize("secret", ["", "short", DEVELOPMENT_SECRET_KEY])
def test_production_rejects_a_weak_secret(
    secret: str, production: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, {**production, "SECRET_KEY": secret})
    with pytest.raises(ConfigError, match="SECRET_KEY"):
        load_config("production")


def test_production_reads_a_secret_from_a_file(
    tmp_path: Path, production: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "x" * 40
    production.pop("SECRET_KEY", None)
    (tmp_path / "secret").write_text(f"{secret}\n")
    set_all(monkeypatch, {**production, "SECRET_KEY_FILE": str(tmp_path / "secret")})
    assert load_config("production").SECRET_KEY == secret


def test_missing_secret_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY_FILE", "/nowhere/secret")
    with pytest.raises(ConfigError, match="SECRET_KEY_FILE"):
        load_config("production")


def test_dotenv_is_read_in_development_only(
    tmp_path: Path, production: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Reading the file sets the variable: this removes it after the test.
    monkeypatch.setenv("MAX_CONTENT_LENGTH", "")
    monkeypatch.delenv("MAX_CONTENT_LENGTH")
    monkeypatch.setattr("app.config.DOTENV", tmp_path / ".env")
    set_all(monkeypatch, production)
    (tmp_path / ".env").write_text("MAX_CONTENT_LENGTH=1\n")
    assert load_config("production").MAX_CONTENT_LENGTH != 1
    assert load_config("development").MAX_CONTENT_LENGTH == 1


@pytest.mark.parametrize("name", ["prod", ""])
def test_unknown_environment_is_rejected(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_ENV", name)
    with pytest.raises(ConfigError, match=f"development, testing, production; it is '{name}'"):
        load_config()


def test_invalid_port_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "80a")
    with pytest.raises(ConfigError, match="PORT: Not a valid integer"):
        load_config()


@pytest.mark.parametrize(
    ("host", "address"), [("::", "::"), ("[::1]", "::1"), ("localhost", "localhost")]
)
def test_address_is_accepted(host: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", host)
    assert load_config().HOST == address


@pytest.mark.parametrize("host", ["http://127.0.0.1", "127.0.0.1:8000", "*", "a b"])
def test_invalid_address_is_named(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", host)
    with pytest.raises(ConfigError, match="HOST: Not an address"):
        load_config()


@pytest.mark.parametrize(
    "hosts", [",", " ", "*", "*.example.com", "https://shop.example", "a b", "[::1]"]
)
def test_invalid_host_is_named(
    hosts: str, production: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, {**production, "TRUSTED_HOSTS": hosts})
    with pytest.raises(ConfigError, match="TRUSTED_HOSTS: ") as error:
        load_config("production")
    assert "\n" not in str(error.value)


def test_hosts_are_accepted(production: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = "shop.example,.below.example,localhost:8000,127.0.0.1,b\u00fccher.example"
    set_all(monkeypatch, {**production, "TRUSTED_HOSTS": hosts})
    assert load_config("production").TRUSTED_HOSTS == hosts.split(",")


@pytest.mark.parametrize("settings", [{"PORT": "9090"}, {"PORT": "80", "METRICS_PORT": "80"}])
def test_metrics_port_must_differ_from_port(
    settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, {"APP_ENV": "production", **settings})
    with pytest.raises(ConfigError, match="METRICS_PORT: Must differ from PORT"):
        load_config()


def test_connections_of_a_proxy_are_unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_config().CONNECTIONS_PER_ADDRESS > 0
    monkeypatch.setenv("TRUSTED_PROXIES", "1")
    assert load_config().CONNECTIONS_PER_ADDRESS == 0


@pytest.mark.parametrize("seconds", ["0", "-1", "inf", "nan", "1e12"])
@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("REQUEST_TIMEOUT", partial(load_config, "testing")),
        ("HEALTH_CHECK_TIMEOUT", partial(load_config, "testing")),
    ],
)
def test_invalid_time_limit_is_named(
    name: str, load: Callable[[], object], seconds: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, seconds)
    with pytest.raises(ConfigError, match=name):
        load()
