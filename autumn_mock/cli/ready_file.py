"""The file of ``--ready-file``, which holds the URL of a server that is ready."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from autumn_mock.cli.files import STANDARD


@contextmanager
def ready_file(path: str | None, url: str) -> Iterator[None]:
    """Keep the URL in a file while the block runs. The file is created and deleted atomically.

    ``-`` is standard output. A device, a pipe or a symbolic link at the path is written in place, and stays. Raises
    :class:`click.ClickException` when it cannot be written.
    """
    if path is None or path == STANDARD:
        if path is not None:
            click.echo(url)
        yield
        return
    from autumn_mock.store.fileutil import is_replaceable, write_output

    try:
        is_ours = write_output(Path(path), [f"{url}\n".encode()])
    except OSError as error:
        raise click.ClickException(f"the ready file {path} cannot be written: {error.strerror or error}") from None
    try:
        yield
    finally:
        if is_ours:
            file = Path(path)
            with suppress(OSError, UnicodeDecodeError):
                if is_replaceable(file) and file.read_text("utf-8") == f"{url}\n":  # or it is another server's by now
                    file.unlink()
