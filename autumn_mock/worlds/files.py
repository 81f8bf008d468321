"""Finding and reading world files."""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from pathlib import Path

from autumn_mock.fixtures_dir import fixtures_directory
from autumn_mock.worlds.document import Document, Problem, WorldError, assemble, guess
from autumn_mock.worlds.syntax import SyntaxProblem, json_tokens, yaml_tokens

_SUFFIXES = (".yaml", ".yml", ".json")
#: No world is larger; what is was named by mistake.
_MOST_BYTES = 16 << 20


def find_world(name_or_path: str) -> Path:
    """A shipped world by its name, or else the file at a path. Raises :class:`WorldError`."""
    return find_file("world", _shipped_worlds(), name_or_path)


def find_file(kind: str, shipped: Mapping[str, Path], name_or_path: str) -> Path:
    """A shipped file of a kind by its name, or else the file at a path. Raises :class:`WorldError`."""
    if name_or_path in shipped:
        return shipped[name_or_path]
    path = Path(name_or_path)
    if os.path.isfile(path):  # which takes any text, and never raises
        return path
    if path.name == name_or_path and not path.suffix:
        raise WorldError(f"there is no {kind} {name_or_path!r}{guess(name_or_path, shipped)}")
    raise WorldError(f"{name_or_path}: there is no such file")


def find_shipped_world(name: str) -> Path:
    """A shipped world by its name alone, for those who may not name files. Raises :class:`WorldError`."""
    shipped = _shipped_worlds()
    if name not in shipped:
        raise WorldError(f"there is no world {name!r}{guess(name, shipped)}")
    return shipped[name]


def _shipped_worlds() -> dict[str, Path]:
    directory = fixtures_directory() / "worlds"
    return {path.stem: path for path in sorted(directory.glob("*")) if path.suffix in _SUFFIXES}


def read_document(path: Path) -> Document:
    """A world file as data with lines; by its suffix it is JSON, or else YAML. Raises :class:`WorldError`."""
    text = _text(path)
    tokens = json_tokens if path.suffix == ".json" else yaml_tokens
    try:
        return assemble(path, tokens(text))
    except SyntaxProblem as problem:
        raise Problem(path, problem.line, (), str(problem)).error from None


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise WorldError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > _MOST_BYTES:
        raise WorldError(f"{path}: is larger than {_MOST_BYTES >> 20} MiB; that is no world")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Problem(path, line, (), "is not UTF-8").error from None
