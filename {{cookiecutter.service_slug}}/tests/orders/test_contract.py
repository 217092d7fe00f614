"""Whatever a client sends, the API does what its own /openapi.json says."""

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, settings

api = schemathesis.pytest.from_fixture("api_schema")


@pytest.fixture
def api_schema(app: Flask) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_wsgi("/openapi.json", app)


@api.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_contract_holds(case: schemathesis.Case) -> None:
    case.call_and_validate()
