"""What slow clients leave for others: python -m benchmarks.slow_clients

The default service without `auth`, two workers with four threads, attacked from one address; others
ask for liveness 20 times a second. With gunicorn's own worker and with the service's; bare and
behind Debian's nginx (the package nginx-light).
"""

import shutil
import sys
import tempfile
from pathlib import Path

from tests import harness, servers, slow_clients

WORKERS = {"gthread": b'\nworker_class = "gthread"\n', "the service's": b""}


def main() -> None:
    if not shutil.which("nginx"):
        sys.exit("This benchmark needs nginx: install the package nginx-light.")
    with tempfile.TemporaryDirectory() as scratch:
        for worker, lines in WORKERS.items():
            tree = harness.render(harness.default(auth="none"))
            tree["gunicorn.conf.py"] += lines
            folder = harness.write(tree, Path(scratch, worker))
            for front in ("bare", "nginx"):
                for name, attack in slow_clients.ATTACKS.items():
                    proxies = "1" if front == "nginx" else "0"
                    nginx = Path(tempfile.mkdtemp(dir=scratch), "nginx")
                    with (
                        servers.serving(folder, Path(scratch, "log"), TRUSTED_PROXIES=proxies) as server,
                        slow_clients.front(front, nginx, server.port) as port,
                    ):
                        print(f"{worker}, {front}: {name}: {slow_clients.during(port, attack)}", flush=True)


if __name__ == "__main__":
    main()
