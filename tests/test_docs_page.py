"""The documentation page in a real browser that can reach nothing but the service."""

import os
import shutil
import subprocess

import pytest

from tests import harness, servers

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")

# Every other host fails to resolve, as with the network unplugged.
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,1000",
    "--virtual-time-budget=10000",
    "--enable-logging=stderr",
    "--host-resolver-rules=",
]
RULES = "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: CHROMIUM names none")
@pytest.mark.parametrize("example", [True, False])
def test_swagger_ui_renders_offline_under_its_own_policy(example, tmp_path):
    answers = harness.default(example=example)
    folder = harness.write(harness.render(answers), tmp_path / "service")
    options = [*OPTIONS[:-1], OPTIONS[-1] + RULES, f"--user-data-dir={tmp_path / 'profile'}"]
    with servers.serving(folder, tmp_path / "log") as server:
        url = f"http://127.0.0.1:{server.port}/docs"
        page = subprocess.run(
            [CHROMIUM, *options, "--dump-dom", url], capture_output=True, text=True, timeout=120, check=False
        )
        screenshot = tmp_path / "docs.png"
        subprocess.run(
            [CHROMIUM, *options, f"--screenshot={screenshot}", url],
            capture_output=True,
            timeout=120,
            check=False,
        )
    assert "Widget Depot" in page.stdout
    assert ("Place an order" in page.stdout) == example
    assert "Failed to load" not in page.stdout
    console = [line for line in page.stderr.splitlines() if "CONSOLE" in line]
    assert console == []
    assert screenshot.stat().st_size > 10_000
