"""``autumn-mock checkouts`` and ``invoices``: what a customer does on payment pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from autumn_mock.cli.groups import DefaultGroup
from autumn_mock.cli.options import asks_server, json_option

if TYPE_CHECKING:
    from autumn_mock.cli.output import Row
    from autumn_mock.control_client import ControlClient

_TONES = {"open": "yellow", "complete": "green", "paid": "green"}


@click.group(cls=DefaultGroup, default="list", short_help="List, pay, decline and settle checkouts.")
def checkouts() -> None:
    """List, pay, decline and settle checkouts. Without a command: list them.

    A checkout is named by its ID (co_...) or by its customer, whose newest one it is then.

    \b
    autumn-mock checkouts pay cus_123 --later   paid; Autumn does not know of it yet
    autumn-mock checkouts settle cus_123        now it does
    """


@click.group(cls=DefaultGroup, default="list", short_help="List and pay invoices.")
def invoices() -> None:
    """List and pay invoices. Without a command: list them.

    An invoice is named by its ID (in_... or inv_...) or by its customer, whose newest open one it is then.

    \b
    autumn-mock invoices pay cus_123
    """


@checkouts.command("list", short_help="List the checkouts.")
@click.option("--customer", metavar="ID", help="Only those of this customer.")
@click.option("--status", type=click.Choice(["open", "complete", "expired"]), help="Only those with this status.")
@json_option
@asks_server
def list_checkouts(client: ControlClient, customer: str | None, status: str | None, as_json: bool) -> None:
    """List the checkouts, newest first, with the address of each."""
    _list(client, "checkouts", as_json, lambda row: row["status"] + _note(row), customer=customer, status=status)


@invoices.command("list", short_help="List the invoices.")
@click.option("--customer", metavar="ID", help="Only those of this customer.")
@click.option(
    "--status",
    type=click.Choice(["draft", "open", "paid", "void", "uncollectible"]),
    help="Only those with this status.",
)
@json_option
@asks_server
def list_invoices(client: ControlClient, customer: str | None, status: str | None, as_json: bool) -> None:
    """List the invoices, newest first, with the address of each."""
    _list(client, "invoices", as_json, lambda row: row["status"], customer=customer, status=status)


def _note(row: Row) -> str:
    return ", not settled" if row["status"] == "complete" and not row["settled"] else ""


def _list(client: ControlClient, what: str, as_json: bool, stage: Callable[[Row], str], **filters: str | None) -> None:
    from autumn_mock.cli.output import Column, Sheet, moment, print_json

    answer = client.get(f"/{what}", **{name: value for name, value in filters.items() if value is not None})
    if as_json:
        print_json(answer)
        return
    if not answer["list"]:
        click.echo(f"no {what}")
        return
    Sheet(
        [
            Column("time UTC", lambda row: moment(row["created_at"], dated=True)),
            Column("customer", lambda row: row["customer_id"], flexible=True),
            Column("plans", lambda row: ", ".join(row["plan_ids"]), flexible=True),
            Column("total", lambda row: f"{row['total']:.2f}", right=True),
            Column("status", stage, style=lambda row: _TONES.get(row["status"], "")),
        ],
        lambda row: [row["url"] or row["id"]],
    ).show(answer["list"])


def _command(
    group: click.Group, what: str, name: str, action: str, short_help: str, *, can_wait: bool = False
) -> click.Command:
    """A command that does an action on a page."""
    known = "checkout" if what == "checkouts" else "invoice"

    def command(client: ControlClient, named: str, as_json: bool, later: bool = False) -> None:
        row = _find(client, what, named, action)
        body = {"action": action, **({"settle": "later"} if later else {})}
        _show(client.post(f"/{what}/{quote(row, safe='')}", body), as_json)

    command.__doc__ = f"{short_help} NAME is the ID of the {known} or of its customer."
    decorated = click.argument("named", metavar="NAME")(json_option(asks_server(command)))
    if can_wait:
        text = "Autumn does not know of it until it is settled."
        decorated = click.option("--later", is_flag=True, help=text)(decorated)
    return group.command(name, short_help=short_help)(decorated)


def _find(client: ControlClient, what: str, named: str, action: str) -> str:
    """The id of a checkout or an invoice; of a customer, of the newest that the action suits."""
    if named.startswith(("co_", "in_", "inv_")):
        return named
    rows = client.rows(f"/{what}", customer=named)
    if what == "checkouts" and action == "settle":
        rows = [each for each in rows if each["status"] == "complete" and not each["settled"]]
    else:
        rows = [each for each in rows if each["status"] == "open"]
    if not rows:
        raise click.ClickException(f"{named} has no {what} to {action}; see: autumn-mock {what}")
    return str(rows[0]["id"])


def _show(answer: dict[str, Any], as_json: bool) -> None:
    from autumn_mock.cli.output import print_json

    if as_json:
        print_json(answer)
        return
    reason = answer.get("required_action", {}).get("reason")
    click.echo(f"{answer['id']} {answer['status']}{_note(answer) if 'settled' in answer else ''}")
    for text in (reason, answer.get("problem")):
        if text:
            click.echo(f"  {text}")


_command(checkouts, "checkouts", "pay", "pay", "Pay a checkout.", can_wait=True)
_command(checkouts, "checkouts", "authenticate", "3ds", "Pay a checkout, with 3-D Secure.", can_wait=True)
_command(checkouts, "checkouts", "decline", "decline", "Pay a checkout with a card that is declined.")
_command(checkouts, "checkouts", "abandon", "abandon", "Leave a checkout without paying.")
_command(checkouts, "checkouts", "settle", "settle", "Let Autumn know of a checkout that was paid.")
_command(invoices, "invoices", "pay", "pay", "Pay an open invoice.", can_wait=True)
_command(invoices, "invoices", "authenticate", "3ds", "Pay an open invoice, with 3-D Secure.", can_wait=True)
_command(invoices, "invoices", "decline", "decline", "Pay an invoice with a card that is declined.")
_command(invoices, "invoices", "settle", "settle", "Let Autumn know of an invoice that was paid.")
