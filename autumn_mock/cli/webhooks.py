"""``autumn-mock webhooks``: deliveries, and webhooks by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import quote

import click

from autumn_mock.cli.groups import DefaultGroup
from autumn_mock.cli.options import ListOptions, asks_server, json_option, list_options, read_value
from autumn_mock.domain.webhook import WebhookType
from autumn_mock.settings import read_secret, read_url

if TYPE_CHECKING:
    from autumn_mock.cli.output import Row
    from autumn_mock.control_client import ControlClient


@click.group(cls=DefaultGroup, default="list", short_help="List, resend and trigger webhooks; add an endpoint.")
def webhooks() -> None:
    """List, resend and trigger webhooks; add an endpoint. Without a command: list the deliveries.

    \b
    autumn-mock webhooks add http://127.0.0.1:3000/hooks
    autumn-mock webhooks trigger balances.limit_reached cus_123
    """


@webhooks.command("list", short_help="List the deliveries.")
@list_options
@asks_server
def list_(client: ControlClient, options: ListOptions) -> None:
    """List the deliveries with their attempts, and what the receivers answered."""
    from autumn_mock.cli.output import Column, Sheet, moment, show_list

    sheet = Sheet(
        [
            Column("time UTC", lambda row: moment(row["at"])),
            Column("type", lambda row: row["type"], flexible=True),
            Column("customer", lambda row: row["payload"]["data"].get("customer_id"), flexible=True),
            Column("status", lambda row: row["status"], style=_style, width=9),
            Column("tries", lambda row: row["attempts"], right=True),
            Column("answer", lambda row: row["http_status"] or row["error"], flexible=True),
        ],
        lambda row: [f"{row['id']} to {row['endpoint']}"],
    )
    show_list(
        lambda: client.get("/webhooks")["list"],
        sheet.show,
        options,
        empty="no webhooks were sent; add an endpoint with: autumn-mock webhooks add URL",
        identity=lambda row: (row["id"], row["endpoint"], row["attempts"], row["status"]),
    )


def _style(row: Row) -> str:
    return {"delivered": "green", "pending": "yellow"}.get(row["status"], "red")


@webhooks.command(short_help="Send webhooks to a URL, too.")
@click.argument("endpoint", type=read_value("URL", read_url), metavar="URL")
@click.option("--secret", type=read_value("secret", read_secret), metavar="whsec_...", help="Secret that signs them.")
@json_option
@asks_server
def add(client: ControlClient, endpoint: str, secret: str | None, as_json: bool) -> None:
    """Send webhooks to URL, too, until the server stops: those of every organisation, or of that of --key."""
    body = {"url": endpoint} if secret is None else {"url": endpoint, "secret": secret}
    _say(client.post("/webhooks/endpoints", body), as_json, f"webhooks are sent to {endpoint}")


@webhooks.command(short_help="Deliver a webhook again.")
@click.argument("webhook", metavar="ID")
@json_option
@asks_server
def resend(client: ControlClient, webhook: str, as_json: bool) -> None:
    """Deliver the webhook with this ID (msg_...) again, to the endpoints that it was sent to."""
    answer = client.post(f"/webhooks/{quote(webhook, safe='')}/resend", {})
    _say(answer, as_json, f"{webhook} is sent again to {answer['resent']} endpoints")


@webhooks.command(
    short_help="Send a webhook now.",
    help=f"""Send a webhook of TYPE about CUSTOMER now, whatever the balances are.

    TYPE is one of {", ".join(get_args(WebhookType))}.
    """,
)
@click.argument("kind", metavar="TYPE", type=click.Choice(get_args(WebhookType)))
@click.argument("customer")
@click.option("--feature", metavar="ID", help="The feature in its data. Default: the first one.")
@click.option("--entity", metavar="ID", help="The entity in its data.")
@json_option
@asks_server
def trigger(
    client: ControlClient, kind: str, customer: str, feature: str | None, entity: str | None, as_json: bool
) -> None:
    given = {"type": kind, "customer_id": customer, "feature_id": feature, "entity_id": entity}
    answer = client.post("/webhooks/trigger", {name: value for name, value in given.items() if value is not None})
    _say(answer, as_json, f"sent {kind} {json.dumps(answer['data'])}")


def _say(answer: dict[str, Any], as_json: bool, text: str) -> None:
    from autumn_mock.cli.output import print_json

    if as_json:
        print_json(answer)
    else:
        click.echo(text)
