"""The command line. Commands import what they need when they run, so that ``--help`` and ``--version`` are quick."""

from __future__ import annotations

import click

from autumn_mock import __version__
from autumn_mock.cli import books, look, usage
from autumn_mock.cli.demo import demo
from autumn_mock.cli.exec import exec_
from autumn_mock.cli.fault import fault
from autumn_mock.cli.queue import queue
from autumn_mock.cli.scenario import scenario
from autumn_mock.cli.serve import serve
from autumn_mock.cli.snapshot import snapshot

#: The commands, by the headings under which ``--help`` shows them.
SECTIONS: dict[str, tuple[click.Command, ...]] = {
    "Run": (serve, exec_, look.health, snapshot),
    "Fail on purpose": (fault, queue, scenario, demo),
    "See what happened": (look.requests, look.failures, look.lost, look.findings),
    "See where usage went": (usage.balances, usage.events, books.stats, books.audit),
}


class _Main(click.Group):
    """Commands under headings."""

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(len(name) for name in self.commands)
        for heading, commands in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl([(f"{command.name:{width}}", command.get_short_help_str()) for command in commands])


@click.group(
    cls=_Main,
    commands=[command for commands in SECTIONS.values() for command in commands],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", prog_name="autumn-mock")
def main() -> None:
    """A local stand-in for the Autumn billing API.

    Real balances, background deduction, every failure on demand.
    """
