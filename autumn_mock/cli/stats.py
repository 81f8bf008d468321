"""Commands that show whether the books balance, and their figures."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autumn_mock.cli.options import asks_server, json_option

if TYPE_CHECKING:
    from autumn_mock.cli.client import Client
    from autumn_mock.cli.output import Column, Row

#: Where the figures of the books stand, and the sums that they make.
_BOOKS = ("offered", "refused", "accepted", "ready", "in_flight", "deducted", "lost")


@click.command(short_help="Where all items went, in figures.")
@json_option
@asks_server
def stats(client: Client, as_json: bool) -> None:
    """Where all items went: offered = refused + accepted, accepted = ready + in flight + deducted + lost."""
    from autumn_mock.cli.output import Sheet, print_json

    answer = client.get("/stats")
    if as_json:
        print_json(answer)
        return
    sheet = Sheet([_sum(name) for name in _BOOKS], _reasons)
    sheet.show([answer])
    each = {name: sums for name, sums in answer.get("organisations", {}).items() if sums["offered"]}
    if len(each) > 1:
        sheet.show([_of_organisation(name, sums) for name, sums in each.items()])


def _reasons(row: Row) -> list[str]:
    return [f"lost: {count} {reason}" for reason, count in row["lost_by_reason"].items()]


def _of_organisation(name: str, sums: Row) -> Row:
    org, env = name.rsplit(":", 1)
    return {"org": org, "env": env, **sums}


def _sum(name: str) -> Column:
    """The column of one of the books' figures."""
    from autumn_mock.cli.output import Column

    return Column(name.replace("_", " "), lambda row: row[name], right=True)


@click.command(short_help="Whether the books balance; the code is 1 when not.")
@click.option(
    "--db",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Audit this file, of a server that is stopped, and the log beside it.",
)
@json_option
@asks_server
def audit(client: Client, db: Path | None, as_json: bool) -> None:
    """Whether the books balance, and whether every accepted item was deducted, and only once. If not, the code is 1."""
    print_audit(client.get("/audit") if db is None else _audit_file(db), as_json)


def _audit_file(path: Path) -> dict[str, Any]:
    from autumn_mock.journal.audit import audit_file, report
    from autumn_mock.store.errors import StoreError

    try:
        return report(audit_file(path))
    except StoreError as error:
        raise click.ClickException(str(error)) from None


def print_audit(answer: Mapping[str, Any], as_json: bool) -> None:
    """Print an audit, and end the command with code 1 unless all is well."""
    from autumn_mock.cli.output import print_json

    if as_json:
        print_json(answer)
    else:
        _show_audit(answer)
    if not answer["balanced"] or any(each["missing"] or each["double"] for each in answer["organisations"]):
        sys.exit(1)


def _show_audit(answer: Mapping[str, Any]) -> None:
    from autumn_mock.cli.output import Column, Screen, Sheet

    screen = Screen()
    if answer["balanced"]:
        screen.line("the books balance", "green")
    else:
        screen.line("the books do not balance", "bold red")
    for problem in answer["problems"]:
        screen.line(problem, "red", indent=2)
    for each in answer["organisations"]:
        if not each["books"]["offered"]:
            continue
        click.echo()
        screen.line(f"{each['org']}:{each['env']}", "bold")
        screen.line(", ".join(f"{count} {name}" for name, count in each["books"].items()))
        for doubt in each["missing"]:
            screen.line(f"missing: {_origin(doubt)}", "red")
        for doubt in each["double"]:
            screen.line(f"deducted {doubt['deductions']} times: {_origin(doubt)}", "red")
        Sheet(
            [
                Column("customer", lambda row: row["customer"], flexible=True),
                *map(_sum, ("accepted", "deducted", "lost", "waiting")),
            ],
            lambda row: [f"asked: {_amounts(row, 'asked')}; taken: {_amounts(row, 'taken')}"] if row["amounts"] else [],
        ).show(each["customers"])


def _amounts(row: Row, which: str) -> str:
    from autumn_mock.cli.output import figure

    amounts = {feature: sums[which] for feature, sums in row["amounts"].items() if float(sums[which])}
    return ", ".join(f"{figure(amount)} {feature}" for feature, amount in amounts.items()) or "nothing"


def _origin(doubt: Mapping[str, Any]) -> str:
    """Where an item came from, as far as the journal goes back."""
    if doubt["request"] is None:
        return str(doubt["message_id"])
    return f"item {doubt['index']} of request {doubt['request']} ({doubt['message_id']})"
