"""World and scenario files: finding them, parsing them, and reporting errors with the place in the file.

A file is YAML or JSON; both are parsed by PyYAML, whose nodes have positions. YAML is taken as a notation for JSON:
anchors, aliases and tags are refused, so a small file cannot expand and nothing in it is executed. Of unquoted words
only ``null``, ``true``, ``false`` and numbers are not text: ``no`` and ``2026-06-01`` are strings.
"""

from __future__ import annotations

import atexit
import difflib
import functools
import os.path
import re
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct

#: The keys and indexes that lead from the whole file to one value in it.
KeyPath = tuple["str | int", ...]

_PACKAGE = Path(__file__).resolve().parent
_SUFFIXES = (".yaml", ".yml", ".json")
#: How the name of a JSON Schema ends, which is written beside input files, for editors only.
SCHEMA_SUFFIX = ".schema.json"
#: The suffixes of the programs among the shipped files.
_PROGRAM_SUFFIXES = (".py", ".mjs")
#: The directory of the shipped files of a kind, where it is not the plural.
_DIRECTORIES = {"case": "conformance"}
#: The size of the largest file that is read.
MAX_BYTES = 16 << 20
_MAX_DEPTH = 64

#: How many errors of one file are reported.
MOST_PROBLEMS = 100

_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
#: Longer integers are infinite as doubles.
_MAX_DIGITS = 400
_SURROGATE = re.compile("[\ud800-\udfff]")
#: An escape in JSON; a pair of surrogates, which YAML does not know, as two groups.
_JSON_ESCAPE = re.compile(r"\\(?:u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})|.)", re.IGNORECASE)
#: Characters that may be unescaped in JSON text and not in YAML. A tab is never inside of JSON text.
_JSON_TO_YAML = str.maketrans({"\t": " ", "\x7f": r"\x7f", "\x85": r"\N", "\u2028": r"\L", "\u2029": r"\P"})


class InputFileError(Exception):
    """A file cannot be used. The message has a line ``PATH:LINE:COLUMN: KEY: what is wrong`` for each error."""


class Position(NamedTuple):
    """A place in a file; both numbers are counted from 1."""

    line: int
    column: int


#: Of data that was not read from a file.
NO_POSITION = Position(0, 0)


class Problem(NamedTuple):
    """One error in a file."""

    path: Path
    position: Position
    key: KeyPath
    text: str

    def __str__(self) -> str:
        key = ".".join(map(str, self.key))
        is_placed = self.position != NO_POSITION
        place = f"{self.path}:{self.position.line}:{self.position.column}" if is_placed else str(self.path)
        return f"{place}: {key}: {self.text}" if key else f"{place}: {self.text}"

    @property
    def error(self) -> InputFileError:
        """The exception that reports this error alone."""
        return InputFileError(str(self))


class InputFile(Struct):
    """A parsed file. The position of a value in a map is that of its key."""

    path: Path
    data: Any = None
    positions: dict[KeyPath, Position] = {}  # a copy for each

    def problem(self, path: KeyPath, text: str) -> Problem:
        """An error at a place, or at the nearest enclosing place that the file contains."""
        value = self.data
        for depth, part in enumerate(path):
            if not isinstance(value, (dict, list)):
                path = path[:depth]  # a single value has no keys
                break
            try:
                value = value[part]  # type: ignore[index]  # an index for a list, a key for a map
            except KeyError:
                path = path[: depth + 1]  # the missing key is named
                break
        written = path
        while written and written not in self.positions:
            written = written[:-1]
        return Problem(self.path, self.positions.get(written, Position(1, 1)), path, text)


def report(problems: Iterable[Problem]) -> None:
    """Raise :class:`InputFileError` with the first problems in the order of the file, if there are any."""
    lines = list(dict.fromkeys(str(each) for each in sorted(problems, key=lambda each: each.position)))
    if lines:
        more = [f"and {len(lines) - MOST_PROBLEMS} more"] if len(lines) > MOST_PROBLEMS else []
        raise InputFileError("\n".join([*lines[:MOST_PROBLEMS], *more]))


def guess(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown word: the nearest known one, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1)
    if near:
        return f", did you mean {near[0]!r}?"
    return f". Known: {', '.join(names)}" if names else ""


# -- finding


def fixtures_directory() -> Path:
    """The directory of the shipped files: ``fixtures/`` of a checkout, or inside of an installed package."""
    packed = _PACKAGE / "_fixtures"
    return packed if packed.is_dir() else _PACKAGE.parent / "fixtures"


def shipped_files(kind: str) -> dict[str, Path]:
    """The shipped files of a kind (``world``, ``scenario``, ``case`` or ``adapter``) by name."""
    if not _PACKAGE.is_dir():
        return _files_of_zip(kind)
    found = files_of(fixtures_directory() / _directory(kind), _suffixes(kind))
    return {path.stem: path for path in found}


def files_of(folder: Path, suffixes: tuple[str, ...] = _SUFFIXES) -> list[Path]:
    """The YAML and JSON files of a folder, by name, without hidden ones and schemas; none if it is missing."""
    return sorted(path for path in folder.glob("*") if path.suffix in suffixes and not _is_left_out(path.name))


def _is_left_out(name: str) -> bool:
    """Whether this is the name of a hidden file, or of a schema, which ``world init`` writes for editors."""
    return name.startswith(".") or name.endswith(SCHEMA_SUFFIX)


def _directory(kind: str) -> str:
    return _DIRECTORIES.get(kind, f"{kind}s")


def _suffixes(kind: str) -> tuple[str, ...]:
    return _PROGRAM_SUFFIXES if kind == "adapter" else _SUFFIXES


@functools.cache
def _files_of_zip(kind: str) -> dict[str, Path]:
    """The shipped files of a package that is in a zip file: temporary copies, removed when the process ends."""
    from importlib.resources import as_file, files

    package: Any = files(__package__)
    copies = ExitStack()
    atexit.register(copies.close)
    found: dict[str, Path] = {}
    for directory in (package.parent / "fixtures" / _directory(kind), package / "_fixtures" / _directory(kind)):
        for each in directory.iterdir() if directory.is_dir() else ():
            name = Path(each.name)
            if name.suffix in _suffixes(kind) and not _is_left_out(each.name):
                found[name.stem] = copies.enter_context(as_file(each))
    return dict(sorted(found.items()))


def find_shipped(kind: str, name: str) -> Path:
    """A shipped file by its name. Raises :class:`InputFileError`."""
    shipped = shipped_files(kind)
    if not shipped:
        raise InputFileError(
            f"there is no {kind} {name!r}: {fixtures_directory()} is missing, the shipped files of autumn-mock; "
            "a zip file of it needs them too, or install it with pip"
        )
    if name not in shipped:
        raise InputFileError(f"there is no {kind} {name!r}{guess(name, shipped)}")
    return shipped[name]


def find_file(kind: str, name_or_path: str) -> Path:
    """A shipped file by its name, or else the file (of worlds also the folder) at a path.

    Raises :class:`InputFileError`.
    """
    path = Path(name_or_path)
    is_name = path.name == name_or_path and not path.suffix
    if name_or_path in shipped_files(kind) or (is_name and not os.path.lexists(name_or_path)):
        return find_shipped(kind, name_or_path)
    if kind == "world" and _is_folder(name_or_path):
        if not files_of(path):
            raise InputFileError(f"{path}: there is no world in this folder: no file ends in .yaml, .yml or .json")
    elif not os.path.isfile(path):  # which takes any text and never raises
        is_there = os.path.lexists(path)
        raise InputFileError(f"{name_or_path}: {'it is not a regular file' if is_there else 'there is no such file'}")
    return path


def shadowed(kind: str, name: str) -> str | None:
    """What to say of a shipped name that is also a file or folder of the working directory; None of any other name."""
    if name not in shipped_files(kind) or not os.path.lexists(name):
        return None
    return f"{name} is the shipped {kind}; for the file or folder of that name here, write {os.curdir}{os.sep}{name}"


def _is_folder(name: str) -> bool:
    with suppress(OSError, ValueError):
        return bool(name) and Path(name).is_dir()
    return False


# -- parsing


def read_file(path: Path) -> InputFile:
    """Parse a file: JSON if its suffix says so, otherwise YAML. Raises :class:`InputFileError`."""
    text = _text(path)
    file = InputFile(path)
    if path.suffix == ".json":
        text = _json_as_yaml(text)
    file.data = _Reader(file).value(_composed(file, text), ())
    return file


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InputFileError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > MAX_BYTES:
        raise InputFileError(f"{path}: larger than the limit of {MAX_BYTES >> 20} MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line_start = content.rfind(b"\n", 0, error.start) + 1
        position = Position(content.count(b"\n", 0, error.start) + 1, error.start - line_start + 1)
        raise Problem(path, position, (), "not UTF-8").error from None


def _json_as_yaml(text: str) -> str:
    """JSON, rewritten where YAML differs; lines stay the same."""

    def rewritten(escape: re.Match[str]) -> str:
        if escape[1] is None:
            return escape[0]
        high, low = int(escape[1], 16), int(escape[2], 16)
        return f"\\U{0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF):08x}"

    return _JSON_ESCAPE.sub(rewritten, text).translate(_JSON_TO_YAML)


def _composed(file: InputFile, text: str) -> Any:
    """The root node of a YAML document, whose nodes have a tag only where the file has one."""
    import yaml
    from yaml.reader import Reader

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # CSafeLoader needs libyaml
        def resolve(self, _kind: object, _value: object, _implicit: object) -> str:
            return ""

    strange = Reader.NON_PRINTABLE.search(text)
    if strange is not None:
        line = text.count("\n", 0, strange.start()) + 1
        position = Position(line, strange.start() - text.rfind("\n", 0, strange.start()))
        raise Problem(file.path, position, (), f"the character {strange[0]!r} is not allowed").error
    try:
        root = yaml.compose(text, Loader=Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        position = Position(mark.line + 1, mark.column + 1) if mark is not None else Position(1, 1)
        problem = getattr(error, "problem", None) or str(error)
        if problem == "but found another document":
            problem = "a second document begins here; a file has one document"
        kind = "JSON" if file.path.suffix == ".json" else "YAML"
        raise Problem(file.path, position, (), f"invalid {kind}: {problem}").error from None
    except RecursionError:  # without libyaml
        raise Problem(file.path, Position(1, 1), (), f"more than {_MAX_DEPTH} levels deep").error from None
    if root is None:
        raise Problem(file.path, Position(1, 1), (), "the file is empty").error
    return root


class _Reader:
    """Converts nodes to plain data and fills in the positions of a file."""

    def __init__(self, file: InputFile) -> None:
        self._file = file
        self._seen: set[int] = set()

    def value(self, node: Any, at: KeyPath) -> Any:
        """The data of the node at a place."""
        self._file.positions.setdefault(at, self._position(node))
        self._check(node)
        if node.id == "scalar":
            return self._scalar(node)
        if len(at) >= _MAX_DEPTH:
            raise self._error(node, (), f"more than {_MAX_DEPTH} levels deep")
        if node.id == "sequence":
            return [self.value(item, (*at, index)) for index, item in enumerate(node.value)]
        return self._map(node, at)

    def _map(self, node: Any, at: KeyPath) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for key_node, value_node in node.value:
            self._check(key_node)
            key = self._scalar(key_node) if key_node.id == "scalar" else None
            if not isinstance(key, str):
                raise self._error(key_node, at, "a key must be text; put it in quotes")
            here = (*at, key)
            if key in fields:
                text = f"duplicate key; first used in line {self._file.positions[here].line}"
                raise self._error(key_node, here, text)
            self._file.positions[here] = self._position(key_node)
            fields[key] = self.value(value_node, here)
        return fields

    def _check(self, node: Any) -> None:
        """Refuse what JSON has not. An alias is the node of its anchor, once more."""
        if id(node) in self._seen:
            raise self._error(node, (), "anchors and aliases are not allowed; write the value out")
        self._seen.add(id(node))
        if node.tag:
            raise self._error(node, (), f"tags are not allowed: {node.tag}")

    def _scalar(self, node: Any) -> Any:
        if not node.style:
            return _plain(node.value)
        if _SURROGATE.search(node.value):
            raise self._error(node, (), "half of a surrogate pair is not a character")
        return node.value

    def _error(self, node: Any, at: KeyPath, text: str) -> InputFileError:
        return Problem(self._file.path, self._position(node), at, text).error

    @staticmethod
    def _position(node: Any) -> Position:
        return Position(node.start_mark.line + 1, node.start_mark.column + 1)


def is_text(word: str) -> bool:
    """Whether an unquoted word is text, and not a number or a constant."""
    return isinstance(_plain(word), str)


def _plain(word: str) -> Any:
    """The value of an unquoted word."""
    if word in _WORDS:
        return _WORDS[word]
    if _INTEGER.fullmatch(word) and len(word) <= _MAX_DIGITS:
        return int(word)
    return float(word) if _NUMBER.fullmatch(word) else word
