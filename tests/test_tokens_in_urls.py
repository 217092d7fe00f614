"""A token in the URL of the origin, or of the template, is shown nowhere."""

import json
import os
import subprocess

import pytest

from tests import harness, servers
from tests.test_image import BUILD, RUN

TOKEN = "ghp_0123456789abcdef"
ORIGIN = f"https://{TOKEN}@127.0.0.1:9/org/widget-depot.git"


@pytest.fixture
def service(tmp_path):
    folder = harness.write(harness.render(harness.default()), tmp_path / "service")
    link = {"template": ORIGIN, "commit": "0" * 40, "context": {"cookiecutter": {"_template": ORIGIN}}}
    (folder / ".cruft.json").write_text(json.dumps(link))
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    subprocess.run(["git", "remote", "add", "origin", ORIGIN], cwd=folder, check=True)
    return folder


def test_make_image_passes_none_on(service, tmp_path):
    """What docker is called with is seen by everybody on the machine, and kept in the image's history."""
    engine = tmp_path / "bin" / "docker"
    engine.parent.mkdir()
    engine.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    engine.chmod(0o755)
    path = f"{engine.parent}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        ["make", "image"],
        cwd=service,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "SOURCE=https://127.0.0.1:9/org/widget-depot.git" in result.stdout.splitlines()
    assert TOKEN not in result.stdout + result.stderr


@pytest.mark.parametrize("command", ["check", "rehearse", "notes"])
def test_updates_say_none(service, command):
    result = servers.run(service, "python", "tools/template.py", command)
    assert result.returncode == 3
    assert "https://127.0.0.1:9/org/widget-depot.git" in result.stderr
    assert TOKEN not in result.stdout + result.stderr


@pytest.mark.proof
@pytest.mark.skipif(not (BUILD and RUN), reason="IMAGE_BUILD and IMAGE_RUN do not say how images are built")
def test_none_is_in_the_image(service):
    tag = "template-test-tokens"
    build = [BUILD, str(service), tag, "--build-arg", f"SOURCE={ORIGIN}", "--build-arg", "COMMIT=abc"]
    result = subprocess.run(build, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    command = [RUN, tag, "--", "cat", "version.json", ".cruft.json"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told.count("https://127.0.0.1:9/org/widget-depot.git") == 3
    assert '"commit": "abc"' in told
    assert TOKEN not in told
