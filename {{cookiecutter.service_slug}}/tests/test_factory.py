"""The application factory can be called repeatedly."""

import gc
import os
import threading
import weakref

import pytest

from app import create_app
from app.config import load_config
from app.observability import metrics


def test_an_application_leaves_no_global_state_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[object] = []
    monkeypatch.setattr(os, "register_at_fork", lambda **hooks: registered.append(hooks))
    create_app(load_config("testing"))
    before = (len(metrics.samplers), threading.active_count())
    # Without the last one, which the API extension references.
    apps = [weakref.ref(create_app(load_config("testing"))) for _ in range(4)][:-1]
    gc.collect()
    assert (len(metrics.samplers), threading.active_count()) == before
    assert registered == []
    assert [app() for app in apps] == [None] * 3
