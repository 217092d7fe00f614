"""Every response conforms to /openapi.json, whatever the client sends, and none is a 5xx."""

import contextlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

# A schema cannot express every rule, such as how many decimal places an amount may have, and every
# request of this test is authorized.
EXCLUDED_CHECKS = [ignored_auth, positive_data_acceptance]


class Clients:
    """WSGI application that authorizes each request as a client of `make_client`."""

    def __init__(self, make_client: Callable[[], FlaskClient]) -> None:
        self.make_client = make_client
        self.renew()

    def renew(self) -> None:
        """Continue with a new client."""
        self.client = self.make_client()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.client._add_cookies_to_wsgi(environ)
        authorized = {**environ, **self.client.environ_base}
        # A request ends when its response is closed, which schemathesis leaves open.
        with contextlib.closing(self.client.application(authorized, start_response)) as response:
            return list(response)


def documented_scopes(spec: dict[str, Any]) -> str:
    """Return the scopes that any operation requires."""
    operations = [operation for path in spec["paths"].values() for operation in path.values()]
    schemes = [
        scopes
        for operation in operations
        if isinstance(operation, dict)
        for security in operation.get("security", [])
        for scopes in security.values()
    ]
    return " ".join(sorted({scope for scopes in schemes for scope in scopes}))


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_responses_conform_to_openapi(
    client: FlaskClient, make_caller: Callable[..., FlaskClient], mode: GenerationMode
) -> None:
    scopes = documented_scopes(client.get("/openapi.json").get_json())
    clients = Clients(partial(make_caller, scopes))
    schema = schemathesis.openapi.from_wsgi("/openapi.json", clients)
    schema.config.generation.update(with_security_parameters=False)
    # A text beyond its maximum length may also exceed MAX_CONTENT_LENGTH.
    rejection = schema.config.checks.negative_data_rejection
    rejection.expected_statuses = [*rejection.expected_statuses, "413"]
    for result in schema.get_all_operations():
        operation = result.ok()
        has_input = operation.body or any(operation.iter_parameters())
        if mode is GenerationMode.NEGATIVE and not has_input:
            continue
        clients.renew()

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
        def conforms(case: schemathesis.Case) -> None:
            case.call_and_validate(excluded_checks=EXCLUDED_CHECKS)

        try:
            conforms()
        except Unsatisfiable:
            # A path parameter of type string has no invalid values.
            assert mode is GenerationMode.NEGATIVE
