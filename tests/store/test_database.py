"""Opening, appending, checkpoints and closing, without accidents but for files that do not fit."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tinydb import TinyDB

from autumn_mock.store import DamagedFile, Database, DatabaseInUse, ForeignFile, StoreError, UnsupportedFormat
from autumn_mock.store.errors import FilesMissing
from autumn_mock.store.lockfile import LockFile
from autumn_mock.store.log import WriteAheadLog
from autumn_mock.store.tinyfile import write_tables

from .counter import checkpoint, counted, counted_at, entry, tables
from .test_fileutil import IRREGULAR, irregular_kinds

unix = pytest.mark.skipif(sys.platform == "win32", reason="Windows neither links nor moves open files")


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


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not have such names")
@pytest.mark.parametrize(
    "name",
    [
        b"a\nb",
        b"[a].json",
        b"%s.json",
        b"-db",
        b" ",
        b"a b'\"",
        b"\xff\xfe.json",
        b"x.wal",
        b"*",
        b"~",
        b"...",
        b"\x1b[31m",
    ],
)
def test_a_database_may_have_any_name(name: bytes, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name)))
    with Database.open(path) as database:
        database.append(entry(1))
    with Database.open(path) as database:
        assert database.entries == [entry(1)]
        checkpoint(database, 1)
    assert counted_at(path) == 1
    assert os.listdir(os.fsencode(tmp_path)) == [name]


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
    with pytest.raises(DamagedFile, match="the database file was replaced by an older one, or removed"):
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


@unix
@irregular_kinds
@pytest.mark.parametrize("suffix", ["", ".lock", ".wal", ".wal.1", ".tmp"])
def test_open_refuses_anything_but_regular_files_and_leaves_them(kind: str, suffix: str, path: Path) -> None:
    """At once, before something is read: a pipe would never end, and a device may be endless."""
    place = path.with_name(path.name + suffix)
    IRREGULAR[kind](place)
    before = {each: each.lstat() for each in path.parent.iterdir()}
    if (kind, suffix) == ("a symbolic link", ".tmp"):
        with Database.open(path) as database:
            checkpoint(database, 1)
        assert not path.is_symlink()
    else:
        why = (
            "was not written by autumn-mock"
            if (kind, suffix) == ("a symbolic link", "")
            else f"is {kind}, not a regular"
        )
        with pytest.raises(StoreError, match=why):
            Database.open(path)
        assert all(os.path.samestat(found, each.lstat()) for each, found in before.items())
        assert names(path) == {each.name for each in before if not each.name.endswith(".lock")}
    if kind == "a symbolic link":
        assert path.with_name("victim").read_text() == "precious"


def test_open_refuses_a_lock_file_that_is_another_file_too(path: Path) -> None:
    victim = path.with_name("victim")
    victim.write_text("precious")
    os.link(victim, path.with_name("db.json.lock"))
    with pytest.raises(StoreError, match=r"db\.json\.lock cannot be written: it is a hard link of another file"):
        Database.open(path)
    assert victim.read_text() == "precious"


def test_open_refuses_a_huge_file_of_another_program_before_it_is_read(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ForeignFile, match="it is not JSON"):
        Database.open(path)
    with path.open("r+b") as file:
        file.write(b"{")
    with pytest.raises(StoreError, match="larger than the memory"):
        Database.open(path)


def test_open_reports_a_directory_without_permission(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StoreError, match=r"the lock file .*db\.json\.lock cannot be written: Permission denied"):
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


# -- a second server, by another name of the same file


def as_it_is(path: Path) -> Path:
    return path


def with_dots(path: Path) -> Path:
    return path.parent / ".." / path.parent.name / path.name


def relative(path: Path) -> Path:
    return Path(os.path.relpath(path))


def by_a_linked_directory(path: Path) -> Path:
    link = path.parent.with_name(f"{path.parent.name}-link")
    link.symlink_to(path.parent)
    return link / path.name


def by_a_chain_of_links(path: Path) -> Path:
    for name, target in (("one", path), ("two", path.with_name("one"))):
        path.with_name(name).symlink_to(target)
    return path.with_name("two")


def by_a_hard_link(path: Path) -> Path:
    os.link(path, path.with_name("other"))
    return path.with_name("other")


def by_a_hard_link_of_the_log(path: Path) -> Path:
    os.link(path.with_name("db.json.wal"), path.with_name("other.wal"))
    return path.with_name("other")


def without_the_lock_file(path: Path) -> Path:
    path.with_name("db.json.lock").unlink()
    return path


def with_another_lock_file(path: Path) -> Path:
    path.with_name("db.json.lock").unlink()
    path.with_name("db.json.lock").touch()
    return path


@unix
@pytest.mark.parametrize(
    "other_name",
    [
        as_it_is,
        with_dots,
        relative,
        by_a_linked_directory,
        by_a_chain_of_links,
        by_a_hard_link,
        by_a_hard_link_of_the_log,
        without_the_lock_file,
        with_another_lock_file,
    ],
)
def test_a_second_server_is_refused_by_every_name(other_name: Callable[[Path], Path], path: Path) -> None:
    with Database.open(path) as database:
        checkpoint(database, 0)
        database.append(entry(1))
        other = other_name(path)
        log = path.with_name("db.json.wal")
        with log.open("ab") as file:
            file.write(b"half of a record")  # as if it was being written: a second server would cut it
        for _ in range(2):
            with pytest.raises(DatabaseInUse):
                Database.open(other)
        assert log.read_bytes().endswith(b"half of a record")
        os.truncate(log, log.stat().st_size - len(b"half of a record"))
        database.append(entry(2))
    assert counted_at(path) == 2


@unix
def test_a_hard_link_is_a_file_of_its_own_after_a_checkpoint(path: Path) -> None:
    """So hard links serve as backups."""
    with Database.open(path) as database:
        checkpoint(database, 1)
        other = by_a_hard_link(path)
        checkpoint(database, 2)
        assert counted_at(other) == 1
        os.link(path, path.with_name("another"))
        with pytest.raises(DatabaseInUse):
            Database.open(path.with_name("another"))


# -- files that are removed or replaced while it is open


def remove_directory(path: Path) -> None:
    shutil.rmtree(path.parent)


def move_directory(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))


def replace_directory(path: Path) -> None:
    move_directory(path)
    path.parent.mkdir()


def remove_log(path: Path) -> None:
    path.with_name("db.json.wal").unlink()


def remove_file(path: Path) -> None:
    path.unlink()


def replace_file(path: Path) -> None:
    path.with_name("new").write_text("another program's")
    os.replace(path.with_name("new"), path)


def replace_directory_by_one_with_a_log(path: Path) -> None:
    replace_directory(path)
    log_with(path.with_name("db.json.wal"), 0, entry(9))


def replace_directory_by_one_in_use(path: Path) -> None:
    replace_directory(path)
    LockFile(path).acquire()


@pytest.fixture
def inner(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "db.json"


@unix
@pytest.mark.parametrize("harm", [remove_directory, remove_log])
def test_append_is_refused_as_soon_as_the_log_is_removed(harm: Callable[[Path], None], inner: Path) -> None:
    with Database.open(inner) as database:
        checkpoint(database, 1)
        harm(inner)
        with pytest.raises(FilesMissing, match="removed or replaced while it was open"):
            database.append(entry(2))


@unix
@pytest.mark.parametrize("harm", [remove_directory, move_directory, replace_directory, remove_log, remove_file])
def test_missing_files_are_noticed_and_written_again_by_a_checkpoint(harm: Callable[[Path], None], inner: Path) -> None:
    with Database.open(inner) as database:
        checkpoint(database, 1)
        assert not database.notice_missing_files()
        harm(inner)
        assert database.notice_missing_files()
        with pytest.raises(FilesMissing):
            database.append(entry(2))
        if not inner.parent.exists():
            with pytest.raises(FilesMissing, match="put the directory back, or create it again"):
                checkpoint(database, 1)
            inner.parent.mkdir()
        database.begin_checkpoint()
        with pytest.raises(FilesMissing):  # its log would continue a file that is not there yet
            database.append(entry(2))
        database.finish_checkpoint(tables(1))
        assert not database.notice_missing_files()
        database.append(entry(2))
        with pytest.raises(DatabaseInUse):
            Database.open(inner)
    assert counted_at(inner) == 2


@unix
def test_a_directory_that_is_put_back_needs_no_checkpoint(inner: Path) -> None:
    with Database.open(inner) as database:
        database.append(entry(1))
        move_directory(inner)
        assert database.notice_missing_files()
        inner.parent.with_name("moved").rename(inner.parent)
        assert not database.notice_missing_files()
        database.append(entry(2))
    assert counted_at(inner) == 2


@unix
@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (replace_file, "another file has its name"),
        (replace_directory_by_one_with_a_log, "logs of another database are there"),
        (replace_directory_by_one_in_use, "is in use by process"),
    ],
)
def test_a_checkpoint_does_not_replace_another_database(harm: Callable[[Path], None], why: str, inner: Path) -> None:
    with Database.open(inner) as database:
        checkpoint(database, 1)
        harm(inner)
        kept = {each.name: each.read_bytes() for each in inner.parent.iterdir()}
        with pytest.raises(FilesMissing, match=why):
            checkpoint(database, 1)
        with pytest.raises(FilesMissing):
            database.append(entry(2))
    left = {each.name: each.read_bytes() for each in inner.parent.iterdir()}
    assert {name: left.get(name) for name in kept if not name.endswith((".lock", ".wal"))} == {
        name: content for name, content in kept.items() if not name.endswith((".lock", ".wal"))
    }
    assert harm is replace_file or left.get("db.json.wal") == kept.get("db.json.wal")


def test_an_abandoned_database_has_its_former_files_and_content(path: Path) -> None:
    new = Database.open(path)
    new.append(entry(1))
    new.abandon()
    assert names(path) == set()
    with Database.open(path) as database:
        database.append(entry(1))
    before = {name: (path.parent / name).read_bytes() for name in names(path)}
    again = Database.open(path)
    again.append(entry(2))
    again.abandon()
    again.abandon()
    assert {name: (path.parent / name).read_bytes() for name in names(path)} == before
    assert counted_at(path) == 1


def test_an_abandoned_database_keeps_what_a_checkpoint_has_written(path: Path) -> None:
    database = Database.open(path)
    database.append(entry(1))
    checkpoint(database, 1)
    database.append(entry(2))
    database.abandon()
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
