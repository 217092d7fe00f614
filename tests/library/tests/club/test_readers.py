"""Readers join the club, and follow each other."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.auth.users import find_user
from tests.auth.sign_in import PASSWORD


def test_a_profile_and_its_account_are_stored_together_or_not_at_all(
    app: Flask, client: FlaskClient, join: Callable[[str], tuple[FlaskClient, str]]
) -> None:
    join("ada")
    for taken in ("email", "name"):
        body = {"email": "eve@example.com", "password": PASSWORD, "name": "eve"}
        body[taken] = {"email": "ada@example.com", "name": "ada"}[taken]
        assert client.post("/readers/", json=body).status_code == 409
    with app.app_context():
        assert find_user("ada@example.com")
        assert find_user("eve@example.com") is None


def test_closed_registration(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "REGISTRATION_OPEN", False)
    body = {"email": "eve@example.com", "password": PASSWORD, "name": "eve"}
    assert client.post("/readers/", json=body).status_code == 403


def test_a_reader_is_followed_by_those_who_follow(
    app: Flask, client: FlaskClient, join: Callable[[str], tuple[FlaskClient, str]]
) -> None:
    (ada, _), (eve, eve_id) = join("ada"), join("eve")
    for _ in range(2):
        assert ada.put(f"/readers/{eve_id}/follow").status_code == 204
    followed = [one.get(f"/readers/{eve_id}").get_json()["followed"] for one in (ada, eve, client)]
    assert followed == [True, False, False]
    ranked = app.test_cli_runner().invoke(args=["readers", "rank"])
    assert ranked.output == "1\teve\n0\tada\n"
    for _ in range(2):
        assert ada.delete(f"/readers/{eve_id}/follow").status_code == 204
    assert ada.get(f"/readers/{eve_id}").get_json()["followed"] is False


def test_guests_and_accounts_without_a_profile_follow_nobody(
    client: FlaskClient,
    join: Callable[[str], tuple[FlaskClient, str]],
    sign_in: Callable[..., FlaskClient],
) -> None:
    _, ada_id = join("ada")
    assert client.put(f"/readers/{ada_id}/follow").status_code == 401
    assert sign_in("mallory@example.com").put(f"/readers/{ada_id}/follow").status_code == 403
