"""Takes what the template has released since: check, rehearse, update, notes.

Exits with 0 where there is nothing to do, or nothing left to do; 1 where the template has a newer
release (check) or the tests fail (rehearse); 2 where conflicts are left to resolve; 3 where it
cannot, and has changed nothing.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LINK = Path(".cruft.json")
BEHIND, CONFLICTS, CANNOT = 1, 2, 3
# The template's whole: where both sides have changed it, the template's is right.
THEIRS = ["constraints.txt"]


class Cannot(Exception):
    """Nothing was changed; the message says why not, without the token that a URL may have in it."""

    def __init__(self, message: str) -> None:
        super().__init__(re.sub(r"://[^/\s]*@", "://", message))


def run(*command: str, folder: Path | str = ".") -> str:
    """Run a command; return what it prints, raises `Cannot` with what it says when it fails."""
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode:
        raise Cannot(f"{shlex.join(command)}: {result.stderr.strip() or result.stdout.strip()}")
    return result.stdout


def read_link() -> dict[str, str]:
    """Return where the service comes from, as cruft keeps it."""
    if not LINK.exists():
        raise Cannot(
            "This service is not linked to its template: see docs/updating.md there, cruft link."
        )
    link: dict[str, str] = json.loads(LINK.read_text())
    return link


def list_releases(template: str) -> list[tuple[str, str]]:
    """Return the tags vX.Y.Z with their commits, oldest first; where there is none, HEAD."""
    found: dict[tuple[int, ...], tuple[str, str]] = {}
    listed = run("git", "ls-remote", template, "HEAD", "refs/tags/v*")
    head = ""
    for line in listed.splitlines():
        commit, _, name = line.partition("\t")
        # A tag with a message names its commit with ^{}, on the line after its own.
        if match := re.fullmatch(r"refs/tags/(v(\d+)\.(\d+)\.(\d+))(\^\{\})?", name):
            version = tuple(int(number) for number in match.group(2, 3, 4))
            found[version] = (match[1], commit)
        elif name == "HEAD":
            head = commit
    return [found[version] for version in sorted(found)] or [("HEAD", head)]


def require_clean_tree() -> None:
    """Raise `Cannot` unless all is committed, so that whatever happens can be undone."""
    if changed := run("git", "status", "--porcelain"):
        raise Cannot(f"Commit, stash or ignore first what git does not have:\n{changed.rstrip()}")


def find_conflicts(folder: Path) -> list[str]:
    """Return the paths that git could not merge, or not apply. cruft exits with 0 all the same."""
    unmerged = run("git", "diff", "--name-only", "--diff-filter=U", folder=folder).split("\n")
    rejected = run("git", "ls-files", "--others", "*.rej", folder=folder).split("\n")
    return sorted({path for path in (*unmerged, *rejected) if path})


def apply(folder: Path, tag: str, commit: str, answers: str | None = None) -> list[str]:
    """Update the service in `folder`; return the conflicts. What fails half-way is undone."""
    command = [
        *shlex.split(os.environ["CRUFT"]),
        "update",
        "--skip-apply-ask",
        "--checkout",
        commit,
    ]
    if answers:
        command += ["--variables-to-update", answers]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode:
        run("git", "reset", "--hard", "--quiet", folder=folder)
        run("git", "clean", "-d", "--force", "--quiet", folder=folder)
        lines = (result.stderr.strip() or result.stdout.strip() or "cruft failed").splitlines()
        raise Cannot(f"Could not update to {tag}, and has changed nothing: {lines[-1]}")
    for path in set(find_conflicts(folder)) & set(THEIRS):
        run("git", "checkout", "--theirs", path, folder=folder)
        run("git", "add", path, folder=folder)
    link = json.loads((folder / LINK).read_text())
    link |= {"commit": commit, "checkout": tag if tag != "HEAD" else None}
    text = json.dumps(link, ensure_ascii=False, indent=2, separators=(",", ": "))
    (folder / LINK).write_text(f"{text}\n")
    conflicts = find_conflicts(folder)
    if not conflicts:
        run("git", "add", "--all", folder=folder)
    return conflicts


def report(tag: str, changed: str, conflicts: list[str]) -> None:
    print(f"To {tag}: {changed.strip() or 'no file changes'}.")
    for path in conflicts:
        print(f"  conflict: {path}")


def check() -> int:
    link = read_link()
    tag, commit = list_releases(link["template"])[-1]
    if link["commit"] == commit:
        print(f"Up to date with {tag}.")
        return 0
    print(f"There is {tag}; this service is at {link.get('checkout') or link['commit'][:12]}.")
    return BEHIND


def update(answers: str | None) -> int:
    link = read_link()
    require_clean_tree()
    tag, commit = list_releases(link["template"])[-1]
    if link["commit"] == commit and not answers:
        print(f"Up to date with {tag}.")
        return 0
    conflicts = apply(Path("."), tag, commit, answers)
    report(tag, run("git", "diff", "--shortstat", "HEAD"), conflicts)
    print("Resolve what is in conflict, test, and commit." if conflicts else "Test, and commit.")
    return CONFLICTS if conflicts else 0


def rehearse(answers: str | None) -> int:
    link = read_link()
    tag, commit = list_releases(link["template"])[-1]
    scratch = Path(tempfile.mkdtemp(prefix="template-"))
    run("git", "worktree", "add", "--quiet", "--detach", str(scratch), "HEAD")
    try:
        conflicts = apply(scratch, tag, commit, answers)
        report(tag, run("git", "diff", "--shortstat", "HEAD", folder=scratch), conflicts)
        if conflicts:
            return CONFLICTS
        print("Running the tests there.", flush=True)
        failed = subprocess.run(["make", "test"], cwd=scratch, check=False).returncode
        print("The tests fail there." if failed else "The tests pass there.")
        return 1 if failed else 0
    finally:
        run("git", "worktree", "remove", "--force", str(scratch))
        shutil.rmtree(scratch, ignore_errors=True)


def notes() -> int:
    """Print the sections of the template's changelog that this service has not got yet."""
    link = read_link()
    tag, commit = list_releases(link["template"])[-1]
    with tempfile.TemporaryDirectory() as clone:
        run("git", "clone", "--quiet", "--bare", link["template"], clone)
        known, newer = (
            re.split(
                r"^(?=## )", run("git", "show", f"{at}:CHANGELOG.md", folder=clone), flags=re.M
            )
            for at in (link["commit"], commit)
        )
    told = "".join(section for section in newer if section not in known).strip()
    print(told or f"Nothing since {tag}.")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["check", "rehearse", "update", "notes"])
    parser.add_argument("--answers", help="other answers to the template's questions, as JSON")
    given = parser.parse_args()
    commands = {
        "check": check,
        "rehearse": lambda: rehearse(given.answers),
        "update": lambda: update(given.answers),
        "notes": notes,
    }
    try:
        return commands[given.command]()
    except Cannot as error:
        print(error, file=sys.stderr)
        return CANNOT


if __name__ == "__main__":
    sys.exit(main())
