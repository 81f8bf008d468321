"""The cycles of a subscription: counted from its anchor, each interval for itself.

An anchor in the future (a trial's end, or one that was asked for) ends the cycle that is under way.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.amount import ONE, ZERO
from autumn_mock.domain.plan import BasePrice, ItemPrice
from autumn_mock.ledger.intervals import period_end, period_start, periods_between


class Cycle(NamedTuple):
    """One cycle; its start belongs to it, its end to the next (ms)."""

    start: int
    end: int

    def left(self, now: int) -> Decimal:
        """Which part of it is left: 1 at its start, 0 from its end on."""
        if self.end <= self.start:
            return ZERO
        return min(max(Decimal(self.end - now) / Decimal(self.end - self.start), ZERO), ONE)


class Terms(Struct, frozen=True):
    """A subscription as it bills at one instant; all instants in ms."""

    now: int
    #: From when its cycles are counted.
    anchor: int
    #: No cycle of it begins earlier; None: it is as old as its cycles.
    created_at: int | None = None
    trial_ends_at: int | None = None
    #: Everything before it was billed (ms); None: everything before ``now``.
    billed_until: int | None = None
    #: The anchor that replaces ``anchor`` at that instant (ms).
    next_anchor: int | None = None

    def moved(self, anchor: int, trial_ends_at: int | None) -> Terms:
        """The same with another anchor: at once, or when it is reached. An anchor in the future without a trial
        waits."""
        if anchor == self.anchor:
            return replace(self, trial_ends_at=trial_ends_at)
        if anchor > self.now and trial_ends_at is None:
            return replace(self, next_anchor=anchor)
        return replace(self, anchor=anchor, trial_ends_at=trial_ends_at, next_anchor=None)

    @property
    def is_trialing(self) -> bool:
        """Whether nothing recurring is charged yet."""
        return self.trial_ends_at is not None and self.trial_ends_at > self.now

    @property
    def waits(self) -> bool:
        """Whether its cycles begin later, so that nothing recurring is charged yet."""
        return self.created_at == self.now < self.anchor

    def cycle(self, price: BasePrice | ItemPrice, at: int | None = None) -> Cycle:
        """The cycle of a recurring price's interval that holds an instant (else now)."""
        at = self.now if at is None else at
        end = period_end(price.interval, price.interval_count, self.anchor, at)
        start = period_start(price.interval, price.interval_count, self.anchor, end)
        if self.created_at is not None:
            start = max(start, min(self.created_at, at))
        if self.trial_ends_at is not None and self.trial_ends_at > at:
            end = self.trial_ends_at
        return Cycle(start, end)

    def cycles_begun(self, price: BasePrice | ItemPrice) -> int:
        """How many cycles of a price's interval have begun since the anchor: 1 in the first."""
        end = period_end(price.interval, price.interval_count, self.anchor, self.now)
        return max(periods_between(price.interval, price.interval_count, self.anchor, end), 1)

    def ended_cycle(self, price: BasePrice | ItemPrice) -> Cycle | None:
        """The cycle of a price's interval that ends right now; None when one is under way."""
        cycle = self.cycle(price, self.now - 1)
        return cycle if cycle.end == self.now else None
