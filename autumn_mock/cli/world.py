"""``autumn-mock world``: files with an initial state."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autumn_mock.cli.files import STANDARD, input_file, write_text
from autumn_mock.cli.options import json_option
from autumn_mock.cli.snapshot import save

if TYPE_CHECKING:
    from autumn_mock.store.state import State


@click.group(short_help="Show, check, save and write worlds.")
def world() -> None:
    """Show, check, save and write worlds: files with the initial state of a server.

    \b
    autumn-mock world init my-world.yaml
    autumn-mock world check my-world.yaml
    autumn-mock serve --world my-world.yaml
    """


@world.command("list", short_help="List the shipped worlds.")
@json_option
def list_(as_json: bool) -> None:
    """List the shipped worlds, and where they are."""
    from autumn_mock.cli.output import print_json
    from autumn_mock.input_files import shipped_files

    shipped = shipped_files("world")
    if as_json:
        print_json({"list": [{"name": name, "file": str(path)} for name, path in shipped.items()]})
        return
    for name, path in shipped.items():
        click.echo(f"{name:12}  {path}")


@world.command(short_help="Print a world.")
@click.argument("name", metavar="[NAME|FILE|-]", default="default")
def show(name: str) -> None:
    """Print a shipped world, or a file. Default: the world that a server starts with."""
    with input_file(name) as path:
        click.echo(_found(path).read_text("utf-8"), nl=False)


@world.command(short_help="Check a world without a server.")
@click.argument("name", metavar="FILE|NAME|-")
@json_option
def check(name: str, as_json: bool) -> None:
    """Read a world, make its calls in memory, and print what it has. Exit code 2 and every error by line otherwise."""
    from autumn_mock.cli.output import print_json
    from autumn_mock.clock import Clock
    from autumn_mock.input_files import InputFileError, find_file
    from autumn_mock.store.state import State
    from autumn_mock.worlds import read_world, seed

    state = State(Clock())
    try:
        with input_file(name) as path:
            seed(state, read_world(find_file("world", path)))
    except InputFileError as error:
        raise click.UsageError(str(error)) from None
    counts = _counts(state)
    if as_json:
        print_json(counts)
    else:
        click.echo(f"{name} is valid: {', '.join(f'{count} {what}' for what, count in counts.items())}")


def _found(name: str) -> Path:
    from autumn_mock.input_files import InputFileError, find_file

    try:
        return find_file("world", name)
    except InputFileError as error:
        raise click.UsageError(str(error)) from None


def _counts(state: State) -> dict[str, int]:
    counts = Counter({"organisations": len(state.organisations), "keys": len(state.keys)})
    for environment in state.environments():
        counts.update({"features": len(environment.features), "plans": len(environment.plans)})
        counts.update({"customers": len(environment.customers), "balances": len(environment.balances)})
        counts.update({"events": len(environment.events)})
    return dict(counts)


#: The schema that ``init`` writes beside a world, and the line by which editors find it.
_SCHEMA_FILE = "autumn-mock-world.schema.json"
_EDITOR_LINE = f"# yaml-language-server: $schema={_SCHEMA_FILE}\n"


@world.command(short_help="Write a commented world to start from.")
@click.argument("file", default="world.yaml")
@click.option("--force", is_flag=True, help="Replace an existing file.")
def init(file: str, force: bool) -> None:
    """Write a commented world to FILE (world.yaml; - is standard output), to be changed.

    Beside it, autumn-mock-world.schema.json: with it, editors complete and check keys and values.
    """
    text = _found("default").read_text("utf-8")
    if file == STANDARD:
        write_text(file, text)
        return
    import json

    from autumn_mock.worlds import world_schema

    write_text(file, _EDITOR_LINE + text, replace=force)
    write_text(str(Path(file).parent / _SCHEMA_FILE), json.dumps(world_schema(), indent=1) + "\n", replace=True)
    click.echo(f"wrote {file}; check it with: autumn-mock world check {file}")


@world.command(short_help="Print the JSON Schema of worlds.")
def schema() -> None:
    """Print the JSON Schema of world files, for editors and other tools."""
    from autumn_mock.cli.output import print_json
    from autumn_mock.worlds import world_schema

    print_json(world_schema())


world.add_command(save)  # a snapshot is a world
