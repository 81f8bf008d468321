"""Commands that show the counters of items, and whether they balance."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autumn_mock.cli.files import input_file
from autumn_mock.cli.options import asks_server, json_option

if TYPE_CHECKING:
    from autumn_mock.cli.output import Column, Row
    from autumn_mock.control_client import ControlClient

#: The counters, in the order of their sums.
_COUNTERS = ("offered", "refused", "accepted", "ready", "in_flight", "deducted", "lost")


@click.command(short_help="Show the counters of items.")
@json_option
@asks_server
def stats(client: ControlClient, as_json: bool) -> None:
    """Show the counters of items: offered = refused + accepted, accepted = ready + in flight + deducted + lost."""
    from autumn_mock.cli.output import Sheet, print_json

    answer = client.get("/stats")
    if as_json:
        print_json(answer)
        return
    sheet = Sheet([_sum(name) for name in _COUNTERS], _reasons)
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
    """The column of a counter."""
    from autumn_mock.cli.output import Column

    return Column(name.replace("_", " "), lambda row: row[name], right=True)


@click.command(short_help="Check that the counters balance.")
@click.option(
    "--db",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Audit the file of a stopped server, and the log beside it; - is standard input, without a log.",
)
@json_option
@asks_server
def audit(client: ControlClient, db: Path | None, as_json: bool) -> None:
    """Check that the counters balance, and that every accepted item was deducted exactly once. If not: exit code 1."""
    print_audit(client.get("/audit") if db is None else _audit_file(db), as_json)


def _audit_file(path: Path) -> dict[str, Any]:
    from autumn_mock.journal.audit import audit_file, report
    from autumn_mock.store.errors import StoreError

    try:
        with input_file(str(path)) as name:
            return report(audit_file(Path(name)))
    except StoreError as error:
        raise click.ClickException(error.advice()) from None


def print_audit(answer: Mapping[str, Any], as_json: bool) -> None:
    """Print an audit; exit with code 1 if it found problems."""
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
        screen.line("the counters balance", "green")
    else:
        screen.line("the counters do not balance", "bold red")
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
            lambda row: (
                [f"asked: {_amounts(row, 'asked')}; deducted: {_amounts(row, 'taken')}"] if row["amounts"] else []
            ),
        ).show(each["customers"])


def _amounts(row: Row, which: str) -> str:
    from autumn_mock.cli.output import figure

    amounts = {feature: sums[which] for feature, sums in row["amounts"].items() if float(sums[which])}
    return ", ".join(f"{figure(amount)} {feature}" for feature, amount in amounts.items()) or "nothing"


def _origin(doubt: Mapping[str, Any]) -> str:
    """The request of an item, if the journal still has it."""
    if doubt["request"] is None:
        return str(doubt["message_id"])
    return f"item {doubt['index']} of request {doubt['request']} ({doubt['message_id']})"
