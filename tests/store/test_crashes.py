"""Whatever instruction a crash hits, opening the database brings back what had been acknowledged, and nothing twice.

The directory is photographed before every line that the store executes, while a script of appends and checkpoints
runs. Every photograph is what a crash at that line would have left.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import autumn_mock.store
from autumn_mock.store import Database

from .counter import checkpoint, counted, entry, tables

STORE = str(Path(autumn_mock.store.__file__).parent)


@dataclass(frozen=True)
class Photograph:
    files: frozenset[tuple[str, bytes]]
    acknowledged: int
    attempted: int


class Counting:
    """A database that counts, and the photographs of its directory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.acknowledged = 0
        self.attempted = 0
        self.photographs: dict[Photograph, None] = {}

    def count(self, database: Database, times: int = 1) -> None:
        for _ in range(times):
            self.attempted += 1
            database.append(entry(self.attempted))
            self.acknowledged += 1

    def photographed(self, act: Callable[[], None]) -> None:
        before = sys.gettrace()
        sys.settrace(self._trace)
        try:
            act()
        finally:
            sys.settrace(before)

    def _trace(self, frame: FrameType, event: str, _: object) -> Any:
        if not frame.f_code.co_filename.startswith(STORE):
            return None
        if event == "line":
            files = frozenset((each.name, each.read_bytes()) for each in self.path.parent.iterdir())
            self.photographs[Photograph(files, self.acknowledged, self.attempted)] = None
        return self._trace


@pytest.fixture
def counting(tmp_path: Path) -> Counting:
    (tmp_path / "live").mkdir()
    return Counting(tmp_path / "live" / "db.json")


def recover(photograph: Photograph, directory: Path) -> None:
    """Open what the crash left, check it, and go on: count further, write a checkpoint, open again."""
    directory.mkdir()
    for name, content in photograph.files:
        (directory / name).write_bytes(content)
    path = directory / "db.json"
    with Database.open(path) as database:
        last = counted(database)
        assert photograph.acknowledged <= last <= photograph.attempted
        database.append(entry(last + 1))
    with Database.open(path) as database:
        assert counted(database) == last + 1
        database.begin_checkpoint()
        database.append(entry(last + 2))
        database.finish_checkpoint(tables(last + 1))
    with Database.open(path) as database:
        assert counted(database) == last + 2


def assert_all_recover(counting: Counting, tmp_path: Path, *, at_least: int) -> None:
    assert len(counting.photographs) >= at_least
    for number, photograph in enumerate(counting.photographs):
        recover(photograph, tmp_path / str(number))


def test_a_crash_at_any_line(counting: Counting, tmp_path: Path) -> None:
    def documents(last: int, database: Database) -> Iterator[bytes]:
        counting.count(database)  # while the file is being written
        yield from tables(last)["counters"]

    def act() -> None:
        for _ in range(2):
            with Database.open(counting.path) as database:
                counting.count(database, 3)
                database.begin_checkpoint()
                last = counting.acknowledged
                counting.count(database)
                database.finish_checkpoint({"counters": documents(last, database)})
                counting.count(database, 2)
        with Database.open(counting.path) as database:
            checkpoint(database, counting.acknowledged)

    counting.photographed(act)
    assert_all_recover(counting, tmp_path, at_least=25)


def test_a_crash_at_any_line_after_checkpoints_that_failed(
    counting: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def act() -> None:
        for _ in range(2):
            with Database.open(counting.path) as database:
                with monkeypatch.context() as disk:
                    disk.setattr(os, "replace", refuse)
                    for _ in range(2):
                        counting.count(database)
                        with pytest.raises(OSError, match="No space"):
                            checkpoint(database, counting.acknowledged)
                counting.count(database)
        with Database.open(counting.path) as database:
            checkpoint(database, counting.acknowledged)
            counting.count(database)

    counting.photographed(act)
    assert_all_recover(counting, tmp_path, at_least=20)


def test_a_crash_at_any_line_of_a_recovery(counting: Counting, tmp_path: Path) -> None:
    """The recovery itself may be interrupted, here one that has a log to remove and a torn record to cut."""
    with Database.open(counting.path) as database:
        counting.count(database, 2)
        database.begin_checkpoint()
        counting.count(database, 2)
        main = counting.path.with_name("db.json.wal")
        outdated = main.read_bytes()
        database.finish_checkpoint(tables(2))
    os.replace(main, counting.path.with_name("db.json.wal.1"))  # as if the last rename had not come
    main.write_bytes(outdated)
    with counting.path.with_name("db.json.wal.1").open("ab") as handle:
        handle.write(b"0123 torn")

    def act() -> None:
        with Database.open(counting.path) as database:
            assert counted(database) == 4
            counting.count(database)

    counting.photographed(act)
    assert_all_recover(counting, tmp_path, at_least=4)
