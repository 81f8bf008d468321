"""``autumn-mock world``: files with an initial state."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autumn_mock.cli.files import STANDARD, FileError, input_file, say, warn_if_shadowed, write_text
from autumn_mock.cli.groups import CommandGroup
from autumn_mock.cli.options import KEY_VARIABLES, asks_server, json_option, read_value
from autumn_mock.cli.snapshot import save_snapshot
from autumn_mock.counting import count_in
from autumn_mock.input_files import SCHEMA_SUFFIX
from autumn_mock.settings import read_url

if TYPE_CHECKING:
    from autumn_mock.control_client import ControlClient
    from autumn_mock.store.state import State


@click.group(cls=CommandGroup, short_help="Show, check, save, read and write worlds.")
def world() -> None:
    """Show, check, save, read and write worlds: files with the initial state of a server.

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
    warn_if_shadowed("world", name)
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

    warn_if_shadowed("world", name)
    state = State(Clock())
    try:
        with input_file(name) as path:
            seed(state, read_world(find_file("world", path)))
    except InputFileError as error:
        raise FileError(str(error)) from None
    counts = _counts(state)
    if as_json:
        print_json(counts)
    else:
        click.echo(f"{name} is valid: {', '.join(count_in(count, what) for what, count in counts.items())}")


def _found(name: str) -> Path:
    from autumn_mock.input_files import InputFileError, find_file

    try:
        return find_file("world", name)
    except InputFileError as error:
        raise FileError(str(error)) from None


def _counts(state: State) -> dict[str, int]:
    counts = Counter({"organisations": len(state.organisations), "keys": len(state.keys)})
    for environment in state.environments():
        counts.update({"features": len(environment.features), "plans": len(environment.plans)})
        counts.update({"customers": len(environment.customers), "balances": len(environment.balances)})
        counts.update({"events": len(environment.events)})
    return dict(counts)


#: The schema that ``init`` writes beside a world, and the line by which editors find it.
_SCHEMA_FILE = f"autumn-mock-world{SCHEMA_SUFFIX}"
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


@world.command("from", short_help="Read a world from a server.")
@click.argument("url", type=read_value("url", read_url))
@click.argument("file", default=STANDARD)
@click.option(
    "--key",
    required=True,
    envvar=KEY_VARIABLES[0],
    show_envvar=True,
    metavar="KEY",
    help="Secret key of the organisation there. It is neither written nor printed.",
)
@click.option("--customers", "most", type=click.IntRange(0), metavar="N", help="Read at most N customers, the newest.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@json_option
def from_(url: str, file: str, key: str, most: int | None, force: bool, as_json: bool) -> None:
    """Read features, plans, customers and balances of URL, like https://api.useautumn.com, into the world FILE.

    FILE is YAML, or JSON if it ends in .json; - is standard output. Only reading calls are made. The organisation gets
    a key of its own, made from its name.
    """
    if not key.startswith(("am_sk_test_", "am_sk_live_")) or not key.isascii() or not key.isprintable():
        raise click.UsageError("--key: must be a secret key, which begins with am_sk_test_ or am_sk_live_")
    if file != STANDARD and Path(file).exists() and not force:
        raise click.ClickException(f"{file} exists; choose another name, or replace it with --force")
    _write(url, file, key, most, replace=force, as_json=as_json)


@world.command(short_help="Save a running server as a world.")
@json_option
@asks_server
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
def save(client: ControlClient, file: str, as_json: bool) -> None:
    """Save a running server to FILE, which is replaced: "autumn-mock serve --world FILE" starts from it.

    If FILE ends in .yaml or .yml, it is a text to edit, with the features, plans, customers and balances of the
    organisation of --key, as "world from" reads them, and a new key, which is printed: a server has keys only as
    hashes. Any other FILE, or - for standard output, is a snapshot that
    keeps everything, events and invoices too, with keys as hashes; it is the same as "snapshot save FILE".
    """
    if not file.endswith((".yaml", ".yml")):
        save_snapshot(client, file, as_json=as_json)
    elif client.key is None:
        raise click.UsageError(
            f"{file}: a text has one organisation: give its --key; a FILE.json keeps the whole server"
        )
    else:
        _write(client.url, file, client.key, None, replace=True, as_json=as_json)


def _write(url: str, file: str, key: str, most: int | None, *, replace: bool, as_json: bool) -> None:
    """Read an organisation by its public calls, and write it as a text."""
    from autumn_mock.cli.progress import loading_bar
    from autumn_mock.clock import wall_clock
    from autumn_mock.data.public_client import PublicCallError, PublicClient
    from autumn_mock.data.reading import read_sandbox
    from autumn_mock.data.world_file import world_text
    from autumn_mock.input_files import InputFileError
    from autumn_mock.store.fileutil import PRIVATE

    try:
        with PublicClient(url, key) as client, loading_bar("autumn-mock: customers", least=_BAR_CUSTOMERS) as progress:
            found = read_sandbox(client, progress, now=wall_clock(), is_live=key.startswith("am_sk_live"), most=most)
            comment = f"Read from {client.url} by autumn-mock world from."
        text = world_text(found, comment, as_json=file.endswith(".json"))
    except (PublicCallError, InputFileError) as error:
        raise click.ClickException(str(error)) from None
    write_text(file, text, replace=replace, mode=PRIVATE)
    _say_read(found, file, as_json)


#: From how many customers on a bar is shown.
_BAR_CUSTOMERS = 50


def _say_read(found: dict[str, Any], file: str, as_json: bool) -> None:
    import json

    (organisation,) = found["organisations"]
    environment = organisation.get("sandbox") or organisation.get("live") or {}
    counts = {name: len(environment.get(name, ())) for name in ("features", "plans", "customers")}
    listed = ", ".join(count_in(count, what) for what, count in counts.items())
    done = {**counts, "key": organisation["keys"][0], "file": file}
    is_standard = file == STANDARD
    rest = f" to {file}; its key is {done['key']}; start with: autumn-mock serve --world {file}"
    text = f"wrote {listed}{'' if is_standard else rest}"
    say(json.dumps(done) if as_json else text, is_standard=is_standard)
