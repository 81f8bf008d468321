"""The world of a scenario or case: a shipped one by its name, or a file, whose content is sent to the server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autumn_mock.input_files import InputFile, InputFileError, find_shipped

#: The world of files that name none.
DEFAULT_WORLD = "default"
#: What a server opens an organisation with: the name of a shipped world, or the content of a world file.
WorldSource = str | dict[str, Any]


def read_world_name(value: Any) -> str:
    """The name of a shipped world, or the path of a file, which is not read here. Raises :class:`ValueError`."""
    if not isinstance(value, str) or not value:
        raise ValueError("must be the name of a shipped world, or the path of a world file")
    if not _is_path(value):
        try:
            find_shipped("world", value)
        except InputFileError as error:
            raise ValueError(str(error)) from None
    return value


def world_source(file: InputFile, name: str, folder: Path | None = None) -> WorldSource:
    """What to open the organisation of a file with. A path is relative to ``folder``, by default that of the file.

    A world file is checked as ``world check`` does. Raises :class:`~autumn_mock.input_files.InputFileError` with every
    error of it.
    """
    if not _is_path(name):
        return name
    from autumn_mock.clock import Clock
    from autumn_mock.store.state import State
    from autumn_mock.worlds import read_world, seed

    path = (folder if folder is not None else file.path.parent) / name
    try:
        is_there, is_file = path.exists(), path.is_file()
    except (OSError, ValueError):  # no path at all
        is_there = is_file = False
    if not is_file:
        text = f"{path}: it is not a regular file" if is_there else f"there is no file {path}"
        raise file.problem(("world",), text).error
    world = read_world(path)
    if world.snapshot:
        raise file.problem(("world",), f"{path} is a snapshot; a world file is needed here").error
    if not world.organisations:
        raise file.problem(("world",), f"{path} has no organisation to copy").error
    seed(State(Clock()), world)
    content: dict[str, Any] = world.file.data
    return content


def _is_path(name: str) -> bool:
    return Path(name).name != name or bool(Path(name).suffix)
