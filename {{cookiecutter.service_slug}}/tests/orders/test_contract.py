"""Every response conforms to /openapi.json, whatever the client sends, and none is a 5xx."""

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

# JSON Schema cannot express that 9.999 EUR has too many decimal places, and every request of this
# test is authorized.
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


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_responses_conform_to_openapi(
    make_client: Callable[[], FlaskClient], mode: GenerationMode
) -> None:
    clients = Clients(make_client)
    schema = schemathesis.openapi.from_wsgi("/openapi.json", clients)
    schema.config.generation.update(with_security_parameters=False)
    for result in schema.get_all_operations():
        operation = result.ok()
        has_input = operation.body or any(operation.iter_parameters())
        if mode is GenerationMode.NEGATIVE and not has_input:
            continue
        clients.renew()

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
        def conforms(case: schemathesis.Case) -> None:
            case.call_and_validate(excluded_checks=EXCLUDED_CHECKS)

        try:
            conforms()
        except Unsatisfiable:
            # A path parameter of type string has no invalid values.
            assert mode is GenerationMode.NEGATIVE
