"""What the suite says when it is done."""

import time

import pytest

from tests import harness

STARTED = time.monotonic()


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
    passed = len(terminalreporter.stats.get("passed", []))
    failed = len(terminalreporter.stats.get("failed", [])) + len(terminalreporter.stats.get("error", []))
    proven = (
        f"{len(harness.combinations())} combinations of answers"
        if passed and not failed
        else "not every combination"
    )
    terminalreporter.write_line(
        f"Proven: {proven}, {len(harness.behaviours())} applications, {len(harness.pairwise())} in the pairwise"
        f" sample; {time.monotonic() - STARTED:.0f} s."
    )
