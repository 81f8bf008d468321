"""The lock of an environment."""

from __future__ import annotations

import threading

import pytest

from autumn_mock.store.fair_lock import FairLock


def test_fair_lock_is_exclusive_and_reentrant() -> None:
    turns = FairLock()
    count = 0

    def work() -> None:
        nonlocal count
        for _ in range(2000):
            with turns, turns:
                before = count
                count = before + 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert count == 8000
    assert repr(turns) == "<FairLock: 0 waiting>"


def test_yield_to_waiters_lets_a_waiting_thread_acquire_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = FairLock()
    has_entered = threading.Event()
    stood_back = []

    def stand_back(_seconds: float) -> None:
        stood_back.append(has_entered.wait(5))

    def visit() -> None:
        with turns:
            has_entered.set()

    monkeypatch.setattr("autumn_mock.store.fair_lock.pause", stand_back)
    visitor = threading.Thread(target=visit)
    with turns:
        turns.yield_to_waiters()
        assert not stood_back  # no thread waits for it
        visitor.start()
        while repr(turns) != "<FairLock: 1 waiting>":
            visitor.join(0.001)
    turns.yield_to_waiters()
    assert stood_back == [True]
    visitor.join()
    turns.yield_to_waiters()
    assert stood_back == [True]
