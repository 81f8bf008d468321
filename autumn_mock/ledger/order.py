"""In which order rows are spent, and shown.

The first difference decides:

1. rows on the caller's level first: entity rows when the call names an entity, else the customer's own
2. boolean rows before others
3. a feature's own rows before those of a credit system
4. unlimited rows before finite ones
5. rows that will be reset before rows that will not (an organisation can reverse this and the next)
6. shorter reset intervals first
7. sooner expiry first
8. rows of a main plan, and loose ones, before those of an add-on
9. rows that cannot be overdrawn for money before those that can
10. older rows first

When rows are spent (not shown), the first unlimited row goes in front of everything.

Example: a monthly grant of 10, an add-on of 4 a day, a loose 7 without reset. Spending 12 takes 4, then 8 of
the monthly row, and leaves the 7 alone.
"""

from __future__ import annotations

from autumn_mock.domain.balance import Balance
from autumn_mock.domain.customer import Entity
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.plan import Interval
from autumn_mock.ledger.account import Account

MINUTES: dict[Interval, int] = {
    "minute": 1,
    "hour": 60,
    "day": 1440,
    "week": 10_080,
    "month": 43_200,
    "quarter": 129_600,
    "semi_annual": 259_200,
    "year": 525_600,
    "one_off": 1_000_000_000,
}
_NEVER = float("inf")


def _rank(row: Balance, feature: Feature, entity: Entity | None, *, reverse: bool) -> tuple[float | bool, ...]:
    minutes = MINUTES[row.reset.interval] * row.reset.interval_count if row.reset else MINUTES["one_off"]
    never_reset = row.next_reset_at is None
    return (
        row.is_entity_level is (entity is None),
        not feature.is_boolean,
        feature.is_credit_system,
        not row.unlimited,
        not never_reset if reverse else never_reset,
        -minutes if reverse else minutes,
        _NEVER if row.expires_at is None else row.expires_at,
        row.add_on,
        row.usage_allowed,
        row.created_at,
    )


def in_order(account: Account, rows: list[Balance], entity: Entity | None, *, reverse: bool = False) -> list[Balance]:
    """``rows`` in the order in which they are shown; ties keep the given order."""
    features = account.features
    return sorted(rows, key=lambda row: _rank(row, features[row.feature_id], entity, reverse=reverse))


def for_spending(account: Account, rows: list[Balance], entity: Entity | None) -> list[Balance]:
    """``rows`` in the order in which they are spent."""
    ordered = in_order(account, rows, entity, reverse=account.config.reverse_deduction_order)
    for index, row in enumerate(ordered):
        if row.unlimited:
            ordered.insert(0, ordered.pop(index))
            break
    return ordered
