"""``autumn-mock snapshot``: save and load the state of a running server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autumn_mock.cli.options import asks_server
from autumn_mock.cli.progress import with_bar

if TYPE_CHECKING:
    from autumn_mock.control_client import ControlClient

#: Seconds that the server may take to load a large state.
_TIMEOUT_S = 600.0
_PIECE_BYTES = 1 << 18


@click.group(short_help="Save and load the state of a server.")
def snapshot() -> None:
    """Save and load the state of a running server, or of one organisation (--key).

    The file is a TinyDB file, and a world: "autumn-mock serve --world FILE" starts from it.
    """


@snapshot.command(short_help="Save the state to a file.")
@asks_server
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def save(client: ControlClient, file: Path) -> None:
    """Save the state to FILE, which is replaced once the download is complete."""
    from autumn_mock.store.fileutil import write_output

    with client.download("/snapshot", timeout=_TIMEOUT_S) as (size, pieces):
        try:
            write_output(file, with_bar(pieces, size, "autumn-mock: saving"))
        except OSError as error:
            raise click.ClickException(f"{file}: {error.strerror or error}") from None
    click.echo(f"saved {size} bytes in {file}")


@snapshot.command(short_help="Replace the state by that of a file.")
@asks_server
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def load(client: ControlClient, file: Path) -> None:
    """Replace the state by that of FILE."""
    with file.open("rb") as source:
        size = os.fstat(source.fileno()).st_size or None  # a pipe has none
        pieces = iter(lambda: source.read(_PIECE_BYTES), b"")
        sent = with_bar(pieces, size, "autumn-mock: loading")
        restored = client.upload("/snapshot", sent, size, timeout=_TIMEOUT_S)["restored"]
    click.echo("loaded " + (", ".join(f"{count} {name}" for name, count in restored.items()) or "an empty state"))
