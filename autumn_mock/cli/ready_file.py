"""The file of ``--ready-file``, which holds the URL of a server that is ready."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click


@contextmanager
def ready_file(path: str | None, url: str) -> Iterator[None]:
    """Keep the URL in a file while the block runs. The file is created and deleted atomically.

    Raises :class:`click.ClickException` when it cannot be written.
    """
    if path is None:
        yield
        return
    file = Path(path)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        draft.write_text(f"{url}\n", "utf-8")
        draft.replace(file)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise click.ClickException(f"the ready file {path} cannot be written: {error.strerror or error}") from None
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink()
