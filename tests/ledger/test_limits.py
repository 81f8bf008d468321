"""Limits that come with plans, and what else the accounts of the laws do not have."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import pytest

from autumn_mock.domain.controls import BillingControls, SpendLimit, UsageAlert, UsageLimit
from autumn_mock.domain.customer import CustomerPlan
from autumn_mock.domain.lock import Mutation
from autumn_mock.domain.plan import Plan
from autumn_mock.ledger.account import with_balance
from autumn_mock.ledger.alerts import snapshot, webhooks_for
from autumn_mock.ledger.limits import matches, spend_limit, usage_limits
from autumn_mock.ledger.locks import settle
from tests.ledger.builders import ACTION1, account, balance, dec, entity, feature, hold, left_in, receipt, take


def attached(name: str, status: Literal["active", "scheduled"] = "active", **controls: Any) -> CustomerPlan:
    plan = Plan(id=name, name=name, version=1, created_at=0, billing_controls=BillingControls(**controls))
    return CustomerPlan(id=name, customer="cus_1", plan=plan, created_at=0, started_at=0, status=status)


def limit(amount: float, *, enabled: bool = True, **fields: Any) -> UsageLimit:
    return UsageLimit(feature_id="messages", limit=dec(amount), interval="day", enabled=enabled, **fields)


def test_usage_limits_of_plans_are_the_strictest_of_each_filter() -> None:
    plans = (
        attached("a", usage_limits=(limit(10), limit(8, filter={"properties": {"region": "eu"}}))),
        attached("b", usage_limits=(limit(7), limit(1, enabled=False), limit(20))),
        attached("c", "scheduled", usage_limits=(limit(2),)),
    )
    target = account(balance(100), plans=plans)
    found = usage_limits(target, None, "messages")
    assert [(scope, float(each.limit), each.filter) for scope, each in found] == [
        ("customer", 7, None),
        ("customer", 8, {"properties": {"region": "eu"}}),
    ]
    take(target, 9)
    assert left_in(target) == 93


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ([SpendLimit(enabled=True, overage_limit=Decimal(5))], 5),
        ([SpendLimit(enabled=True, limit_type="usage_percentage", overage_limit=Decimal(20))], 10),
        ([SpendLimit(enabled=False, overage_limit=Decimal(5))], None),
        ([SpendLimit(enabled=True)], None),
        ([SpendLimit(feature_id="words", enabled=True, overage_limit=Decimal(5))], None),
        ([SpendLimit(enabled=True, overage_limit=Decimal(5)), SpendLimit(enabled=True, overage_limit=Decimal(3))], 3),
    ],
)
def test_spend_limit_of_plans_is_the_strictest(limits: list[SpendLimit], expected: int | None) -> None:
    target = account(balance(50), plans=[attached("p", spend_limits=tuple(limits))])
    assert spend_limit(target, None, "messages") == expected


def test_spend_limit_as_a_percentage_of_no_grant_limits_nothing() -> None:
    percentage = SpendLimit(enabled=True, limit_type="usage_percentage", overage_limit=Decimal(20))
    target = account(balance(50, plan=None), plans=[attached("p", spend_limits=(percentage,))])
    assert spend_limit(target, None, "messages") is None


def test_with_balance_adds_an_entity() -> None:
    row = with_balance(balance(5, entity_feature_id="seats", shares={"e1": 2}), "e2", Decimal(4))
    assert {name: float(share.balance) for name, share in row.shares.items()} == {"e1": 2, "e2": 4}


def test_webhooks_for_ignores_alerts_of_entities_that_are_disabled() -> None:
    watching = BillingControls(
        usage_alerts=tuple(
            UsageAlert(threshold=Decimal(1), threshold_type="usage", enabled=enabled, name=str(enabled))
            for enabled in (False, True)
        )
    )
    target = account(balance(10), entities=[entity("e1", controls=watching)])
    before = snapshot(target)
    take(target, 2, who="e1")
    found = webhooks_for(before, target, target.entities["e1"], None)
    assert [each.data["usage_alert"]["name"] for each in found] == ["True"]


def test_webhooks_for_a_new_row_without_anything_are_none() -> None:
    target = account()
    before = snapshot(target)
    target.put(balance(0))
    assert webhooks_for(before, target, None, None) == []


def test_settle_skips_steps_that_took_nothing() -> None:
    target = account(balance(10))
    taken = hold(target, 4).mutations
    nothing = Mutation(balance_id="row", rollover_id=None, entity_id=None, units=Decimal(0), native=Decimal(0))
    settle(target, receipt([*taken, nothing]), None, Decimal(1))
    assert left_in(target) == 9


def test_take_stops_at_what_is_less_than_the_last_digit() -> None:
    """At a cost of 4, a balance just below 4 leaves a rest of one unit that rounds to nothing and is not overdrawn."""
    costly = feature("credits", costs={"action1": 4})
    target = account(balance("3.9999999999", feature_id="credits"), features=(ACTION1, costly))
    take(target, 1, "action1", behaviour="overflow")
    assert left_in(target) == 0


@pytest.mark.parametrize(
    ("wanted", "sent", "is_equal"),
    [
        (True, "true", True),
        (False, "False", False),
        (2.0, "2", True),
        (2.5, 2.5, True),
        ("2", 2, True),
        (None, None, True),
    ],
)
def test_a_filter_compares_values_as_javascript_writes_them(wanted: Any, sent: Any, is_equal: bool) -> None:
    assert matches({"properties": {"size": wanted}}, {"size": sent}) is is_equal
