"""Plans and subscriptions in memory, for the tests of this folder; prices of the issue's worked examples."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Literal

from autumn_mock.domain.feature import Display, Feature
from autumn_mock.domain.payment import InvoiceLine
from autumn_mock.domain.plan import BasePrice, Interval, ItemPrice, Plan, PlanItem
from autumn_mock.payments.cycles import Terms
from autumn_mock.payments.lines import Billed, total_of

DAY = 86_400_000
#: 1 April 2026, 00:00 UTC; April has 30 days.
APRIL = 1_775_001_600_000
HALFWAY = APRIL + 15 * DAY
MAY = APRIL + 30 * DAY

FEATURES = {
    each: Feature(id=each, name=each.title(), type="metered", consumable=each != "seats", created_at=0, display=display)
    for each, display in (
        ("messages", None),
        ("words", Display(singular="word", plural="words")),
        ("seats", Display(singular="seat", plural="seats")),
    )
}
_price_ids = itertools.count()


def base(amount: float, interval: Interval = "month") -> BasePrice:
    return BasePrice(amount=Decimal(str(amount)), interval=interval, price_id=f"base_{next(_price_ids)}")


def item(
    feature_id: str,
    amount: float | None = None,
    *,
    included: int = 0,
    units: int = 1,
    billed: Literal["prepaid", "usage_based"] = "prepaid",
    interval: Interval = "month",
    tiers: Iterable[dict[str, Any]] = (),
    behavior: str | None = None,
    **attributes: Any,
) -> PlanItem:
    return PlanItem(
        feature_id=feature_id,
        entitlement_id=f"ent_{feature_id}",
        included=Decimal(included),
        price=ItemPrice(
            interval=interval,
            billing_method=billed,
            price_id=f"{feature_id}_{next(_price_ids)}",
            amount=None if amount is None else Decimal(str(amount)),
            tiers=tuple(tiers) or None,
            tier_behavior=behavior,
            billing_units=Decimal(units),
        ),
        **attributes,
    )


def plan(plan_id: str, price: BasePrice | None = None, *items: PlanItem) -> Plan:
    return Plan(id=plan_id, name=plan_id.title(), version=1, created_at=0, price=price, items=items)


def billed(of: Plan, prepaid: dict[str, int] | None = None, overage: dict[str, int] | None = None) -> Billed:
    """``prepaid``: units bought, by feature; ``overage``: units beyond the included ones, by feature."""
    by_price = {
        each.price.price_id: Decimal(overage[each.feature_id])
        for each in of.items
        if overage is not None and each.price is not None and each.feature_id in overage
    }
    return Billed(of, {name: Decimal(units) for name, units in (prepaid or {}).items()}, by_price)


def terms(now: int = APRIL, anchor: int = APRIL, **attributes: int) -> Terms:
    return Terms(now, anchor, **attributes)


def total(lines: Iterable[InvoiceLine]) -> float:
    return float(total_of(lines))
