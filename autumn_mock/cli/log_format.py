"""The text of the log of ``serve``: aligned lines for people, JSON for programs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple, Protocol

import click
import msgspec

from autumn_mock.clock import stopwatch, wall_clock
from autumn_mock.counting import count_of


class RequestLine(NamedTuple):
    """What a line says of a request: fields of :class:`~autumn_mock.journal.requests.RequestEntry`."""

    id: int
    request_id: str
    replied: float
    method: str
    path: str
    call: str
    org: str
    env: str
    customer_id: str
    status: int | None
    service_status: int | None
    items: int | None
    refused: int | None
    duration_ms: float
    faults: tuple[str, ...]
    reply: str
    message: str | None
    note: str | None
    correlation_id: str


class Notice(NamedTuple):
    """A line about something else: an ``event`` by name, a sentence, a level of :mod:`logging`, further fields."""

    event: str
    text: str
    level: int = logging.INFO
    fields: Mapping[str, Any] = {}
    #: In seconds of the stopwatch.
    at: float = 0


class Format(Protocol):
    """Makes lines. ``begin`` is called before the lines that are written together."""

    def begin(self) -> None: ...
    def request(self, line: RequestLine) -> str: ...
    def notice(self, notice: Notice) -> str: ...


class _Times:
    """Instants of the stopwatch as ISO 8601 in UTC; on a terminal without the day and the milliseconds."""

    def __init__(self, *, with_date: bool) -> None:
        self._with_date = with_date
        self._offset = 0.0
        self._second = 0
        self._text = ""

    def adjust(self) -> None:
        """Compare the stopwatch with the machine's time, which may have been set."""
        self._offset = wall_clock() - stopwatch() * 1000

    def of(self, seconds: float) -> str:
        second, ms = divmod(int(seconds * 1000 + self._offset), 1000)
        if second != self._second:
            self._second = second
            self._text = datetime.fromtimestamp(second, timezone.utc).strftime(
                "%Y-%m-%dT%H:%M:%S" if self._with_date else "%H:%M:%SZ"
            )
        return f"{self._text}.{ms:03}Z" if self._with_date else self._text


#: Widths of the columns at first, and the most they grow to: call, organisation, customer.
_WIDTHS, _WIDEST = [20, 11, 7], (34, 20, 24)
#: Characters of what a client has chosen in one line.
_LONGEST = 200
_LEVEL_COLOURS = {logging.WARNING: "yellow", logging.ERROR: "red", logging.CRITICAL: "red"}


class TextFormat:
    """Aligned lines, for people.

    ::

        12:30:01Z  POST   balances.batch_track  autumn-mock  cus_123  202    4.1 ms  2 accepted, 1 refused

    ``name_of`` returns the slug of an organisation's id.
    """

    def __init__(self, name_of: Callable[[str], str], *, colours: bool, with_date: bool) -> None:
        self._name_of = name_of
        self._names: dict[tuple[str, str], str] = {}
        self._colours = colours
        self._times = _Times(with_date=with_date)
        self._widths = list(_WIDTHS)

    def begin(self) -> None:
        self._names.clear()  # an organisation may be given another name
        self._times.adjust()

    def request(self, line: RequestLine) -> str:
        call, org, customer = (
            self._column(index, text)
            for index, text in enumerate((line.call or line.path, self._organisation(line), line.customer_id))
        )
        status = f"{line.status or '---'}"
        if self._colours:
            status = click.style(status, fg=_status_colour(line.status), bold=line.status is None or None)
        text = f"{self._times.of(line.replied)}  {shortened(line.method):<6} {call}  {org}  {customer}  {status}"
        return f"{text} {line.duration_ms:6.1f} ms{self._more(line)}"

    def _column(self, index: int, text: str) -> str:
        width = self._widths[index]
        text = shortened(text)
        if len(text) > width:
            width = self._widths[index] = min(len(text), _WIDEST[index])
        return text.ljust(width)

    def _organisation(self, line: RequestLine) -> str:
        name = self._names.get((line.org, line.env))
        if name is None:
            name = self._name_of(line.org) if line.org else "-"
            name = self._names[line.org, line.env] = f"{name}:live" if line.env == "live" else name
        return name

    def _more(self, line: RequestLine) -> str:
        if line.items is None and not line.faults and line.message is None and line.note is None:
            return ""
        parts = [_items(line.items, line.refused or 0)] if line.items is not None else []
        parts += [
            click.style(f"fault {rule}", fg="magenta") if self._colours else f"fault {rule}" for rule in line.faults
        ]
        if line.status != line.service_status and line.service_status is not None:
            parts.append(f"the service answered {line.service_status}")
        parts += [shortened(text) for text in (line.message, line.note) if text]
        return "  " + "; ".join(parts)

    def notice(self, notice: Notice) -> str:
        if notice.event == "start":
            return self._banner(notice.fields)
        mark = "the real service logs: " if notice.event == "service" else ""
        level = "" if notice.level < logging.WARNING else f"{logging.getLevelName(notice.level)}  "
        if self._colours and level:
            level = click.style(level, fg=_LEVEL_COLOURS.get(notice.level))
        return f"{self._times.of(notice.at)}  {level}{mark}{notice.text}"

    def _banner(self, facts: Mapping[str, Any]) -> str:
        lines = []
        width = max(map(len, facts))
        for name, values in facts.items():
            for index, value in enumerate(values if isinstance(values, list) else [values]):
                label = f"  {'' if index else name.replace('_', ' '):{width}}"
                lines.append(f"{click.style(label, dim=True) if self._colours else label}  {value}")
        return "\n".join(["", *lines, ""])


class JsonFormat:
    """One object per line: ``time``, ``level``, ``event``, and the fields of the event."""

    def __init__(self, name_of: Callable[[str], str]) -> None:
        self._name_of = name_of
        self._times = _Times(with_date=True)

    def begin(self) -> None:
        self._times.adjust()

    def request(self, line: RequestLine) -> str:
        fields = line._asdict()
        at = self._times.of(fields.pop("replied"))
        fields["slug"] = self._name_of(line.org) if line.org else ""
        return _json({"time": at, "level": "info", "event": "request", **fields})

    def notice(self, notice: Notice) -> str:
        level = logging.getLevelName(notice.level).lower()
        head = {"time": self._times.of(notice.at), "level": level, "event": notice.event}
        return _json({**head, "message": notice.text, **notice.fields})


def _json(fields: Mapping[str, Any]) -> str:
    return msgspec.json.encode(fields).decode()


def _items(offered: int, refused: int) -> str:
    if refused:
        return f"{offered - refused} accepted, {refused} refused"
    return count_of(offered, "item")


def _status_colour(status: int | None) -> str:
    if status is None or status >= 500:
        return "red"
    return "yellow" if status >= 400 else "green"


def in_one_line(text: str) -> str:
    """A text without line breaks and other control characters, which could forge a line."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def shortened(text: str, longest: int = _LONGEST) -> str:
    """A text of a client: in one line, not endless, and without control characters."""
    text = in_one_line(text)
    return text if len(text) <= longest else f"{text[:longest]}…"
