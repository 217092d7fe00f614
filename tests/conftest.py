"""What the suite says when it is done."""

import itertools
import os
import time
from collections import Counter

import pytest

# What CONTRIBUTING.md has a table of.
PROOF = (
    "make proof adds real databases, gunicorn and the own suite of a pairwise sample, faults, attacks, hundreds of"
    " updates, a fleet, the image, a browser, and the READMEs as written."
)

STARTED = time.monotonic()

# The own files of a service, for test_owner.py.
collect_ignore = ["library"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the longest: what starts last would keep one process busy alone."""
    items.sort(key=lambda item: "own_suite" not in item.name)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have measured, how many combinations were proven, and how long it took."""
    tallies: dict[str, list[int]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, said in report.user_properties:
                if name == "summary":
                    terminalreporter.write_line(said)
                if name == "tally":
                    what, *counts = said
                    tallies[what] = [
                        sum(pair) for pair in zip(tallies.get(what, [0, 0]), counts, strict=True)
                    ]
    for what, (tried, wrong) in tallies.items():
        terminalreporter.write_line(f"Updates, {what}: {tried} tried, {wrong} with differences or conflicts.")
    seconds: Counter[str] = Counter()
    for report in itertools.chain.from_iterable(terminalreporter.stats.values()):
        if isinstance(report, pytest.TestReport):
            seconds[report.nodeid.partition("::")[0]] += report.duration
    for file, spent in seconds.most_common():
        terminalreporter.write_line(f"{file}: {spent:.0f} s of one process")
    terminalreporter.write_line(f"{time.monotonic() - STARTED:.0f} s on {os.cpu_count()} cores.")
    if terminalreporter.config.option.markexpr == "not proof":
        terminalreporter.write_line(PROOF)
