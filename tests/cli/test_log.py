"""The log of ``serve``: its lines, and that logging never waits for a reader."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from autumn_mock.cli import log as log_module
from autumn_mock.cli.log import CAPACITY, ServerLog
from autumn_mock.cli.log_format import Format, JsonFormat, Notice, TextFormat
from autumn_mock.clock import pause, stopwatch
from autumn_mock.journal.requests import RequestEntry

TIME = r"\d\d:\d\d:\d\d(?:\.\d{3})?Z"


def slug(org: str) -> str:
    return org.removeprefix("org_")


def entry(**fields: Any) -> RequestEntry:
    known = {
        "id": 1,
        "at": 0,
        "received": 0.0,
        "replied": stopwatch(),
        "method": "POST",
        "path": "/v1/balances.track",
        "call": "balances.track",
        "status": 200,
        "service_status": 200,
        "duration_ms": 1.25,
        "org": "org_acme",
        "env": "sandbox",
        "parsed_customer": "cus_1",
    }
    return RequestEntry(**{**known, **fields})


class Written:
    """A log and what it has written once it is closed."""

    def __init__(self, line_format: Format, *, quiet: bool = False) -> None:
        self._reader, self._writer = os.pipe()
        self.log = ServerLog(self._writer, line_format, quiet=quiet)

    def content(self) -> str:
        self.log.close()
        os.close(self._writer)
        with os.fdopen(self._reader, encoding="utf-8", newline="") as file:
            return file.read()

    def lines(self) -> list[str]:
        return self.content().splitlines()


def text(*, colours: bool = False, with_date: bool = False) -> TextFormat:
    return TextFormat(slug, colours=colours, with_date=with_date)


UNKNOWN = {
    "org": "",
    "env": "",
    "status": 401,
    "service_status": 401,
    "message": "Invalid secret key: am_sk_test_xyz***",
}

LINES: list[tuple[dict[str, Any], str]] = [
    ({}, "POST   balances.track        acme         cus_1    200    1.2 ms"),
    ({"env": "live"}, "POST   balances.track        acme:live    cus_1    200    1.2 ms"),
    ({"items": 1, "refused": 0, "status": 202, "service_status": 202}, "202    1.2 ms  1 item"),
    ({"items": 3, "refused": 1, "faults": ("queue:down",)}, "  2 accepted, 1 refused; fault queue:down"),
    ({"status": None, "faults": ("reply:hang",)}, "---    1.2 ms  fault reply:hang; the service answered 200"),
    ({"message": "Customer x\n\x1b not found"}, r"  Customer x\n\x1b not found"),
    (
        {"call": "", "path": "/v1/no", "note": "none"},
        "POST   /v1/no                acme         cus_1    200    1.2 ms  none",
    ),
    (UNKNOWN, "-            cus_1    401    1.2 ms  Invalid secret key: am_sk_test_xyz***"),
]


@pytest.mark.parametrize(("fields", "end"), LINES, ids=[str(index) for index in range(len(LINES))])
def test_text_line_of_a_request(fields: dict[str, Any], end: str) -> None:
    written = Written(text())
    written.log.request(entry(**fields))
    line = written.lines()[0]
    assert re.fullmatch(TIME, line.split("  ")[0])
    assert line.endswith(end)


def test_organisations_have_an_event_of_their_own() -> None:
    written = Written(JsonFormat(slug))
    record = logging.LogRecord(
        "autumn_mock.organisations", logging.INFO, "", 1, "closed organisation %s", ("a\n",), None
    )
    written.log.emit(record)
    (line,) = map(json.loads, written.lines())
    assert (line["event"], line["level"], line["message"]) == ("organisation", "info", r"closed organisation a\n")
    quiet = Written(text(), quiet=True)
    quiet.log.emit(record)
    assert quiet.lines() == []


def test_text_columns_stay_aligned_and_client_texts_are_cut() -> None:
    written = Written(text())
    for customer in ("cus_1", "customer-with-an-id", "c" * 500, "cus_2"):
        written.log.request(entry(parsed_customer=customer))
    short, wide, cut, after = written.lines()
    assert wide.index(" 200 ") == after.index(" 200 ") - 5  # the cut one has widened the column to its most
    assert len(cut) < 300
    assert short.index(" acme ") == after.index(" acme ")


def test_text_has_colours_and_dates_as_asked() -> None:
    coloured = Written(text(colours=True, with_date=True))
    coloured.log.request(entry(status=503, faults=("queue:down",)))
    coloured.log.notice(Notice("log", "careful", logging.WARNING))
    request, notice = coloured.lines()
    assert "\x1b[31m503\x1b[0m" in request
    assert "\x1b[33mWARNING" in notice
    assert re.match(rf"20\d\d-\d\d-\d\dT{TIME}  ", request)


def test_json_lines_have_the_documented_fields() -> None:
    written = Written(JsonFormat(slug))
    written.log.request(entry(items=2, refused=1, faults=("a",)))
    written.log.handle(logging.LogRecord("autumn_mock.service", logging.ERROR, "", 0, "%s lost", ("one",), None))
    request, service = map(json.loads, written.lines())
    assert list(request) == [
        "time",
        "level",
        "event",
        "id",
        "request_id",
        "method",
        "path",
        "call",
        "org",
        "env",
        "customer_id",
        "status",
        "service_status",
        "items",
        "refused",
        "duration_ms",
        "faults",
        "reply",
        "message",
        "note",
        "correlation_id",
        "slug",
    ]
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\dT{TIME}", request["time"])
    del service["time"]
    assert service == {
        "level": "error",
        "event": "service",
        "message": "one lost",
        "logger": "autumn_mock.service",
    }


def test_words_of_the_real_service_are_marked_and_tracebacks_are_kept() -> None:
    written = Written(text())
    written.log.handle(logging.LogRecord("autumn_mock.service", logging.WARNING, "", 0, "a failure", (), None))
    try:
        raise ValueError("broken")
    except ValueError:
        written.log.handle(logging.LogRecord("autumn_mock", logging.ERROR, "", 0, "failed", (), sys.exc_info()))
    lines = written.lines()
    assert lines[0].endswith("WARNING  the real service logs: a failure")
    assert lines[1].endswith("ERROR  failed")
    assert lines[-1] == "    ValueError: broken"


def test_requests_with_unknown_keys_are_summarised_even_when_quiet() -> None:
    written = Written(text(), quiet=True)
    for index in range(3):
        written.log.request(
            entry(**{**UNKNOWN, "message": f"Invalid secret key: am_sk_test_{'xyz***' if index else 'abc'}"})
        )
    written.log.request(entry())
    written.log.notice(Notice("stop", "stopped"))
    [line] = written.lines()
    assert "3 requests used a key that opens no organisation: am_sk_test_xyz***, am_sk_test_abc; use a key" in line


@pytest.fixture
def unread() -> Iterator[Callable[[], ServerLog]]:
    """Logs that write to pipes which are not read."""
    opened: list[tuple[ServerLog, int, int]] = []

    def log() -> ServerLog:
        reader, writer = os.pipe()
        opened.append((ServerLog(writer, text()), reader, writer))
        return opened[-1][0]

    yield log
    for each, reader, writer in opened:
        os.close(reader)  # ends the write
        each.close()
        os.close(writer)


def test_logging_never_waits_and_is_bounded_when_standard_error_is_not_read(
    unread: Callable[[], ServerLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "_GRACE_S", 0.05)
    log, line = unread(), entry(message="x" * 150)
    began = stopwatch()
    for _ in range(5):
        for _ in range(CAPACITY):
            log.request(line)
        pause(0.06)
    assert len(log._waiting) <= CAPACITY
    assert log._dropped >= CAPACITY
    log.close()
    assert stopwatch() - began < 5


def test_dropped_lines_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "CAPACITY", 3)
    written = Written(text())
    for _ in range(10):
        written.log.request(entry())
    lines = written.lines()
    assert len(lines) == 4
    assert lines[-1].endswith("WARNING  7 lines of the log were dropped, because standard error was read too slowly")


def test_a_closed_standard_error_ends_the_log_only() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    log = ServerLog(writer, text())
    log.request(entry())
    pause(0.2)
    for _ in range(10):
        log.request(entry())
    log.close()
    assert not log._waiting
    os.close(writer)


FORGED = "\n12:30:01.250Z  ERROR  forged\r\x1b[2J\x85\u2028"


@pytest.mark.parametrize("name", ["autumn_mock.web", "autumn_mock.service"])
@pytest.mark.parametrize(
    "forged", [FORGED, "a\nb", "\r\x1b[31m", "\x85\u2028"], ids=["long", "line", "colour", "unicode"]
)
def test_no_text_of_a_client_forges_a_line(name: str, forged: str) -> None:
    written = Written(text())
    written.log.request(entry(path="/" + "x" * 500, call="", parsed_customer="c" * 500))  # the widest columns
    written.log.handle(logging.LogRecord(name, logging.ERROR, "", 0, "%s failed", (forged,), None))
    try:
        raise ValueError(forged)
    except ValueError:
        written.log.handle(logging.LogRecord(name, logging.ERROR, "", 0, "failed", (), sys.exc_info()))
    for field in ("path", "call", "parsed_customer", "message", "note", "method"):
        written.log.request(entry(**{"call": "", field: forged}))
    lines = written.content().removesuffix("\n").split("\n")
    assert sum(re.match(TIME, line) is not None for line in lines) == 9
    assert all(re.match(TIME, line) or line.startswith("    ") or not line for line in lines), lines
    assert all(line.isprintable() for line in lines), lines


def test_no_text_of_a_client_is_endless() -> None:
    written = Written(text())
    for field in ("path", "call", "parsed_customer", "message", "note", "method"):
        written.log.request(entry(**{"call": "", field: "x" * 100_000}))
    assert max(map(len, written.lines())) < 1000
