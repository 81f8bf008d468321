"""Opening, appending, checkpoints and closing, without accidents but for files that do not fit."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tinydb import TinyDB

from autumn_mock.store import DamagedFile, Database, DatabaseInUse, ForeignFile, StoreError, UnsupportedFormat
from autumn_mock.store.log import WriteAheadLog
from autumn_mock.store.tinyfile import write_tables

from .counter import checkpoint, counted, counted_at, entry, tables


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db.json"


def names(path: Path) -> set[str]:
    return {each.name for each in path.parent.iterdir() if not each.name.endswith(".lock")}


def log_with(path: Path, generation: int, *payloads: bytes) -> None:
    log = WriteAheadLog.create(path, generation)
    for payload in payloads:
        log.append(payload)
    log.close()


# -- the ordinary life


def test_a_new_database_is_empty_and_leaves_nothing_behind(path: Path) -> None:
    with Database.open(path) as database:
        assert (database.tables, database.entries, database.recovered) == ({}, [], None)
        assert database.file_size == 0
        assert names(path) == {"db.json.wal"}
    assert names(path) == set()


def test_an_empty_file_is_a_new_database(path: Path) -> None:
    path.touch()
    with Database.open(path) as database:
        checkpoint(database, 3)
    assert counted_at(path) == 3


def test_what_was_appended_is_there_after_reopening(path: Path) -> None:
    with Database.open(path) as database:
        database.append(entry(1))
        database.append(entry(2))
        database.append(entry(3))
    with Database.open(path) as database:
        assert database.entries == [entry(1), entry(2), entry(3)]
        database.append(entry(4))
    assert counted_at(path) == 4


def test_a_checkpoint_moves_everything_into_the_file(path: Path) -> None:
    with Database.open(path, fsync=True) as database:
        database.append(entry(1))
        empty = database.log_size
        checkpoint(database, 1)
        assert database.log_size < empty
        assert database.file_size == path.stat().st_size
        assert names(path) == {"db.json", "db.json.wal"}
        database.append(entry(2))
    assert counted_at(path) == 2
    with TinyDB(path) as plain:
        assert plain.table("counters").all() == [{"last": 1}]


def test_log_size_covers_all_logs(path: Path) -> None:
    with Database.open(path) as database:
        database.append(entry(1))
        assert database.log_size == path.with_name("db.json.wal").stat().st_size
        database.begin_checkpoint()
        database.append(entry(2))
        both = sum(each.stat().st_size for each in path.parent.glob("*.wal*"))
        assert database.log_size == both
        database.finish_checkpoint(tables(1))
        assert database.log_size < both


def test_appends_of_many_threads_are_all_kept(path: Path) -> None:
    with Database.open(path) as database:

        def append(worker: int) -> None:
            for number in range(200):
                database.append(b"[%d,%d]" % (worker, number))

        threads = [threading.Thread(target=append, args=(worker,)) for worker in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            database.begin_checkpoint()  # never finished, so every record stays in some log
        for thread in threads:
            thread.join()
    with Database.open(path) as database:
        for worker in range(4):
            mine = [each for each in database.entries if each.startswith(b"[%d," % worker)]
            assert mine == [b"[%d,%d]" % (worker, number) for number in range(200)]


# -- checkpoints that do not come to their end


def test_begin_checkpoint_again_creates_no_further_log(path: Path) -> None:
    with Database.open(path) as database:
        database.append(entry(1))
        for _ in range(5):
            database.begin_checkpoint()
        assert names(path) == {"db.json.wal", "db.json.wal.1"}
        database.finish_checkpoint(tables(1))
    assert counted_at(path) == 1


def test_a_checkpoint_that_cannot_begin_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with Database.open(path) as database:
        database.append(entry(1))
        with monkeypatch.context() as disk:
            disk.setattr(WriteAheadLog, "create", refuse)
            with pytest.raises(OSError, match="Too many"):
                database.begin_checkpoint()
        database.append(entry(2))
        assert names(path) == {"db.json.wal"}
    assert counted_at(path) == 2


def test_a_checkpoint_does_not_begin_behind_a_record_that_was_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with Database.open(path, fsync=True) as database:
        with monkeypatch.context() as disk:
            disk.setattr("autumn_mock.store.log.sync_data", refuse)
            disk.setattr(os, "ftruncate", refuse)
            with pytest.raises(OSError, match="Input/output"):
                database.append(entry(1))
            disk.undo()
            disk.setattr(os, "ftruncate", refuse)
            with pytest.raises(OSError, match="Input/output"):
                database.begin_checkpoint()
        assert names(path) == {"db.json.wal"}
        checkpoint(database, 0)
    assert counted_at(path) == 0


def test_finishing_needs_a_beginning(path: Path) -> None:
    with Database.open(path) as database:
        with pytest.raises(StoreError, match=r"another checkpoint .* has been begun, or none"):
            database.finish_checkpoint(tables(0))
        checkpoint(database, 0)
        with pytest.raises(StoreError):
            database.finish_checkpoint(tables(0))


def in_thread(call: Any, *arguments: Any) -> None:
    thread = threading.Thread(target=call, args=arguments)
    thread.start()
    thread.join()


def test_an_older_state_cannot_pass_for_the_newer_one_another_thread_began(path: Path) -> None:
    with Database.open(path) as database:
        database.begin_checkpoint()
        database.append(entry(1))
        in_thread(database.begin_checkpoint)
        with pytest.raises(StoreError, match="another checkpoint"):
            database.finish_checkpoint(tables(0))
    assert counted_at(path) == 1


def test_two_checkpoints_are_not_written_at_once(path: Path) -> None:
    with Database.open(path) as database:

        def documents() -> Iterator[bytes]:
            with pytest.raises(StoreError, match="is being written already"):
                database.begin_checkpoint()
            yield from tables(0)["counters"]

        database.begin_checkpoint()
        database.finish_checkpoint({"counters": documents()})


# -- generations


def test_logs_that_follow_each_other_are_replayed_in_order(path: Path) -> None:
    write_tables(path, 9, tables(1))
    log_with(path.with_name("db.json.wal"), 9, entry(2))
    log_with(path.with_name("db.json.wal.10"), 10)
    log_with(path.with_name("db.json.wal.11"), 11, entry(3))
    with Database.open(path) as database:
        assert counted(database) == 3
        assert database.log_path == path.with_name("db.json.wal")
        database.append(entry(4))
    assert counted_at(path) == 4


@pytest.mark.parametrize("generations", [(6,), (5, 7), (5, 5)])
def test_a_log_that_continues_nothing_is_damage(path: Path, generations: tuple[int, ...]) -> None:
    write_tables(path, 5, tables(1))
    for suffix, generation in zip((".wal", ".wal.7"), generations, strict=False):
        log_with(path.with_name("db.json" + suffix), generation, entry(2))
    before = {each: each.read_bytes() for each in path.parent.iterdir()}
    with pytest.raises(DamagedFile, match="was the database file replaced by an older one, or removed"):
        Database.open(path)
    assert {each: each.read_bytes() for each in before} == before


def test_a_log_without_its_file_is_damage(path: Path) -> None:
    with Database.open(path) as database:
        checkpoint(database, 0)
        database.append(entry(1))
    path.unlink()
    with pytest.raises(DamagedFile, match="has generation 1, but the database calls for generation 0"):
        Database.open(path)


def test_files_of_another_database_are_left_alone(path: Path) -> None:
    for other in ("db.json.wal.bak", "db.json.wal.1.bak", "my-db.json.wal", "dbxjson.wal"):
        path.with_name(other).write_text("not a log")
    before = names(path)
    assert counted_at(path) == 0
    assert names(path) == before


# -- torn and damaged


def test_a_torn_record_is_cut_and_reported(path: Path) -> None:
    with Database.open(path) as database:
        database.append(entry(1))
    log = path.with_name("db.json.wal")
    size = log.stat().st_size
    with log.open("ab") as handle:
        handle.write(b"12345")
    with Database.open(path) as database:
        assert database.recovered == (
            f"a crash cut the last record of {log} short: its 5 bytes at byte {size} were removed"
        )
        database.append(entry(2))
    with Database.open(path) as database:
        assert database.recovered is None
        assert counted(database) == 2


def test_damage_in_the_middle_of_the_log_stops_the_opening(path: Path) -> None:
    with Database.open(path) as database:
        for number in (1, 2, 3):
            database.append(entry(number))
    log = path.with_name("db.json.wal")
    log.write_bytes(log.read_bytes().replace(b":2}", b":9}"))
    with pytest.raises(DamagedFile, match=r"db\.json\.wal is damaged at line 3"):
        Database.open(path)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("db.json", b'{"name": "somebody\'s package.json"}', ForeignFile),
        ("db.json", b"SQLite format 3\0", ForeignFile),
        ("db.json", b'{"_autumn_mock": {"1"', DamagedFile),
        ("db.json", b'{"_autumn_mock": {"1": {"format": 99}}}', UnsupportedFormat),
        ("db.json.wal", b"somebody's notes", ForeignFile),
        ("db.json.wal", b"autumn-mock-log version=99\n", UnsupportedFormat),
    ],
)
def test_open_refuses_invalid_files_and_leaves_them_unchanged(
    path: Path, name: str, content: bytes, error: type[StoreError]
) -> None:
    path.with_name(name).write_bytes(content)
    for _ in range(2):  # the second time shows that the first gave its lock back
        with pytest.raises(error):
            Database.open(path)
    assert path.with_name(name).read_bytes() == content
    assert names(path) == {name}


# -- places


def test_open_reports_a_missing_directory(path: Path) -> None:
    with pytest.raises(StoreError, match=r"the directory .*missing of the database db\.json does not exist"):
        Database.open(path.parent / "missing" / "db.json")


def test_open_reports_a_directory(path: Path) -> None:
    with pytest.raises(StoreError, match="is a directory"):
        Database.open(path.parent)


def test_open_reports_a_directory_without_permission(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StoreError, match=r"the lock file .*db\.json\.lock cannot be written: Permission denied"):
        Database.open(path)


def test_open_reports_an_unreadable_log(path: Path) -> None:
    path.with_name("db.json.wal").mkdir()
    with pytest.raises(StoreError, match=r"db\.json\.wal is a directory, not a regular file"):
        Database.open(path)


def test_open_reports_a_full_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(WriteAheadLog, "create", refuse)
    with pytest.raises(StoreError, match="cannot be opened: No space left on device"):
        Database.open(path)


def test_open_reports_a_read_only_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tables(path, 1, {})
    monkeypatch.setattr(os, "access", lambda *_: False)  # a mode would not stop an administrator
    with pytest.raises(StoreError, match="is read-only"):
        Database.open(path)


def test_open_reports_a_database_in_use(path: Path) -> None:
    with Database.open(path):
        with pytest.raises(DatabaseInUse) as caught:
            Database.open(path)
        assert caught.value.pid == os.getpid()
    Database.open(path).close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets few users make symbolic links")
def test_open_follows_a_link(path: Path) -> None:
    link = path.with_name("link.json")
    link.symlink_to(path)
    with Database.open(link) as database:
        with pytest.raises(DatabaseInUse):
            Database.open(path)
        checkpoint(database, 2)
    assert link.is_symlink()
    assert counted_at(path) == 2


def test_close_twice_does_not_affect_the_next_holder(path: Path) -> None:
    first = Database.open(path)
    first.close()
    with Database.open(path) as second:
        first.close()
        with pytest.raises(DatabaseInUse):
            Database.open(path)
        second.append(entry(1))
    assert counted_at(path) == 1


def test_append_after_close_fails(path: Path) -> None:
    database = Database.open(path)
    database.close()
    with pytest.raises(ValueError, match="is closed"):
        database.append(entry(1))
