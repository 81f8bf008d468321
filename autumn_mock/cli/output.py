"""What commands print: tables for people, JSON for programs, and lists that continue with new rows.

A terminal gets colours and lines of its width. A pipe gets neither: each row is one line.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta, timezone
from itertools import zip_longest
from typing import Any, NamedTuple

import click
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from autumn_mock.cli.options import ListOptions
from autumn_mock.control_client import ControlError, ServerUnreachable

#: One entry of a list, as the server sent it.
Row = dict[str, Any]

#: Seconds between two requests of ``--follow``.
INTERVAL = 0.5

#: So wide that no line is wrapped.
_UNLIMITED = 1 << 16
#: Between two columns.
_GAP = 2
#: The least width of a flexible column.
_NARROWEST = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def print_json(value: Any) -> None:
    """Print one document."""
    click.echo(json.dumps(value, indent=2))


def print_json_lines(rows: Iterable[Row]) -> None:
    """Print one object per line."""
    for row in rows:
        click.echo(json.dumps(row))


def stdout_console() -> Console:
    """Standard output; a character that the terminal cannot show does not end the command."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
    return Console(highlight=False, markup=False, emoji=False)


class Screen:
    """Prints paragraphs and tables on standard output."""

    def __init__(self) -> None:
        self._console = stdout_console()
        self._is_plain = not self._console.is_terminal
        if self._is_plain and "COLUMNS" not in os.environ:
            self._console.width = _UNLIMITED
        self.width = self._console.width

    def put(self, what: Any) -> None:
        """Print a renderable of rich, without blanks at the end of lines when there are no colours."""
        with self._console.capture() as captured:
            self._console.print(what)
        text = captured.get()
        if self._is_plain:
            text = "\n".join(line.rstrip() for line in text.split("\n"))
        click.echo(text, nl=False, color=not self._is_plain)

    def wrapped(self, text: Text, width: int) -> Iterable[Text]:
        """A text as lines of a width."""
        return text.wrap(self._console, width) if text.cell_len > width else [text]

    def line(self, text: str, style: str = "", indent: int = 0) -> None:
        """Print a paragraph."""
        self.put(Padding(Text(text, style), (0, 0, 0, indent), expand=False))

    def pairs(self, pairs: Iterable[tuple[str, Any]]) -> None:
        """Print names and values, each pair in a line; without those that have no value."""
        table = Table.grid(padding=(0, _GAP, 0, 0))
        table.add_column(no_wrap=True, style="dim")
        table.add_column(overflow="fold")
        for name, value in pairs:
            if value not in (None, ""):
                table.add_row(name, Text(_text(value)))
        self.put(Padding(table, (0, 0, 0, _GAP), expand=False))


class Column(NamedTuple):
    """A column of a table: its title, and its cell for a row."""

    title: str
    cell: Callable[[Row], Any]
    right: bool = False
    #: Whether it may be narrowed, and its cells wrapped, on a narrow screen.
    flexible: bool = False
    #: The colour; empty for none.
    style: Callable[[Row], str] = lambda _row: ""
    #: The least width, for rows that are printed later.
    width: int = 0


class Sheet:
    """A table whose rows may be printed in several parts. The first part decides the widths.

    The notes of a row are lines below it. Rows of another organisation are printed below its name.
    """

    def __init__(self, columns: Sequence[Column], notes: Callable[[Row], list[str]] = lambda _row: []) -> None:
        self._columns = columns
        self._notes = notes
        self._screen = Screen()
        self._widths: list[int] = []
        self._place: str | None = None

    def show(self, rows: Sequence[Row]) -> None:
        """Print rows; the first ones below the titles."""
        cells = [[Text(_text(column.cell(row)), column.style(row)) for column in self._columns] for row in rows]
        if rows and not self._widths:
            titles = [Text(column.title, "bold") for column in self._columns]
            self._widths = self._fitted([titles, *cells])
            self._print(titles)
            if len({_place(row) for row in rows}) == 1:
                self._place = _place(rows[0])  # not printed until there is another one
        for row, line in zip(rows, cells, strict=True):
            if _place(row) != self._place:
                self._place = _place(row)
                self._screen.line(self._place, "dim")
            self._print(line)
            for note in self._notes(row):
                self._screen.line(note, "dim", indent=2 * _GAP)

    def _print(self, cells: Sequence[Text]) -> None:
        wrapped = [
            self._screen.wrapped(cell, width) if column.flexible else [cell]
            for column, cell, width in zip(self._columns, cells, self._widths, strict=True)
        ]
        for parts in zip_longest(*wrapped, fillvalue=Text()):
            line = Text()
            for column, part, width in zip(self._columns, parts, self._widths, strict=True):
                blanks = " " * max(width - part.cell_len, 0)
                line.append_text(Text.assemble(blanks, part) if column.right else Text.assemble(part, blanks))
                line.append(" " * _GAP)
            line.rstrip()
            self._screen.put(line)

    def _fitted(self, rows: Sequence[Sequence[Text]]) -> list[int]:
        """The widths of the columns; if the screen is too narrow, the widest flexible ones are narrowed."""
        widths = [
            max(column.width, *(row[index].cell_len for row in rows)) for index, column in enumerate(self._columns)
        ]
        flexible = [index for index, column in enumerate(self._columns) if column.flexible]
        excess = sum(widths) + _GAP * (len(widths) - 1) - self._screen.width
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
    """The organisation and environment of a row; a request without a known key has none."""
    return f"{row['org']}:{row['env']}" if row.get("org") else "no organisation"


# -- lists


def show_list(
    fetch: Callable[[], list[Row]],
    show: Callable[[list[Row]], None],
    options: ListOptions,
    *,
    empty: str | Callable[[], str],
    identity: Callable[[Row], Any] = lambda row: (row.get("org"), row.get("env"), row["id"]),
) -> None:
    """Print a list as the options ask for.

    ``fetch`` returns the rows, oldest first; ``--follow`` calls it repeatedly and prints rows whose ``identity`` the
    last call did not return. ``empty``: the sentence that is printed instead of no rows.
    """
    if options.follow:
        _follow(fetch, print_json_lines if options.as_json else show, options.limit, identity)
        return
    rows = fetch()
    if options.as_json:
        print_json({"list": rows})
    elif rows:
        show(rows)
    else:
        click.echo(empty if isinstance(empty, str) else empty())


def _follow(
    fetch: Callable[[], list[Row]],
    show: Callable[[list[Row]], None],
    limit: int | None,
    identity: Callable[[Row], Any],
) -> None:
    seen: dict[Any, Row] | None = None
    try:
        while limit is None or limit > 0:
            if seen is not None:
                time.sleep(INTERVAL)
            try:
                rows = {identity(row): row for row in fetch()}
            except ControlError as error:
                if seen is None or isinstance(error, ServerUnreachable):
                    raise
                continue  # a fault that hits the control API delays the next rows, no more
            new = [row for name, row in rows.items() if name not in (seen or ())][:limit]
            seen = rows
            show(new)
            sys.stdout.flush()
            if limit is not None:
                limit -= len(new)
    except KeyboardInterrupt:
        return


# -- values


def moment(instant: float | None, *, dated: bool = False) -> str:
    """An instant (ms) as UTC; without the date if that is today, unless it is ``dated``."""
    if instant is None:
        return ""
    try:
        when = _EPOCH + timedelta(milliseconds=instant)
    except OverflowError:  # a client may send any number as a timestamp
        return str(instant)
    is_today = not dated and when.date() == datetime.now(timezone.utc).date()
    return f"{when:%H:%M:%S}" if is_today else f"{when:%Y-%m-%d %H:%M:%S}"


def figure(value: Any) -> str:
    """A number without a needless ``.0``."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
