"""Finding and parsing world and scenario files, with the errors of files that are neither."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from textwrap import dedent

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from autumn_mock import input_files, input_schema
from autumn_mock.input_files import (
    MOST_PROBLEMS,
    InputFileError,
    Position,
    find_file,
    find_shipped,
    fixtures_directory,
    read_file,
    shipped_files,
)
from autumn_mock.worlds import read_world
from tests.support.refusals import without_path


def write(directory: Path, text: str, name: str = "file.yaml") -> Path:
    """Write a file."""
    path = directory / name
    path.write_text(dedent(text), "utf-8")
    return path


def refusal(path: Path) -> str:
    """The error of a file as ``LINE: KEY: TEXT``."""
    with pytest.raises(InputFileError) as caught:
        read_file(path)
    return without_path(caught.value, path)


# -- find_file


@pytest.mark.parametrize(
    ("kind", "name"),
    [("world", "default"), ("world", "empty"), ("world", "recordings"), ("scenario", "slow-but-accepted")],
)
def test_find_file_finds_a_shipped_file_by_name(kind: str, name: str) -> None:
    path = fixtures_directory() / f"{kind}s" / f"{name}.yaml"
    assert find_file(kind, name) == find_shipped(kind, name) == shipped_files(kind)[name] == path


def test_find_file_finds_a_file_by_path(tmp_path: Path) -> None:
    path = write(tmp_path, "organisations: []")
    assert find_file("world", str(path)) == path
    with pytest.raises(InputFileError, match="there is no world"):
        find_shipped("world", str(path))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("defualt", r"^there is no world 'defualt', did you mean 'default'\?$"),
        ("mars", r"^there is no world 'mars'\. Known: default, empty, recordings, saas$"),
        ("nowhere/world.yaml", "^nowhere/world.yaml: there is no such file$"),
        ("world.yaml", "^world.yaml: there is no such file$"),
        ("no\0where", "there is no"),
        ("x" * 5000, "there is no"),
        ("", "there is no"),
        (".", "there is no"),
    ],
)
def test_find_file_reports_what_does_not_exist(name: str, message: str) -> None:
    with pytest.raises(InputFileError, match=message):
        find_file("world", name)


def test_fixtures_directory_is_inside_of_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "autumn_mock"
    monkeypatch.setattr(input_files, "_PACKAGE", package)
    assert fixtures_directory() == tmp_path / "fixtures"
    (package / "_fixtures").mkdir(parents=True)
    assert fixtures_directory() == package / "_fixtures"


# -- read_file


def test_read_file_parses_yaml_and_json_alike(tmp_path: Path) -> None:
    data = {
        "text": ['Ü "quoted" \\ 😀\t/', "\\ud83d", "\x7f \x85 \u2028 \u2029", "", "null"],
        "number": 1780272000000,
        "other": [True, None, {}, [], -0.5],
    }
    as_json = json.dumps(data, indent="\t")
    for name, text in (
        ("a.json", as_json),
        ("b.json", json.dumps(data, ensure_ascii=False)),
        ("c.yaml", as_yaml(data)),
    ):
        assert read_file(write(tmp_path, text, name)).data == data


def as_yaml(data: object) -> str:
    """The same data as YAML in block style."""
    return yaml.safe_dump(data, default_style=None, default_flow_style=False)


def test_read_file_takes_plain_words_for_text_unless_json_has_them(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        text: [no, on, 2026-06-01, 1:30, 0x10, 1_000, .inf, '1', "true", "null"]
        words: [true, false, null, ~]
        numbers: [1, -2, 0.5, 1e3, 007]
        """,
    )
    assert read_file(path).data == {
        "text": ["no", "on", "2026-06-01", "1:30", "0x10", "1_000", ".inf", "1", "true", "null"],
        "words": [True, False, None, None],
        "numbers": [1, -2, 0.5, 1000.0, 7],
    }


def test_read_file_needs_no_libyaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [find_file("world", "default"), write(tmp_path, json.dumps({"a": [1, "😀"]}, indent="\t"), "a.json")]
    fast = [read_file(path) for path in files]
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert [read_file(path) for path in files] == fast
    assert refusal(write(tmp_path, "[" * 5000 + "]" * 5000)) == "1: more than 64 levels deep"


@pytest.mark.parametrize("name", ["file.yaml", "file.json"])
def test_read_file_keeps_line_and_column_of_keys_and_items(tmp_path: Path, name: str) -> None:
    file = read_file(write(tmp_path, '{"a": 1,\n  "b": [2,\n 3]}', name))
    assert file.positions == {
        (): Position(1, 1),
        ("a",): Position(1, 2),
        ("b",): Position(2, 3),
        ("b", 0): Position(2, 9),
        ("b", 1): Position(3, 2),
    }
    assert str(file.problem(("b", 1), "is wrong")) == f"{file.path}:3:2: b.1: is wrong"
    assert str(file.problem(("b", 1, "x", "y"), "is wrong")) == f"{file.path}:3:2: b.1: is wrong"
    assert str(file.problem(("c", "x"), "is missing")) == f"{file.path}:1:1: c: is missing"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1: the file is empty"),
        ("# nothing\n", "1: the file is empty"),
        ("a: 1\n---\nb: 2\n", "2: invalid YAML: a second document begins here; a file has one document"),
        ("organisations:\n  a: b: c\n", "2: invalid YAML: mapping values are not allowed"),
        ("a: 1\nb: 2\na: 3\n", "3: a: duplicate key; first used in line 1"),
        ("a:\n  - {b: 1}\n  - {c: 1,\n     c: 2}\n", "4: a.1.c: duplicate key; first used in line 3"),
        ("a:\n  1: one\n", "2: a: a key must be text; put it in quotes"),
        ("a:\n  ? [b]\n  : c\n", "2: a: a key must be text; put it in quotes"),
        ("a: &x 1\nb: *x\n", "1: anchors and aliases are not allowed; write the value out"),
        ("a: 1\n&x b: *x\n", "2: anchors and aliases are not allowed; write the value out"),
        ("a: &x [*x]\n", "1: anchors and aliases are not allowed; write the value out"),
        ("a: 1\nb: *x\n", "2: invalid YAML: found undefined alias"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]\n", "2: tags are not allowed: tag:yaml.org,2002:python/"),
        ("a: 1\n!!python/name:os.system b: 1\n", "2: tags are not allowed: tag:yaml.org,2002:python/"),
        ("a: 1\nb: !!str 1\n", "2: tags are not allowed: tag:yaml.org,2002:str"),
        ("a: 1\nb: !mine x\n", "2: tags are not allowed: !mine"),
        ("a: 1\nb: \x07\n", "2: the character '\\x07' is not allowed"),
        ("[" * 65 + "]" * 65, "1: more than 64 levels deep"),
    ],
)
def test_read_file_refuses_yaml(tmp_path: Path, text: str, message: str) -> None:
    assert refusal(write(tmp_path, text)).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1: the file is empty"),
        ('{\n"a": 1\n"b": 2}', "3: invalid JSON: did not find expected ',' or '}'"),
        ('{\n"a": 1,\n"a": 2}', "3: a: duplicate key; first used in line 2"),
        ('{\n"a": "\\ud800"}', "2: invalid JSON: found invalid Unicode character escape code"),
        ("[" * 65 + "]" * 65, "1: more than 64 levels deep"),
        ("[" * 100_000 + "]" * 100_000, "1: "),
    ],
)
def test_read_file_refuses_json(tmp_path: Path, text: str, message: str) -> None:
    assert refusal(write(tmp_path, text, "file.json")).startswith(message)


def test_read_file_reports_where_a_file_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(InputFileError, match=r":2:4: not UTF-8$"):
        read_file(path)


def test_read_file_skips_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: []\n")
    assert read_file(path).data == {"a": []}


def test_read_file_refuses_a_file_that_is_missing_or_too_large(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    with pytest.raises(InputFileError, match=r"file\.yaml: No such file or directory$"):
        read_file(path)
    with path.open("wb") as file:
        file.truncate((16 << 20) + 1)
    with pytest.raises(InputFileError, match="larger than the limit of 16 MiB"):
        read_file(path)


def test_read_file_does_not_expand_aliases(tmp_path: Path) -> None:
    lines = ["l0: &l0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert "anchors and aliases are not allowed" in refusal(write(tmp_path, "\n".join(lines)))


# -- any text


def error_of(path: Path) -> str:
    """The error of a world file, or nothing."""
    try:
        read_world(path)
    except InputFileError as error:
        return str(error)
    return ""


_WORDS = (
    """organisations slug keys plans am_sk_test_a 1 null : - { } [ ] , " ' &a *a !t | > --- # % \\ ? << é \ud7ff \0"""
)
_PIECES = st.lists(st.sampled_from([*_WORDS.split(), " ", "\n", "  ", "- ", ": ", "\t"])).map("".join)
_TEXTS = st.text() | _PIECES | _PIECES.map("organisations:\n- ".__add__)


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
@given(text=_TEXTS)
def test_read_world_parses_any_text_or_reports_its_place(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert not (error := error_of(path)) or error.startswith(f"{path}:")


@given(content=st.binary())
def test_read_world_parses_any_bytes_or_reports_an_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(content)
    error_of(path)


def test_errors_of_a_large_file_are_few_and_take_no_longer_than_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    path.write_text(json.dumps({"organisations": [], **{f"key{number}": 1 for number in range(20_000)}}))
    with pytest.raises(InputFileError) as caught:
        read_world(path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 101
    assert lines[-1] == "and 19900 more"


def test_guesses_for_unknown_keys_are_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guess costs far more than reading a key."""
    guessed: list[str] = []

    def guess(word: str, _: Iterable[str]) -> str:
        guessed.append(word)
        return ""

    monkeypatch.setattr(input_schema, "guess", guess)
    path = tmp_path / "world.json"
    path.write_text(json.dumps({"organisations": [], **{f"key{number}": 1 for number in range(1000)}}))
    with pytest.raises(InputFileError):
        read_world(path)
    assert len(guessed) == MOST_PROBLEMS
