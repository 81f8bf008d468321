"""Maintenance tasks that fail are retried with back-off, and logged once."""

from __future__ import annotations

import errno
import logging
import os

import pytest

from autumn_mock.maintenance import Task


class Disk:
    """Records the attempts, and refuses them while it is full."""

    def __init__(self) -> None:
        self.tries: list[int] = []
        self.turn = 0
        self.is_full = True

    def act(self) -> None:
        self.tries.append(self.turn)
        if self.is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def turns(self, task: Task, count: int) -> list[int]:
        """The turns, of ``count``, with an attempt."""
        self.tries = []
        for self.turn in range(1, count + 1):
            task.turn()
        return self.tries


def test_task_doubles_its_wait_with_each_failure(caplog: pytest.LogCaptureFixture) -> None:
    disk = Disk()
    task = Task("the file", disk.act)
    with caplog.at_level(logging.WARNING):
        assert disk.turns(task, 300) == [1, 3, 7, 15, 31, 63, 127, 191, 255]
        disk.is_full = False
        assert disk.turns(task, 20) == [19, 20]
    first, last = (each.getMessage() for each in caplog.records)
    assert first.startswith("the file failed; retrying with back-off: [Errno 28] ")
    assert last == "the file succeeds again"


def test_task_waits_no_less_than_its_interval() -> None:
    disk = Disk()
    task = Task("something", disk.act, every=10)
    assert disk.turns(task, 80) == [10, 20, 30, 40, 56]
    disk.is_full = False
    assert disk.turns(task, 40) == [8, 18, 28, 38]


def test_task_logs_an_unexpected_error_each_time(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ValueError("ours")

    task = Task("something", fail)
    task.turn()
    task.turn()
    assert [each.exc_info is not None for each in caplog.records] == [True, True]
