import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.application import *  # noqa: F403

ENV_EXAMPLE = (Path(__file__).parents[1] / ".env.example").read_text()
SETTINGS, _, _ = ENV_EXAMPLE.partition("# This service's own settings")

# What the machine or a .env sets for the service is not for its tests.
for name in ("APP_ENV", *re.findall(r"^#(\w+)=", SETTINGS, re.MULTILINE)):
    os.environ.pop(name, None)
    os.environ.pop(f"{name}_FILE", None)
# What the tests call is on this machine, whatever proxy it has.
os.environ["no_proxy"] = "*"


class Client(FlaskClient):
    """A client whose requests have ended, with all that is told of them, when it has the answer."""

    def open(self, *args: Any, buffered: bool = True, **kwargs: Any) -> TestResponse:
        return super().open(*args, buffered=buffered, **kwargs)


Flask.test_client_class = Client


@pytest.fixture
def production() -> dict[str, str]:
    """What production must be given, as .env.example says, with its samples."""
    needed: dict[str, str] = {}
    for paragraph in ENV_EXAMPLE.split("\n\n"):
        if "Required in production" in paragraph:
            needed |= re.findall(r"^#(\w+)=(.*)$", paragraph, re.MULTILINE)
    return {name: sample or "x" * 40 for name, sample in needed.items()}


@pytest.fixture
def app_context(app: Flask) -> Iterator[None]:
    """For a test that calls the code itself; a request opens a context of its own."""
    with app.app_context():
        yield


@pytest.fixture
def make_client(app: Flask) -> Callable[[], FlaskClient]:
    """Makes clients, each for a thread of its own."""
    return app.test_client


@pytest.fixture
def client(make_client: Callable[[], FlaskClient]) -> FlaskClient:
    return make_client()
