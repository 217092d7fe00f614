"""Whatever a client sends, the API answers as its own /openapi.json says, and never with a 5xx."""

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

# A JSON Schema cannot say that 9.999 EUR is too fine: such an order is refused all the same.
NOT_HELD = [positive_data_acceptance]


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_the_contract_holds(app: Flask, mode: GenerationMode) -> None:
    for result in schemathesis.openapi.from_wsgi("/openapi.json", app).get_all_operations():
        operation = result.ok()

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
        def holds(case: schemathesis.Case) -> None:
            case.call_and_validate(excluded_checks=NOT_HELD)

        holds()
