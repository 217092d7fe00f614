"""What the service's README says under "Build on it" works as it is written, in a service of any size."""

import re

import pytest

from tests import harness, servers

SERVICES = {"default": harness.default(), "smallest": harness.smallest()}

IMPORTS = {
    "app/stock.py": """
from functools import cache

import httpx
from flask import current_app

from app.clients.http import make_client, read_json

""",
    "app/own_settings.py": """
from typing import Any

from environs import FileAwareEnv

""",
    "app/own_extensions.py": """
from flask import Blueprint, Flask, Response, make_response, render_template

""",
}
HEADINGS = {
    "app/stock.py": "Call another service",
    "app/own_settings.py": "Add a setting",
    "app/own_extensions.py": "Add a page",
}

ASK = """
import http.server, threading
from flask import session
from app import create_app
from app.config import load_config
from app.stock import count_stock
from app.own_extensions import pages

@pages.get("/visits")
def visits():
    session["visits"] = session.get("visits", 0) + 1
    return {"visits": session["visits"]}

class Warehouse(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"count": 7}' if self.path == "/stock?sku=A%2F1" and self.headers["X-Request-ID"] else b"{}"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Warehouse)
threading.Thread(target=server.serve_forever, daemon=True).start()
app = create_app(load_config("testing"))
assert app.config["WAREHOUSE_URL"] == "http://127.0.0.1:9000"
app.config["WAREHOUSE_URL"] = f"http://127.0.0.1:{server.server_port}"
client = app.test_client()
page = client.get("/hello")
assert (page.status_code, page.text, page.mimetype) == (200, "<p>Hello</p>", "text/html"), page.text
assert page.headers["Content-Security-Policy"] == "default-src 'self'"
assert [client.get("/visits").get_json()["visits"] for _ in range(3)] == [1, 2, 3]
with app.test_request_context():
    assert count_stock("A/1") == 7
print("ok")
"""


def block(readme: str, heading: str) -> str:
    """The Python under a heading."""
    section = re.search(rf"^### {heading}\n(.*?)(?=^##)", readme, re.MULTILINE | re.DOTALL)
    assert section, heading
    found = re.search(r"^```python\n(.*?)^```", section[1], re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


@pytest.mark.parametrize("answers", SERVICES.values(), ids=SERVICES.keys())
def test_the_code_of_the_readme_works_in_own_places(answers, tmp_path):
    folder = harness.write(harness.render(answers), tmp_path / "service")
    readme = (folder / "README.md").read_text()
    for path, heading in HEADINGS.items():
        (folder / path).write_text(f'"""Own code."""\n{IMPORTS[path]}\n{block(readme, heading)}')
    (folder / "app" / "templates").mkdir()
    (folder / "app" / "templates" / "hello.html").write_text("<p>Hello</p>")
    asked = servers.run(folder, "python", "-B", "-c", ASK)
    assert (asked.returncode, asked.stdout) == (0, "ok\n"), asked.stdout + asked.stderr
    checked = servers.run(folder, "ruff", "check", "--no-cache", "--ignore=I001", "app")
    assert checked.returncode == 0, checked.stdout


def test_the_tests_that_are_not_the_owners_are_named(tmp_path):
    for answers in harness.covering(2, harness.wiring()):
        tree = harness.render(answers)
        listed = re.findall(r"^TEMPLATE_TESTS \+?:?= (.*)$", tree["Makefile"].decode(), re.MULTILINE)
        files = {name.split("/")[1] for name in tree if re.match(r"tests/(test_\w+\.py$|\w+/)", name)}
        assert files == set(" ".join(listed).split()), answers
