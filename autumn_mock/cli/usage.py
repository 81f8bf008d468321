"""Commands that show usage: the balances of a customer, and events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from autumn_mock.cli.options import ListOptions, asks_server, limit_option, list_options

if TYPE_CHECKING:
    from autumn_mock.cli.output import Row
    from autumn_mock.control_client import ControlClient


@click.command(short_help="Show the balances of a customer.")
@click.argument("customer")
@list_options
@asks_server
def balances(client: ControlClient, customer: str, options: ListOptions) -> None:
    """Show what CUSTOMER was granted, has used, and has left of each feature. With --follow: every change."""
    from autumn_mock.cli.output import Column, Sheet, figure, moment, show_list

    def fetch() -> list[Row]:
        answer = client.get(f"/balances/{quote(customer, safe='')}")
        return [{"customer_id": customer, **balance} for balance in answer["balances"].values()]

    sheet = Sheet(
        [
            Column("feature", lambda row: row["feature_id"], flexible=True),
            Column("granted", lambda row: _of_unlimited(row, figure(row["granted"])), right=True),
            Column("used", lambda row: figure(row["usage"]), right=True),
            Column("left", lambda row: _of_unlimited(row, figure(row["remaining"])), right=True, style=_left_style),
            Column("resets", lambda row: moment(row["next_reset_at"])),
        ]
    )
    show_list(fetch, sheet.show, options, empty=f"{customer} has no balances", identity=json.dumps)


def _of_unlimited(row: Row, text: str) -> str:
    return "unlimited" if row["unlimited"] else text


def _left_style(row: Row) -> str:
    return "green" if row["unlimited"] or row["remaining"] > 0 else "red"


@click.command(short_help="List events and what they deducted.")
@click.option("--customer", metavar="ID", help="Limit the list to this customer.")
@limit_option("List at most N events, the newest.", most=5000)
@list_options
@asks_server
def events(client: ControlClient, customer: str | None, limit: int, options: ListOptions) -> None:
    """List events, and what each one deducted from which feature. The newest is last."""
    from autumn_mock.cli.output import Column, Sheet, figure, moment, show_list

    query = {"limit": limit, **({"customer_id": customer} if customer is not None else {})}
    sheet = Sheet(
        [
            Column("time UTC", lambda row: moment(row["timestamp"])),
            Column("customer", lambda row: row["customer_id"], flexible=True),
            Column("event", lambda row: row["feature_id"], flexible=True),
            Column("value", lambda row: figure(row["value"]), right=True),
            Column("deducted", _deducted, flexible=True),
        ]
    )
    show_list(
        lambda: client.get("/events", **query)["list"],
        sheet.show,
        options,
        empty="no events",
    )


def _deducted(row: Row) -> str:
    """What an event deducted, feature by feature."""
    from autumn_mock.cli.output import figure

    sums: dict[str, float] = {}
    for each in row["deductions"] or ():
        sums[each["feature_id"]] = sums.get(each["feature_id"], 0) + float(each["value"])
    return ", ".join(f"{figure(round(value, 10))} {feature}" for feature, value in sums.items()) or "nothing"
