"""What units of a priced item cost. Tiers are as the newest version writes them: with what is included counted in.

==============  =====================================================================================
price           cost of bought units
==============  =====================================================================================
flat            packs times the amount
graduated       each band of what is bought at the rate of its tier; flat amounts do not count
volume          all units, the included ones too, at the rate of their one tier, plus its flat amount;
                nothing for no more than is included. Of usage that is billed afterwards, the included
                units decide which tier it is, and cost nothing
==============  =====================================================================================

Bought units are rounded up to whole packs (``billing_units``).
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_CEILING, Decimal
from typing import Any

from autumn_mock.domain.amount import INFINITE, ZERO, amount, rounded
from autumn_mock.domain.plan import ItemPrice, PlanItem


def whole_packs(price: ItemPrice, units: Decimal) -> Decimal:
    """Units rounded up to whole packs of a price; none for less than none."""
    size = price.billing_units
    return max((units / size).to_integral_value(ROUND_CEILING) * size, ZERO)


def cost(item: PlanItem, bought: Decimal) -> Decimal:
    """What ``bought`` units of an item cost, the included ones not counted: ten decimals, in the major unit."""
    price = item.price
    if price is None:
        return ZERO
    units = whole_packs(price, bought)
    if not price.tiers:
        return rounded(units / price.billing_units * (price.amount or ZERO))
    if price.tier_behavior == "volume":
        return _by_volume(price, item.included, units)
    return sum((rounded(part / price.billing_units * rate) for part, rate in _bands(price, item.included, units)), ZERO)


def _bands(price: ItemPrice, included: Decimal, units: Decimal) -> Iterator[tuple[Decimal, Decimal]]:
    """The parts of units that fall into each tier, with its rate for a pack."""
    counted = ZERO
    for tier in price.tiers or ():
        end = min(_limit(tier) - included, units)
        if end > counted:
            yield end - counted, amount(tier.get("amount") or 0)
            counted = end


def _by_volume(price: ItemPrice, included: Decimal, bought: Decimal) -> Decimal:
    if not bought:
        return ZERO
    units = bought + included
    for tier in price.tiers or ():
        if units <= _limit(tier):
            rate = amount(tier.get("amount") or 0)
            charged = units if price.is_prepaid else bought
            return rounded(charged / price.billing_units * rate) + amount(tier.get("flat_amount") or 0)
    return ZERO


def _limit(tier: dict[str, Any]) -> Decimal:
    return INFINITE if tier["to"] in ("inf", -1) else amount(tier["to"])
