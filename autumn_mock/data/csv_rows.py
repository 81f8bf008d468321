"""CSV files of customers and events as rows that a server imports, with the line and the column of every value."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TextIO

from autumn_mock.input_files import InputFileError, KeyPath, Position, Problem, guess, report

Kind = Literal["customers", "events"]

#: Columns with a value of the row itself.
_TEXTS: Mapping[Kind, tuple[str, ...]] = {
    "customers": ("customer_id", "name", "email", "fingerprint", "stripe_id", "created_at", "payment_method"),
    "events": ("customer_id", "feature_id", "event_name", "entity_id", "timestamp"),
}
#: Further columns; those that end in a point are followed by a name: of a property, or of a feature.
_OTHERS: Mapping[Kind, tuple[str, ...]] = {
    "customers": ("plans", "started_at", "metadata.", "balance.", "usage.", "entities."),
    "events": ("value", "properties."),
}
_REQUIRED = "customer_id"
_DELIMITERS = ",;\t"
#: Between several values in a cell.
_BETWEEN = ";"


#: Characters of the longest line that is read: 64 cells of the longest that there can be.
_LONGEST_LINE = 64 * 131_072


def _lines(file: TextIO) -> Iterator[str]:
    """The lines of a file. Raises :class:`csv.Error` for one without end."""
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise csv.Error(f"a line has at most {_LONGEST_LINE} characters")
        yield line


class CsvRow(NamedTuple):
    """A row, as the server takes it, and where its values are: the number of the column by key."""

    line: int
    entry: dict[str, Any]
    columns: Mapping[KeyPath, int]


class CsvFile:
    """A CSV file with a line of titles. Its problems have the line, and the number and the title of the column."""

    def __init__(self, path: Path, kind: Kind) -> None:
        """Read the titles. Raises :class:`InputFileError`."""
        self.path = path
        self.kind = kind
        line, titles = next(self._records(), (1, []))
        self.titles = [each.strip() for each in titles]
        report(self._wrong_titles(line))

    def problem(self, row: CsvRow, key: KeyPath, text: str) -> Problem:
        """A problem of a row, at the column of a key or of the nearest key around it."""
        while key and key not in row.columns:
            key = key[:-1]
        number = row.columns.get(key, 0)
        return self._at(row.line, number, text)

    def rows(self) -> Iterator[CsvRow | Problem]:
        """Every row, or what is wrong with it. Empty lines are skipped. Raises :class:`InputFileError`."""
        records = self._records()
        next(records, None)
        for line, cells in records:
            if not any(each.strip() for each in cells):
                continue
            if len(cells) != len(self.titles):
                text = f"has {len(cells)} values, and there are {len(self.titles)} columns"
                yield Problem(self.path, Position(line, min(len(cells), len(self.titles)) + 1), (), text)
                continue
            yield from self._row(line, [each.strip() for each in cells])

    def _at(self, line: int, number: int, text: str) -> Problem:
        return Problem(self.path, Position(line, number + 1), (self.titles[number],), text)

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """The records, each with the line in which it begins."""
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                first = file.readline(_LONGEST_LINE)
                file.seek(0)
                delimiter = max(_DELIMITERS, key=first.count)
                reader = csv.reader(_lines(file), delimiter=delimiter, strict=True)
                begins = 1
                try:
                    for cells in reader:
                        yield begins, cells
                        begins = reader.line_num + 1
                except csv.Error as error:
                    raise Problem(self.path, Position(begins, 1), (), f"invalid CSV: {error}").error from None
                except UnicodeDecodeError:
                    raise Problem(
                        self.path, Position(begins, 1), (), "not UTF-8, at or after this line"
                    ).error from None
        except UnicodeDecodeError:
            raise Problem(self.path, Position(1, 1), (), "not UTF-8").error from None
        except OSError as error:
            raise InputFileError(f"{self.path}: {error.strerror or error}") from None

    def _wrong_titles(self, line: int) -> Iterator[Problem]:
        known = [*_TEXTS[self.kind], *_OTHERS[self.kind]]
        for number, title in enumerate(self.titles):
            place = Problem(self.path, Position(line, number + 1), (title,), "")
            prefix, point, name = title.partition(".")
            if title in self.titles[:number]:
                yield place._replace(text="a second column with this title")
            elif f"{prefix}{point}" not in known or bool(point) != bool(name):
                names = [each + ("NAME" if each.endswith(".") else "") for each in known]
                yield place._replace(text=f"unknown column{guess(title, names)}")
        if _REQUIRED not in self.titles:
            yield Problem(self.path, Position(line, 1), (), f"the first line has no column {_REQUIRED}")

    # -- values

    def _row(self, line: int, cells: list[str]) -> Iterator[CsvRow | Problem]:
        entry: dict[str, Any] = {}
        columns: dict[KeyPath, int] = {}
        problems = []
        for number, (title, cell) in enumerate(zip(self.titles, cells, strict=True)):
            if not cell:
                continue
            try:
                for key in self._put(entry, title, cell):
                    columns[key] = number
            except ValueError as error:
                problems.append(self._at(line, number, str(error)))
        started = entry.pop("started_at", None)
        for plan in entry.get("plans", ()):
            plan |= {} if started is None else {"started_at": started}
        if _REQUIRED not in entry:
            problems.append(self._at(line, self.titles.index(_REQUIRED), "is missing"))
        if problems:
            yield from problems
        else:
            yield CsvRow(line, entry, columns)

    def _put(self, entry: dict[str, Any], title: str, cell: str) -> Iterable[KeyPath]:
        """Put a value into a row; returns its keys. Raises :class:`ValueError`."""
        prefix, _, name = title.partition(".")
        if prefix in ("metadata", "properties"):
            entry.setdefault(prefix, {})[name] = cell
            return [(prefix, name)]
        if prefix == "plans":
            entry[prefix] = [{"plan_id": each} for each in _several(cell)]
            return [(prefix,)]
        if prefix == "entities":
            return [_add(entry, prefix, {"entity_id": each, "feature_id": name}) for each in _several(cell)]
        if prefix == "balance":
            return [_add(entry, "balances", {"feature_id": name, "included_grant": _number(cell)})]
        if prefix == "usage":
            return [_add(entry, prefix, {"feature_id": name, "usage": _number(cell)})]
        entry[title] = _number(cell) if title == "value" else cell
        return [(title,)]


def _add(entry: dict[str, Any], key: str, value: dict[str, Any]) -> KeyPath:
    entries = entry.setdefault(key, [])
    entries.append(value)
    return (key, len(entries) - 1)


def _several(cell: str) -> list[str]:
    return [each.strip() for each in cell.split(_BETWEEN) if each.strip()]


def _number(cell: str) -> int | float:
    for read in (int, float):
        try:
            value = read(cell)
        except ValueError:
            continue
        if value == value and abs(value) != float("inf"):
            return value
    raise ValueError(f"must be a number (it is {cell!r}); a decimal point is a point")
