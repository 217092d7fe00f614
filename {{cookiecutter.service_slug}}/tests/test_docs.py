import re

import pytest
from apispec import APISpec
from flask.testing import FlaskClient

from app import create_app
from app.config import load_config
from app.extensions import api


def test_openapi_describes_the_service(client: FlaskClient) -> None:
    spec = client.get("/openapi.json").get_json()
    assert spec["openapi"].startswith("3.1")
    assert spec["info"]["title"] == client.application.config["API_TITLE"]


def test_openapi_is_generated_once_and_revalidated(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = client.get("/openapi.json")
    monkeypatch.setattr(APISpec, "to_dict", None)
    assert client.get("/openapi.json").data == first.data
    again = client.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]


def test_each_application_has_its_own_openapi() -> None:
    first, second = (create_app(load_config("testing")) for _ in range(2))
    api.spec.tag({"name": "second-application"})
    described = [app.test_client().get("/openapi.json").text for app in (first, second)]
    assert ["second-application" in spec for spec in described] == [False, True]


def test_the_service_serves_all_files_of_the_page(client: FlaskClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    links = re.findall(r'(?:src|href|data-spec-url)="([^"]+)"', page.text)
    assert len(links) == 5
    assert all(link.startswith("/") for link in links)
    for link in links:
        with client.get(link) as response:
            assert response.status_code == 200


def test_the_page_runs_only_scripts_of_the_service(client: FlaskClient) -> None:
    page = client.get("/docs")
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
    assert not re.search(r"<script[^>]*>[^<]", page.text)
