import json
from pathlib import Path

import pytest

from app import version

# No user, no password, no token: /__version__ is public.
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
def test_the_source_is_told_without_a_token(
    source: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version, "ROOT", tmp_path)
    (tmp_path / "version.json").write_text(json.dumps({"source": source, "build": "7"}))
    told = version.read_version()
    assert (told["source"], told["build"]) == (shown, "7")


def test_of_the_template_only_the_commit_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version, "ROOT", tmp_path)
    link = {"template": "https://token@host/template", "commit": "abc"}
    (tmp_path / ".cruft.json").write_text(json.dumps(link))
    told = version.read_version()
    assert told["template"]["commit"] == "abc"
    assert "token" not in json.dumps(told)
