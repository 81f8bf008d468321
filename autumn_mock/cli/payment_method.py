"""``autumn-mock payment-method``: how a customer pays."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args
from urllib.parse import quote

import click

from autumn_mock.cli.options import asks_server, json_option
from autumn_mock.domain.payment import CardBehavior

if TYPE_CHECKING:
    from autumn_mock.control_client import ControlClient

_MEANINGS = {
    "none": "has no payment method",
    "ok": "has a card that works",
    "declines": "has a card that is declined",
    "needs_3ds": "has a card that wants 3-D Secure",
}


@click.command("payment-method", short_help="Set how a customer pays.")
@click.argument("customer")
@click.argument("method", type=click.Choice(["none", *get_args(CardBehavior)]))
@json_option
@asks_server
def payment_method(client: ControlClient, customer: str, method: str, as_json: bool) -> None:
    """Set how CUSTOMER pays: no card, or what happens when the card is charged.

    \b
    autumn-mock payment-method cus_123 declines
    """
    from autumn_mock.cli.output import print_json

    answer = client.post(f"/customers/{quote(customer, safe='')}/payment_method", {"payment_method": method})
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{answer['customer_id']} {_MEANINGS[answer['payment_method']]}")
