"""``autumn-mock help``, ``version`` and ``completion``."""

from __future__ import annotations

import click

from autumn_mock import __version__


@click.command("help", short_help="Show the help of a command.", add_help_option=False)
@click.argument("names", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def help_(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Show the help of a command, or of all."""
    assert ctx.parent is not None
    found: click.Context = ctx.parent
    for name in names:
        command = found.command
        below = command.get_command(found, name) if isinstance(command, click.Group) else None
        if below is None:
            raise click.UsageError(f"there is no command {name!r}; see: {found.command_path} --help")
        found = click.Context(below, parent=found, info_name=name)
    click.echo(found.get_help())


@click.command(short_help="Print the version.")
def version() -> None:
    """Print the version."""
    click.echo(f"autumn-mock, version {__version__}")


@click.command(short_help="Print a shell's completion script.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash   eval "$(autumn-mock completion bash)"                in ~/.bashrc
    zsh    eval "$(autumn-mock completion zsh)"                 in ~/.zshrc
    fish   autumn-mock completion fish | source                 in ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, "autumn-mock", "_AUTUMN_MOCK_COMPLETE").source())
