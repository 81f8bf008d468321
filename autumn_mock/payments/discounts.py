"""Coupons applied to the lines of an invoice.

First percentages, one after the other, of what is left of each charge; then fixed amounts, spread over the charges by
what is left of each, in whole cents. Credits are never reduced.

Example: 50.00 with 10 % and 20 % and 5 off: 50 - 5 - 9 - 5 = 31.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_DOWN, Decimal

from msgspec.structs import replace

from autumn_mock.domain.amount import ZERO, money
from autumn_mock.domain.payment import AppliedCoupon, Discount, InvoiceLine
from autumn_mock.domain.reward import Coupon
from autumn_mock.ledger.intervals import add_months

_CENT = Decimal("0.01")


def discounted(lines: Iterable[InvoiceLine], coupons: Iterable[Coupon]) -> tuple[InvoiceLine, ...]:
    """The lines with what coupons take off them; a coupon that is named twice counts once."""
    result = list(lines)
    once = {coupon.id: coupon for coupon in coupons}.values()
    for coupon in sorted(once, key=lambda each: not each.is_percentage):
        places = [place for place, line in enumerate(result) if applies(coupon, line)]
        parts = _percent(coupon, result, places) if coupon.is_percentage else _spread(coupon, result, places)
        for place, part in zip(places, parts, strict=True):
            if part:
                result[place] = _reduced(result[place], coupon, part)
    return tuple(result)


def applies(coupon: Coupon, line: InvoiceLine) -> bool:
    """Whether a coupon reduces a line: a charge, of one of the coupon's plans if it names some."""
    return line.total > 0 and (coupon.plan_ids is None or line.plan_id in coupon.plan_ids)


def goes_on(coupon: Coupon, applied: AppliedCoupon, at: int) -> bool:
    """Whether a coupon of a subscription still applies to an invoice of an instant (ms) after the first."""
    if coupon.duration == "months":
        return at < add_months(applied.applied_at, coupon.months or 1)
    return coupon.duration == "forever"


def _percent(coupon: Coupon, lines: Sequence[InvoiceLine], places: Iterable[int]) -> list[Decimal]:
    percent = min(coupon.value, Decimal(100))
    return [money(lines[place].total * percent / 100) for place in places]


def _spread(coupon: Coupon, lines: Sequence[InvoiceLine], places: Sequence[int]) -> list[Decimal]:
    """An amount in parts that are proportional to the lines' totals; odd cents go to the first lines."""
    totals = [lines[place].total for place in places]
    whole = sum(totals, ZERO)
    off = min(money(coupon.value), whole)
    parts = [(off * total / whole).quantize(_CENT, ROUND_DOWN) for total in totals]
    odd = off - sum(parts, ZERO)
    for number, total in enumerate(totals):
        more = min(odd, _CENT, total - parts[number])
        parts[number] += more
        odd -= more
    return parts


def _reduced(line: InvoiceLine, coupon: Coupon, part: Decimal) -> InvoiceLine:
    discount = Discount(
        amount_off=part,
        percent_off=coupon.value if coupon.is_percentage else None,
        reward_id=coupon.id,
        reward_name=coupon.name,
    )
    return replace(line, discounts=(*line.discounts, discount))
