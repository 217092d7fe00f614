"""Services against their own /openapi.json: every check of schemathesis, the stateful ones as well.

CASES says how many cases a variant is tried with, at the least.
"""

import json
import os
import re

import pytest

from tests import contract, harness, servers

pytestmark = pytest.mark.proof

CASES = int(os.environ.get("CASES", "500"))

VARIANTS = {
    "jwt": {},
    "session": {"auth": "session"},
    "resource server": {"database": "none"},
}

# A schema cannot say which ETag is current, so a well-formed one may be refused with 412, as is one
# that is not well-formed. RFC 6585 has 428 for a missing If-Match.
CONFIG = """
# Who asks is logged in; ignored_auth tries it without.
[generation]
with-security-parameters = false

[checks.missing_required_header]
expected-statuses = [400, 401, 403, 404, 406, 415, 422, 428]

[[operations]]
include-path = "/orders/{order_id}"

[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 412, 429]

[operations.checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 415, 422, 428, 429]
"""


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_service_keeps_its_contract(variant, record_property, tmp_path):
    folder = harness.write(harness.render(harness.default(**VARIANTS[variant])), tmp_path / "service")
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    if "migrations" in {path.name for path in folder.iterdir()}:
        assert servers.run(folder, "flask", "db", "upgrade").returncode == 0
    settings = {"RATE_LIMIT": "0", "TRUSTED_PROXIES": "1", "ACCESS_TOKEN_LIFETIME": "86400"}
    with servers.serving(folder, tmp_path / "log", **settings) as server:
        url = f"http://127.0.0.1:{server.port}"
        server.sign_in(contract.LEAVER)
        proof = server.sign_in()
        paths = server.ask("GET", "/openapi.json").json["paths"]
        operations = sum(len(path.keys() - {"parameters"}) for path in paths.values())
        generated = 0
        for seed in range(1, 100):
            result = servers.run(
                tmp_path,
                "schemathesis",
                f"--config-file={config}",
                "run",
                f"{url}/openapi.json",
                "--checks=all",
                "--phases=examples,coverage,fuzzing,stateful",
                f"--max-examples={min(CASES // (4 * operations) + 20, 250)}",
                f"--seed={seed}",
                "--continue-on-failure",
                "--warnings=off",
                PYTHONPATH=str(harness.ROOT),
                SCHEMATHESIS_HOOKS="tests.contract_hooks",
                CONTRACT_URL=url,
                CONTRACT_PROOF=json.dumps(proof),
            )
            assert result.returncode == 0, result.stdout[-10_000:] + result.stderr[-5_000:]
            generated += int(re.search(r"(\d+) generated", result.stdout)[1])
            if generated >= CASES:
                break
        # It was not all refused: who asks is still logged in, and orders were placed.
        assert server.ask("POST", "/orders/", contract.ORDER).status == 201
        metrics = servers.fetch(server.port, "/metrics")
    placed = re.search(r'^orders_created_total\{status="paid"\} (\d+)', metrics, re.M)
    assert placed
    assert int(placed[1]) > CASES / operations / 20
    assert generated >= CASES
    assert "Traceback" not in server.log.read_text()
    record_property("summary", f"Contract of {variant}: {generated} cases, 0 failures, {placed[1]} orders.")
