"""The next invoice of a subscription, as far as it is known: usage has no amount yet.

It is due at the first of: the end of the shortest cycle, the end of a trial, an anchor that was asked for, the start of
a scheduled plan. A subscription on which nothing recurs then has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.payment import InvoiceLine
from autumn_mock.domain.plan import ItemPrice, recurs
from autumn_mock.payments.cycles import Cycle, Terms
from autumn_mock.payments.lines import Billed, Features, reanchored, renewing, total_of


class BilledPlan(Struct, frozen=True):
    """A plan of a subscription, and from when until when it is billed (ms)."""

    billed: Billed
    started_at: int
    expires_at: int | None = None

    def is_active(self, at: int) -> bool:
        """Whether it is billed from an instant on."""
        return self.started_at <= at and (self.expires_at is None or self.expires_at > at)


class UsageLine(NamedTuple):
    """Usage that will be billed."""

    display_name: str
    plan_id: str
    feature_id: str
    period: Cycle


class Forecast(Struct, frozen=True):
    """The next invoice."""

    starts_at: int
    lines: tuple[InvoiceLine, ...]
    usage: tuple[UsageLine, ...]

    @property
    def total(self) -> Decimal:
        return total_of(self.lines)


def forecast(
    plans: Sequence[BilledPlan], terms: Terms, features: Features, *, pending: Iterable[InvoiceLine] = ()
) -> Forecast | None:
    """The next invoice of a subscription with these plans; None when nothing recurs.

    ``pending``: lines that wait for it. Usage is part of it as far as the plans have ``overage``.
    """
    starts_at = min((at for planned in plans for at in _turns(planned, terms)), default=None)
    if starts_at is None:
        return None
    anchor = terms.next_anchor
    is_moved = anchor is not None and anchor <= starts_at
    if anchor is not None and is_moved:
        starts_at = anchor
    at = replace(terms, now=starts_at, billed_until=_billed_until(terms, starts_at))
    active = [planned.billed for planned in plans if planned.is_active(starts_at)]
    before = [planned.billed for planned in plans if planned.is_active(starts_at - 1)]
    ended = [billed for billed in before if billed not in active]
    lines = reanchored(active, at, features, ended=ended) if is_moved else renewing(active, at, features, ended=ended)
    usage = [] if terms.trial_ends_at == starts_at else [line for each in before for line in _usage(each, at, features)]
    if not any(recurs(price) for each in active for price in each.plan.prices):
        return None
    return Forecast(starts_at, (*pending, *lines), tuple(usage))


def _turns(planned: BilledPlan, terms: Terms) -> Iterable[int]:
    """When something of a plan is due next."""
    prices = [price for price in planned.billed.plan.prices if recurs(price)]
    if not prices:
        return []
    if planned.started_at > terms.now:
        return [planned.started_at]
    return [terms.anchor] if terms.waits else [terms.cycle(price).end for price in prices]


def _billed_until(terms: Terms, starts_at: int) -> int | None:
    """Up to when the first cycles are paid: not to an anchor that is reached with the invoice."""
    if terms.anchor == starts_at and terms.trial_ends_at != starts_at:
        return terms.billed_until if terms.billed_until is not None else terms.created_at
    return None


def _usage(billed: Billed, at: Terms, features: Features) -> Iterable[UsageLine]:
    for item in billed.plan.items:
        if isinstance(item.price, ItemPrice) and not item.price.is_prepaid and recurs(item.price):
            ended = at.ended_cycle(item.price)
            if ended is not None:
                yield UsageLine(features[item.feature_id].name, billed.plan.id, item.feature_id, ended)
