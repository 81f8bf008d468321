"""The file at rest: readable by TinyDB, recognised as ours, replaced as a whole."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tinydb import TinyDB, where

from autumn_mock.engine import Engine
from autumn_mock.store.errors import DamagedFile, ForeignFile, UnsupportedFormat
from autumn_mock.store.tinyfile import FileStorage, read_tables, write_tables

ALICE: dict[str, Any] = {"id": "cus_alice", "name": "Alice", "seats": 3}
BOB: dict[str, Any] = {"id": "cus_bob", "name": "Bób 🍂", "seats": None}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db.json"


def encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def read(path: Path) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """The generation of a file, and its tables with all documents decoded."""
    found = read_tables(path)
    return found.generation, {name: list(documents.values()) for name, documents in found.tables.items()}


# -- what is in it


def test_reads_back_encoded_and_plain_documents(path: Path) -> None:
    write_tables(path, 4, {"customers": [ALICE, encoded(BOB)], "events": iter(()), "Größen": [{"ä": "ö"}]})
    assert read(path) == (4, {"customers": [ALICE, BOB], "events": [], "Größen": [{"ä": "ö"}]})


def test_plain_tinydb_opens_it(path: Path) -> None:
    write_tables(path, 1, {"customers": [encoded(ALICE), encoded(BOB)]})
    with TinyDB(path) as database:
        customers = database.table("customers")
        assert customers.all() == [ALICE, BOB]
        assert [document.doc_id for document in customers] == [1, 2]
        assert customers.get(where("name") == "Bób 🍂") == BOB
        marker = database.table("_autumn_mock").all()
    assert [(each["format"], each["generation"]) for each in marker] == [(1, 1)]
    assert marker[0]["written_at"] > 1_700_000_000_000


def test_what_tinydb_changed_is_read_back(path: Path) -> None:
    write_tables(path, 3, {"customers": [ALICE, BOB]})
    with TinyDB(path) as database:
        database.table("customers").remove(where("id") == "cus_alice")
        database.table("customers").insert({"id": "cus_carol"})
    assert read(path) == (3, {"customers": [BOB, {"id": "cus_carol"}]})


def test_has_one_document_on_a_line(path: Path) -> None:
    write_tables(path, 1, {"customers": [b'{"id":"a"}', b'{"id":"b"}'], "events": []})
    lines = path.read_text().splitlines()
    assert lines[4:] == [
        '"customers": {',
        '"1": {"id":"a"},',
        '"2": {"id":"b"}',
        "},",
        '"events": {',
        "}",
        "}",
    ]


def test_is_ascii_so_that_no_locale_can_misread_it(path: Path) -> None:
    write_tables(path, 1, {"customers": [BOB]})
    assert path.read_bytes().isascii()


@given(
    st.dictionaries(
        st.text().filter(lambda name: name != "_autumn_mock"),
        st.lists(st.dictionaries(st.text(), st.integers() | st.text() | st.booleans() | st.none())),
    )
)
def test_any_document_survives(
    tmp_path_factory: pytest.TempPathFactory, tables: dict[str, list[dict[str, Any]]]
) -> None:
    path = tmp_path_factory.mktemp("file") / "db.json"
    write_tables(path, 1, tables)
    assert read(path)[1] == tables
    with open(path, encoding="ascii") as handle:
        assert {name: list(table.values()) for name, table in json.load(handle).items()}.items() >= tables.items()


def test_the_table_that_marks_the_file_is_reserved(path: Path) -> None:
    with pytest.raises(ValueError, match="_autumn_mock is reserved"):
        write_tables(path, 1, {"_autumn_mock": []})


# -- what is not ours, or not whole


def test_a_missing_and_an_empty_file_are_fresh(path: Path) -> None:
    assert read(path) == (0, {})
    path.touch()
    assert read(path) == (0, {})


@pytest.mark.parametrize(
    "content",
    [
        b"\n",
        b"just text",
        b"SQLite format 3\0" * 64,
        b"\xff\xfe{\0",
        b"[]",
        b"3",
        b"{}",
        b'{"_default": {"1": {"a": 1}}}',
        b'{"_autumn_mock": {}}',
        b'{"_autumn_mock": 1}',
    ],
)
def test_a_file_that_is_not_ours_is_foreign(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ForeignFile, match="was not written by autumn-mock"):
        read_tables(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b'{"a": {"1": {"b": tru}}}', "byte 22 (line 1, column 23)"),
        (b'{\n"a": {"1": x', "byte 13 (line 2, column 12)"),
        (b'{"a": {"1": {"b": 1', "byte 19 (line 1, column 20)"),
        (b'{"a": {"1": {"b": "\xff"}}}', "byte 19 (line 1, column 20)"),
        (b'{"a": 1}\n}', "byte 10 (line 2, column 2)"),
        (b'{"a": ' + b"[" * 100_000, "byte 100006 (line 1, column 100007)"),
    ],
)
def test_broken_json_is_damage_at_a_place(path: Path, content: bytes, where: str) -> None:
    path.write_bytes(content)
    with pytest.raises(DamagedFile) as caught:
        read_tables(path)
    assert caught.value.where == where


def test_a_file_cut_at_any_byte_is_damaged(path: Path) -> None:
    write_tables(path, 1, {"customers": [ALICE, BOB]})
    whole = path.read_bytes()
    for end in range(1, len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(DamagedFile):
            read_tables(path)


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ({"_autumn_mock": {"1": {"format": 1}}}, 'table "_autumn_mock"'),
        ({"_autumn_mock": {"1": {"format": "1"}}}, 'table "_autumn_mock"'),
        ({"_autumn_mock": {"1": 1}}, 'table "_autumn_mock"'),
        ({"_autumn_mock": {"1": {"format": 1, "generation": 1, "written_at": 0}}, "events": []}, 'table "events"'),
        ({"_autumn_mock": {"1": {"format": 1, "generation": 1, "written_at": 0}}, "e": {"1": 2}}, 'table "e"'),
    ],
)
def test_our_file_with_something_else_inside_is_damaged(path: Path, content: object, where: str) -> None:
    path.write_text(json.dumps(content))
    with pytest.raises(DamagedFile) as caught:
        read_tables(path)
    assert caught.value.where == where


def test_another_format_is_unsupported(path: Path) -> None:
    path.write_text('{"_autumn_mock": {"1": {"format": 2, "something": "else"}}}')
    with pytest.raises(UnsupportedFormat) as caught:
        read_tables(path)
    assert (caught.value.found, caught.value.supported) == (2, 1)


# -- replacing it


def test_a_failure_at_any_step_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write_tables(path, 1, {"customers": [ALICE]})
    for step in ("replace", "fsync"):
        with monkeypatch.context() as disk:
            disk.setattr(os, step, refuse)
            with pytest.raises(OSError, match="No space"):
                write_tables(path, 2, {"customers": [BOB]})
        assert read(path) == (1, {"customers": [ALICE]})
        assert list(path.parent.iterdir()) == [path]


def test_documents_that_fail_half_way_leave_the_old_file(path: Path) -> None:
    def documents() -> Iterator[dict[str, Any]]:
        yield BOB
        raise LookupError("the caller's own trouble")

    write_tables(path, 1, {"customers": [ALICE]})
    with pytest.raises(LookupError):
        write_tables(path, 2, {"customers": documents()})
    assert read(path) == (1, {"customers": [ALICE]})
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_new_files_of_a_database_are_private(path: Path) -> None:
    with Engine(db=str(path), world="empty"):
        log = path.with_name(f"{path.name}.wal")
        assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_keeps_the_mode_of_the_file(path: Path) -> None:
    write_tables(path, 1, {})
    for mode in (0o600, 0o664):
        path.chmod(mode)
        write_tables(path, 2, {})
        assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets few users make symbolic links")
def test_replaces_the_file_behind_a_symbolic_link(path: Path) -> None:
    link = path.with_name("link.json")
    link.symlink_to(path)
    write_tables(link, 1, {"customers": [ALICE]})
    assert link.is_symlink()
    assert read(path)[1] == {"customers": [ALICE]}


# -- as a storage of TinyDB


def test_serves_tinydb_as_a_storage(path: Path) -> None:
    with TinyDB(path, storage=FileStorage) as database:
        assert database.tables() == set()
        database.table("customers").insert_multiple([ALICE, BOB])
        database.table("customers").update({"seats": 5}, where("id") == "cus_bob")
    with TinyDB(path) as database:
        assert database.table("customers").all() == [ALICE, {**BOB, "seats": 5}]


def test_the_storage_keeps_a_file_ours(path: Path) -> None:
    write_tables(path, 6, {"customers": [ALICE]})
    with TinyDB(path, storage=FileStorage) as database:
        database.table("customers").truncate()
    assert read(path) == (6, {"customers": []})


def test_the_storage_reports_damage(path: Path) -> None:
    path.write_bytes(b'{"customers": ')
    with pytest.raises(DamagedFile):
        FileStorage(path).read()
