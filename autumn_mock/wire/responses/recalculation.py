"""The preview of a recalculation."""

from __future__ import annotations

from autumn_mock.domain.amount import ZERO, number
from autumn_mock.domain.balance import Balance
from autumn_mock.wire.answer import Body, Number


class RecalculatedRowBody(Body):
    """What a row has left, before and after."""

    customer_entitlement_id: str
    before_remaining: Number
    after_remaining: Number


class RecalculationBody(Body):
    """The rows of a feature, with the usage that they share."""

    total_usage: Number
    entitlements: list[RecalculatedRowBody]


def recalculation_body(pairs: list[tuple[Balance, Balance]]) -> RecalculationBody:
    """The answer with each row before and after."""
    used = sum((before.grant + before.adjustment - before.balance for before, _ in pairs), ZERO)
    rows = [RecalculatedRowBody(before.id, number(before.balance), number(after.balance)) for before, after in pairs]
    return RecalculationBody(number(used), rows)
