"""Articles are read by everybody, and changed by their authors."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

Join = Callable[[str], tuple[FlaskClient, str]]


def write(client: FlaskClient, title: str, *tags: str, key: str | None = None) -> dict[str, Any]:
    headers = {"Idempotency-Key": key} if key else {}
    body = {"title": title, "body": "It begins\nlike this.", "tags": tags}
    response = client.post("/articles/", json=body, headers=headers)
    assert response.status_code == 201, response.get_json()
    article: dict[str, Any] = response.get_json()
    assert response.location == f"/articles/{article['id']}"
    return article


def titles(client: FlaskClient, **query: str) -> list[str]:
    """Return the titles of all pages."""
    found, cursor = [], None
    while True:
        page = client.get("/articles/", query_string={"limit": 2, "cursor": cursor, **query})
        found += [article["title"] for article in page.get_json()["articles"]]
        cursor = page.get_json()["next"]
        if not cursor:
            return found


def test_guests_read_articles_newest_first_and_by_tag(client: FlaskClient, join: Join) -> None:
    ada, _ = join("ada")
    for number in range(5):
        write(ada, f"Book {number}", "books", *["even"] * (number % 2 == 0))
    assert titles(client) == [f"Book {number}" for number in (4, 3, 2, 1, 0)]
    assert titles(client, tag="even") == ["Book 4", "Book 2", "Book 0"]
    assert titles(client, tag="none") == []


def test_an_article_says_whether_the_caller_follows_its_author(
    client: FlaskClient, join: Join
) -> None:
    (ada, ada_id), (eve, _) = join("ada"), join("eve")
    article = write(ada, "On engines")
    eve.put(f"/readers/{ada_id}/follow")
    for caller, followed in ((ada, False), (eve, True), (client, False)):
        (listed,) = caller.get("/articles/").get_json()["articles"]
        read = caller.get(f"/articles/{article['id']}").get_json()
        assert listed == read
        assert read["author"] == {
            "id": ada_id,
            "name": "ada",
            "about": "",
            "followed": followed,
        }


def test_an_article_is_written_once_for_each_key(client: FlaskClient, join: Join) -> None:
    ada, _ = join("ada")
    first, second = (write(ada, "On engines", key="once") for _ in range(2))
    assert first == second
    assert titles(client) == ["On engines"]


def test_only_its_author_changes_an_article(client: FlaskClient, join: Join) -> None:
    (ada, _), (eve, _) = join("ada"), join("eve")
    path = f"/articles/{write(ada, 'Draft', 'a', 'b')['id']}"
    for other, status in ((eve, 404), (client, 401)):
        assert other.patch(path, json={"title": "Mine"}).status_code == status
        assert other.delete(path).status_code == status
    changed = ada.patch(path, json={"title": "Done", "tags": ["c", "b", "c"]}).get_json()
    assert (changed["title"], changed["tags"]) == ("Done", ["b", "c"])
    assert client.get(path).get_json() == changed
    ada.post(f"{path}/comments", json={"body": "Mine."})
    assert ada.delete(path).status_code == 204
    assert client.get(path).status_code == 404


def test_favourites_are_counted(client: FlaskClient, join: Join) -> None:
    (ada, _), (eve, _) = join("ada"), join("eve")
    path = f"/articles/{write(ada, 'On engines')['id']}"
    for _ in range(2):
        assert eve.put(f"{path}/favourite").status_code == 204
    seen = [one.get(path).get_json() for one in (ada, eve, client)]
    assert [article["favourite"] for article in seen] == [False, True, False]
    assert [article["favourites"] for article in seen] == [1, 1, 1]
    assert eve.delete(f"{path}/favourite").status_code == 204
    assert eve.get(path).get_json()["favourites"] == 0


def test_comments(app: Flask, join: Join, monkeypatch: pytest.MonkeyPatch) -> None:
    (ada, _), (eve, eve_id) = join("ada"), join("eve")
    path = f"/articles/{write(ada, 'On engines')['id']}/comments"
    ids = [eve.post(path, json={"body": f"{n}"}).get_json()["id"] for n in range(3)]
    ada.put(f"/readers/{eve_id}/follow")
    comments = ada.get(path).get_json()["comments"]
    assert [comment["id"] for comment in comments] == ids[::-1]
    assert all(comment["author"]["followed"] for comment in comments)
    assert ada.delete(f"{path}/{ids[0]}").status_code == 404
    assert eve.delete(f"{path}/{ids[0]}").status_code == 204
    monkeypatch.setitem(app.config, "COMMENTS_OPEN", False)
    assert eve.post(path, json={"body": "Late."}).status_code == 403
