"""File arguments: ``-`` is standard input or output, and a pipe is read once."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

STANDARD = "-"
#: How messages name it.
STANDARD_INPUT = "standard input"


class FileError(click.ClickException):
    """A mistake in a file: exit code 2, as for one in an option, without the usage of the command, which is right."""

    exit_code = 2


def warn_if_shadowed(kind: str, name: str) -> None:
    """Print a warning if an argument is the name of a shipped file of a kind, and of a file or folder here."""
    from autumn_mock.input_files import shadowed

    source = click.get_current_context().get_parameter_source(kind)
    warning = None if source is not None and source.name == "DEFAULT" else shadowed(kind, name)
    if warning is not None:
        click.echo(f"autumn-mock: warning: {warning}", err=True)


@contextmanager
def input_file(name: str) -> Iterator[str]:
    """A file argument; for ``-``, and for a pipe, the path of a file with what is read from it, while the block runs.

    An :class:`~autumn_mock.input_files.InputFileError` of the block names standard input, or the pipe, then.
    """
    if name != STANDARD and not Path(name).is_fifo():
        yield name
        return
    with tempfile.TemporaryDirectory(prefix="autumn-mock-") as folder:
        path = Path(folder, "stdin")
        with path.open("wb") as file, click.open_file(name, "rb") as source:
            shutil.copyfileobj(source, file)
        from autumn_mock.input_files import InputFileError

        try:
            yield str(path)
        except InputFileError as error:
            shown = STANDARD_INPUT if name == STANDARD else name
            raise InputFileError(str(error).replace(str(path), shown)) from None


def write_text(name: str, text: str, *, replace: bool = False, mode: int = 0o666) -> None:
    """Write a text to a file argument. An existing file is kept unless ``replace``. ``mode``: of a new one."""
    if name == STANDARD:
        click.echo(text, nl=not text.endswith("\n"))
        return
    from autumn_mock.store.fileutil import write_output

    try:
        if replace:
            write_output(Path(name), [text.encode()], mode)
            return
        with open(name, "x", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, mode)) as file:
            file.write(text)
    except FileExistsError:
        raise click.ClickException(f"{name} exists; choose another name, or replace it with --force") from None
    except OSError as error:
        raise click.ClickException(f"{name}: {error.strerror or error}") from None


def say(text: str, *, is_standard: bool) -> None:
    """Print what was done; on standard error if standard output has the content (``is_standard``)."""
    click.echo(text, file=sys.stderr if is_standard else sys.stdout)
