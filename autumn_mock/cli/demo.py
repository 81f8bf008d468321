"""``autumn-mock demo``: a scenario with commentary, without a second terminal."""

from __future__ import annotations

import sys
import time

import click

from autumn_mock.cli.scenario import own_server, playing, print_scenarios, read

#: Seconds to read what a step does, and its result.
_BEFORE = 1.2
_AFTER = 0.8


@click.command(short_help="Watch a failure mode; needs no server.")
@click.argument("name", required=False)
@click.option("--fast", is_flag=True, help="Do not pause between the steps.")
def demo(name: str | None, fast: bool) -> None:
    """Start a server, play a scenario on it with pauses for reading, and show the balances, the counters and the
    client's errors at the end. Without NAME: list the scenarios.
    """
    if name is None:
        print_scenarios()
        return
    from autumn_mock.cli.output import stdout_console
    from autumn_mock.scenarios.events import StepBegins, StepEnds
    from autumn_mock.scenarios.report import Report

    found = read(name)
    pause = time.sleep if sys.stdout.isatty() and not fast else lambda _seconds: None
    report = Report(stdout_console())
    with own_server() as url, playing(found, url) as player:
        report.begin(found, url)
        for event in player.play():
            report.show(event)
            if isinstance(event, StepBegins):
                pause(_BEFORE)
            elif isinstance(event, StepEnds):
                pause(_AFTER)
        report.summarise(player.summary())
        report.end(found, player.failed, player.unmet)
    if player.failed is not None:
        raise SystemExit(1)
