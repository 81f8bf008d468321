"""``autumn-mock queue``: accepted items that wait for a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from autumn_mock.cli.groups import CommandGroup
from autumn_mock.cli.options import asks_server, json_option, limit_option

if TYPE_CHECKING:
    from autumn_mock.control_client import ControlClient


@click.group(cls=CommandGroup, short_help="Pause, resume and drain the queue; see what waits.")
def queue() -> None:
    """Pause, resume and drain the queue of accepted items; see what waits."""


@queue.command(short_help="Pause the workers; batches are still accepted.")
@json_option
@asks_server
def pause(client: ControlClient, as_json: bool) -> None:
    """Pause the workers. Batches are still accepted; their items wait until "autumn-mock queue resume"."""
    _set_paused(client, as_json, paused=True)


@queue.command(short_help="Resume the workers.")
@json_option
@asks_server
def resume(client: ControlClient, as_json: bool) -> None:
    """Resume the workers."""
    _set_paused(client, as_json, paused=False)


def _set_paused(client: ControlClient, as_json: bool, *, paused: bool) -> None:
    from autumn_mock.cli.output import print_json
    from autumn_mock.counting import count_of

    answer = client.post("/queue", {"paused": paused})
    if as_json:
        print_json(answer)
        return
    waiting = answer["ready"] + answer["in_flight"]
    click.echo(f"{'paused' if answer['paused'] else 'running'}: {count_of(waiting, 'item')} in the queue")
    for each in answer["held"]:
        click.echo(f"  {each['items']} held by {each['rule']}")


@queue.command(short_help="Wait until the queue is empty.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, 3600),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="The longest time to wait.",
)
@json_option
@asks_server
def drain(client: ControlClient, timeout: float, as_json: bool) -> None:
    """Wait until the queue is empty. The exit code is 1 on timeout, or when the workers are paused."""
    from autumn_mock.cli.output import print_json
    from autumn_mock.counting import count_of

    answer = client.drain(timeout)
    if as_json:
        print_json(answer)
        raise SystemExit(0 if answer["drained"] else 1)
    if not answer["drained"]:
        hint = "; resume them with: autumn-mock queue resume" if answer.get("paused") else ""
        raise click.ClickException(f"{answer['message']}{hint}")
    click.echo(
        f"drained: {count_of(answer['accepted'], 'item')} accepted, "
        f"{answer['deducted']} deducted, {answer['lost']} lost"
    )


@queue.command(short_help="List the waiting items.")
@limit_option("List at most N items.")
@json_option
@asks_server
def peek(client: ControlClient, limit: int, as_json: bool) -> None:
    """List the waiting items, and what holds them. Nothing is taken from the queue."""
    from autumn_mock.cli.output import Column, Sheet, figure, moment, print_json

    answer = client.get("/queue/messages", limit=limit)
    if as_json:
        print_json(answer)
        return
    if not answer["list"]:
        click.echo("the queue is empty")
        return
    Sheet(
        [
            Column("accepted", lambda row: moment(row["accepted_at"])),
            Column("customer", lambda row: row["item"]["customer_id"], flexible=True),
            Column(
                "feature", lambda row: row["item"].get("feature_id") or row["item"].get("event_name"), flexible=True
            ),
            Column("value", lambda row: figure(row["item"].get("value", 1)), right=True),
            Column("held by", lambda row: row["held_by"], flexible=True),
            Column("until", lambda row: moment(row["until"])),
        ]
    ).show(answer["list"])
