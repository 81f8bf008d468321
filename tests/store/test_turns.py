"""The lock of an environment."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from autumn_mock.store.turns import Turns


def test_one_at_a_time_and_as_often_as_the_same_thread_wants() -> None:
    turns = Turns()
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
    assert repr(turns) == "<Turns: 0 waiting>"


def test_who_waits_goes_before_one_who_does_long_work(tmp_path: Path) -> None:
    turns = Turns()
    shifts = 0
    is_over, has_begun = threading.Event(), threading.Event()

    def long_work() -> None:
        nonlocal shifts
        with open(tmp_path / "log", "ab", buffering=0) as log:
            while not is_over.is_set():
                turns.yield_turn()
                with turns:
                    has_begun.set()
                    shifts += 1
                    sum(range(8000))
                    log.write(b"x" * 2000)  # as a transaction does; it lets other threads run

    worker = threading.Thread(target=long_work)
    worker.start()
    has_begun.wait()
    passed = []
    for _ in range(100):
        time.sleep(0.002)
        before = shifts
        with turns:
            passed.append(shifts - before)
    is_over.set()
    worker.join()
    # Without standing back it is a hundred.
    assert sorted(passed)[len(passed) // 2] <= 5, passed
