"""The default service observed for real: gunicorn with four workers, an OTLP collector, Prometheus."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import contract, harness, servers
from tests.collector import Collector
from tests.provider import Provider


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    return harness.write(harness.render(harness.default()), tmp_path_factory.mktemp("observed") / "service")


@pytest.fixture
def settings(service) -> Iterator[dict[str, str]]:
    """Production, on PostgreSQL, with four workers, and every request traced."""
    if "POSTGRESQL_URL" not in os.environ:
        pytest.skip("POSTGRESQL_URL does not say where a server is")
    with servers.database(os.environ["POSTGRESQL_URL"]) as url:
        settings = {
            **servers.production(service),
            "DATABASE_URL": url,
            "WEB_CONCURRENCY": "4",
            "METRICS_PORT": str(servers.free_port()),
            "TRACES_SAMPLE_RATIO": "1",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        assert servers.run(service, "flask", "db", "upgrade", **settings).returncode == 0
        yield settings


def eventually(holds: Callable[[], bool], seconds: float = 15) -> bool:
    """Wait until `holds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.1)
    return False


def lines(server: servers.Server) -> list[dict]:
    """What the server has logged: each line an object."""
    return [json.loads(line) for line in server.log.read_text().splitlines()]


def scrape(settings: dict[str, str], **headers: str) -> str:
    return servers.fetch(int(settings["METRICS_PORT"]), "/metrics", headers)


@pytest.mark.proof
def test_one_id_leads_from_the_answer_to_the_log_and_the_trace(service, settings, tmp_path):
    collector, provider = Collector(), Provider()
    settings |= {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "PAYMENTS_URL": provider.url}
    with servers.serving(service, tmp_path / "log", **settings) as server:
        server.sign_in()
        placed = server.ask("POST", "/orders/", contract.ORDER, {"X-Correlation-ID": "cid-7"})
        assert placed.status == 201
        missing = server.ask("GET", "/orders/00000000-0000-0000-0000-000000000000")
        assert missing.status == 404
        provider.shutdown()
        provider.server_close()
        failed = server.ask("POST", "/orders/", contract.ORDER)
        assert failed.status == 503
        # A client has its answer before the server has told of it.
        assert eventually(
            lambda: len([s for s in collector.spans if s.kind == "server" and "/orders/" in s.name]) == 3
        )
        assert server.stop() == 0
        logged = [line["Fields"] for line in lines(server)]

    # From the id of the response to its lines, and from them to the trace.
    traces = {}
    for answer in (placed, missing, failed):
        told = [fields for fields in logged if fields["rid"] == answer.headers["X-Request-ID"]]
        assert told[-1]["status"] == answer.status
        (traces[answer.status],) = {fields["trace_id"] for fields in told}
    assert missing.json["trace_id"] == traces[404]
    assert failed.json["trace_id"] == traces[503]
    assert {fields["correlation_id"] for fields in logged if fields.get("trace_id") == traces[201]} == {
        "cid-7"
    }

    # One tree: the request, its statements, the call to the provider.
    tree = collector.trace(traces[201])
    (root,) = [span for span in tree if not span.parent_id]
    assert (root.name, root.kind, root.is_error) == ("POST /orders/", "server", False)
    assert {span.parent_id for span in tree if span is not root} == {root.span_id}
    assert root.resource["service.name"] == "widget-depot"
    assert root.resource["deployment.environment.name"] == "production"
    statements = [span for span in tree if "db.system.name" in span.attributes]
    assert {"INSERT orders", "INSERT order_items", "UPDATE orders"} <= {span.name for span in statements}
    assert {span.attributes["db.system.name"] for span in statements} == {"postgresql"}
    (call,) = [span for span in tree if "url.full" in span.attributes]
    assert (call.name, call.kind) == ("POST", "client")
    assert len(tree) == len(statements) + 2
    sent = provider.headers[0]
    assert sent["traceparent"] == f"00-{call.trace_id}-{call.span_id}-" + sent["traceparent"][-2:]
    assert sent["X-Correlation-ID"] == "cid-7"
    assert sent["X-Request-ID"] == placed.headers["X-Request-ID"]

    # What failed says so, where it failed.
    failing = [span for span in collector.trace(traces[503]) if span.is_error]
    assert {(span.kind, span.attributes["error.type"]) for span in failing} == {
        ("server", "503"),
        ("client", "ConnectError"),
    }
    assert not any(span.is_error for span in collector.trace(traces[404]))


@pytest.mark.proof
def test_no_span_is_lost_when_it_stops(service, settings, tmp_path):
    collector = Collector()
    settings |= {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "60000"}
    with servers.serving(service, tmp_path / "log", **settings) as server:
        server.sign_in()
        for _ in range(40):
            assert server.ask("GET", "/orders/").status == 200
        assert collector.spans == []
        assert server.stop() == 0
    roots = [span for span in collector.spans if span.name == "GET /orders/"]
    assert len(roots) == len({span.trace_id for span in roots}) == 40


@pytest.mark.proof
@pytest.mark.parametrize("state", ["dead", "hanging"])
def test_without_a_collector_requests_are_served_and_spans_are_counted(state, service, settings, tmp_path):
    url = Collector(hangs=True).url if state == "hanging" else f"http://127.0.0.1:{servers.free_port()}"
    settings |= {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    with servers.serving(service, tmp_path / "log", **settings) as server:
        server.sign_in()
        for _ in range(100):
            assert server.ask("GET", "/orders/").status == 200
        lost = re.compile(r'^trace_spans_total\{outcome="lost"\} ([1-9]\d*)', re.M)
        assert eventually(lambda: bool(lost.search(scrape(settings))))
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 12
        complaints = [line for line in lines(server) if line["Type"].startswith("opentelemetry")]
    assert 0 < len(complaints) <= 2 * 4, "each worker complains once, not with each batch"


def counted(exposed: str, route: str) -> int:
    """How many requests to a route the metrics tell of."""
    found = re.findall(
        rf'^http_server_request_duration_seconds_count{{.*http_route="{re.escape(route)}".*}} ([\d.e+]+)$',
        exposed,
        re.M,
    )
    return int(sum(map(float, found)))


@pytest.mark.proof
def test_no_count_is_lost_with_a_worker(service, settings, tmp_path, record_property):
    sent = 0
    with servers.serving(service, tmp_path / "log", **settings) as server:
        assert server.ask("GET", "/metrics").status == 404
        server.sign_in()

        def ask(_: int) -> int:
            return server.ask("GET", "/orders/").status

        with ThreadPoolExecutor(8) as clients:
            for round_ in range(6):
                assert set(clients.map(ask, range(100))) == {200}
                sent += 100
                assert eventually(lambda all_=sent: counted(scrape(settings), "/orders/") == all_)
                killed = server.workers()[round_ % 4]
                os.kill(killed, signal.SIGKILL)
                assert eventually(
                    lambda gone=killed: gone not in server.workers() and len(server.workers()) == 4
                )
        assert eventually(lambda: "service_workers 4.0" in scrape(settings))
        assert eventually(lambda: "http_server_active_requests 0.0" in scrape(settings))
        exposed = scrape(settings)
        assert counted(exposed, "/orders/") == sent
        # Counters, histograms and gauges of four workers and their master: none more for those that died.
        (folder,) = {
            path.parent
            for path in Path(f"/proc/{server.workers()[0]}/map_files").glob("*")
            for path in [Path(os.readlink(path))]
            if path.name.startswith("histogram_")
        }
        assert list(folder.glob("counter_*"))
        slots = {re.search(r"_(\d+)\.", path.name)[1] for path in folder.glob("*.db")}
        assert slots <= {"0", "1", "2", "3", "4"}
        check = subprocess.run(
            ["promtool", "check", "metrics"], input=exposed, capture_output=True, text=True
        )
        assert (check.returncode, check.stdout, check.stderr) == (0, "", "")
        assert server.stop() == 0
        assert not folder.exists()
    record_property("summary", f"Metrics: {sent} requests, 6 of their workers killed, {sent} counted.")


@pytest.mark.proof
def test_readiness_turns_when_it_begins_to_stop(service, settings, tmp_path):
    """Over a connection that is kept alive, as a load balancer has it."""
    draining = {**settings, "WEB_CONCURRENCY": "1", "DRAIN_SECONDS": "2"}
    with servers.serving(service, tmp_path / "log", **draining) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)

        def ready() -> int:
            connection.request("GET", "/health/ready")
            response = connection.getresponse()
            response.read()
            return response.status

        assert ready() == 200
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert ready() == 503
        assert server.process.wait(30) == 0


@pytest.mark.proof
def test_a_metrics_port_that_is_taken_is_one_line(service, settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = servers.run(service, "gunicorn", "wsgi:application", **{**settings, "METRICS_PORT": port})
    assert result.returncode != 0
    (line,) = result.stderr.strip().splitlines()
    assert f"METRICS_PORT {port}: Address already in use" in line


@pytest.mark.proof
def test_gunicorn_reloads(service, settings, tmp_path):
    with servers.serving(service, tmp_path / "log", **settings) as server:
        server.sign_in()
        assert server.ask("GET", "/orders/").status == 200
        before = set(server.workers())
        server.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: len(server.workers()) == 4 and not before & set(server.workers()))
        assert server.ask("GET", "/orders/").status == 200
        assert eventually(lambda: counted(scrape(settings), "/orders/") == 2)
        assert server.stop() == 0


@pytest.mark.proof
def test_every_line_is_json_with_the_database_away(service, settings, tmp_path):
    away = f"postgresql://user:topsecret@127.0.0.1:{servers.free_port()}/service"
    with servers.serving(service, tmp_path / "log", **{**settings, "DATABASE_URL": away}) as server:
        assert server.ask("POST", "/auth/login", contract.ACCOUNT).status == 503
        assert server.ask("GET", "/__heartbeat__").status == 500
        assert server.stop() == 0
        said = lines(server)
    assert {"gunicorn.error", "request.summary"} <= {line["Type"] for line in said}
    assert [line for line in said if line["Fields"].get("traceback")]
    assert "topsecret" not in server.log.read_text()


def promtool(*arguments: str, cwd: Path) -> None:
    result = subprocess.run(["promtool", *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.proof
@pytest.mark.skipif(not shutil.which("promtool"), reason="there is no promtool")
def test_rules_hold(tmp_path):
    """Under every answer that one of Prometheus' files depends on."""
    files = [name for name in harness.template_files() if name.startswith("deploy/prometheus/")]
    prompts = set().union(*map(harness.prompts_of, files))
    for number, answers in enumerate(harness.possible(prompts)):
        folder = harness.write(harness.render(answers), tmp_path / str(number)) / "deploy" / "prometheus"
        promtool("check", "rules", "rules.yml", cwd=folder)
        promtool("test", "rules", "rules_test.yml", cwd=folder)
        promtool("check", "config", "prometheus.yml", cwd=folder)


@pytest.mark.proof
@pytest.mark.skipif(not shutil.which("prometheus"), reason="there is no Prometheus")
def test_prometheus_finds_everything_that_rules_and_dashboard_ask_for(service, settings, tmp_path):
    collector, provider = Collector(), Provider()
    settings |= {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "PAYMENTS_URL": provider.url}
    folder = shutil.copytree(service / "deploy" / "prometheus", tmp_path / "prometheus")
    config = (folder / "prometheus.yml").read_text()
    config = config.replace("15s", "1s").replace("127.0.0.1:9090", f"127.0.0.1:{settings['METRICS_PORT']}")
    (folder / "prometheus.yml").write_text(config)
    port = servers.free_port()

    def query(path: str, **parameters: str) -> list | dict:
        answer = servers.request(port, "GET", f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        assert answer.status == 200, answer
        return answer.json["data"]

    with servers.serving(service, tmp_path / "log", **settings) as server:
        server.sign_in()
        command = ["prometheus", "--config.file=prometheus.yml", f"--web.listen-address=127.0.0.1:{port}"]
        command += ["--storage.tsdb.path=data"]
        with (tmp_path / "prometheus.log").open("wb") as log:
            prometheus = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            for _ in range(40):
                placed = server.ask("POST", "/orders/", contract.ORDER)
                assert placed.status == 201
                time.sleep(0.2)
            groups = query("rules")["groups"]
            panels = json.loads((service / "deploy" / "grafana" / "dashboard.json").read_text())["panels"]
            asked = [target["expr"] for panel in panels for target in panel.get("targets", [])]
            asked = [
                expr.replace("$job", "widget-depot").replace("$__rate_interval", "10s") for expr in asked
            ]
            empty = [expr for expr in asked if not query("query", query=expr)["result"]]
            recorded = [
                rule["name"] for group in groups for rule in group["rules"] if rule["type"] == "recording"
            ]
            empty += [name for name in recorded if not query("query", query=name)["result"]]
            wrong = [rule for group in groups for rule in group["rules"] if rule["health"] != "ok"]
        finally:
            prometheus.terminate()
            prometheus.wait()
    assert len(asked) > 15
    assert empty == []
    assert wrong == []
