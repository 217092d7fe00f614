"""Bearer tokens on public routes."""

import pytest

from app import create_app
from app.api import Blueprint
from app.auth.identity import current_identity
from app.config import load_config


@pytest.mark.parametrize("token", ["a.b.c", "x", "é"])
def test_public_view_that_reads_the_identity_rejects_an_invalid_token(
    monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    things = Blueprint("things", __name__, public=True)

    @things.get("/things")
    def view() -> dict[str, bool]:
        return {"known": current_identity() is not None}

    monkeypatch.setattr("app.RESOURCES", [things])
    client = create_app(load_config("testing")).test_client()
    response = client.get("/things", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 401
    assert "invalid_token" in response.headers["WWW-Authenticate"]
    assert client.get("/things").get_json() == {"known": False}
