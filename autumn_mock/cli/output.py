"""What commands print: tables for people, JSON for programs, and lists that go on with what is new.

A terminal gets colours and lines that fit it. A pipe gets neither: each row is one line, however long.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import Any, NamedTuple

import click
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from autumn_mock.cli.client import AnswerError
from autumn_mock.cli.options import ListOptions

#: Something that the server tells of, as it came.
Row = dict[str, Any]

#: Seconds between two looks of ``--follow``.
INTERVAL = 0.5

#: Wide enough that no line is broken.
_ENDLESS = 1 << 16
#: Between two columns.
_GAP = 2
#: A column is not made narrower than this.
_NARROWEST = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


# -- programs


def print_json(value: Any) -> None:
    """Print one document."""
    click.echo(json.dumps(value, indent=2))


def print_json_lines(rows: Iterable[Row]) -> None:
    """Print one object a line."""
    for row in rows:
        click.echo(json.dumps(row))


# -- people


class Column(NamedTuple):
    """A column of a table: its title, and what a row has to say there."""

    title: str
    cell: Callable[[Row], Any]
    right: bool = False
    #: Whether it may be broken into lines where there is no room.
    flexible: bool = False
    #: In which colour; empty for none.
    tone: Callable[[Row], str] = lambda _row: ""


def no_notes(_row: Row) -> list[str]:
    """For rows that need no more than a line."""
    return []


class Screen:
    """Where tables and paragraphs go: standard output."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, markup=False, emoji=False)
        self._is_plain = not self._console.is_terminal
        if self._is_plain and "COLUMNS" not in os.environ:
            self._console.width = _ENDLESS
        reconfigure = getattr(sys.stdout, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")  # a customer's name that the terminal cannot show shall not end the command

    @property
    def width(self) -> int:
        """In characters."""
        return self._console.width

    def put(self, what: Any) -> None:
        """Print something of rich's, without the blanks that it fills lines with when nobody sees colours."""
        with self._console.capture() as captured:
            self._console.print(what)
        text = captured.get()
        if self._is_plain:
            text = "\n".join(line.rstrip() for line in text.split("\n"))
        click.echo(text, nl=False, color=not self._is_plain)

    def line(self, text: str = "", style: str = "", indent: int = 0) -> None:
        """Print a paragraph."""
        self.put(Padding(Text(text, style), (0, 0, 0, indent)) if text else "")

    def pairs(self, pairs: Iterable[tuple[str, Any]], indent: int = _GAP) -> None:
        """Print names and what they stand for, each in a line; those that stand for nothing are left out."""
        table = Table(box=None, show_header=False, padding=(0, _GAP, 0, 0), pad_edge=False)
        table.add_column(no_wrap=True, style="dim")
        table.add_column(overflow="fold")
        for name, value in pairs:
            if value not in (None, ""):
                table.add_row(Text(name), Text(_text(value)))
        self.put(Padding(table, (0, 0, 0, indent)))


class Sheet:
    """A table that may be printed bit by bit; its columns keep their places, and only grow.

    A row's notes stand in lines of their own under it. Rows of another organisation stand under its name.
    """

    def __init__(self, columns: Sequence[Column], notes: Callable[[Row], list[str]] = no_notes) -> None:
        self._columns = columns
        self._notes = notes
        self._widths = [cell_len(column.title) for column in columns]
        self._is_begun = False
        self._place: str | None = None

    @cached_property
    def _screen(self) -> Screen:
        return Screen()

    def show(self, rows: Sequence[Row]) -> None:
        """Print rows, the first ones under the titles."""
        if not rows:
            return
        cells = [[_text(column.cell(row)) for column in self._columns] for row in rows]
        for line in cells:
            self._widths = [max(width, cell_len(cell)) for width, cell in zip(self._widths, line, strict=True)]
        table = self._table()
        if not self._is_begun:
            self._is_begun = True
            table.add_row(*(Text(column.title, "bold") for column in self._columns))
            if len({_place(row) for row in rows}) == 1:
                self._place = _place(rows[0])  # goes without saying until there is another
        for row, line in zip(rows, cells, strict=True):
            if _place(row) != self._place:
                self._place = _place(row)
                table = self._flush(table)
                self._screen.line(self._place, "dim")
            table.add_row(
                *(Text(cell, column.tone(row)) for column, cell in zip(self._columns, line, strict=True)),
            )
            notes = self._notes(row)
            if notes:
                table = self._flush(table)
                for note in notes:
                    self._screen.line(note, "dim", indent=2 * _GAP)
        self._flush(table)

    def _flush(self, table: Table) -> Table:
        if table.row_count:
            self._screen.put(table)
        return self._table()

    def _table(self) -> Table:
        table = Table(box=None, show_header=False, padding=(0, _GAP, 0, 0), pad_edge=False)
        for column, width in zip(self._columns, self._fitted(), strict=True):
            table.add_column(
                width=width,
                justify="right" if column.right else "left",
                no_wrap=not column.flexible,
                overflow="fold" if column.flexible else "ellipsis",
            )
        return table

    def _fitted(self) -> list[int]:
        """The widths, with the flexible columns as narrow as the screen demands, the widest one first."""
        widths = list(self._widths)
        excess = sum(widths) + _GAP * (len(widths) - 1) - self._screen.width
        flexible = [index for index, column in enumerate(self._columns) if column.flexible]
        while excess > 0 and flexible:
            widest = max(flexible, key=lambda index: widths[index])
            if widths[widest] <= _NARROWEST:
                break
            widths[widest] -= 1
            excess -= 1
        return widths


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _place(row: Row) -> str:
    """The organisation and environment of a row; those of requests without a known key have none."""
    return f"{row['org']}:{row['env']}" if row.get("org") else "no organisation"


# -- lists


def tell(
    fetch: Callable[[], list[Row]],
    show: Callable[[list[Row]], None],
    looking: ListOptions,
    *,
    nothing: str,
    identity: Callable[[Row], Any] = lambda row: (row.get("org"), row.get("env"), row["id"]),
) -> None:
    """Print a list in the way that was asked for.

    ``fetch`` gives what is there, oldest first; following calls it again and again and prints rows of an ``identity``
    that the last call did not give. Once it has succeeded, a fault that strikes it costs one look and no more.
    ``nothing``: the sentence for people when there is nothing to show.
    """
    if looking.follow:
        _follow(fetch, print_json_lines if looking.as_json else show, looking.most, identity)
        return
    rows = fetch()
    if looking.as_json:
        print_json({"list": rows})
    elif rows:
        show(rows)
    else:
        click.echo(nothing)


def _follow(
    fetch: Callable[[], list[Row]],
    show: Callable[[list[Row]], None],
    most: int | None,
    identity: Callable[[Row], Any],
) -> None:
    seen: dict[Any, Row] | None = None
    try:
        while True:
            rows = _look(fetch, identity, seen)
            new = [row for name, row in rows.items() if name not in (seen or ())][:most]
            seen = rows
            show(new)
            sys.stdout.flush()
            if most is not None:
                most -= len(new)
                if not most:
                    return
            time.sleep(INTERVAL)
    except KeyboardInterrupt:
        return


def _look(
    fetch: Callable[[], list[Row]], identity: Callable[[Row], Any], seen: dict[Any, Row] | None
) -> dict[Any, Row]:
    """What is there now, by its identity; what was there before when the answer tells nothing."""
    try:
        return {identity(row): row for row in fetch()}
    except AnswerError:
        if seen is None:
            raise
        return seen


# -- words


def moment(instant: float | None) -> str:
    """An instant (ms) as UTC, without the date when that is today's."""
    if instant is None:
        return ""
    try:
        when = _EPOCH + timedelta(milliseconds=instant)
    except OverflowError:  # clients may send any number as a timestamp
        return str(instant)
    is_today = when.date() == datetime.now(timezone.utc).date()
    return f"{when:%H:%M:%S}" if is_today else f"{when:%Y-%m-%d %H:%M:%S}"


def figure(value: Any) -> str:
    """A number without a needless point."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def count_of(count: int, what: str) -> str:
    """``1 item``, ``3 items``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
