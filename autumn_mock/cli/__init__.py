"""The command line. A command's module is imported when the command is used, and imports what it needs when it runs,
so that ``--version`` is quick and ``serve`` does not load the other commands. A new command is a module and a line
in ``SECTIONS``.
"""

from __future__ import annotations

from importlib import import_module

import click

from autumn_mock import __version__
from autumn_mock.cli.groups import CommandGroup
from autumn_mock.interpreter import gc_paused

#: The commands by the headings of ``--help``: name to module and attribute.
SECTIONS = {
    "Run": {
        "serve": "serve:serve",
        "exec": "exec:exec_",
        "health": "inspect:health",
        "world": "world:world",
        "generate": "generate:generate",
        "import": "import_:import_",
        "snapshot": "snapshot:snapshot",
        "reset": "reset:reset",
    },
    "Take payments": {
        "checkouts": "checkouts:checkouts",
        "invoices": "checkouts:invoices",
        "payment-method": "payment_method:payment_method",
    },
    "Inject failures": {
        "fault": "fault:fault",
        "queue": "queue:queue",
        "clock": "clock:clock",
        "scenario": "scenario:scenario",
        "demo": "demo:demo",
    },
    "Inspect requests": {
        "requests": "requests:requests",
        "failures": "inspect:failures",
        "lost": "inspect:lost",
        "findings": "inspect:findings",
        "webhooks": "webhooks:webhooks",
    },
    "Inspect usage": {
        "watch": "watch:watch",
        "balances": "usage:balances",
        "events": "usage:events",
        "stats": "stats:stats",
        "audit": "stats:audit",
        "org": "organisations:org",
    },
    "About": {
        "docs": "docs:docs",
        "certify": "certify:certify",
        "fidelity": "fidelity:fidelity",
        "help": "about:help_",
        "version": "about:version",
        "completion": "about:completion",
    },
}
#: The exit code of a command that Ctrl-C has ended, as shells have it.
_INTERRUPTED = 130


class _Main(CommandGroup):
    """Commands under headings."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return [name for places in SECTIONS.values() for name in places]

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        found = [places[name] for places in SECTIONS.values() if name in places]
        return _command(found[0]) if found else None

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(_INTERRUPTED)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.list_commands(ctx)))
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
    """A local emulator of the Autumn billing API.

    Keeps real balances, deducts queued usage in the background, and reproduces failures on demand.

    Exit codes: 0 success; 1 the server was not reached or refused, or a check failed; 2 invalid options or files;
    3 exec --check-findings found violations, or exec --fail-on-warnings a reason for a warning; 130 interrupted. exec
    otherwise has the code of its command.
    """
