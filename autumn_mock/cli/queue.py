"""``autumn-mock queue``: accepted items that wait for a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from autumn_mock.cli.options import asks_server, json_option, limit_option

if TYPE_CHECKING:
    from autumn_mock.cli.client import Client

#: Seconds that an answer may take beyond the time that the server itself waits.
_BEYOND = 10


@click.group(short_help="Stop and start the workers, wait for them, see what waits.")
def queue() -> None:
    """Accepted items that wait to be deducted."""


@queue.command(short_help="Stop the workers; batches are still accepted.")
@asks_server
def pause(client: Client) -> None:
    """Stop the workers. Batches are still accepted, and wait until: autumn-mock queue resume."""
    _turn(client, paused=True)


@queue.command(short_help="Let the workers go on.")
@asks_server
def resume(client: Client) -> None:
    """Let the workers go on."""
    _turn(client, paused=False)


def _turn(client: Client, *, paused: bool) -> None:
    from autumn_mock.cli.output import count_of

    answer = client.post("/queue", {"paused": paused})
    waiting = answer["ready"] + answer["in_flight"]
    click.echo(f"{'paused' if answer['paused'] else 'running'}: {count_of(waiting, 'item')} in the queue")
    _tell_held(answer)


def _tell_held(answer: dict[str, Any]) -> None:
    for each in answer["held"]:
        click.echo(f"  {each['items']} held by {each['rule']}")


@queue.command(short_help="Wait until nothing is in the queue.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, 3600),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="Give up after so long.",
)
@asks_server
def drain(client: Client, timeout: float) -> None:
    """Wait until nothing is in the queue. When time runs out, or the workers are paused, the code is 1."""
    from autumn_mock.cli.client import ServerError
    from autumn_mock.cli.output import count_of

    try:
        answer = client.post("/drain", {"timeout": timeout}, parking=timeout + _BEYOND)
    except ServerError as error:
        if error.body.get("paused"):
            raise click.ClickException(f"{error.message}; let them go on with: autumn-mock queue resume") from None
        raise
    click.echo(
        f"drained: {count_of(answer['accepted'], 'item')} accepted, "
        f"{answer['deducted']} deducted, {answer['lost']} lost"
    )


@queue.command(short_help="See what waits, without taking it.")
@limit_option("At most so many.")
@json_option
@asks_server
def peek(client: Client, limit: int, as_json: bool) -> None:
    """See what waits, and what holds it up. Nothing is taken."""
    from autumn_mock.cli.output import Column, Sheet, figure, moment, print_json

    answer = client.get("/queue/messages", limit=limit)
    if as_json:
        print_json(answer)
        return
    if not answer["list"]:
        click.echo("nothing waits")
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
