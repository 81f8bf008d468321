"""``autumn-mock import``: customers and events from CSV files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autumn_mock.cli.files import FileError, input_file
from autumn_mock.cli.groups import CommandGroup
from autumn_mock.cli.options import asks_server, json_option
from autumn_mock.counting import count_in, count_of, were

if TYPE_CHECKING:
    from autumn_mock.control_client import ControlClient
    from autumn_mock.data.csv_rows import CsvFile, CsvRow, Kind
    from autumn_mock.input_files import Problem

#: Rows of one request, and the seconds that it may take.
_CHUNK, _TIMEOUT_S = 500, 120.0
Progress = Callable[[int, int], None]


@click.group("import", cls=CommandGroup, short_help="Add customers and events from CSV files.")
def import_() -> None:
    """Add customers and events from CSV files to a running server.

    The first line has the titles of the columns. The whole file is checked before anything is added; mistakes are
    reported with line and column. Without --key: the organisation of the server's first key.
    """


def _options(command: Callable[..., None]) -> Callable[..., None]:
    command = click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))(command)
    return click.option("--check", "check_only", is_flag=True, help="Only check the file.")(command)


@import_.command(short_help="Add customers.")
@_options
@json_option
@asks_server
def customers(client: ControlClient, file: str, check_only: bool, as_json: bool) -> None:
    """Add the customers of FILE; - is standard input.

    \b
    customer_id                      required; must not exist
    name, email, fingerprint, stripe_id
    created_at, started_at           of the customer, of the plans
    plans                            ids, separated by ;
    payment_method                   none, ok, declines or needs_3ds
    metadata.NAME                    a text
    balance.FEATURE                  a grant that belongs to no plan
    usage.FEATURE                    what is used of a feature
    entities.FEATURE                 ids, separated by ;
    """
    _import(client, file, "customers", {}, check_only=check_only, as_json=as_json)


@import_.command(short_help="Add events.")
@_options
@click.option("--history", is_flag=True, help="Add the events only, and leave balances as they are.")
@json_option
@asks_server
def events(client: ControlClient, file: str, history: bool, check_only: bool, as_json: bool) -> None:
    """Add the events of FILE; - is standard input. Each deducts from the present balances, as balances.track does.

    \b
    customer_id                      required; must exist
    feature_id or event_name
    entity_id, value                 value is 1 if it is empty
    timestamp                        ISO 8601, or milliseconds since 1970
    properties.NAME                  a text
    """
    _import(client, file, "events", {"history": history}, check_only=check_only, as_json=as_json)


def _import(
    client: ControlClient, name: str, kind: Kind, sent: dict[str, Any], *, check_only: bool, as_json: bool
) -> None:
    from autumn_mock.data.csv_rows import CsvFile
    from autumn_mock.input_files import InputFileError, report

    try:
        with input_file(name) as path:
            file = CsvFile(Path(path), kind)
            with Path(path).open("rb") as lines:
                total = sum(1 for _ in lines)
            send = _sender(client, kind, sent)
            report(_checked(file, send, total))
            count = sum(1 for _ in file.rows()) if check_only else _sent(file, send, total)
    except InputFileError as error:
        raise FileError(str(error)) from None
    done = {"checked" if check_only else "imported": count, "file": name}
    text = (
        f"{name} is valid: {count_in(count, kind)}" if check_only else f"imported {count_in(count, kind)} from {name}"
    )
    click.echo(json.dumps(done) if as_json else text)


#: Sends rows, perhaps only to be checked: returns how many were added, and the problems as the server reports them.
_Send = Callable[[list["CsvRow"], bool], tuple[int, list[dict[str, Any]]]]


def _sender(client: ControlClient, kind: Kind, sent: dict[str, Any]) -> _Send:
    from autumn_mock.control_client import CallRefused

    def send(rows: list[CsvRow], check_only: bool) -> tuple[int, list[dict[str, Any]]]:
        body = {kind: [row.entry for row in rows], "check_only": check_only, **sent}
        try:
            return client.post(f"/import/{kind}", body, timeout=_TIMEOUT_S)["imported"], []
        except CallRefused as error:
            if "problems" not in error.body:
                raise
            return error.body["imported"], error.body["problems"]

    return send


def _checked(file: CsvFile, send: _Send, total: int) -> list[Problem]:
    """The problems of a file, at least the first ones."""
    from autumn_mock.cli.progress import loading_bar
    from autumn_mock.data.csv_rows import CsvRow
    from autumn_mock.input_files import MOST_PROBLEMS

    found: list[Problem] = []
    lines: dict[str, int] = {}
    rows: list[CsvRow] = []
    with loading_bar("autumn-mock: checking") as progress:
        for row in file.rows():
            if not isinstance(row, CsvRow):
                found.append(row)
                continue
            first = lines.setdefault(row.entry["customer_id"], row.line) if file.kind == "customers" else row.line
            if first != row.line:
                found.append(file.problem(row, ("customer_id",), f"this customer is already in line {first}"))
            rows.append(row)
            if len(rows) == _CHUNK:
                found += _problems(file, rows, send(rows, True)[1])
                rows = []
                progress(row.line, total)
                if len(found) > MOST_PROBLEMS:
                    return found
    if rows:
        found += _problems(file, rows, send(rows, True)[1])
    return found


def _problems(file: CsvFile, rows: list[CsvRow], sent: list[dict[str, Any]]) -> Iterator[Problem]:
    for each in sent:
        key = tuple(each["key"])
        row = rows[each["index"]]
        found = file.problem(row, key, each["message"])
        yield found if found.key or not key else found._replace(key=key)


def _sent(file: CsvFile, send: _Send, total: int) -> int:
    """Add every row; returns how many. Says what was added when the server refuses one, or is gone."""
    from autumn_mock.cli.progress import loading_bar
    from autumn_mock.control_client import ControlError

    count = 0
    with loading_bar("autumn-mock: importing") as progress:
        for rows in _chunks(file):
            try:
                added, refused = send(rows, False)
            except ControlError as error:
                raise click.ClickException(f"{error}; {_state(count, rows[0].line)}") from None
            count += added
            if refused:
                (problem,) = _problems(file, rows, refused)
                raise click.ClickException(f"{problem}; {_state(count, problem.position.line)}")
            progress(rows[-1].line, total)
    return count


def _state(count: int, line: int) -> str:
    return (
        f"{count_of(count, 'row')} before line {line} {were(count)} added; import the others from a copy without these"
    )


def _chunks(file: CsvFile) -> Iterator[list[CsvRow]]:
    from autumn_mock.data.csv_rows import CsvRow

    rows: list[CsvRow] = []
    for row in file.rows():
        if isinstance(row, CsvRow):
            rows.append(row)
        if len(rows) == _CHUNK:
            yield rows
            rows = []
    if rows:
        yield rows
