"""The write-ahead log: what is in it after which accident."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autumn_mock.store.errors import DamagedFile, ForeignFile, UnsupportedFormat
from autumn_mock.store.log import LogContents, TornTail, WriteAheadLog, header_size, read_log, repair

FIRST, SECOND, THIRD = b'{"n":1}', b'{"n":22}', b'{"n":333}'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db.json.wal"


def written(path: Path, *payloads: bytes, generation: int = 0) -> bytes:
    log = WriteAheadLog.create(path, generation)
    for payload in payloads:
        log.append(payload)
    log.close()
    return path.read_bytes()


def payloads(path: Path) -> list[bytes]:
    contents = read_log(path)
    assert contents.torn is None
    return contents.payloads


# -- writing and reading


def test_reads_back_what_was_appended(path: Path) -> None:
    log = WriteAheadLog.create(path, 7)
    log.append(FIRST)
    log.append(SECOND)
    log.append(THIRD)
    assert read_log(path) == LogContents(7, [FIRST, SECOND, THIRD], None)
    assert log.size == path.stat().st_size
    log.close()


def test_the_format_is_the_documented_one(path: Path) -> None:
    lines = written(path, b'{"op":"put"}', generation=7).splitlines(keepends=True)
    assert lines == [b"autumn-mock-log version=1 generation=7 crc32=3c8d7fef\n", b'a25b49ed {"op":"put"}\n']
    assert len(lines[0]) == header_size(7)


def test_appends_after_what_is_there(path: Path) -> None:
    written(path, FIRST)
    log = WriteAheadLog.open_for_append(path)
    log.append(SECOND)
    log.close()
    assert payloads(path) == [FIRST, SECOND]


def test_does_not_start_where_there_is_a_log(path: Path) -> None:
    before = written(path, FIRST)
    with pytest.raises(FileExistsError):
        WriteAheadLog.create(path, 1)
    assert path.read_bytes() == before


def test_a_payload_with_a_line_break_is_refused(path: Path) -> None:
    log = WriteAheadLog.create(path, 0)
    with pytest.raises(ValueError, match="line break"):
        log.append(b'{\n"n":2}')
    log.close()
    assert payloads(path) == []


def test_append_to_a_closed_log_fails(path: Path) -> None:
    log = WriteAheadLog.create(path, 0)
    log.close()
    log.close()
    with pytest.raises(ValueError, match="is closed"):
        log.append(FIRST)


def test_moves_while_open(path: Path) -> None:
    other = path.with_name("other.wal")
    written(other, THIRD)
    log = WriteAheadLog.create(path, 0)
    log.append(FIRST)
    log.move_to(other)
    log.append(SECOND)
    log.close()
    assert log.path == other
    assert not path.exists()
    assert payloads(other) == [FIRST, SECOND]


def test_fsync_waits_for_the_disk_on_every_append(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr("autumn_mock.store.log.sync_data", synced.append)
    log = WriteAheadLog.create(path, 0, fsync=True)
    log.append(FIRST)
    log.append(SECOND)
    log.close()
    assert len(synced) == 3


@given(st.lists(st.binary(max_size=40).map(lambda data: data.replace(b"\n", b""))))
def test_any_payload_without_a_line_break_survives(
    tmp_path_factory: pytest.TempPathFactory, expected: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("log") / "wal"
    written(path, *expected)
    assert payloads(path) == expected


# -- torn and damaged


def test_a_last_record_torn_at_any_byte_is_reported_and_cut(path: Path) -> None:
    whole = written(path, FIRST, SECOND, THIRD)
    start = whole.rindex(b"\n", 0, -1) + 1
    for end in range(start + 1, len(whole)):
        path.write_bytes(whole[:end])
        contents = read_log(path)
        assert contents == LogContents(0, [FIRST, SECOND], TornTail(start, end - start))
        assert contents.torn is not None
        repair(path, contents.torn)
        assert path.read_bytes() == whole[:start]
    path.write_bytes(whole[:start])
    assert payloads(path) == [FIRST, SECOND]


@pytest.mark.parametrize("tail", [b"\0" * 4096, b"garbage", b"garbage\n", b"\n", b"00000000 {}\n"])
def test_garbage_at_the_end_is_torn(path: Path, tail: bytes) -> None:
    whole = written(path, FIRST)
    path.write_bytes(whole + tail)
    assert read_log(path) == LogContents(0, [FIRST], TornTail(len(whole), len(tail)))


def test_a_changed_byte_anywhere_but_in_the_last_record_is_damage(path: Path) -> None:
    whole = written(path, FIRST, SECOND, THIRD)
    second = whole.index(SECOND) - 9
    last = whole.index(THIRD) - 9
    for place in range(second, last - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(DamagedFile) as caught:
            read_log(path)
        assert caught.value.where == f"line 3 (byte {second})"
        assert caught.value.path == path
    assert str(caught.value).startswith(f"{path} is damaged at line 3 (byte {second}): the record does not match")


def test_a_changed_byte_in_the_last_record_is_torn(path: Path) -> None:
    whole = written(path, FIRST, SECOND)
    last = whole.index(SECOND) - 9
    for place in range(last, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert read_log(path) == LogContents(0, [FIRST], TornTail(last, len(whole) - last))


# -- the first line


def test_a_first_line_torn_at_any_byte_is_an_empty_log(path: Path) -> None:
    whole = written(path, generation=12)
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        assert read_log(path) == LogContents(None, [], TornTail(0, end))
    path.write_bytes(b"\0" * len(whole))
    assert read_log(path) == LogContents(None, [], TornTail(0, len(whole)))


def test_a_changed_generation_is_damage(path: Path) -> None:
    path.write_bytes(written(path, FIRST, generation=12).replace(b"=12 ", b"=13 "))
    with pytest.raises(DamagedFile, match="line 1"):
        read_log(path)


def test_another_version_is_unsupported(path: Path) -> None:
    path.write_bytes(b"autumn-mock-log version=2 anything\n")
    with pytest.raises(UnsupportedFormat, match="has format 2, but this version of autumn-mock reads format 1 only"):
        read_log(path)


@pytest.mark.parametrize("content", [b"no log", b"no log\n", b"\n", b'{"a": 1}\n', b"SQLite format 3\0" * 100])
def test_file_that_is_not_a_log_is_foreign(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ForeignFile):
        read_log(path)


# -- writes that fail


def short_write(fd: int, data: bytes, write: Callable[[int, bytes], int] = os.write) -> int:
    """What a nearly full disk does: it takes a part, and the next time nothing."""
    if len(data) > 12:
        return write(fd, data[:-12])
    raise OSError(errno.ENOSPC, "No space left on device")


def refuse(*_: object) -> None:
    raise OSError(errno.EIO, "Input/output error")


def test_a_write_that_fails_half_way_leaves_no_trace(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = written(path, FIRST)
    log = WriteAheadLog.open_for_append(path)
    with monkeypatch.context() as disk:
        disk.setattr(os, "write", short_write)
        with pytest.raises(OSError, match="No space"):
            log.append(SECOND)
    assert path.read_bytes() == before
    assert log.size == len(before)
    log.append(THIRD)
    log.close()
    assert payloads(path) == [FIRST, THIRD]


def test_a_failing_fsync_leaves_no_trace(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = WriteAheadLog.create(path, 0, fsync=True)
    with monkeypatch.context() as disk:
        disk.setattr("autumn_mock.store.log.sync_data", refuse)
        with pytest.raises(OSError, match="Input/output"):
            log.append(FIRST)
    assert payloads(path) == []
    log.append(SECOND)
    log.close()
    assert payloads(path) == [SECOND]


def test_append_fails_until_a_partial_record_is_removed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = WriteAheadLog.create(path, 0)
    with monkeypatch.context() as disk:
        disk.setattr(os, "ftruncate", refuse)
        with monkeypatch.context() as full:
            full.setattr(os, "write", short_write)
            with pytest.raises(OSError, match="No space"):
                log.append(FIRST)
        with pytest.raises(OSError, match="Input/output"):  # space again, but a record now would follow a torn one
            log.append(SECOND)
        with pytest.raises(OSError, match="Input/output"):
            log.settle()
        assert read_log(path).torn is not None
    log.append(THIRD)
    log.settle()
    log.close()
    assert payloads(path) == [THIRD]


def test_close_removes_a_partial_record(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = WriteAheadLog.create(path, 0)
    with monkeypatch.context() as disk:
        disk.setattr(os, "ftruncate", refuse)
        disk.setattr(os, "write", short_write)
        with pytest.raises(OSError, match="No space"):
            log.append(FIRST)
    log.close()
    assert payloads(path) == []


def test_create_leaves_no_file_after_a_failure(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "write", short_write)
    with pytest.raises(OSError, match="No space"):
        WriteAheadLog.create(path, 0)
    assert not path.exists()
