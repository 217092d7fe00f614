"""What being observed costs: python -m benchmarks.observability

The default service in production, with everything on and 1 % of its requests traced to a collector,
beside the same routes on Flask alone (1.00) and beside an assembly of the libraries as their
documentation says. In turns, on PostgreSQL (POSTGRESQL_URL): in process, by CPU time; and under
gunicorn, by wrk (Debian: wrk). Then how long each takes to start, and its memory under preload.
"""

import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.wrk import CONNECTIONS, wrk
from tests import contract, harness, servers
from tests.collector import Collector
from tests.provider import Provider

KINDS = ("bare", "served", "assembled")
ROUTES = ("GET /hello", "GET /orders/{id}", "POST /orders/")
ROUNDS = 15
REQUESTS = {"GET /hello": 2000, "GET /orders/{id}": 300, "POST /orders/": 100}
# What the assembly has beside the service's own dependencies.
ASSEMBLY = [
    "opentelemetry-instrumentation-flask",
    "opentelemetry-instrumentation-httpx",
    "opentelemetry-instrumentation-sqlalchemy",
    "prometheus-flask-exporter",
]
SECONDS = 2
SERVER_ROUNDS = 7
STARTS = 5

# Runs in the service's folder: builds an application, then times requests to it, as told.
CHILD = """
import importlib, json, os, sys, time, gc
from asking import ask
answers = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
if sys.argv[1] == "served":
    from app.observability import metrics
    from app.observability.logging import init_logging
    from app.config import load_config
    init_logging(load_config(), 1)
    metrics.use_slot(1)
application = importlib.import_module(sys.argv[1]).application
body = json.dumps(json.loads(sys.argv[2])).encode()
location = ask(application, "POST", "/orders/", body)[0]["Location"]
paths = {"GET /hello": "/hello", "GET /orders/{id}": location, "POST /orders/": "/orders/"}
for line in sys.stdin:
    route, count = json.loads(line)
    method, path = route.split()[0], paths[route]
    gc.collect()
    started = time.process_time()
    for _ in range(count):
        ask(application, method, path, body if method == "POST" else b"")
    print((time.process_time() - started) / count * 1e6, file=answers, flush=True)
"""

START = """
import os, sys, time
started = time.perf_counter()
import importlib
if sys.argv[1] == "baseline":
    import flask, flask_sqlalchemy
    app = flask.Flask("x")
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    flask_sqlalchemy.SQLAlchemy(app)
else:
    importlib.import_module(sys.argv[1])
print(time.perf_counter() - started)
"""


def install(folder: Path, more: list[str]) -> Path:
    """Make a virtual environment of the pinned packages and `more`, for which OpenTelemetry may differ."""
    pins = (harness.ROOT / "constraints.txt").read_text().splitlines()
    wanted = [pin.split("==")[0] if pin.startswith("opentelemetry") else pin for pin in pins] + more
    uv = shutil.which("uv") or servers.BIN / "uv"
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, folder], check=True)
    command = [uv, "pip", "install", "-q", "--python", folder / "bin" / "python", "-r", "-"]
    subprocess.run(command, input="\n".join(wanted), text=True, check=True)
    return folder / "bin"


def in_process(folder: Path, settings: dict[str, str]) -> dict[str, dict[str, list[float]]]:
    """Microseconds of CPU for each request."""
    children = {}
    for kind in KINDS:
        metrics = folder / f"metrics-{kind}"
        metrics.mkdir()
        children[kind] = subprocess.Popen(
            ["python", "-c", CHILD, kind, json.dumps(contract.ORDER)],
            cwd=folder,
            env=servers.environment(**settings, PROMETHEUS_MULTIPROC_DIR=str(metrics)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(kind: str, route: str, count: int) -> float:
        child = children[kind]
        child.stdin.write(json.dumps([route, count]) + "\n")
        child.stdin.flush()
        return float(child.stdout.readline())

    found: dict[str, dict[str, list[float]]] = {route: {kind: [] for kind in KINDS} for route in ROUTES}
    for round_ in range(ROUNDS + 1):
        for route in ROUTES:
            for kind in KINDS:
                measured = run(kind, route, REQUESTS[route])
                if round_:  # the first one warms up
                    found[route][kind].append(measured)
    for child in children.values():
        child.stdin.close()
        child.wait()
    return found


@contextlib.contextmanager
def serving(kind: str, folder: Path, settings: dict[str, str]) -> Iterator[servers.Server]:
    """Serve one of them; the assembly as its libraries say, the bare one with gunicorn's settings alone."""
    metrics = Path(tempfile.mkdtemp())
    own = {**settings, "METRICS_PORT": str(servers.free_port())}
    if kind != "served":
        own["GUNICORN_CMD_ARGS"] = "--config=plain.conf.py"
        own["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
    server = servers.Server(folder, folder / f"{kind}.log", f"{kind}:application", **own)
    try:
        server.wait(path="/hello")
        yield server
    finally:
        server.stop()
        shutil.rmtree(metrics)


def collectors(folder: Path, settings: dict[str, str]) -> dict[str, list[tuple[float, float]]]:
    """Requests a second and their 99th percentile with every request traced, by what becomes of the spans."""
    urls = {
        "live": Collector().url,
        "dead": f"http://127.0.0.1:{servers.free_port()}",
        "hanging": Collector(hangs=True).url,
    }
    found: dict[str, list[tuple[float, float]]] = {state: [] for state in urls}
    for _ in range(SERVER_ROUNDS):
        for state, url in urls.items():
            traced = {**settings, "OTEL_EXPORTER_OTLP_ENDPOINT": url, "TRACES_SAMPLE_RATIO": "1"}
            with serving("served", folder, traced) as server:
                location = server.ask("POST", "/orders/", contract.ORDER).headers["Location"]
                found[state].append(wrk(server.port, location, SECONDS))
    return found


def whole_server(folder: Path, settings: dict[str, str]) -> tuple[dict, dict[str, list[float]]]:
    """Requests a second under gunicorn, and the memory of a worker, in MB."""
    script = folder / "post.lua"
    script.write_text(
        f"wrk.method = 'POST'\nwrk.body = '{json.dumps(contract.ORDER)}'\n"
        "wrk.headers['Content-Type'] = 'application/json'\n"
    )
    found: dict[str, dict[str, list[float]]] = {route: {kind: [] for kind in KINDS} for route in ROUTES}
    memory: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(SERVER_ROUNDS):
        for kind in KINDS:
            with serving(kind, folder, settings) as server:
                location = server.ask("POST", "/orders/", contract.ORDER).headers["Location"]
                found["GET /hello"][kind].append(wrk(server.port, "/hello", SECONDS)[0])
                found["GET /orders/{id}"][kind].append(wrk(server.port, location, SECONDS)[0])
                found["POST /orders/"][kind].append(wrk(server.port, "/orders/", SECONDS, script)[0])
                memory[kind].append(statistics.mean(map(proportional_memory, server.workers())))
    return found, memory


def proportional_memory(pid: int) -> float:
    """Megabytes of a process, each page shared out among those that have it (Linux)."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+)", rollup, re.M)[1]) / 1024


def starts(folder: Path, settings: dict[str, str]) -> dict[str, list[float]]:
    """Seconds to import and build the application."""
    found: dict[str, list[float]] = {kind: [] for kind in ("baseline", "wsgi", "assembled")}
    for _ in range(STARTS):
        for kind, seconds in found.items():
            with tempfile.TemporaryDirectory() as metrics:
                result = subprocess.run(
                    ["python", "-c", START, kind],
                    cwd=folder,
                    env=servers.environment(**settings, PROMETHEUS_MULTIPROC_DIR=metrics),
                    capture_output=True,
                    text=True,
                    check=True,
                )
            seconds.append(float(result.stdout.splitlines()[-1]))
    return found


def table(
    title: str, found: dict[str, dict[str, list[float]]], pick: Callable[[list[float]], float], *, goal: str
) -> None:
    """Print each route's ratios to the bare application."""
    print(f"{title} (goal: {goal})")
    print(f"  {'':18}{'bare':>10}{'service':>10}{'assembled':>11}")
    for route, kinds in found.items():
        picked = {kind: pick(values) for kind, values in kinds.items()}
        ratios = [picked[kind] / picked["bare"] for kind in KINDS]
        print(
            f"  {route:18}{ratios[0]:10.2f}{ratios[1]:10.2f}{ratios[2]:11.2f}   ({picked['bare']:.0f} bare)"
        )


def main() -> None:
    if not shutil.which("wrk"):
        sys.exit("This benchmark needs wrk: install the package wrk.")
    if "POSTGRESQL_URL" not in os.environ:
        sys.exit("This benchmark needs POSTGRESQL_URL.")
    collector, provider = Collector(), Provider()
    with tempfile.TemporaryDirectory() as scratch, servers.database(os.environ["POSTGRESQL_URL"]) as url:
        folder = harness.write(harness.render(harness.default(auth="none")), Path(scratch, "service"))
        for path in Path(__file__).with_name("assemblies").glob("*.py"):
            shutil.copy(path, folder)
        (folder / "plain.conf.py").write_text(PLAIN)
        settings = {
            **servers.production(folder),
            "PATH": f"{install(Path(scratch, 'environment'), ASSEMBLY)}{os.pathsep}{os.environ['PATH']}",
            "DATABASE_URL": url,
            "PAYMENTS_URL": provider.url,
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "TRACES_SAMPLE_RATIO": "0.01",
            "PYTHONPATH": str(folder),
            "RATE_LIMIT": "0",
        }
        assert servers.run(folder, "flask", "db", "upgrade", **settings).returncode == 0
        table(
            f"CPU time in process, median of {ROUNDS}",
            in_process(folder, settings),
            statistics.median,
            goal="<= 1.25",
        )
        if "--in-process" in sys.argv:
            return
        throughput, memory = whole_server(folder, settings)
        table(
            f"Requests a second, 2 workers, {CONNECTIONS} connections, median of {SERVER_ROUNDS}",
            throughput,
            statistics.median,
            goal=">= 0.9",
        )
        bare = statistics.median(memory["bare"])
        for kind in KINDS[1:]:
            print(
                f"Memory of a worker, {kind}: {statistics.median(memory[kind]) / bare:.2f} of bare ({bare:.0f} MB)"
            )
        states = collectors(folder, settings)
        medians = {
            state: tuple(map(statistics.median, zip(*runs, strict=True))) for state, runs in states.items()
        }
        for state, (rate, p99) in medians.items():
            print(
                f"Every request traced, the collector {state}: {rate / medians['live'][0]:.2f} of the requests,"
                f" {p99 / medians['live'][1]:.2f} of the p99 ({p99:.0f} ms), median of {SERVER_ROUNDS}"
            )
        started = starts(folder, settings)
        baseline = statistics.median(started["baseline"])
        for kind in ("wsgi", "assembled"):
            print(
                f"Start, {kind}: {statistics.median(started[kind]) / baseline:.2f} of Flask and SQLAlchemy ({baseline:.2f} s)"
            )


PLAIN = """import os
bind = f"127.0.0.1:{os.environ['PORT']}"
workers, threads, worker_class, preload_app = 2, 4, "gthread", True
worker_tmp_dir, control_socket_disable = "/dev/shm", True
max_requests, max_requests_jitter = 10_000, 1_000
"""


if __name__ == "__main__":
    main()
