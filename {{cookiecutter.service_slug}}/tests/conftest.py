import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

# Their fixtures: pytest finds those that conftest.py imports.
from tests.application import *  # noqa: F403
from tests.callers import *  # noqa: F403

ENV_EXAMPLE = (Path(__file__).parents[1] / ".env.example").read_text()
SETTINGS, _, _ = ENV_EXAMPLE.partition("# This service's own settings")

# The tests ignore the settings of the machine and of .env.
for name in ("APP_ENV", *re.findall(r"^#(\w+)=", SETTINGS, re.MULTILINE)):
    os.environ.pop(name, None)
    os.environ.pop(f"{name}_FILE", None)
# The tests call only this machine: bypass any proxy.
os.environ["no_proxy"] = "*"


class Client(FlaskClient):
    """Test client that returns when the request has ended, with its log and metrics written."""

    def open(self, *args: Any, buffered: bool = True, **kwargs: Any) -> TestResponse:
        return super().open(*args, buffered=buffered, **kwargs)


# Of every Flask: some tests create a plain one.
Flask.test_client_class = Client


@pytest.fixture
def production() -> dict[str, str]:
    """Return the settings that production requires, with the sample values of .env.example."""
    required: dict[str, str] = {}
    for paragraph in ENV_EXAMPLE.split("\n\n"):
        if "Required in production" in paragraph:
            required |= re.findall(r"^#(\w+)=(.*)$", paragraph, re.MULTILINE)
    return {name: sample or "x" * 40 for name, sample in required.items()}


@pytest.fixture
def app_context(app: Flask) -> Iterator[None]:
    """Push an application context, for a test that sends no request."""
    with app.app_context():
        yield


@pytest.fixture
def make_client(app: Flask) -> Callable[[], FlaskClient]:
    """Return a function that creates clients, one for each thread."""
    return app.test_client


@pytest.fixture
def client(make_client: Callable[[], FlaskClient]) -> FlaskClient:
    return make_client()
