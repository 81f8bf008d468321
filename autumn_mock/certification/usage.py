"""Compares the usage that a client reported with the usage that the service recorded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from autumn_mock.scenarios.events import ExpectationResult
from autumn_mock.scenarios.phrases import figure

#: What a case asks of all usage that its client was given. ``as_answered``: what the client reported as recorded was
#: charged exactly once, all other usage at most once; ``once``: all of it exactly once; ``none``: nothing was charged.
UsageRule = Literal["as_answered", "once", "none"]

#: A customer, and a feature or an event name.
Meter = tuple[str, str]
#: With more uncertain uses their possible sums are not enumerated.
_MOST_SUMS = 4096


class Use(NamedTuple):
    """One use that a client was given."""

    meter: Meter
    amount: Decimal


def uses_of(items: Sequence[Mapping[str, Any]]) -> list[Use]:
    """The uses of track bodies or batch items."""
    return [
        Use((str(item["customer_id"]), str(item.get("feature_id") or item.get("event_name"))), exact(item))
        for item in items
    ]


def exact(row: Mapping[str, Any]) -> Decimal:
    """The value of an item or event; without one it is 1."""
    return Decimal(str(row.get("value", 1)))


def charged_in(events: Sequence[Mapping[str, Any]]) -> dict[Meter, Decimal]:
    """The sums of recorded events."""
    sums: defaultdict[Meter, Decimal] = defaultdict(Decimal)
    for event in events:
        sums[str(event["customer_id"]), str(event["feature_id"])] += exact(event)
    return dict(sums)


def judge_usage(
    rule: UsageRule, certain: Sequence[Use], uncertain: Sequence[Use], charged: Mapping[Meter, Decimal]
) -> Iterator[ExpectationResult]:
    """Compare, a result for each customer and feature.

    ``certain``: what the client reported as recorded; ``uncertain``: what it raised an error for.
    """
    meters = dict.fromkeys([*(use.meter for use in (*certain, *uncertain)), *charged])
    for meter in meters:
        reported = [use.amount for use in certain if use.meter == meter]
        rest = [use.amount for use in uncertain if use.meter == meter]
        actual = charged.get(meter, Decimal(0))
        if rule == "none":
            allowed, wanted = actual == 0, "nothing was to be charged"
        elif rule == "once":
            total = sum(reported, Decimal(0)) + sum(rest, Decimal(0))
            allowed, wanted = actual == total, f"{_amount(total)} were to be charged, each use once"
        else:
            least = sum(reported, Decimal(0))
            allowed = _is_possible(actual - least, rest)
            wanted = f"the client reported {_amount(least)} as recorded"
            if rest:
                wanted += f", and raised an error for {_amount(sum(rest, Decimal(0)))}"
        customer, feature = meter
        yield ExpectationResult(allowed, f"{customer} {feature}: {wanted}; {_amount(actual)} were charged")


def _is_possible(extra: Decimal, uncertain: Sequence[Decimal]) -> bool:
    """Whether some of the uncertain uses, each at most once, add up to ``extra``."""
    if extra == 0:
        return True
    sums = {Decimal(0)}
    for amount in uncertain:
        sums |= {each + amount for each in sums}
        if len(sums) > _MOST_SUMS:
            return 0 <= extra <= sum(uncertain, Decimal(0))
    return extra in sums


def _amount(value: Decimal) -> str:
    return figure(float(value))
