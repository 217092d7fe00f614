"""gunicorn's worker classes under the same load: python -m benchmarks.worker_classes

The default service, two workers where it says nothing else, asked by wrk (Debian: wrk), in turns; throughput as ratios to sync.
Needs gevent beside what the suite needs.
"""

import importlib.util
import shutil
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.wrk import CONNECTIONS, wrk
from tests import contract, harness, servers

ROUNDS = 3
SECONDS = 3

CLASSES = {
    "sync": "worker_class = 'sync'\nthreads = 1\n",  # with more, gunicorn would take gthread
    "gthread": "worker_class = 'gthread'\nthreads = 4\n",
    "gthread, 1 worker": "worker_class = 'gthread'\nthreads = 4\nworkers = 1\n",
    "gthread, 4 workers": "worker_class = 'gthread'\nthreads = 4\nworkers = 4\n",
    "gevent": "worker_class = 'gevent'\n",
}

# A stand-in for a dependency that takes its time, for a request that a client sends slowly.
SLOW = """import time
from wsgi import application
@application.get('/slow')
def slow():
    time.sleep(0.1)
    return {}
"""


def probe_latency(server: servers.Server) -> float:
    """Milliseconds that liveness takes while 4 clients wait on the slow dependency."""
    time.sleep(2)  # until what wrk left behind is answered
    clients = [threading.Thread(target=server.ask, args=("GET", "/slow")) for _ in range(4)]
    for client in clients:
        client.start()
    time.sleep(0.02)
    started = time.perf_counter()
    server.ask("GET", "/health/live")
    elapsed = time.perf_counter() - started
    for client in clients:
        client.join()
    return elapsed * 1000


def main() -> None:
    if not shutil.which("wrk"):
        sys.exit("This benchmark needs wrk: install the package wrk.")
    if not importlib.util.find_spec("gevent"):
        sys.exit("This benchmark needs gevent: install it into .venv.")
    answers = harness.default(auth="none")
    found: dict[str, dict[str, list[float]]] = {name: {} for name in CLASSES}
    with tempfile.TemporaryDirectory() as scratch:
        folders = {}
        for name, lines in CLASSES.items():
            tree = harness.render(answers)
            tree["gunicorn.conf.py"] += f"\n{lines}".encode()
            tree["slow.py"] = SLOW.encode()
            folders[name] = harness.write(tree, Path(scratch, name))
            servers.run(folders[name], "flask", "db", "upgrade")
        for _ in range(ROUNDS):
            for name, folder in folders.items():
                with servers.serving(
                    folder, Path(scratch, "log"), "slow:application", LOG_LEVEL="ERROR", RATE_LIMIT="0"
                ) as server:
                    location = server.ask("POST", "/orders/", contract.ORDER).headers["Location"]
                    measured = {
                        "GET /health/live": wrk(server.port, "/health/live", SECONDS)[0],
                        "GET /orders/{id}": wrk(server.port, location, SECONDS)[0],
                        "GET /slow (100 ms)": wrk(server.port, "/slow", SECONDS)[0],
                        "probe, ms": probe_latency(server),
                    }
                for what, value in measured.items():
                    found[name].setdefault(what, []).append(value)
    medians = {name: {what: statistics.median(v) for what, v in all_.items()} for name, all_ in found.items()}
    whats = list(next(iter(medians.values())))
    print(f"Requests a second as ratios to sync; {CONNECTIONS} connections, median of {ROUNDS} x {SECONDS} s")
    print("  " + " " * 20 + "".join(f"{what:>22}" for what in whats))
    for name, values in medians.items():
        ratios = [
            f"{values[what]:.0f}" if what == "probe, ms" else f"{values[what] / medians['sync'][what]:.2f}"
            for what in whats
        ]
        print(f"  {name:20}" + "".join(f"{ratio:>22}" for ratio in ratios))


if __name__ == "__main__":
    main()
