"""The actions that arrange the organisation: faults, the clock, the workers, the queue."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone

from autumn_mock.counting import count_of
from autumn_mock.operations.clock_lengths import NEXT_RESET
from autumn_mock.scenarios.events import Done, ExpectationResult
from autumn_mock.scenarios.model import Action, Advance, Arm, Clear, Drain, Freeze, Pause, Resume
from autumn_mock.scenarios.target import ScenarioTarget


def arrange(target: ScenarioTarget, action: Action) -> Iterator[Done | ExpectationResult]:
    """Perform an action of this module. Raises :class:`~autumn_mock.control_client.ControlError`."""
    match action:
        case Arm():
            yield Done("fault", target.arm(action.fault))
        case Clear():
            yield Done("faults", f"{target.clear_faults()} cleared")
        case Drain():
            yield from _drain(target, action)
        case Pause() | Resume():
            paused = isinstance(action, Pause)
            stats = target.control.post("/queue", {"paused": paused})
            waiting = stats["ready"] + stats["in_flight"]
            yield Done("workers", f"{'paused' if paused else 'resumed'}, {count_of(waiting, 'item')} waiting")
        case Advance():
            now = target.advance(action.advance)
            yield Done("clock", f"{_moment(now)}, moved {_how_far(action.advance)}")
        case Freeze():
            yield Done("clock", f"frozen at {_moment(target.freeze())}")
        case _:
            raise AssertionError(action)


def _drain(target: ScenarioTarget, action: Drain) -> Iterator[Done | ExpectationResult]:
    answer = target.control.drain(action.drain / 1000)
    yield Done("queue", "empty" if answer["drained"] else answer["message"])
    after = f"{action.drain / 1000:g} s"
    if answer["drained"] == action.expect.drained:
        if not answer["drained"]:
            yield ExpectationResult(True, "not idle, as expected")
    elif answer["drained"]:
        yield ExpectationResult(False, f"expected the queue not to be idle after {after}, but it is")
    else:
        yield ExpectationResult(False, f"expected the queue to be idle within {after}, but {answer['message']}")


def _how_far(length: str) -> str:
    return "to the next reset" if length == NEXT_RESET else f"by {length}"


def _moment(instant: int) -> str:
    try:
        return f"{datetime.fromtimestamp(instant / 1000, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):  # outside of the calendar
        return f"{instant} ms"
