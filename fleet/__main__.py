"""Tells of each service how it stands to the template: python -m fleet [--json] FOLDER...

A folder is a service, or has services in it.
"""

import argparse
import concurrent.futures
import json
import sys
from pathlib import Path

from fleet.status import Status, find_services, read_status

COLUMNS = ("service", "release", "behind", "drift", "conflicts", "answers")


def row(status: Status) -> tuple[str, ...]:
    """The status as a line of the table."""
    if status.problem:
        return (status.service, "-", "-", "-", "-", status.problem)
    answers = " ".join(f"{prompt}={answer}" for prompt, answer in status.answers.items())
    conflicts = ", ".join(status.conflicts) or "none"
    return (status.service, status.release, str(status.behind), str(status.drift), conflicts, answers)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fleet", description=__doc__)
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("folders", nargs="+", type=Path)
    given = parser.parse_args()
    services = [service for folder in given.folders for service in find_services(folder)]
    if not services:
        print(
            "There is no service: none of the folders has a .cruft.json, or holds one that has.",
            file=sys.stderr,
        )
        return 1
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(read_status, services))
    if given.json:
        print(json.dumps([status._asdict() for status in found], indent=2))
    else:
        rows = [COLUMNS, *map(row, found)]
        widths = [max(len(line[column]) for line in rows) for column in range(len(COLUMNS) - 1)]
        for line in rows:
            print(
                "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]])
            )
    return 1 if any(status.problem for status in found) else 0


if __name__ == "__main__":
    sys.exit(main())
