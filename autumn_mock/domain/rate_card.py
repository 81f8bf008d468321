"""Rate cards: what a unit of a metered feature costs in credits, decided by the properties of its event.

Every row of a credit system prices one feature. *Dimensions* are other rates for it: of those that match, the one with
the most keys applies, among equals the one with the highest priority (then the first). *Multipliers* change the rate
that was chosen: all that match apply, first their factors, then what they add. A rate covers ``billing_units`` units
and is divided exactly, not in whole groups; it is never below zero. Properties are compared as text.

Example: a minute costs 1, ``{size: large}`` 16, ``{size: large, region: eu}`` 20, and ``{spot: true}`` has a factor of
0.3. A large spot minute costs 4.8.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from autumn_mock.domain.amount import ONE, ZERO
from autumn_mock.domain.record import Record

#: The properties that an event must have.
Match = dict[str, str | bool | int | float]


def as_text(value: Any) -> str:
    """A property as text, as JSON writes it; a whole number has no point."""
    if value.__class__ is str:
        return str(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return msgspec.json.encode(value).decode()


def matches(match: Match, properties: Mapping[str, Any]) -> bool:
    """Whether properties have every value of a match."""
    return all(key in properties and as_text(properties[key]) == as_text(value) for key, value in match.items())


class Dimension(Record, frozen=True, kw_only=True):
    """Another rate, for events that match."""

    match: Match
    credit_cost: Decimal
    priority: int | None = None


class Multiplier(Record, frozen=True, kw_only=True):
    """A change of the rate, for events that match."""

    match: Match
    factor: Decimal | None = None
    add: Decimal | None = None


class CreditCost(Record, frozen=True, kw_only=True):
    """A row of a rate card. ``credit_cost`` None: a plan takes the feature out of the credit system."""

    metered_feature_id: str
    credit_cost: Decimal | None = None
    billing_units: Annotated[Decimal, Meta(extra={"divisor": True})] = ONE
    dimensions: dict[str, Dimension] | None = None
    multipliers: dict[str, Multiplier] | None = None

    @property
    def is_excluded(self) -> bool:
        return self.credit_cost is None

    def rate(self, properties: Mapping[str, Any] | None = None) -> Decimal:
        """Credits for one unit. A plain rate of zero counts as one, as on the real server."""
        rate = self.credit_cost or ZERO
        if self.dimensions or self.multipliers:
            rate = self._matched(rate, properties or {})
        elif not rate:
            return ONE
        return rate if self.billing_units == ONE else rate / self.billing_units

    def _matched(self, rate: Decimal, properties: Mapping[str, Any]) -> Decimal:
        found = [each for each in (self.dimensions or {}).values() if matches(each.match, properties)]
        if found:
            rate = max(found, key=lambda each: (len(each.match), each.priority or 0)).credit_cost
        multipliers = [each for each in (self.multipliers or {}).values() if matches(each.match, properties)]
        for each in multipliers:
            rate *= ONE if each.factor is None else each.factor
        return max(rate + sum((each.add or ZERO for each in multipliers), ZERO), ZERO)
