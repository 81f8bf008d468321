"""``autumn-mock scenario``: failure modes as files that can be played."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from autumn_mock.cli.options import DEFAULT_URL, json_option
from autumn_mock.settings import read_url

if TYPE_CHECKING:
    from rich.console import Console

    from autumn_mock.scenarios import Player, Scenario


@click.group(short_help="Play a failure mode, step by step.")
def scenario() -> None:
    """Play a failure mode, step by step, and see whether everything is as expected."""


@scenario.command("list", short_help="Name the shipped scenarios.")
def list_scenarios() -> None:
    """Name the shipped scenarios."""
    print_scenarios()


@scenario.command(short_help="Play a scenario on a running server.")
@click.argument("name", metavar="FILE|NAME")
@click.option(
    "--url",
    envvar="AUTUMN_MOCK_URL",
    show_envvar=True,
    metavar="URL",
    help=f"Where the server answers. Without it: {DEFAULT_URL}, or a server for the run when none answers there.",
)
@json_option
def run(name: str, url: str | None, as_json: bool) -> None:
    """Play a scenario: a shipped one by its name, or a file.

    It gets an organisation of its own on the server and touches nothing else. Ends with code 1 when something is not
    as expected.
    """
    from autumn_mock.scenarios.report import Report

    found = read(name)
    with server(url, announce=not as_json) as where, playing(found, where) as player:
        if as_json:
            click.echo(_as_json(player, where))
        else:
            report = Report(console())
            report.begin(found, where, player.server_faults)
            for event in player.play():
                report.show(event)
            report.end(found, player.failed, player.unmet)
    if player.failed is not None:
        raise SystemExit(1)


def print_scenarios() -> None:
    """Name and title of the shipped scenarios."""
    from autumn_mock.scenarios import read_scenario, shipped_scenarios

    shipped = shipped_scenarios()
    width = max(map(len, shipped), default=0)
    for name, path in shipped.items():
        click.echo(f"{click.style(name.ljust(width), bold=True)}  {read_scenario(path).title}")


def read(name: str) -> Scenario:
    """A scenario by the name of a shipped one, or from a file; a mistake in it ends the command with code 2."""
    from autumn_mock.scenarios import ScenarioError, find_scenario, read_scenario

    try:
        return read_scenario(find_scenario(name))
    except ScenarioError as error:
        raise click.UsageError(str(error)) from None


def console() -> Console:
    """Standard output."""
    from rich.console import Console

    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")  # what a terminal cannot show shall not end the play
    return Console(highlight=False, markup=False, emoji=False)


@contextmanager
def playing(found: Scenario, url: str) -> Iterator[Player]:
    """A player on an organisation of its own. A server that is gone, and Ctrl-C, end the command."""
    from autumn_mock.scenarios import Player, ScenarioTarget, TargetError

    try:
        with ScenarioTarget(url, found.world) as stage:
            yield Player(found, stage)
    except TargetError as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def server(url: str | None, *, announce: bool) -> Iterator[str]:
    """Where a server answers: at a given address, at the usual one, or else in this process for as long as it takes."""
    import httpx

    if url is not None:
        try:
            yield read_url(url).rstrip("/")
        except ValueError as error:
            raise click.UsageError(f"--url: {error}") from None
        return
    try:
        is_there = httpx.get(f"{DEFAULT_URL}/_mock/health", timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        is_there = False
    if is_there:
        yield DEFAULT_URL
        return
    if announce:
        click.echo(f"No server answers at {DEFAULT_URL}; one is started for this run.")
    with own_server() as started:
        yield started


@contextmanager
def own_server() -> Iterator[str]:
    """A server in this process on a free port; where it answers."""
    import logging

    from autumn_mock.testing.embedded import Emulator

    # What a server says of clients that go away is not for those who watch them go.
    logging.getLogger("waitress").addHandler(logging.NullHandler())
    with Emulator() as mock:
        yield mock.url


def _as_json(player: Player, url: str) -> str:
    import json

    import msgspec

    from autumn_mock.scenarios.events import StepBegins, StepEnds

    steps: list[dict[str, Any]] = []
    for event in player.play():
        if isinstance(event, StepBegins):
            step = event.step
            steps.append({"number": step.number, "line": step.line, "say": step.say, "events": []})
        elif not isinstance(event, StepEnds):
            steps[-1]["events"].append(msgspec.to_builtins(event))
    summary = player.summary()
    told = {
        "scenario": player.scenario.name,
        "title": player.scenario.title,
        "url": url,
        "server_faults": player.server_faults,
        "passed": player.failed is None,
        "unmet": player.unmet,
        "steps": steps,
        "balances": [
            {"customer": customer, "feature": feature, "before": before.remaining, "after": after.remaining}
            for (customer, feature), (before, after) in summary.balances.items()
        ],
        "stats": summary.stats,
        "findings": summary.findings,
    }
    return json.dumps(told, indent=2)
