"""Load by wrk (Debian: wrk)."""

import re
import subprocess
from pathlib import Path

CONNECTIONS = 16
UNITS = {"us": 1e-3, "ms": 1, "s": 1e3}


def wrk(port: int, path: str, seconds: int, script: Path | None = None) -> tuple[float, float]:
    """Requests a second, and the 99th percentile in ms; raises when any was not a 2xx."""
    command = ["wrk", "-t2", f"-c{CONNECTIONS}", "--latency", f"-d{seconds}s"]
    command += ["-s", str(script)] if script else []
    result = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True
    )
    assert "Non-2xx" not in result.stdout, result.stdout
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", result.stdout)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", result.stdout)
    return float(rate[1]), float(p99[1]) * UNITS[p99[2]]
