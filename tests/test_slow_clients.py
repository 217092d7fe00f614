"""Slow clients against a running service, alone and behind nginx: what is left for others."""

import shutil

import pytest

from tests import harness, servers, slow_clients

pytestmark = pytest.mark.proof


@pytest.mark.parametrize("front", ["bare", "nginx"])
def test_slow_clients_leave_the_service_to_others(front, tmp_path, record_property):
    if front == "nginx" and not shutil.which("nginx"):
        pytest.skip("no nginx on the PATH (Debian: nginx-light)")
    folder = harness.write(harness.render(harness.default(auth="none")), tmp_path / "service")
    settings = {"WEB_CONCURRENCY": "2", "TRUSTED_PROXIES": "1" if front == "nginx" else "0"}
    told, left = [], {}
    with servers.serving(folder, tmp_path / "log", **settings) as server:
        with slow_clients.front(front, tmp_path / "nginx", server.port) as port:
            for name, attack in slow_clients.ATTACKS.items():
                left[name] = slow_clients.during(port, attack, seconds=4)
                told.append(f"Slow clients, {front}: {name}: {left[name]}")
        assert server.stop() == 0
    record_property("summary", "\n".join(told))
    assert {name: served.share for name, served in left.items()} == dict.fromkeys(left, 1.0)
    # In milliseconds on an idle machine; a busy one may take its time, a client that waits may not.
    assert max(served.p99 for served in left.values()) < 1
    assert "Traceback" not in server.log.read_text()


def test_they_would_stop_gunicorns_own_worker(tmp_path):
    """The attacks are worth something: what the service's worker withstands, gthread does not."""
    tree = harness.render(harness.default(auth="none"))
    tree["gunicorn.conf.py"] += b'\nworker_class = "gthread"\n'
    folder = harness.write(tree, tmp_path / "service")
    with servers.serving(folder, tmp_path / "log", WEB_CONCURRENCY="2") as server:
        left = slow_clients.during(server.port, slow_clients.ATTACKS["40 silent bodies"], 4)
    assert left.share < 0.9, left
