"""What it costs to know who a request is by, and to count requests: python -m benchmarks.identity

A verified request beside an anonymous one of the same service, with revocation checked; a counted request
beside one that is not; and the same by Flask-JWT-Extended and Flask-Limiter on Flask alone. CPU time in
process, in turns, on PostgreSQL (POSTGRESQL_URL).
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.observability import install
from tests import contract, harness, servers

ROUNDS = 25
REQUESTS = 1500
GOAL = 1.3
LIMIT = str(10**9)
LIBRARIES = ["flask-jwt-extended", "flask-limiter"]

# Each process: the module that has the application, and more of an environment.
PROCESSES = {
    "service": ("guarded", {"RATE_LIMIT": "0"}),
    "service, asking the database each time": ("guarded", {"RATE_LIMIT": "0", "REVOCATION_DELAY": "0"}),
    "service, ES256": ("guarded", {"RATE_LIMIT": "0", "JWT_KEYS_FILE": "keys.json"}),
    "service, limited": ("guarded", {"RATE_LIMIT": LIMIT}),
    "libraries": ("extended", {"RATE_LIMIT": "0"}),
    "libraries, limited": ("extended", {"RATE_LIMIT": LIMIT}),
}
# What is told: the costlier request and the cheaper one, each as its process and its path.
RATIOS = {
    "verified / anonymous": (("service", "/verified"), ("service", "/anonymous")),
    "  the first request of a token, ES256": (
        ("service, ES256", "/unknown"),
        ("service, ES256", "/anonymous"),
    ),
    "  with REVOCATION_DELAY=0": (
        ("service, asking the database each time", "/verified"),
        ("service, asking the database each time", "/anonymous"),
    ),
    "  by Flask-JWT-Extended": (("libraries", "/verified"), ("libraries", "/anonymous")),
    "counted / not": (("service, limited", "/anonymous"), ("service", "/anonymous")),
    "  by Flask-Limiter": (("libraries, limited", "/anonymous"), ("libraries", "/anonymous")),
}

# Runs in the service's folder: times requests to an application, as told.
CHILD = """
import gc, importlib, json, os, sys, time
from asking import ask
answers = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
module = importlib.import_module(sys.argv[1])
token = getattr(module, "TOKEN", "")
verifier = module.application.extensions.get("verifier")
if verifier:
    token = json.loads(ask(module.application, "POST", "/auth/login", sys.argv[2].encode())[1])["access_token"]
for line in sys.stdin:
    path, count = json.loads(line)
    proof = {} if path == "/anonymous" else {"HTTP_AUTHORIZATION": f"Bearer {token}"}
    gc.collect()
    started = time.process_time()
    for _ in range(count):
        if path == "/unknown":
            verifier.cache.clear()
        ask(module.application, "GET", "/verified" if path == "/unknown" else path, **proof)
    print((time.process_time() - started) / count * 1e6, file=answers, flush=True)
"""


def main() -> None:
    if "POSTGRESQL_URL" not in os.environ:
        sys.exit("This benchmark needs POSTGRESQL_URL.")
    with tempfile.TemporaryDirectory() as scratch, servers.database(os.environ["POSTGRESQL_URL"]) as url:
        folder = harness.write(harness.render(harness.default()), Path(scratch, "service"))
        for path in Path(__file__).with_name("assemblies").glob("*.py"):
            shutil.copy(path, folder)
        settings = {
            **servers.production(folder),
            "PATH": f"{install(Path(scratch, 'environment'), LIBRARIES)}{os.pathsep}{os.environ['PATH']}",
            "DATABASE_URL": url,
            "PYTHONPATH": str(folder),
            "LOG_LEVEL": "ERROR",
        }
        for command in (["db", "upgrade"], ["keys", "rotate", "keys.json", "--algorithm=ES256"]):
            assert servers.run(folder, "flask", *command, **settings).returncode == 0
        create = ["users", "create", contract.ACCOUNT["email"]]
        password = contract.ACCOUNT["password"]
        assert servers.run(folder, "flask", *create, NEW_USER_PASSWORD=password, **settings).returncode == 0
        children = {}
        for name, (module, more) in PROCESSES.items():
            own = {**settings, **more}
            if "JWT_KEYS_FILE" in more:
                del own["JWT_KEYS"]
            children[name] = subprocess.Popen(
                ["python", "-c", CHILD, module, json.dumps(contract.ACCOUNT)],
                cwd=folder,
                env=servers.environment(**own),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        found: dict[str, list[float]] = {name: [] for name in RATIOS}
        for round_ in range(ROUNDS + 1):
            measured: dict[tuple[str, str], float] = {}
            for pair in RATIOS.values():
                for process, path in pair:
                    if (process, path) not in measured:
                        child = children[process]
                        child.stdin.write(json.dumps([path, REQUESTS]) + "\n")
                        child.stdin.flush()
                        measured[process, path] = float(child.stdout.readline())
            if round_:  # the first one warms up
                for name, (costly, cheap) in RATIOS.items():
                    found[name].append(measured[costly] / measured[cheap])
        for child in children.values():
            child.stdin.close()
            child.wait()
    print(f"CPU time of a small request in process, median of {ROUNDS} (goal: at most {GOAL})")
    for name, ratios in found.items():
        print(f"  {name:40}{statistics.median(ratios):6.2f}")


if __name__ == "__main__":
    main()
