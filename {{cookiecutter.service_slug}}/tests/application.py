"""Fixture of the application under test."""

import pytest
from flask import Flask

from app import create_app
from app.config import load_config

__all__ = ["app"]


@pytest.fixture(scope="session")
def app() -> Flask:
    return create_app(load_config("testing"))
