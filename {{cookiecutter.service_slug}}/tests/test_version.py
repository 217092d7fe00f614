import json
from pathlib import Path

import pytest

from app import version

# /__version__ is public: it must not contain a user, password or token.
SOURCES = {
    "https://host.example/org/name": "https://host.example/org/name",
    "https://token@host.example/org/name": "https://host.example/org/name",
    "https://user:pass@word@host.example:8443/org/name.git": "https://host.example:8443/org/name.git",
    "https://token@host": "https://host",
    "ssh://git@host.example/org/name": "ssh://host.example/org/name",
    "git@host.example:org/name.git": "git@host.example:org/name.git",
    "": "",
}


@pytest.mark.parametrize(("source", "shown"), SOURCES.items())
def test_the_source_contains_no_credentials(
    source: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version, "ROOT", tmp_path)
    (tmp_path / "version.json").write_text(json.dumps({"source": source, "build": "7"}))
    public = version.read_version()
    assert (public["source"], public["build"]) == (shown, "7")


def test_the_template_is_named_by_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version, "ROOT", tmp_path)
    link = {"template": "https://token@host/template", "commit": "abc"}
    (tmp_path / ".cruft.json").write_text(json.dumps(link))
    public = version.read_version()
    assert public["template"]["commit"] == "abc"
    assert "token" not in json.dumps(public)
