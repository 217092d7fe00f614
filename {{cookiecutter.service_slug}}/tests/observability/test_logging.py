import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import copy_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dockerflow.logging import MozlogFormatter
from flask.testing import FlaskClient

from app import create_app
from app.config import CONFIGS, load_config
from app.observability import logging as service_logging
from app.observability.metrics import LOG_LINES_LOST
from app.observability.record import current_context
from app.version import SERVICE

ReadLines = Callable[[], list[dict[str, Any]]]


class OwnHandlers(list[logging.Handler]):
    """List of the root logger's handlers without pytest's."""

    def append(self, handler: logging.Handler) -> None:
        if not type(handler).__module__.startswith("_pytest"):
            super().append(handler)


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Return a function that sets up logging to a file, as gunicorn.conf.py does."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", OwnHandlers())
    monkeypatch.setattr(service_logging, "_output", None)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    level = root.level
    path = tmp_path / "log"

    def configure(**settings: str) -> Path:
        config = SimpleNamespace(**{"LOG_LEVEL": "INFO", "LOG_FORMAT": "json", **settings})
        service_logging.init_logging(config, descriptor)  # type: ignore[arg-type]
        return path

    with path.open("wb") as file:
        descriptor = file.fileno()
        yield configure
    root.setLevel(level)
    logging.captureWarnings(False)
    for name in service_logging.NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.fixture
def lines(configure: Callable[..., Path]) -> ReadLines:
    """Return a function that reads the logged lines."""
    path = configure()
    return lambda: [json.loads(line) for line in path.read_text().splitlines()]


def test_a_request_is_logged_as_one_summary_line(client: FlaskClient, lines: ReadLines) -> None:
    before = time.time_ns()
    client.get(
        "/nowhere?password=x",
        headers={"X-Request-ID": "rid-7", "User-Agent": "tests/1", "Accept-Language": "da"},
    )
    (line,) = lines()
    fields = line.pop("Fields")
    # https://wiki.mozilla.org/Firefox/Services/Logging
    assert before <= line.pop("Timestamp") <= time.time_ns()
    assert line.pop("Hostname")
    assert line == {
        "Type": "request.summary",
        "Logger": SERVICE,
        "EnvVersion": "2.0",
        "Severity": 6,
        "Pid": os.getpid(),
    }
    # https://python-dockerflow.readthedocs.io/en/main/api/logging.html
    expected = {
        "errno": 0,
        "agent": "tests/1",
        "lang": "da",
        "method": "GET",
        "path": "/nowhere",
        "rid": "rid-7",
        # fields that the service adds
        "route": "",
        "status": 404,
        "correlation_id": "rid-7",
    }
    assert fields.items() >= expected.items()
    assert isinstance(fields["t"], int)
    assert fields["bytes"] > 0


def test_other_lines_have_the_format_of_dockerflow(lines: ReadLines) -> None:
    record = logging.makeLogRecord(
        {"name": "some.library", "levelno": 30, "msg": "low on %s", "args": ("fuel",), "pump": 3}
    )
    logging.getLogger("some.library").handle(record)
    (line,) = lines()
    expected = MozlogFormatter(logger_name=SERVICE).convert_record(record)
    assert expected["Fields"] == {"pump": 3, "msg": "low on fuel"}
    assert line["Fields"].items() >= expected.pop("Fields").items()
    del line["Fields"]
    assert line == expected


def test_lines_of_a_request_have_its_ids_in_other_threads_too(lines: ReadLines) -> None:
    app = create_app(load_config("testing"))

    @app.get("/work")
    def work() -> str:
        current_context.fields["shelf"] = 7
        logging.getLogger("some.library").warning("working")
        thread = threading.Thread(
            target=copy_context().run, args=(logging.warning, "working elsewhere")
        )
        thread.start()
        thread.join()
        return ""

    app.test_client().get("/work", headers={"X-Request-ID": "rid-8", "X-Correlation-ID": "cid-9"})
    logging.warning("working for no request")
    *within, after = lines()
    assert [line["Fields"].get("msg") for line in within] == ["working", "working elsewhere", None]
    assert {line["Fields"]["rid"] for line in within} == {"rid-8"}
    assert {line["Fields"]["correlation_id"] for line in within} == {"cid-9"}
    assert {line["Fields"]["shelf"] for line in within} == {7}
    assert after["Fields"]["rid"] != "rid-8"


def test_an_exception_is_logged_once_with_its_traceback_and_cause(lines: ReadLines) -> None:
    config = load_config("testing")
    config.PROPAGATE_EXCEPTIONS = False
    app = create_app(config)

    @app.get("/fault")
    def fault() -> str:
        try:
            raise ValueError("the cause")
        except ValueError as error:
            raise RuntimeError("the effect") from error

    assert app.test_client().get("/fault").status_code == 500
    error, summary = lines()
    assert error["Severity"] == 3
    assert error["Fields"]["error"] == "RuntimeError('the effect')"
    assert "ValueError: the cause" in error["Fields"]["traceback"]
    assert error["Fields"]["rid"] == summary["Fields"]["rid"]
    assert (summary["Severity"], summary["Fields"]["errno"]) == (3, 500)


SECRETS = [
    "Authorization: Bearer abcdefghijklmnop",
    "headers {'Cookie': 'abcdefghijklmnop', 'Accept': '*/*'}",
    "connect to amqp://someone:abcdefghijklmnop@host/name",
    "password=abcdefghijklmnop, retrying",
    '{"api_key": "abcdefghijklmnop"}',
    "SECRET_KEY is 'x': secret_key: abcdefghijklmnop",
    "cloning https://abcdefghijklmnop@host/name",
]


@pytest.mark.parametrize("message", SECRETS)
def test_secrets_are_redacted(lines: ReadLines, message: str) -> None:
    try:
        raise ValueError(message)
    except ValueError:
        logging.exception("%s", message, extra={"authorization": "abcdefghijklmnop"})
    (line,) = lines()
    assert "abcdefghijklmnop" not in json.dumps(line)
    assert "[redacted]" in line["Fields"]["msg"]


def test_request_headers_with_secrets_are_not_logged(client: FlaskClient, lines: ReadLines) -> None:
    secret = {"Authorization": "Bearer abcdefgh", "Cookie": "abcdefgh", "X-Api-Key": "abcdefgh"}
    client.get("/nowhere?token=abcdefgh", headers=secret)
    assert "abcdefgh" not in json.dumps(lines())


class FailingRepr:
    def __repr__(self) -> str:
        raise ValueError("no name")


RING: list[object] = []
RING.append(RING)
ODD = ["\ud800", 2**70, {1: {2}}, {(1, 2): 3}, RING, b"\xff", float("nan"), "a\nb\x1b[31m"]


@pytest.mark.parametrize("odd", ODD, ids=map(ascii, ODD))
def test_unserializable_values_are_logged_as_one_line_of_json(
    lines: ReadLines, odd: object
) -> None:
    record = logging.makeLogRecord({"msg": "odd: %s", "args": (odd,), "odd": odd})
    assert service_logging._output
    service_logging._output.handle(record)
    (line,) = lines()
    assert "odd" in line["Fields"]


@pytest.mark.parametrize("odd", [*ODD, FailingRepr()])
def test_unserializable_fields_of_a_request_are_logged_as_one_line(
    lines: ReadLines, odd: object
) -> None:
    app = create_app(load_config("testing"))

    @app.get("/odd")
    def add_field() -> str:
        current_context.fields["odd"] = odd
        return ""

    app.test_client().get("/odd")
    (line,) = lines()
    assert line["Fields"]["path"] == "/odd"
    assert "odd" in line["Fields"]


def test_probes_are_not_logged(client: FlaskClient, lines: ReadLines) -> None:
    for path in ("/health/live", "/__lbheartbeat__", "/metrics"):
        assert client.get(path).status_code == 200
    assert lines() == []


def test_an_exception_in_a_thread_is_logged(lines: ReadLines) -> None:
    def fail() -> None:
        raise RuntimeError("in a thread")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    (line,) = lines()
    assert line["Fields"]["error"] == "RuntimeError('in a thread')"


def test_lines_that_cannot_be_written_are_counted(
    client: FlaskClient, configure: Callable[..., Path]
) -> None:
    configure()
    full = os.open("/dev/full", os.O_WRONLY)
    assert service_logging._output
    service_logging._output.descriptor = full
    lost = LOG_LINES_LOST._value.get()
    assert client.get("/nowhere").status_code == 404
    os.close(full)
    assert LOG_LINES_LOST._value.get() == lost + 1


def test_the_console_format_is_plain_text(
    client: FlaskClient, configure: Callable[..., Path]
) -> None:
    path = configure(LOG_FORMAT="console")
    client.get("/no%0Awhere")
    logging.error("oh no: %s", "password=abcdefgh")
    summary, error = path.read_text().splitlines()
    assert "GET /no%0Awhere 404" in summary
    assert error.endswith("oh no: password=[redacted]")


def test_log_level_applies_to_summaries_too(
    client: FlaskClient, configure: Callable[..., Path]
) -> None:
    path = configure(LOG_LEVEL="ERROR")
    client.get("/nowhere")
    logging.warning("so so")
    assert path.read_text() == ""


def test_production_logs_json_and_development_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    from environs import FileAwareEnv

    monkeypatch.delenv("LOG_FORMAT", raising=False)
    formats = [
        CONFIGS[name](FileAwareEnv(eager=False)).LOG_FORMAT
        for name in ("production", "development")
    ]
    assert formats == ["json", "console"]


@pytest.fixture
def handled() -> Iterator[list[logging.LogRecord]]:
    """Return the records that another handler gets."""
    records: list[logging.LogRecord] = []

    class OwnHandler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    handler = OwnHandler()
    logging.getLogger().addHandler(handler)
    yield records
    logging.getLogger().removeHandler(handler)


def test_other_handlers_get_the_fields_of_the_summary(
    client: FlaskClient, lines: ReadLines, handled: list[logging.LogRecord]
) -> None:
    client.get("/nowhere", headers={"X-Request-ID": "rid-7"})
    (line,), (record,) = lines(), handled
    assert (record.name, record.levelno) == ("request.summary", logging.INFO)
    assert record.getMessage() == "GET /nowhere 404"
    assert vars(record).items() >= line["Fields"].items()


def test_the_summary_does_not_depend_on_other_handlers(
    client: FlaskClient, lines: ReadLines, request: pytest.FixtureRequest
) -> None:
    client.get("/nowhere", headers={"X-Request-ID": "rid-7"})
    request.getfixturevalue("handled")
    client.get("/nowhere", headers={"X-Request-ID": "rid-7"})
    alone, accompanied = lines()
    for line in (alone, accompanied):
        own = {name for name in line["Fields"] if name.endswith("_id")}
        for name in own | {"t"}:
            del line["Fields"][name]
        line["Timestamp"] //= 10**10
    assert alone == accompanied


def test_no_log_record_is_created_without_another_handler(
    client: FlaskClient, lines: ReadLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_logging, "summary_record", None)
    client.get("/nowhere")
    assert len(lines()) == 1


def test_caplog_captures_the_summary(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    client.get("/nowhere")
    assert caplog.messages == ["GET /nowhere 404"]


def test_logging_during_import_does_not_duplicate_lines(
    client: FlaskClient, configure: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    logging.info("imported")  # adds a handler if there is none
    assert logging.getLogger().handlers
    path = configure()
    client.get("/nowhere")
    logging.warning("so so")
    assert len(path.read_text().splitlines()) == 2
    assert capsys.readouterr().err == ""


def test_existing_handlers_are_kept(
    client: FlaskClient, configure: Callable[..., Path], handled: list[logging.LogRecord]
) -> None:
    path = configure()
    client.get("/nowhere")
    assert len(path.read_text().splitlines()) == len(handled) == 1


def test_only_the_first_init_logging_counts(
    client: FlaskClient, configure: Callable[..., Path]
) -> None:
    configure()
    path = configure(LOG_LEVEL="ERROR")
    client.get("/nowhere")
    assert len(path.read_text().splitlines()) == 1


def test_custom_filters_levels_and_formatters_apply_to_summaries(
    client: FlaskClient, lines: ReadLines
) -> None:
    output, summary = service_logging._output, logging.getLogger("request.summary")
    assert output
    nothing = lambda _: False  # noqa: E731
    for filtered in (summary, output):
        filtered.addFilter(nothing)
        client.get("/nowhere")
        filtered.removeFilter(nothing)
    output.setLevel(logging.WARNING)
    client.get("/nowhere")
    output.setLevel(logging.NOTSET)
    assert lines() == []
    output.setFormatter(logging.Formatter('"%(path)s"'))
    client.get("/nowhere")
    assert lines() == ["/nowhere"]


def test_a_summary_of_a_5xx_has_level_error(configure: Callable[..., Path]) -> None:
    path = configure(LOG_LEVEL="ERROR")
    app = create_app(load_config("testing"))

    @app.get("/fault")
    def fault() -> tuple[str, int]:
        return "", 500

    app.test_client().get("/fault")
    (line,) = path.read_text().splitlines()
    assert json.loads(line)["Type"] == "request.summary"


def test_lines_that_cannot_be_formatted_are_counted(
    lines: ReadLines, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = LOG_LINES_LOST._value.get()
    logging.warning("%d", "no number")
    assert LOG_LINES_LOST._value.get() == lost + 1
    assert lines() == []
