"""``autumn-mock scenario``: play files that show failure modes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autumn_mock.cli.files import FileError, input_file, warn_if_shadowed
from autumn_mock.cli.groups import CommandGroup
from autumn_mock.cli.options import json_option, token_option
from autumn_mock.cli.settings_file import DEFAULT_URL, client_defaults, config_option
from autumn_mock.counting import count_of
from autumn_mock.settings import read_url

if TYPE_CHECKING:
    from autumn_mock.scenarios import Player, Scenario


@click.group(cls=CommandGroup, short_help="Play a failure mode, step by step.")
def scenario() -> None:
    """Play a failure mode step by step, and check the results."""


@scenario.command("list", short_help="List the shipped scenarios.")
@json_option
def list_scenarios(as_json: bool) -> None:
    """List the shipped scenarios."""
    print_scenarios(as_json)


@scenario.command(short_help="Check a scenario without playing it.")
@click.argument("name", metavar="FILE|NAME|-")
@json_option
def check(name: str, as_json: bool) -> None:
    """Read a scenario and print its steps. Exit code 2 and every error by line if it is invalid."""
    from autumn_mock.cli.output import print_json

    found = read(name)
    if as_json:
        steps = [{"number": step.number, "line": step.line, "say": step.say} for step in found.steps]
        print_json({"scenario": found.name, "title": found.title, "world": found.world, "steps": steps})
        return
    click.echo(f"{found.title}: {count_of(len(found.steps), 'step')}, world {found.world}")
    for step in found.steps:
        click.echo(f"{step.number:3}  line {step.line}  {step.say or ''}".rstrip())


@scenario.command(short_help="Print the JSON Schema of scenarios.")
def schema() -> None:
    """Print the JSON Schema of scenario files: with it, editors complete and check keys and values."""
    from autumn_mock.cli.output import print_json
    from autumn_mock.scenarios import scenario_schema

    print_json(scenario_schema())


@scenario.command(short_help="Play a scenario on a running server.")
@click.argument("name", metavar="FILE|NAME|-")
@click.option("--keep", is_flag=True, help="Keep its organisation, and a server that was started, until Ctrl-C.")
@click.option(
    "--url",
    envvar="AUTUMN_MOCK_URL",
    show_envvar=True,
    metavar="URL",
    help=f"URL of the server. Without it: that of the file, or {DEFAULT_URL}, or, if no server is there, one for this "
    "run.",
)
@token_option
@config_option(client_defaults)
@json_option
def run(name: str, url: str | None, control_token: str | None, keep: bool, as_json: bool) -> None:
    """Play a shipped scenario (NAME) or a file; - is standard input.

    It runs in a new organisation of the server and changes nothing else. The exit code is 1 when an expectation is
    not met.
    """
    from autumn_mock.cli.output import print_json, stdout_console
    from autumn_mock.scenarios.report import Report

    found = read(name)
    source = click.get_current_context().get_parameter_source("url")
    is_required = source is not None and source.name not in ("DEFAULT", "DEFAULT_MAP")
    with (
        _server(url or DEFAULT_URL, control_token, is_required=is_required, announce=not as_json) as (where, is_own),
        playing(found, where, None if is_own else control_token, keep=keep) as player,
    ):
        if as_json:
            print_json(_played(player, where))
        else:
            report = Report(stdout_console())
            report.begin(found, where, player.server_faults)
            for event in player.play():
                report.show(event)
            report.end(found, player.failed, player.unmet)
        if keep:
            hold(player, is_own=is_own, is_quiet=as_json)
    if player.failed is not None:
        raise SystemExit(1)


def hold(player: Player, *, is_own: bool, is_quiet: bool = False) -> None:
    """Print how to reach the organisation of a scenario; with a server of its own (``is_own``) wait for Ctrl-C."""
    url, key = player.target.control.url, player.target.control.key
    if not is_quiet:
        click.echo(
            f"\nkept: page {url}/_mock/?organisation={player.target.org}; autumn-mock requests --url {url} --key {key}"
        )
        if not is_own:
            click.echo(f"to remove its organisation: autumn-mock org close --url {url} --key {key}")
    if is_own:
        click.echo("The server runs until Ctrl-C.", err=True)
        threading.Event().wait()


def print_scenarios(as_json: bool = False) -> None:
    """Print the names and titles of the shipped scenarios."""
    from autumn_mock.cli.output import print_json
    from autumn_mock.input_files import shipped_files
    from autumn_mock.scenarios import read_scenario

    shipped = shipped_files("scenario")
    if as_json:
        print_json({"list": [{"name": name, "title": read_scenario(path).title} for name, path in shipped.items()]})
        return
    width = max(map(len, shipped), default=0)
    for name, path in shipped.items():
        click.echo(f"{click.style(name.ljust(width), bold=True)}  {read_scenario(path).title}")


def read(name: str) -> Scenario:
    """A shipped scenario by its name, or from a file; an error in it ends the command with code 2."""
    from autumn_mock.input_files import InputFileError, find_file
    from autumn_mock.scenarios import read_scenario

    warn_if_shadowed("scenario", name)
    try:
        with input_file(name) as path:
            return read_scenario(find_file("scenario", path), Path() if path != name else None)
    except InputFileError as error:
        raise FileError(str(error)) from None


@contextmanager
def playing(found: Scenario, url: str, token: str | None = None, *, keep: bool = False) -> Iterator[Player]:
    """A player on a new organisation, which is deleted unless ``keep``. A server that fails ends the command."""
    from autumn_mock.control_client import ControlError
    from autumn_mock.scenarios import Player, ScenarioTarget

    try:
        with ScenarioTarget(url, found.source, title=found.title, token=token, keep=keep) as target:
            yield Player(found, target)
    except ControlError as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def _server(url: str, token: str | None, *, is_required: bool, announce: bool) -> Iterator[tuple[str, bool]]:
    """The URL of a server: the given one, or, unless it is required to be there, one in this process (true)."""
    from autumn_mock.control_client import ControlClient, ControlError

    if is_required:
        try:
            yield read_url(url), False
        except ValueError as error:
            raise click.UsageError(f"--url: {error}") from None
        return
    try:
        with ControlClient(url, token=token) as client:
            client.get("/health")
        is_there = True
    except ControlError:
        is_there = False
    if is_there:
        yield url, False
        return
    if announce:
        click.echo(f"No server is listening at {url}; starting one for this run.")
    with own_server() as started:
        yield started, True


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
