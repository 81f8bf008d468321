"""``autumn-mock snapshot``: save and load the state of a running server."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autumn_mock.cli.files import STANDARD, say
from autumn_mock.cli.groups import CommandGroup
from autumn_mock.cli.options import asks_server, concerned, json_option
from autumn_mock.cli.progress import with_bar
from autumn_mock.counting import count_in, count_of

if TYPE_CHECKING:
    from autumn_mock.control_client import ControlClient

#: Seconds that the server may take to load a large state.
_TIMEOUT_S = 600.0
_PIECE_BYTES = 1 << 18


@click.group(cls=CommandGroup, short_help="Save and load the state of a server.")
def snapshot() -> None:
    """Save and load the state of a running server, or of one organisation (--key).

    The file is a TinyDB file, and a world: "autumn-mock serve --world FILE" starts from it.
    """


@snapshot.command(short_help="Save the state to a file.")
@json_option
@asks_server
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
def save(client: ControlClient, file: str, as_json: bool) -> None:
    """Save the state to FILE, which is replaced once the download is complete; - is standard output.

    "autumn-mock serve --world FILE" starts from it. It keeps everything, keys as hashes. It is not a text to edit,
    whatever its name: "world save FILE.yaml --key KEY" makes one.
    """
    save_snapshot(client, file, as_json=as_json)


def save_snapshot(client: ControlClient, file: str, *, as_json: bool) -> None:
    """Download the state of a server into a file, and print its size."""
    from autumn_mock.store.fileutil import PRIVATE, write_output

    with client.download("/snapshot", timeout=_TIMEOUT_S) as (size, pieces):
        shown = with_bar(pieces, size, "autumn-mock: saving")
        try:
            if file == STANDARD:
                with click.open_file(file, "wb") as target:
                    target.writelines(shown)
            else:
                write_output(Path(file), shown, PRIVATE)
        except OSError as error:
            raise click.ClickException(f"{file}: {error.strerror or error}") from None
    whose = concerned(client)
    done = {"saved": size, "file": file, "of": whose}
    text = f"saved {whose} in {file}, {count_of(size, 'byte')}"
    say(json.dumps(done) if as_json else text, is_standard=file == STANDARD)


@snapshot.command(short_help="Replace the state by that of a file.")
@json_option
@asks_server
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
def load(client: ControlClient, file: str, as_json: bool) -> None:
    """Replace the state by that of FILE; - is standard input.

    Organisations that FILE does not have are closed. With --key: only the data of that organisation is replaced.
    """
    with click.open_file(file, "rb") as source:
        pieces = iter(lambda: source.read(_PIECE_BYTES), b"")
        size = None if file == STANDARD else os.fstat(source.fileno()).st_size or None  # a pipe has none
        sent = with_bar(pieces, size, "autumn-mock: loading")
        answer = client.upload("/snapshot", sent, size, timeout=_TIMEOUT_S)
    if as_json:
        click.echo(json.dumps(answer))
        return
    counts = ", ".join(count_in(count, name) for name, count in answer["restored"].items())
    click.echo(f"loaded into {concerned(client)}: {counts or 'no data'}")
    if answer["removed"]:
        click.echo(f"closed, because {file} does not have them: {', '.join(answer['removed'])}")
