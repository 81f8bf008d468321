"""``autumn-mock snapshot``: the state of a running server as a file, out and in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from autumn_mock.cli.options import asks_server

if TYPE_CHECKING:
    from autumn_mock.cli.client import Client

#: Seconds that loading a large state may take.
REQUEST_TIMEOUT_S = 120.0


@click.group(short_help="Save the state of a server, and load it again.")
def snapshot() -> None:
    """Save the state of a running server, or of one organisation (--key), and load it again.

    The file is a TinyDB file, and a world: "autumn-mock serve --world FILE" starts from it.
    """


@snapshot.command(short_help="Save the state in a file.")
@asks_server
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def save(client: Client, file: Path) -> None:
    """Save the state in FILE."""
    content = client.download("/snapshot", parking=REQUEST_TIMEOUT_S)
    try:
        file.write_bytes(content)
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror or error}") from None
    click.echo(f"saved {len(content)} bytes in {file}")


@snapshot.command(short_help="Put what a file holds in the place of the state.")
@asks_server
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def load(client: Client, file: Path) -> None:
    """Put what FILE holds in the place of the state."""
    restored = client.put("/snapshot", file.read_bytes(), parking=REQUEST_TIMEOUT_S)["restored"]
    click.echo("loaded " + (", ".join(f"{count} {name}" for name, count in restored.items()) or "an empty state"))
