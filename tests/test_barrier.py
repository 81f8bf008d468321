"""The gate: those inside are let finish, those who come meanwhile wait, and other organisations notice nothing."""

from __future__ import annotations

import threading

import pytest

from autumn_mock.barrier import RequestBarrier

#: Seconds that a test waits at most for something that always happens.
DRAIN_TIMEOUT_S = 10.0


class Visit(threading.Thread):
    """A thread that enters and stays until it is released."""

    def __init__(self, gate: RequestBarrier, org_id: str) -> None:
        super().__init__(daemon=True)
        self._gate = gate
        self._org_id = org_id
        self._released = threading.Event()
        self._is_in = threading.Event()
        self.start()

    def run(self) -> None:
        with self._gate.passed(self._org_id):
            self._is_in.set()
            self._released.wait(DRAIN_TIMEOUT_S)

    def is_in(self, within: float = DRAIN_TIMEOUT_S) -> bool:
        return self._is_in.wait(within)

    def go(self) -> None:
        self._released.set()
        self.join(DRAIN_TIMEOUT_S)


@pytest.mark.parametrize("closed_to", ["a", None])
def test_enter_waits_while_closed(closed_to: str | None) -> None:
    gate = RequestBarrier()
    with gate.closed(closed_to):
        visit = Visit(gate, "a")
        assert not visit.is_in(0.05)
    assert visit.is_in()
    visit.go()


def test_closed_does_not_affect_other_organisations() -> None:
    gate = RequestBarrier()
    inside = Visit(gate, "b")
    assert inside.is_in()
    with gate.closed("a"):
        visit = Visit(gate, "b")
        assert visit.is_in()
    inside.go()
    visit.go()


@pytest.mark.parametrize("closed_to", ["a", None])
def test_closed_waits_for_requests_inside(closed_to: str | None) -> None:
    gate = RequestBarrier()
    visit = Visit(gate, "a")
    assert visit.is_in()
    threading.Timer(0.05, visit.go).start()
    with gate.closed(closed_to):
        assert not visit.is_alive() or visit._released.is_set()
        assert repr(gate) == "<RequestBarrier closed, 0 inside>"
    assert repr(gate) == "<RequestBarrier open, 0 inside>"


def test_closed_proceeds_with_a_warning_after_its_timeout(caplog: pytest.LogCaptureFixture) -> None:
    gate = RequestBarrier()
    visit = Visit(gate, "a")
    assert visit.is_in()
    with gate.closed("a", timeout=0.05):
        assert repr(gate) == "<RequestBarrier closed, 1 inside>"
    assert "1 requests of a did not finish within 0.05 s" in caplog.text
    visit.go()
    assert repr(gate) == "<RequestBarrier open, 0 inside>"


def test_closed_twice_opens_after_the_last_block() -> None:
    gate = RequestBarrier()
    with gate.closed("a"):
        with gate.closed("a"), gate.closed():
            visit = Visit(gate, "a")
        assert not visit.is_in(0.05)
    assert visit.is_in()
    visit.go()


def test_closed_opens_after_an_exception() -> None:
    gate = RequestBarrier()
    with pytest.raises(ValueError, match="full"), gate.closed():
        raise ValueError("full")
    with gate.passed("a"):
        assert repr(gate) == "<RequestBarrier open, 1 inside>"


def test_enter_is_not_held_up_by_those_who_close_again_and_again() -> None:
    gate = RequestBarrier()
    stopped = threading.Event()

    def close() -> None:
        while not stopped.is_set():
            with gate.closed(None):
                pass

    closers = [threading.Thread(target=close, daemon=True) for _ in range(3)]
    for each in closers:
        each.start()
    try:
        for _ in range(20):
            visit = Visit(gate, "a")
            assert visit.is_in(5)
            visit.go()
    finally:
        stopped.set()
    for each in closers:
        each.join(DRAIN_TIMEOUT_S)
        assert not each.is_alive()
