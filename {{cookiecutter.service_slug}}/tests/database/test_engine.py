import pytest
from environs import ValidationError

from app.config import ConfigError, load_config
from app.database.engine import engine_options, with_driver


@pytest.mark.parametrize("url", ["", "elsewhere", "oracle://host/service"])
def test_a_url_that_is_none_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ConfigError, match="DATABASE_URL"):
        load_config("development")


def test_a_url_gets_the_driver_of_this_service() -> None:
    url = with_driver("{{ cookiecutter.database }}://user:p%40ss@host/service")
    assert url.startswith("{{ cookiecutter.database }}+")
    assert url.endswith("://user:p%40ss@host/service")
    with pytest.raises(ValidationError):
        with_driver("{{ cookiecutter.database }}+other://host/service")


def test_no_server_may_keep_a_connection_waiting() -> None:
    options = engine_options("{{ cookiecutter.database }}://host", threads=8)
    assert options["connect_args"]["connect_timeout"] <= 5
    assert options["pool_timeout"] <= 5
    assert options["pool_size"] == 8
