"""``autumn-mock scenario``: play files that show failure modes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from autumn_mock.cli.options import DEFAULT_URL, json_option
from autumn_mock.settings import read_url

if TYPE_CHECKING:
    from autumn_mock.scenarios import Player, Scenario


@click.group(short_help="Play a failure mode, step by step.")
def scenario() -> None:
    """Play a failure mode step by step, and check the results."""


@scenario.command("list", short_help="List the shipped scenarios.")
def list_scenarios() -> None:
    """List the shipped scenarios."""
    print_scenarios()


@scenario.command(short_help="Play a scenario on a running server.")
@click.argument("name", metavar="FILE|NAME")
@click.option(
    "--url",
    envvar="AUTUMN_MOCK_URL",
    show_envvar=True,
    metavar="URL",
    help=f"URL of the server. Without it: {DEFAULT_URL}, or, if no server is there, one for this run.",
)
@json_option
def run(name: str, url: str | None, as_json: bool) -> None:
    """Play a shipped scenario (NAME) or a file.

    It runs in a new organisation of the server and changes nothing else. The exit code is 1 when an expectation is
    not met.
    """
    from autumn_mock.cli.output import print_json, stdout_console
    from autumn_mock.scenarios.report import Report

    found = read(name)
    with _server(url, announce=not as_json) as where, playing(found, where) as player:
        if as_json:
            print_json(_played(player, where))
        else:
            report = Report(stdout_console())
            report.begin(found, where, player.server_faults)
            for event in player.play():
                report.show(event)
            report.end(found, player.failed, player.unmet)
    if player.failed is not None:
        raise SystemExit(1)


def print_scenarios() -> None:
    """Print the names and titles of the shipped scenarios."""
    from autumn_mock.input_files import shipped_files
    from autumn_mock.scenarios import read_scenario

    shipped = shipped_files("scenario")
    width = max(map(len, shipped), default=0)
    for name, path in shipped.items():
        click.echo(f"{click.style(name.ljust(width), bold=True)}  {read_scenario(path).title}")


def read(name: str) -> Scenario:
    """A shipped scenario by its name, or from a file; an error in it ends the command with code 2."""
    from autumn_mock.input_files import InputFileError, find_file
    from autumn_mock.scenarios import read_scenario

    try:
        return read_scenario(find_file("scenario", name))
    except InputFileError as error:
        raise click.UsageError(str(error)) from None


@contextmanager
def playing(found: Scenario, url: str) -> Iterator[Player]:
    """A player on a new organisation. A server that fails ends the command."""
    from autumn_mock.control_client import ControlError
    from autumn_mock.scenarios import Player, ScenarioTarget

    try:
        with ScenarioTarget(url, found.world) as target:
            yield Player(found, target)
    except ControlError as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def _server(url: str | None, *, announce: bool) -> Iterator[str]:
    """The URL of a server: the given one, the default one if a server is there, or one in this process."""
    from autumn_mock.control_client import ControlClient, ControlError

    if url is not None:
        try:
            yield read_url(url)
        except ValueError as error:
            raise click.UsageError(f"--url: {error}") from None
        return
    try:
        with ControlClient(DEFAULT_URL) as client:
            client.get("/health")
        yield DEFAULT_URL
        return
    except ControlError:
        pass
    if announce:
        click.echo(f"No server is listening at {DEFAULT_URL}; starting one for this run.")
    with own_server() as started:
        yield started


@contextmanager
def own_server() -> Iterator[str]:
    """A server in this process on a free port; its URL."""
    import logging

    from autumn_mock.testing.embedded import Emulator  # the public `autumn_mock.Emulator`, as any program uses it

    logging.getLogger("waitress").addHandler(logging.NullHandler())  # clients that disconnect are part of the show
    with Emulator() as mock:
        yield mock.url


def _played(player: Player, url: str) -> dict[str, Any]:
    """Play to the end; all events and the summary as JSON."""
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
    return {
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
