"""The order of locks, as debug mode checks it."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

import autumn_mock
from autumn_mock import locks
from autumn_mock.locks import Level, LockOrderError, new_lock, new_rlock
from autumn_mock.store.fair_lock import FairLock


def test_the_tests_run_in_debug_mode() -> None:
    assert locks.DEBUG


def test_without_debug_mode_locks_are_those_of_threading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "DEBUG", False)
    assert type(new_lock(Level.QUEUE)) is type(threading.Lock())
    assert type(new_rlock(Level.STATE)) is type(threading.RLock())


def test_locks_are_acquired_from_a_lower_level_to_a_higher_one() -> None:
    low, high = new_rlock(Level.STATE), new_lock(Level.QUEUE)
    with low, high:
        pass
    with high, pytest.raises(LockOrderError, match="<STATE lock > is acquired while <QUEUE lock > is held"):
        low.acquire()
    with low, high:  # nothing is left over from the failure
        pass


def test_locks_of_environments_are_acquired_in_the_order_of_their_names() -> None:
    first, second = FairLock(("a", "live")), FairLock(("a", "sandbox"))
    with first, second, first:
        pass
    with second, pytest.raises(LockOrderError), first:
        pass


def test_only_a_reentrant_lock_is_acquired_twice() -> None:
    plain, reentrant = new_lock(Level.QUEUE), new_rlock(Level.STATE)
    with reentrant, reentrant:
        pass
    with plain:
        assert not plain.acquire(blocking=False)
        with pytest.raises(LockOrderError, match="is acquired twice"):
            plain.acquire()
    assert not plain.locked()


def test_a_condition_works_with_a_checked_lock() -> None:
    changed = threading.Condition(new_lock(Level.QUEUE))
    seen: list[bool] = []

    def notify() -> None:
        with changed:
            seen.append(True)
            changed.notify_all()

    thread = threading.Thread(target=notify)
    with changed:
        thread.start()
        assert changed.wait_for(lambda: bool(seen), 10)
    thread.join()


def test_every_lock_is_created_with_a_level() -> None:
    package = Path(autumn_mock.__file__).parent
    for path in package.rglob("*.py"):
        if path.name != "locks.py":
            assert not re.search(r"threading\.(R?Lock|Condition)\(\)", path.read_text("utf-8")), path
