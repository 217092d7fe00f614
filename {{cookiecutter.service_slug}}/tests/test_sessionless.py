import pytest
from flask import session

from app import create_app
from app.config import load_config


def test_nothing_is_remembered() -> None:
    app = create_app(load_config("testing"))

    @app.get("/remember")
    def remember() -> str:
        session["x"] = 1
        return ""

    with pytest.raises(RuntimeError, match="session"):
        app.test_client().get("/remember")
