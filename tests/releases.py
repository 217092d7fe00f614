"""The template's releases: what each has asked, and whether the next may be tagged.

python -m tests.releases    checks the release that pyproject.toml names, and tags it
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tests import harness


def git(*arguments: str, folder: Path = harness.ROOT) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


def tags(folder: Path = harness.ROOT) -> list[str]:
    """The tags of releases, oldest first."""
    found = [tag for tag in git("tag", folder=folder).split() if re.fullmatch(r"v\d+\.\d+\.\d+", tag)]
    return sorted(found, key=lambda tag: [int(part) for part in tag[1:].split(".")])


SHALLOW = "this clone is shallow, so earlier releases are unknown: git fetch --unshallow --tags"


# 0.1.0 was released without a tag: its changelog was dated earlier than its last migration was written.
UNTAGGED = {"0.1.0": "7eba7669786d0e6746a2bbd56794b428fd3c0763"}


def is_shallow(folder: Path = harness.ROOT) -> bool:
    return git("rev-parse", "--is-shallow-repository", folder=folder).strip() == "true"


def section_of(version: str, changelog: str) -> str:
    """What the changelog says of a version; empty without a date."""
    parts = re.split(r"^(?=## )", changelog, flags=re.M)
    return "".join(
        part for part in parts if re.match(rf"## \[{re.escape(version)}\] - \d{{4}}-\d{{2}}-\d{{2}}\n", part)
    )


def released(folder: Path = harness.ROOT) -> dict[str, str]:
    """Each release before HEAD, oldest first: its version, and its tag or commit.

    Without a tag, which a clone may lack, it is the first commit in which the changelog has a dated section for the
    version of pyproject.toml. That of a version that is only being prepared is HEAD itself.
    """
    if is_shallow(folder):
        raise ValueError(SHALLOW)
    found = {}
    log = git(
        "log", "--first-parent", "--reverse", "--format=%H", "HEAD~", "--", "CHANGELOG.md", folder=folder
    )
    for commit in log.split():
        project = tomllib.loads(git("show", f"{commit}:pyproject.toml", folder=folder))
        version = project["project"]["version"]
        if version not in found and section_of(version, git("show", f"{commit}:CHANGELOG.md", folder=folder)):
            found[version] = commit
    commits = set(git("log", "--first-parent", "--format=%H", folder=folder).split())
    found |= {version: commit for version, commit in UNTAGGED.items() if commit in commits}
    found |= {tag[1:]: tag for tag in tags(folder)}
    return dict(sorted(found.items(), key=lambda one: [int(part) for part in one[0].split(".")]))


def prompts(commit: str, folder: Path = harness.ROOT) -> dict:
    """cookiecutter.json as it was released."""
    return json.loads(git("show", f"{commit}:cookiecutter.json", folder=folder))


def withdrawn(old: dict, new: dict) -> list[str]:
    """What a service that has answered `old` could not answer any more."""
    found = []
    for prompt, answers in old.items():
        if prompt.startswith("_"):
            continue
        if prompt not in new:
            found.append(f"{prompt} is gone")
        elif type(new[prompt]) is not type(answers):
            found.append(f"{prompt} is asked in another way")
        elif isinstance(answers, list):
            found += [f"{prompt} has no {answer}" for answer in answers if answer not in new[prompt]]
    return found


def faults(folder: Path = harness.ROOT) -> list[str]:
    """What keeps the release that pyproject.toml names from being tagged."""
    version = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["version"]
    new = json.loads((folder / "cookiecutter.json").read_text())
    changelog = re.split(r"^(?=## )", (folder / "CHANGELOG.md").read_text(), flags=re.M)
    (unreleased,) = [part for part in changelog if part.startswith("## [Unreleased]")]
    section = section_of(version, "".join(changelog))
    found = []
    if new["_template_version"] != version:
        found.append(f"cookiecutter.json says {new['_template_version']}, pyproject.toml {version}")
    if not section:
        found.append(f"CHANGELOG.md has no section for {version} with a date")
    elif "\n### Updating\n" not in section:
        found.append(f"CHANGELOG.md does not say what updating to {version} takes")
    if unreleased.partition("\n")[2].strip():
        found.append("CHANGELOG.md has changes that are not of this release")
    if f"v{version}" in tags(folder):
        found.append(f"v{version} is released already")
    if git("status", "--porcelain", folder=folder):
        found.append("there are changes that are not committed")
    if is_shallow(folder):
        return [*found, SHALLOW]
    for release, commit in released(folder).items():
        found += [f"since {release}, {what}" for what in withdrawn(prompts(commit, folder), new)]
    return found


def main() -> None:
    if found := faults():
        sys.exit("\n".join(found))
    if "--check" in sys.argv:
        return
    version = tomllib.loads((harness.ROOT / "pyproject.toml").read_text())["project"]["version"]
    git("tag", "--annotate", "--message", f"Release {version}", f"v{version}")
    print(f"Tagged v{version}. To publish it: git push origin main v{version}")


if __name__ == "__main__":
    main()
