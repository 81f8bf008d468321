"""Groups of commands: the options that most commands share may stand before the name of the command, too."""

from __future__ import annotations

import click

#: Options that a group hands to its command, and whether each has a value.
_SHARED = {"--url": True, "--key": True, "--control-token": True, "--config": True, "--json": False}


class CommandGroup(click.Group):
    """Reads ``fault --key KEY list`` as ``fault list --key KEY``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _command_first(args))


def _command_first(args: list[str]) -> list[str]:
    """The arguments with the shared options at their beginning moved behind the word that follows them."""
    place = 0
    while place < len(args):
        name, equals, _ = args[place].partition("=")
        if name not in _SHARED:
            break
        place += 2 if _SHARED[name] and not equals else 1
    if place >= len(args) or args[place].startswith("-"):
        return args
    return [args[place], *args[:place], *args[place + 1 :]]


class DefaultGroup(CommandGroup):
    """Commands in order of definition. Without one of them, ``default`` is run."""

    def __init__(self, *arguments: object, default: str, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]  # passed on
        self._default = default

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        args = _command_first(args)
        is_help = bool(args) and args[0] in ctx.help_option_names
        if not args or (args[0].startswith("-") and not is_help):
            args = [self._default, *args]
        return super().parse_args(ctx, args)
