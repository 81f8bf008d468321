"""``autumn-mock demo``: a scenario with commentary, without a second terminal."""

from __future__ import annotations

import sys
import time

import click

from autumn_mock.cli.scenario import hold, own_server, playing, print_scenarios, read

#: Seconds to read what a step does, and its result.
_BEFORE = 1.2
_AFTER = 0.8


@click.command(short_help="Watch a failure mode; needs no server.")
@click.argument("name", required=False)
@click.option("--fast", is_flag=True, help="Do not pause between the steps.")
@click.option(
    "--step", is_flag=True, help="Wait for Enter before each step is played, and keep the server until Ctrl-C."
)
@click.option("--json", "as_json", is_flag=True, help="Without NAME: print the list as JSON.")
def demo(name: str | None, fast: bool, step: bool, as_json: bool) -> None:
    """Start a server, play a scenario on it with pauses for reading, and show the balances, the counters and the
    client's errors at the end. NAME is a scenario of the list, or a file. Without NAME: list the scenarios.
    """
    if name is None:
        print_scenarios(as_json)
        return
    if as_json:
        raise click.UsageError("--json is for the list; autumn-mock scenario run NAME --json plays one")
    from autumn_mock.cli.output import stdout_console
    from autumn_mock.scenarios.events import StepBegins, StepEnds
    from autumn_mock.scenarios.report import Report

    found = read(name)
    pause = time.sleep if sys.stdout.isatty() and not (fast or step) else lambda _seconds: None
    report = Report(stdout_console())
    with own_server() as url, playing(found, url, keep=step) as player:
        report.begin(found, url)
        for event in player.play():
            report.show(event)
            if isinstance(event, StepBegins):
                pause(_BEFORE)
                if step:
                    _wait_for_enter()
            elif isinstance(event, StepEnds):
                pause(_AFTER)
        report.summarise(player.summary())
        report.end(found, player.failed, player.unmet)
        if step:
            hold(player, is_own=True)
    if player.failed is not None:
        raise SystemExit(1)


def _wait_for_enter() -> None:
    """Wait for Enter; at the end of standard input no more."""
    click.echo(click.style("     Enter plays this step ", dim=True), nl=False, err=True)
    if not sys.stdin.readline():
        click.echo(err=True)
