"""The command line. Commands are imported when they are asked for, and import what they need when they run, so that
``--version`` is quick and ``serve`` starts without the others.
"""

from __future__ import annotations

from importlib import import_module

import click

from autumn_mock import __version__
from autumn_mock.interpreter import gc_paused

#: The commands, by the headings under which ``--help`` shows them: name to module and attribute.
SECTIONS = {
    "Run": {"serve": "serve:serve", "exec": "exec:exec_", "health": "inspect:health", "snapshot": "snapshot:snapshot"},
    "Fail on purpose": {
        "fault": "fault:fault",
        "queue": "queue:queue",
        "scenario": "scenario:scenario",
        "demo": "demo:demo",
    },
    "See what happened": {
        "requests": "inspect:requests",
        "failures": "inspect:failures",
        "lost": "inspect:lost",
        "findings": "inspect:findings",
    },
    "See where usage went": {
        "balances": "usage:balances",
        "events": "usage:events",
        "stats": "stats:stats",
        "audit": "stats:audit",
    },
}
_PLACES = {name: place for places in SECTIONS.values() for name, place in places.items()}


class _Main(click.Group):
    """Commands under headings."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(_PLACES)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        place = _PLACES.get(name)
        return None if place is None else _command(place)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, _PLACES))
        for heading, places in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl(
                    [(f"{name:{width}}", _command(place).get_short_help_str()) for name, place in places.items()]
                )


def _command(place: str) -> click.Command:
    module, attribute = place.split(":")
    with gc_paused():
        command = getattr(import_module(f"autumn_mock.cli.{module}"), attribute)
    assert isinstance(command, click.Command)
    return command


@click.group(
    cls=_Main,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", prog_name="autumn-mock")
def main() -> None:
    """A local stand-in for the Autumn billing API.

    Real balances, background deduction, every failure on demand.
    """
