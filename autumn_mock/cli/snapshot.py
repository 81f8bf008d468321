"""``autumn-mock snapshot``: save and load the state of a running server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from autumn_mock.cli.options import asks_server

if TYPE_CHECKING:
    from autumn_mock.control_client import ControlClient

#: Seconds that loading a large state may take.
_TIMEOUT_S = 120.0


@click.group(short_help="Save and load the state of a server.")
def snapshot() -> None:
    """Save and load the state of a running server, or of one organisation (--key).

    The file is a TinyDB file, and a world: "autumn-mock serve --world FILE" starts from it.
    """


@snapshot.command(short_help="Save the state to a file.")
@asks_server
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def save(client: ControlClient, file: Path) -> None:
    """Save the state to FILE."""
    content = client.download("/snapshot", timeout=_TIMEOUT_S)
    try:
        file.write_bytes(content)
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror or error}") from None
    click.echo(f"saved {len(content)} bytes in {file}")


@snapshot.command(short_help="Replace the state by that of a file.")
@asks_server
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def load(client: ControlClient, file: Path) -> None:
    """Replace the state by that of FILE."""
    restored = client.put("/snapshot", file.read_bytes(), timeout=_TIMEOUT_S)["restored"]
    click.echo("loaded " + (", ".join(f"{count} {name}" for name, count in restored.items()) or "an empty state"))
