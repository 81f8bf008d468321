from collections.abc import Mapping
from typing import Any

from autumn_mock.faults.options import EVENT, Option, per_second
from autumn_mock.faults.sites import Hold, MessageEffects, WorkerFault


class SlowWorker(WorkerFault):
    """Items are deducted no faster than this rate."""

    name = "worker:slow"
    example = "worker:slow rate=100/s"
    own_options = (Option("rate", per_second, "messages per second or minute", "N/s"), EVENT)
    has_rate = False

    #: When the next message may be deducted, in ms of the rule's clock.
    _next_slot: float = 0

    @classmethod
    def problem(cls, argument: Any, options: Mapping[str, Any]) -> tuple[str, str] | None:  # noqa: ARG003  # no argument
        return None if "rate" in options else ("", f"worker:slow needs a rate, as in: {cls.example}")

    def on_message(self, effects: MessageEffects) -> None:
        ahead = effects.now - self.clock.now()  # a rule of the whole server has the server's clock
        slot = max(float(effects.now - ahead), self._next_slot)
        self._next_slot = slot + 1000 / float(self.options["rate"])
        effects.holds.append(Hold(self, slot + ahead))
