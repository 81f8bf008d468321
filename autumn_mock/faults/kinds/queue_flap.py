from collections.abc import Mapping
from typing import Any

from autumn_mock.faults.options import Option, calls_or_duration
from autumn_mock.faults.sites import EnqueueFault


class QueueFlap(EnqueueFault):
    """The queue is down and up in turn, beginning with down; by number of calls or by time."""

    name = "queue:flap"
    example = "queue:flap down=2 up=3"
    own_options = (
        Option("down", calls_or_duration, "calls, or time, for which it is down (1)", "N|TIME"),
        Option("up", calls_or_duration, "calls, or time, for which it is up (1)", "N|TIME"),
    )

    #: Calls that it has seen.
    _calls: int = 0

    @classmethod
    def problem(cls, argument: Any, options: Mapping[str, Any]) -> tuple[str, str] | None:  # noqa: ARG003  # no argument
        units = {options[each][0] for each in ("down", "up") if each in options}
        return ("", "down and up must both be numbers of calls, or both durations") if len(units) > 1 else None

    def select(self, matching: list[int], count: int) -> list[int]:
        return super().select(matching, count) if self._is_down() else []

    def _is_down(self) -> bool:
        given = self.options.get("down") or self.options.get("up") or ("calls", 1)
        (unit, down), (_, up) = self.options.get("down", given), self.options.get("up", given)
        if unit == "ms":
            position = self.clock.now() - self.armed_at
        else:
            position = self._calls
            self._calls += 1
        return bool(position % (down + up) < down)
