"""``autumn-mock watch``: the queue and balances, live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from autumn_mock.cli.options import asks_server
from autumn_mock.clock import pause

if TYPE_CHECKING:
    from rich.console import RenderableType

    from autumn_mock.control_client import ControlClient

#: The counters, in the order in which an item passes them.
_PIPE = ("offered", "refused", "accepted", "ready", "in_flight", "deducted", "lost")
_TITLES = {"ready": "waiting", "in_flight": "in flight"}
_COLOURS = {"refused": "red", "lost": "red", "deducted": "green"}
#: Customers and findings that are shown.
_MAX_CUSTOMERS, _MAX_FINDINGS = 5, 3
_BAR_WIDTH = 24


@click.command(short_help="Watch the queue and balances live.")
@click.argument("customers", nargs=-1, metavar="[CUSTOMER]...")
@click.option("--interval", type=click.FloatRange(0.1, 60), default=0.5, show_default=True, metavar="SECONDS")
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="Stop after N changes.")
@click.option("--json", "as_json", is_flag=True, help="Print one object per change.")
@asks_server
def watch(client: ControlClient, customers: tuple[str, ...], interval: float, count: int | None, as_json: bool) -> None:
    """Watch the counters of items, the balances of customers, and findings, until Ctrl-C.

    Without CUSTOMER: those of the last requests. When standard output is not a terminal, each change is a line.
    """
    from autumn_mock.cli.output import stdout_console
    from autumn_mock.control_client import ServerUnreachable

    console = stdout_console()
    shown: dict[str, Any] | None = None

    def changes() -> Any:
        nonlocal shown, count
        while count is None or count > 0:
            try:
                state = _state(client, customers)
            except ServerUnreachable:
                if shown is None:
                    raise
                state = {**shown, "is_away": True}  # the server restarts
            if state != shown:
                shown = state
                count = None if count is None else count - 1
                yield state
            if count is None or count > 0:
                pause(interval)

    if as_json or not console.is_terminal:
        _print_lines(changes(), as_json)
        return
    from rich.live import Live

    with Live(console=console, auto_refresh=False) as live:
        for state in changes():
            live.update(_screen(state, client.url), refresh=True)


def _state(client: ControlClient, customers: tuple[str, ...]) -> dict[str, Any]:
    from autumn_mock.control_client import CallRefused

    stats = client.get("/stats")
    recent = (row["customer_id"] for row in reversed(client.rows("/requests")) if row["customer_id"])
    balances: dict[str, Any] = {}
    for customer in customers or list(dict.fromkeys(recent))[:_MAX_CUSTOMERS]:
        try:
            answer = client.get(f"/balances/{quote(customer, safe='')}")["balances"]
        except CallRefused as error:  # unknown, or in several organisations
            if customers:
                balances[customer] = str(error)
            continue
        balances[customer] = {
            feature: {name: each[name] for name in ("granted", "usage", "remaining", "unlimited")}
            for feature, each in answer.items()
        }
    findings = [each["message"] for each in client.rows("/findings")][-_MAX_FINDINGS:]
    return {**{name: stats[name] for name in _PIPE}, "balances": balances, "findings": findings, "is_away": False}


def _print_lines(states: Any, as_json: bool) -> None:
    import json
    import sys

    from autumn_mock.cli.output import figure

    for state in states:
        if as_json:
            click.echo(json.dumps(state))
        else:
            parts = [f"{_TITLES.get(name, name)} {state[name]}" for name in _PIPE]
            for customer, features in state["balances"].items():
                if isinstance(features, dict):
                    left = (f"{feature} {figure(each['remaining'])}" for feature, each in features.items())
                    parts.append(f"{customer}: {', '.join(left) or 'no balances'}")
            click.echo("; ".join([*parts, *(["the server is away"] if state["is_away"] else [])]))
        sys.stdout.flush()


def _screen(state: dict[str, Any], url: str) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from autumn_mock.cli.output import figure

    pipe = Table.grid(padding=(0, 3, 0, 0))
    pipe.add_row(*(Text(_TITLES.get(name, name), "dim") for name in _PIPE))
    pipe.add_row(
        *(Text(str(state[name]), f"bold {_COLOURS.get(name, '')}" if state[name] else "dim") for name in _PIPE)
    )
    balances, refused = Table.grid(padding=(0, 2, 0, 0)), []
    for customer, features in state["balances"].items():
        if isinstance(features, str):
            refused.append(Text(features, "red"))
            continue
        name = Text(customer, "bold")
        for feature, each in features.items():
            left = "unlimited" if each["unlimited"] else f"{figure(each['remaining'])} of {figure(each['granted'])}"
            balances.add_row(name, feature, _bar(each), Text(left, justify="right"))
            name = Text()
    head = Text.assemble(
        ("autumn-mock ", "bold"), (url, "dim"), ("  the server is away", "red") if state["is_away"] else ""
    )
    found = [Text(f"! {each}", "yellow") for each in state["findings"]]
    return Group(head, Text(), pipe, Text(), balances, *refused, *([Text(), *found] if found else []))


def _bar(balance: dict[str, Any]) -> Any:
    from rich.text import Text

    granted, left = balance["granted"], max(balance["remaining"], 0)
    share = 1.0 if balance["unlimited"] else min(left / granted, 1) if granted > 0 else 0.0
    full = round(share * _BAR_WIDTH)
    colour = "green" if share > 0.2 else "yellow" if share > 0 else "red"
    return Text.assemble(("━" * full, colour), ("━" * (_BAR_WIDTH - full), "dim"))
