"""``autumn-mock clock``: the time of a server or of one organisation."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import click

from autumn_mock.cli.groups import DefaultGroup
from autumn_mock.cli.options import asks_server, json_option

if TYPE_CHECKING:
    from autumn_mock.control_client import ControlClient


@click.group(cls=DefaultGroup, default="show", short_help="Show and move the clock.")
def clock() -> None:
    """Show and move the clock of the server, or of the organisation of --key. Without a command: show it.

    \b
    autumn-mock clock advance 1month
    autumn-mock clock advance next-reset
    autumn-mock clock set 2026-01-31
    """


@clock.command(short_help="Show the time.")
@json_option
@asks_server
def show(client: ControlClient, as_json: bool) -> None:
    """Show the time, whether it is frozen, and how far it is ahead of the machine's."""
    _print(client.get("/clock"), as_json)


@clock.command(short_help="Move it forward: 1d, 90m, 1month, next-reset.")
@click.argument("by", metavar="TIME")
@json_option
@asks_server
def advance(client: ControlClient, by: str, as_json: bool) -> None:
    """Move the clock forward by TIME: a duration (90m, 1d), calendar months (1month, 1year), or next-reset: to
    the next reset of a balance, renewal, beginning or end of a plan, and all that is due within a minute of it."""
    _move(client, as_json, advance=by)


@clock.command(short_help="Stop it at the present instant.")
@json_option
@asks_server
def freeze(client: ControlClient, as_json: bool) -> None:
    """Stop the clock at the present instant. It can still be moved."""
    _move(client, as_json, freeze=True)


@clock.command(short_help="Let it run again.")
@json_option
@asks_server
def unfreeze(client: ControlClient, as_json: bool) -> None:
    """Let the clock run again from where it is."""
    _move(client, as_json, freeze=False)


@clock.command("set", short_help="Set it to an instant.")
@click.argument("instant", metavar="INSTANT")
@json_option
@asks_server
def set_(client: ControlClient, instant: str, as_json: bool) -> None:
    """Set the clock to INSTANT: 2026-01-31, 2026-01-31T12:00:00Z, or milliseconds since 1970."""
    _move(client, as_json, now=instant)


@clock.command(short_help="Return to the machine's time.")
@json_option
@asks_server
def reset(client: ControlClient, as_json: bool) -> None:
    """Return to the machine's time, or with --key to that of the server."""
    _move(client, as_json, reset=True)


def _move(client: ControlClient, as_json: bool, **change: Any) -> None:
    _print(client.post("/clock", change), as_json)


def _print(answer: dict[str, Any], as_json: bool) -> None:
    from autumn_mock.cli.output import print_json

    if as_json:
        print_json(answer)
        return
    now = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=answer["now"])
    state = ", frozen" if answer["frozen"] else ""
    click.echo(f"{now:%Y-%m-%dT%H:%M:%S}.{answer['now'] % 1000:03}Z{state}{_ahead(answer['ahead'])}")


def _ahead(ms: int) -> str:
    """How far the clock is from the machine's; within a second it is not."""
    days, rest = divmod(abs(ms) // 1000, 86_400)
    hours, minutes, seconds = rest // 3600, rest // 60 % 60, rest % 60
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")]
    text = " ".join(f"{count}{unit}" for count, unit in parts if count)
    return f", {text} {'ahead' if ms > 0 else 'behind'}" if text else ""
