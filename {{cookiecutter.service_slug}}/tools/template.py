"""Update the service to the newest release of its template: link, check, rehearse, update, notes.

Exit codes: 0 on success; 1 if there is a newer release (check) or the tests fail (rehearse); 2 if
there are conflicts to resolve; 3 on an error, after which nothing is changed.
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
# The answers that the service was generated with, and the template's URL and version.
ANSWERS = Path(".template.json")
OUTDATED, TESTS_FAILED, CONFLICTS, ERROR = 1, 1, 2, 3
# Files that the template owns: in a conflict, its version is used.
TEMPLATE_FILES = ["constraints.txt"]


class UpdateError(Exception):
    """Error that leaves the service unchanged; the message contains no token from a URL."""

    def __init__(self, message: str) -> None:
        super().__init__(re.sub(r"://[^/\s]*@", "://", message))


def run_command(*command: str, folder: Path | str = ".") -> str:
    """Run a command and return its output; raise `UpdateError` with its message if it fails."""
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode:
        message = result.stderr.strip() or result.stdout.strip()
        raise UpdateError(f"{shlex.join(command)}: {message}")
    return result.stdout


def read_link() -> dict[str, str]:
    """Return .cruft.json: the template and the commit that the service was generated from."""
    if not LINK.exists():
        raise UpdateError("This service is not linked to its template: run make template-link.")
    link: dict[str, str] = json.loads(LINK.read_text())
    return link


def list_releases(template: str) -> list[tuple[str, str]]:
    """Return the tags vX.Y.Z and their commits, oldest first; without any tag, HEAD."""
    found: dict[tuple[int, ...], tuple[str, str]] = {}
    listed = run_command("git", "ls-remote", template, "HEAD", "refs/tags/v*")
    head = ""
    for line in listed.splitlines():
        commit, _, name = line.partition("\t")
        # The commit of an annotated tag has the suffix ^{}, on the line after the tag.
        if match := re.fullmatch(r"refs/tags/(v(\d+)\.(\d+)\.(\d+))(\^\{\})?", name):
            version = tuple(int(number) for number in match.group(2, 3, 4))
            found[version] = (match[1], commit)
        elif name == "HEAD":
            head = commit
    return [found[version] for version in sorted(found)] or [("HEAD", head)]


def require_clean_tree() -> None:
    """Raise `UpdateError` if there are uncommitted changes, so that git can undo an update."""
    if changed := run_command("git", "status", "--porcelain"):
        raise UpdateError(f"Commit, stash or ignore these changes first:\n{changed.rstrip()}")


def find_conflicts(folder: Path) -> list[str]:
    """Return the paths that git could not merge or apply; cruft exits with 0 even then."""
    unmerged = run_command("git", "diff", "--name-only", "--diff-filter=U", folder=folder)
    rejected = run_command("git", "ls-files", "--others", "*.rej", folder=folder)
    return sorted({*unmerged.splitlines(), *rejected.splitlines()})


def apply_update(folder: Path, tag: str, commit: str, answers: str | None = None) -> list[str]:
    """Update the service in `folder` and return the conflicts; undo the update if cruft fails."""
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
        run_command("git", "reset", "--hard", "--quiet", folder=folder)
        run_command("git", "clean", "-d", "--force", "--quiet", folder=folder)
        lines = (result.stderr.strip() or result.stdout.strip() or "cruft failed").splitlines()
        raise UpdateError(f"Cannot update to {tag}; nothing was changed: {lines[-1]}")
    for path in set(find_conflicts(folder)) & set(TEMPLATE_FILES):
        run_command("git", "checkout", "--theirs", path, folder=folder)
        run_command("git", "add", path, folder=folder)
    link = json.loads((folder / LINK).read_text())
    link |= {"commit": commit, "checkout": tag if tag != "HEAD" else None}
    text = json.dumps(link, ensure_ascii=False, indent=2, separators=(",", ": "))
    (folder / LINK).write_text(f"{text}\n")
    conflicts = find_conflicts(folder)
    if not conflicts:
        run_command("git", "add", "--all", folder=folder)
    return conflicts


def link_service(url: str | None) -> int:
    """Link a service that cruft did not generate to the release that it was generated from."""
    if LINK.exists():
        raise UpdateError(f"This service is already linked to {read_link()['template']}.")
    if not ANSWERS.exists():
        raise UpdateError(f"{ANSWERS}, which has the answers, is missing.")
    context: dict[str, dict[str, object]] = json.loads(ANSWERS.read_text())
    (answers,) = context.values()
    template = str(url or answers["_template_url"])
    tag = f"v{answers['_template_version']}"
    commits = dict(list_releases(template))
    if tag not in commits and "HEAD" not in commits:
        raise UpdateError(f"{template} has no release {tag}.")
    checkout, commit = (tag, commits[tag]) if tag in commits else (None, commits["HEAD"])
    link = {
        "template": template,
        "commit": commit,
        "checkout": checkout,
        "context": context,
        "directory": None,
    }
    LINK.write_text(json.dumps(link, ensure_ascii=False, indent=2) + "\n")
    print(f"Linked to {checkout or commit[:12]} of {template}. Commit {LINK}.")
    return 0


def print_report(folder: Path, tag: str, conflicts: list[str]) -> None:
    changes = run_command("git", "diff", "--shortstat", "HEAD", folder=folder)
    print(f"Updated to {tag}: {changes.strip() or 'no files changed'}.")
    for path in conflicts:
        print(f"  conflict: {path}")


def check_release() -> int:
    """Print whether the template has a newer release."""
    link = read_link()
    tag, commit = list_releases(link["template"])[-1]
    if link["commit"] == commit:
        print(f"Up to date with {tag}.")
        return 0
    current = link.get("checkout") or link["commit"][:12]
    print(f"{tag} is available; this service is at {current}.")
    return OUTDATED


def update_service(answers: str | None) -> int:
    """Update the service to the newest release, with other `answers` if given."""
    link = read_link()
    require_clean_tree()
    tag, commit = list_releases(link["template"])[-1]
    if link["commit"] == commit and not answers:
        print(f"Up to date with {tag}.")
        return 0
    conflicts = apply_update(Path("."), tag, commit, answers)
    print_report(Path("."), tag, conflicts)
    resolve = "Resolve the conflicts, then run" if conflicts else "Run"
    print(f"{resolve} the tests and commit.")
    return CONFLICTS if conflicts else 0


def rehearse_update(answers: str | None) -> int:
    """Update a scratch worktree and run the tests there."""
    link = read_link()
    tag, commit = list_releases(link["template"])[-1]
    scratch = Path(tempfile.mkdtemp(prefix="template-"))
    run_command("git", "worktree", "add", "--quiet", "--detach", str(scratch), "HEAD")
    try:
        conflicts = apply_update(scratch, tag, commit, answers)
        print_report(scratch, tag, conflicts)
        if conflicts:
            return CONFLICTS
        print("Running the tests.", flush=True)
        failed = subprocess.run(["make", "test"], cwd=scratch, check=False).returncode
        print("The tests fail." if failed else "The tests pass.")
        return TESTS_FAILED if failed else 0
    finally:
        run_command("git", "worktree", "remove", "--force", str(scratch))
        shutil.rmtree(scratch, ignore_errors=True)


def print_notes() -> int:
    """Print the sections of the template's changelog that are newer than this service."""
    link = read_link()
    tag, commit = list_releases(link["template"])[-1]
    with tempfile.TemporaryDirectory() as clone:
        run_command("git", "clone", "--quiet", "--bare", link["template"], clone)
        old, new = (
            run_command("git", "show", f"{revision}:CHANGELOG.md", folder=clone)
            for revision in (link["commit"], commit)
        )
    sections = re.split(r"^(?=## )", new, flags=re.M)
    known = re.split(r"^(?=## )", old, flags=re.M)
    added = "".join(section for section in sections if section not in known).strip()
    print(added or f"No changes since {tag}.")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["link", "check", "rehearse", "update", "notes"])
    parser.add_argument("--template", help="URL of the template to link to")
    parser.add_argument("--answers", help="other answers to the template's questions, as JSON")
    options = parser.parse_args()
    commands = {
        "link": lambda: link_service(options.template),
        "check": check_release,
        "rehearse": lambda: rehearse_update(options.answers),
        "update": lambda: update_service(options.answers),
        "notes": print_notes,
    }
    try:
        return commands[options.command]()
    except UpdateError as error:
        print(error, file=sys.stderr)
        return ERROR


if __name__ == "__main__":
    sys.exit(main())
