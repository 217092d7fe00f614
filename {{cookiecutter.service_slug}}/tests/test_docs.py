import re

from flask.testing import FlaskClient


def test_openapi_describes_the_service(client: FlaskClient) -> None:
    spec = client.get("/openapi.json").get_json()
    assert spec["openapi"].startswith("3.1")
    assert spec["info"]["title"] == client.application.config["API_TITLE"]


def test_the_page_is_served_whole_by_the_service_itself(client: FlaskClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    links = re.findall(r'(?:src|href|data-spec-url)="([^"]+)"', page.text)
    assert len(links) == 5
    assert all(link.startswith("/") for link in links)
    for link in links:
        with client.get(link) as response:
            assert response.status_code == 200


def test_the_page_runs_nothing_but_the_services_own_scripts(client: FlaskClient) -> None:
    page = client.get("/docs")
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
    assert not re.search(r"<script[^>]*>[^<]", page.text)
