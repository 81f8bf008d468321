"""Faults that refuse items when they are queued."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autumn_mock.clock import Clock
from autumn_mock.domain.track import TrackItem
from autumn_mock.faults.armed import ArmedRule
from autumn_mock.faults.options import Option, calls_or_duration, indexes, name, positive

if TYPE_CHECKING:
    from autumn_mock.faults.grammar import Rule

_EVENT = Option("event", name, "only items with this event name", "NAME")


class EnqueueFault(ArmedRule):
    """Refuses items. ``times`` and ``after`` count batches."""

    def refusals(self, items: Sequence[TrackItem]) -> list[int]:
        """The indexes of the items that cannot be queued."""
        if self.completed:
            return []
        matching = [index for index, item in enumerate(items) if self.matches_item(item)]
        if not matching or not self.is_past_start():
            return []
        refused = self.select(matching, len(items))
        if refused:
            self.fired += 1
            self.refused += len(refused)
        return refused

    def select(self, matching: list[int], count: int) -> list[int]:  # noqa: ARG002  # kinds may need the batch's size
        """Those of the matching indexes of a batch of ``count`` items that it refuses."""
        return matching if self.is_selected() else []


class FailItems(EnqueueFault):
    """Items of a batch cannot be queued; ``every`` and ``rate`` count items."""

    name = "enqueue:fail"
    summary = (
        "all items of a batch, or the selected ones, cannot be queued; the reply is 202 unless none could be queued"
    )
    example = "enqueue:fail items=3,7"
    own_options = (
        Option("items", indexes, "only the items with these indexes in the batch, counted from 0", "I,J"),
        Option("first", positive, "only the first N items of a batch", "N"),
        Option("last", positive, "only the last N items of a batch", "N"),
        _EVENT,
    )

    def select(self, matching: list[int], count: int) -> list[int]:
        return [index for index in matching if self._has_index(index, count) and self.is_selected()]

    def _has_index(self, index: int, count: int) -> bool:
        options = self.options
        if "items" in options and index not in options["items"]:
            return False
        if "first" in options and index >= options["first"]:
            return False
        return not ("last" in options and index < count - options["last"])


class QueueDown(EnqueueFault):
    """Nothing can be queued."""

    name = "queue:down"
    summary = "nothing can be queued: 503 with Retry-After"
    example = "queue:down ttl=30s"
    own_options = (_EVENT,)


class QueueFlap(EnqueueFault):
    """The queue is down and up in turn, beginning with down."""

    name = "queue:flap"
    summary = "the queue is down and up in turn, by number of calls or by time"
    example = "queue:flap down=2 up=3"
    own_options = (
        Option("down", calls_or_duration, "calls, or time, for which it is down (1)", "N|TIME"),
        Option("up", calls_or_duration, "calls, or time, for which it is up (1)", "N|TIME"),
    )

    def __init__(self, number: int, rule: Rule, clock: Clock) -> None:
        super().__init__(number, rule, clock)
        self._calls = 0

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
