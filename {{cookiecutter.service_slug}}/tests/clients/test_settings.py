from pathlib import Path

import pytest

from app.config import ConfigError, load_config


@pytest.fixture(autouse=True)
def _no_dotenv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.config.DOTENV", Path("/nowhere/.env"))


@pytest.mark.parametrize("environment", ["production", "development"])
@pytest.mark.parametrize(
    "url",
    [
        "not a url",
        "payments.example",
        "ftp://payments.example",
        "http://",
        "http://a b",
        "http://a\nb",
        "http://..",
    ],
)
def test_an_invalid_payments_url_is_rejected_at_startup(
    environment: str, url: str, production: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**production, "PAYMENTS_URL": url}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="PAYMENTS_URL: Must be a URL") as refusal:
        load_config(environment)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("url", ["http://payments_api:8080/v1", "https://payments.example/v1"])
def test_a_valid_payments_url_is_accepted(
    url: str, production: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**production, "PAYMENTS_URL": url}.items():
        monkeypatch.setenv(name, value)
    assert url == load_config("production").PAYMENTS_URL
