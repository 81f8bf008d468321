"""The log of ``serve``: what requests and loggers report, written to standard error by a thread of its own.

Logging never waits for the reader of standard error: when :data:`CAPACITY` lines wait, further ones are counted and
dropped. The text of every line is in :mod:`autumn_mock.cli.log_format`.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from autumn_mock.cli.log_format import Format, JsonFormat, Notice, RequestLine, TextFormat, in_one_line
from autumn_mock.clock import pause, stopwatch
from autumn_mock.counting import count_of, were
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.journal.unknown_keys import MAX_KEYS, unknown_key, unknown_keys_text
from autumn_mock.organisation_log import NAME as ORGANISATIONS

if TYPE_CHECKING:
    from autumn_mock.engine import Engine

#: Lines that may wait to be written.
CAPACITY = 2000
#: Seconds between two writes: a wake-up for each line would cost the request more than its line.
_INTERVAL_S = 0.05
#: Seconds between two summaries of requests with unknown keys.
_SUMMARY_S = 10.0
#: Seconds that a reader is given for the last lines.
_GRACE_S = 1.0

#: The fields of a line; the entry itself would keep its body in memory.
_taken: Callable[[RequestEntry], Sequence[Any]] = attrgetter(*RequestLine._fields)


class LogOptions(NamedTuple):
    """The options of ``serve`` that concern its log."""

    as_json: bool
    quiet: bool
    no_colour: bool
    verbosity: int


@contextmanager
def server_log(engine: Engine, options: LogOptions) -> Iterator[ServerLog]:
    """Log the requests of an engine, and what the loggers of the process report, while the block runs."""
    is_terminal = _is_terminal(sys.stderr)
    has_colours = is_terminal and not options.no_colour and "NO_COLOR" not in os.environ
    has_colours = has_colours and os.environ.get("TERM") != "dumb"

    def slug_of(org_id: str) -> str:
        organisation = engine.state.organisation(org_id)
        return organisation.slug if organisation is not None else org_id

    line_format: Format = (
        JsonFormat(slug_of) if options.as_json else TextFormat(slug_of, colours=has_colours, with_date=not is_terminal)
    )
    log = ServerLog(_descriptor(sys.stderr), line_format, quiet=options.quiet)
    logging.basicConfig(level=_LEVELS.get(options.verbosity, logging.DEBUG), handlers=[log])
    logging.getLogger(ORGANISATIONS).setLevel(logging.INFO)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a full task queue is expected under load
    engine.journal.subscribe(log.request)
    try:
        yield log
    finally:
        log.close()


#: The events of loggers that have their own.
_EVENTS = {"autumn_mock.service": "service", ORGANISATIONS: "organisation"}
_LEVELS = {0: logging.WARNING, 1: logging.INFO}


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed and stream.isatty()


def _descriptor(stream: TextIO | None) -> int:
    """The descriptor of a stream, or one that cannot be written when it is closed."""
    try:
        return stream.fileno() if stream is not None else -1
    except (OSError, ValueError):
        return -1


class ServerLog(logging.Handler):
    """Formats and writes lines to a file descriptor. It is a handler of loggers, and a listener of the journal."""

    def __init__(self, descriptor: int, line_format: Format, *, quiet: bool = False) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._format = line_format
        self._is_quiet = quiet
        self._waiting: deque[Any] = deque()
        self._dropped = 0
        self._has_lines = threading.Event()
        self._is_closing = False
        self._is_broken = False
        #: Masked keys that open no organisation, and how many requests used them since the last summary.
        self._unknown: Counter[str] = Counter()
        self._next_summary = 0.0
        self._thread = threading.Thread(target=self._run, name="autumn-mock-log", daemon=True)
        self._thread.start()

    # -- in any thread

    def request(self, entry: RequestEntry) -> None:
        """Log a request."""
        if not self._is_quiet or not entry.org:
            self._put(_taken(entry))

    def notice(self, notice: Notice) -> None:
        """Log something about the server."""
        if not self._is_quiet or notice.level >= logging.WARNING:
            self._put(notice._replace(at=stopwatch()))

    def emit(self, record: logging.LogRecord) -> None:
        """Log what a logger reports."""
        text = in_one_line(record.getMessage())
        if record.exc_info:  # indented, as no line of the log is
            trace = logging.Formatter().formatException(record.exc_info)
            text = "\n".join([text, *(f"    {in_one_line(line)}" for line in trace.splitlines())])
        event = _EVENTS.get(record.name, "log")
        self.notice(Notice(event, text, record.levelno, {"logger": record.name}))

    def close(self) -> None:
        """Write what waits, for a second at most, and end the thread."""
        super().close()
        self._is_closing = True
        self._has_lines.set()
        self._thread.join(_GRACE_S)

    def _put(self, line: Any) -> None:
        if len(self._waiting) >= CAPACITY or self._is_broken:
            self._dropped += 1
            return
        self._waiting.append(line)
        if not self._has_lines.is_set():
            self._has_lines.set()

    # -- in the thread

    def _run(self) -> None:
        try:
            while not self._is_closing:
                self._has_lines.wait(self._next_summary - stopwatch() if self._unknown else None)
                if not self._is_closing:
                    pause(_INTERVAL_S)
                self._has_lines.clear()
                self._write(self._taken_lines())
            self._write(self._taken_lines())
        except OSError:  # standard error is closed: the server continues without its log
            self._is_broken = True
            self._waiting.clear()

    def _taken_lines(self) -> list[str]:
        lines = []
        self._format.begin()
        for _ in range(len(self._waiting)):  # those that arrive meanwhile are written next time
            line = self._waiting.popleft()
            if isinstance(line, Notice):
                if line.event == "stop":
                    lines += self._summaries(is_last=True)
                lines.append(self._format.notice(line))
                continue
            request = RequestLine._make(line)
            key = unknown_key(request.org, request.message)
            if key is not None and (key in self._unknown or len(self._unknown) < CAPACITY):
                self._unknown[key] += 1
            if not self._is_quiet:
                lines.append(self._format.request(request))
        return lines + self._summaries(is_last=self._is_closing)

    def _summaries(self, *, is_last: bool) -> list[str]:
        notices = []
        if self._dropped:
            notices.append(_dropped(self._dropped))
            self._dropped = 0
        if self._unknown and (is_last or stopwatch() >= self._next_summary):
            notices.append(_unknown_keys(self._unknown))
            self._unknown.clear()
            self._next_summary = stopwatch() + _SUMMARY_S
        return [self._format.notice(each._replace(at=stopwatch())) for each in notices]

    def _write(self, lines: list[str]) -> None:
        rest = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]


def _dropped(count: int) -> Notice:
    text = f"{count_of(count, 'line')} of the log {were(count)} dropped, because standard error was read too slowly"
    return Notice("dropped", text, logging.WARNING, {"lines": count})


def _unknown_keys(keys: Counter[str]) -> Notice:
    text = (
        f"{unknown_keys_text(keys)}; use a key of this server, or start it with --key, or with --auto-org, "
        "which opens an organisation for am_sk_test_ and letters, numbers, underscores, hyphens"
    )
    return Notice("unknown_keys", text, logging.WARNING, {"requests": keys.total(), "keys": list(keys)[:MAX_KEYS]})
