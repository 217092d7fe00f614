"""The container image: linted, built and run for real.

IMAGE_BUILD CONTEXT TAG and IMAGE_RUN TAG [-e NAME=VALUE ...] [-- COMMAND] name the commands that
build and run one; without them docker does.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests import contract, harness, servers
from tests.provider import Provider

TAG = "template-test"
COMMIT = "0123456789abcdef"
BUILD = os.environ.get("IMAGE_BUILD")
RUN = os.environ.get("IMAGE_RUN")


def has_engine() -> bool:
    """Whether there is something to build and run images with."""
    if BUILD and RUN:
        return True
    return (
        bool(shutil.which("docker"))
        and not subprocess.run(["docker", "info"], capture_output=True).returncode
    )


needs_an_engine = pytest.mark.skipif(not has_engine(), reason="nothing here builds images")


def test_hadolint_is_clean(tmp_path):
    """Each different Dockerfile."""
    dockerfiles = [content for name, content, _ in harness.variants() if name == "Dockerfile"]
    for number, content in enumerate(dockerfiles):
        harness.write({f"{number}/Dockerfile": content}, tmp_path)
    result = subprocess.run(
        [servers.BIN / "hadolint", *sorted(tmp_path.rglob("Dockerfile"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert len(dockerfiles) >= len(harness.choices()["python_version"])
    assert result.returncode == 0, result.stdout + result.stderr


def run_command(*command: str, **settings: str) -> list[str]:
    options = [word for name, value in settings.items() for word in ("-e", f"{name}={value}")]
    if RUN:
        return [RUN, TAG, *options, *(["--", *command] if command else [])]
    return ["docker", "run", "--rm", "--network=host", *options, TAG, *command]


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The image of the default service."""
    answers = harness.default()
    folder = harness.write(harness.render(answers), tmp_path_factory.mktemp("image"))
    build = [BUILD, str(folder), TAG] if BUILD else ["docker", "build", str(folder), "-t", TAG]
    build += ["--build-arg", f"COMMIT={COMMIT}"]
    result = subprocess.run(build, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return folder


@pytest.mark.proof
@needs_an_engine
@pytest.mark.usefixtures("image")
def test_it_holds_what_runs_and_nothing_that_its_user_may_write():
    script = (
        "id -u; ls -A /srv; echo --; find / -xdev -writable -not -type l -not -path '/proc/*' 2>/dev/null"
    )
    result = subprocess.run(run_command("sh", "-c", script), capture_output=True, text=True, check=False)
    listing, _, writable = result.stdout.partition("--\n")
    user, *files = listing.split()
    assert user != "0"
    assert set(files) == {
        "app",
        "constraints.own.txt",
        "constraints.txt",
        "gunicorn.conf.py",
        "migrations",
        "pyproject.toml",
        "version.json",
        "wsgi.py",
    }
    places = ("/tmp", "/var/tmp", "/dev", "/run/lock", "/var/lock")
    assert [path for path in writable.split() if not path.startswith(places)] == []


def pids_listening_on(port: int) -> set[int]:
    """The processes that listen on a port of this machine, from /proc."""
    table = Path("/proc/net/tcp").read_text().splitlines()[1:]
    inodes = {
        row.split()[9]
        for row in table
        if row.split()[3] == "0A" and int(row.split()[1].split(":")[1], 16) == port
    }
    found = set()
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            match = re.fullmatch(r"socket:\[(\d+)\]", str(descriptor.readlink()))
            if match and match[1] in inodes:
                found.add(int(descriptor.parts[2]))
    return found


@pytest.mark.proof
@needs_an_engine
@pytest.mark.skipif(
    "POSTGRESQL_URL" not in os.environ, reason="POSTGRESQL_URL does not say where a server is"
)
def test_it_serves_and_finishes_the_request_in_flight_when_stopped(image, tmp_path):
    port = servers.free_port()
    log = tmp_path / "log"
    with servers.database(os.environ["POSTGRESQL_URL"]) as url:
        settings = {**servers.production(image), "DATABASE_URL": url, "PORT": str(port)}
        settings["METRICS_PORT"] = str(servers.free_port())
        if "PAYMENTS_URL" in settings:
            settings["PAYMENTS_URL"] = Provider().url
        migrated = subprocess.run(
            run_command("flask", "db", "upgrade", **settings), capture_output=True, text=True, check=False
        )
        assert migrated.returncode == 0, migrated.stdout + migrated.stderr

        def flask(arguments, more):
            command = run_command("flask", *arguments, **settings, **more)
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout

        with log.open("wb") as output:
            process = subprocess.Popen(run_command(**settings), stdout=output, stderr=output)
        try:
            wait_until_live(port, process, log)
            proof = contract.sign_in(asking(port), flask)
            assert contract.check(asking(port), proof) > 6
            built = {"source": "", "version": "0.1.0", "commit": COMMIT, "build": ""}
            told = servers.request(port, "GET", "/__version__").json
            assert {name: told[name] for name in built} == built
            assert "service_build_info" in servers.fetch(int(settings["METRICS_PORT"]), "/metrics")

            dockerfile = (image / "Dockerfile").read_text()
            probe = json.loads(re.search(r"^HEALTHCHECK .*?CMD (\[.*\])$", dockerfile, re.MULTILINE)[1])
            elsewhere = {**settings, "PORT": str(servers.free_port())}
            assert subprocess.run(run_command(*probe, **settings)).returncode == 0
            assert subprocess.run(run_command(*probe, **elsewhere), capture_output=True).returncode != 0

            pids = pids_listening_on(port)
            assert pids
            assert all(Path(f"/proc/{pid}").stat().st_uid != 0 for pid in pids)
            master = min(pids)

            body = json.dumps(contract.ORDER).encode()
            with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
                head = f"POST /orders/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                head += "".join(f"{name}: {value}\r\n" for name, value in proof.items()) + "\r\n"
                client.sendall(head.encode() + body[:10])
                time.sleep(0.5)
                started = time.monotonic()
                os.kill(master, signal.SIGTERM)
                time.sleep(1)
                client.sendall(body[10:])
                assert client.recv(4096).startswith(b"HTTP/1.1 201"), log.read_text()
            process.wait(30)
            assert time.monotonic() - started < 25, "it outlived its grace period"
            assert not pids_listening_on(port)
        finally:
            for pid in pids_listening_on(port):
                os.kill(pid, signal.SIGKILL)
            process.kill()
            process.wait()


def asking(port: int) -> contract.Ask:
    def ask(method, path, body, headers):
        return servers.request(port, method, path, body, headers=headers)

    return ask


def wait_until_live(port: int, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            if servers.request(port, "GET", "/health/live").status == 200:
                return
        time.sleep(0.2)
    raise AssertionError(log.read_text())
