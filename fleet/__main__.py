"""Report the template release, drift and conflicts of services: python -m fleet [--json] FOLDER...

A folder is a service, or contains services.
"""

import argparse
import concurrent.futures
import json
import sys
from pathlib import Path

from fleet.status import Status, find_services, read_status

COLUMNS = ("service", "release", "behind", "drift", "conflicts", "answers")


def format_row(status: Status) -> tuple[str, ...]:
    """Return the status as a row of the table."""
    if status.problem:
        return (status.service, "-", "-", "-", "-", status.problem)
    answers = " ".join(f"{prompt}={answer}" for prompt, answer in status.answers.items())
    conflicts = ", ".join(status.conflicts) or "none"
    return (status.service, status.release, str(status.behind), str(status.drift), conflicts, answers)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fleet", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("folders", nargs="+", type=Path, help="a service, or a folder of services")
    options = parser.parse_args()
    services = [service for folder in options.folders for service in find_services(folder)]
    if not services:
        print("No service found: no .cruft.json in the folders or their subfolders.", file=sys.stderr)
        return 1
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(read_status, services))
    if options.json:
        print(json.dumps([status._asdict() for status in statuses], indent=2))
    else:
        rows = [COLUMNS, *map(format_row, statuses)]
        widths = [max(len(line[column]) for line in rows) for column in range(len(COLUMNS) - 1)]
        for line in rows:
            print(
                "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]])
            )
    return 1 if any(status.problem for status in statuses) else 0


if __name__ == "__main__":
    sys.exit(main())
