"""Whatever a client sends, the API answers as its own /openapi.json says, and never with a 5xx."""

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

# A JSON Schema cannot say that 9.999 EUR is too fine: such an order is refused all the same. And
# each request is made by a client who may make it.
NOT_HELD = [ignored_auth, positive_data_acceptance]


class Clients:
    """The application, as clients of it see it who may ask for everything."""

    def __init__(self, make_client: Callable[[], FlaskClient]) -> None:
        self.make_client = make_client
        self.renew()

    def renew(self) -> None:
        """Go on as a client who has done nothing yet."""
        self.client = self.make_client()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.client._add_cookies_to_wsgi(environ)
        asked = {**environ, **self.client.environ_base}
        # A request ends when its response is closed, which schemathesis leaves open.
        with contextlib.closing(self.client.application(asked, start_response)) as response:
            return list(response)


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_the_contract_holds(make_client: Callable[[], FlaskClient], mode: GenerationMode) -> None:
    clients = Clients(make_client)
    schema = schemathesis.openapi.from_wsgi("/openapi.json", clients)
    schema.config.generation.update(with_security_parameters=False)
    for result in schema.get_all_operations():
        operation = result.ok()
        takes_something = operation.body or any(operation.iter_parameters())
        if mode is GenerationMode.NEGATIVE and not takes_something:
            continue
        clients.renew()

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
        def holds(case: schemathesis.Case) -> None:
            case.call_and_validate(excluded_checks=NOT_HELD)

        try:
            holds()
        except Unsatisfiable:
            # What takes any text in its path has no input that its schema forbids.
            assert mode is GenerationMode.NEGATIVE
