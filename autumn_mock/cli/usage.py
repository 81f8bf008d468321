"""Commands that show where usage went: the balances of a customer, and events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from autumn_mock.cli.options import ListOptions, asks_server, limit_option, list_options

if TYPE_CHECKING:
    from autumn_mock.cli.client import Client
    from autumn_mock.cli.output import Row


@click.command(short_help="What a customer has left.")
@click.argument("customer")
@list_options
@asks_server
def balances(client: Client, customer: str, looking: ListOptions) -> None:
    """What CUSTOMER was granted, has used, and has left of every feature. With --follow: whatever changes."""
    from autumn_mock.cli.output import Column, Sheet, figure, moment, tell

    def fetch() -> list[Row]:
        answer = client.get(f"/balances/{quote(customer, safe='')}")
        return [{"customer_id": customer, **balance} for balance in answer["balances"].values()]

    sheet = Sheet(
        [
            Column("feature", lambda row: row["feature_id"], flexible=True),
            Column("granted", lambda row: _of_unlimited(row, figure(row["granted"])), right=True),
            Column("used", lambda row: figure(row["usage"]), right=True),
            Column("left", lambda row: _of_unlimited(row, figure(row["remaining"])), right=True, tone=_left_tone),
            Column("resets", lambda row: moment(row["next_reset_at"])),
        ]
    )
    tell(fetch, sheet.show, looking, nothing=f"{customer} has no balance", identity=json.dumps)


def _of_unlimited(row: Row, text: str) -> str:
    return "unlimited" if row["unlimited"] else text


def _left_tone(row: Row) -> str:
    return "green" if row["unlimited"] or row["remaining"] > 0 else "red"


@click.command(short_help="What was deducted, event by event.")
@click.option("--customer", metavar="ID", help="Of this customer alone.")
@limit_option("At most so many, the newest ones.", most=5000)
@list_options
@asks_server
def events(client: Client, customer: str | None, limit: int, looking: ListOptions) -> None:
    """What was recorded, and what each event took from which feature. The newest is the last."""
    from autumn_mock.cli.output import Column, Sheet, figure, moment, tell

    asked = {"limit": limit, **({"customer_id": customer} if customer is not None else {})}
    sheet = Sheet(
        [
            Column("time UTC", lambda row: moment(row["timestamp"])),
            Column("customer", lambda row: row["customer_id"], flexible=True),
            Column("event", lambda row: row["feature_id"], flexible=True),
            Column("value", lambda row: figure(row["value"]), right=True),
            Column("taken", _taken, flexible=True),
        ]
    )
    tell(
        lambda: client.get("/events", **asked)["list"],
        sheet.show,
        looking,
        nothing="there is no event",
    )


def _taken(row: Row) -> str:
    """What the balances lost for an event, feature by feature."""
    from autumn_mock.cli.output import figure

    sums: dict[str, float] = {}
    for each in row["deductions"] or ():
        sums[each["feature_id"]] = sums.get(each["feature_id"], 0) + float(each["value"])
    return ", ".join(f"{figure(round(value, 10))} {feature}" for feature, value in sums.items()) or "nothing"
