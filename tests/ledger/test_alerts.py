"""Which webhooks a change of balances calls for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings

from autumn_mock.domain.controls import BillingControls, OverageAllowed, UsageAlert, UsageLimit
from autumn_mock.domain.customer import CustomerPlan, Entity
from autumn_mock.domain.plan import Plan
from autumn_mock.ledger.account import Account
from autumn_mock.ledger.alerts import snapshot, threshold_for, webhooks_for
from autumn_mock.ledger.deduction import InsufficientBalance
from autumn_mock.ledger.intervals import DAY
from autumn_mock.ledger.views import allows, balance_view
from tests.ledger.builders import (
    NOW,
    Case,
    Number,
    account,
    amounts,
    balance,
    behaviours,
    cases,
    copy,
    dec,
    entity,
    rollover,
    spend_limit,
    take,
    usage_limit,
)
from tests.support.effort import examples

Data = dict[str, Any]


def reported(target: Account, value: Number, feature_id: str = "messages", **how: Any) -> list[Data]:
    """What a deduction calls for, each with its type left out."""
    before = snapshot(target)
    take(target, value, feature_id, **how)
    who = target.entities[how["who"]] if how.get("who") else None
    return [each.data for each in webhooks_for(before, target, who, how.get("properties"))]


def limits(target: Account, value: Number, feature_id: str = "messages", **how: Any) -> list[tuple[str, str]]:
    """(feature, limit type) of the limits that a deduction reaches."""
    found = reported(target, value, feature_id, **how)
    return [(data["feature_id"], data["limit_type"]) for data in found if "limit_type" in data]


def alerts(target: Account, value: Number, feature_id: str = "messages", **how: Any) -> list[str | None]:
    """The names of the alerts that a deduction triggers."""
    found = reported(target, value, feature_id, **how)
    return [data["usage_alert"].get("name") for data in found if "usage_alert" in data]


def alert(threshold: Number, kind: Any = "usage", **more: Any) -> UsageAlert:
    more.setdefault("feature_id", "messages")
    return UsageAlert(threshold=dec(threshold), threshold_type=kind, **more)


def alerting(*of: UsageAlert) -> BillingControls:
    return BillingControls(usage_alerts=of)


#: A grant of 100 a month and 40 bought with it, a top-up of 60 for good: 4 bases of what 100 percent are.
BASES = [("balance", 200), (None, 200), ("included", 100), ("recurring", 140), ("usage_limit", 50)]


@pytest.mark.parametrize(("basis", "whole"), BASES)
@pytest.mark.parametrize("kind", ["usage_percentage", "remaining_percentage"])
def test_the_basis_of_an_alert_is_what_100_percent_are(basis: Any, whole: int, kind: str) -> None:
    rows = (
        balance(100, prepaid=40, row_id="plan"),
        balance(60, row_id="top-up", plan=None, interval="one_off"),
    )
    controls = BillingControls(
        usage_alerts=(alert(50, kind, basis=basis, name="half"),), usage_limits=(usage_limit(50),)
    )
    target = account(*rows, controls=controls)
    half = whole // 2
    assert alerts(target, half - 1, behaviour="overflow") == []
    assert alerts(target, 1, behaviour="overflow") == ["half"]
    assert alerts(target, 1, behaviour="overflow") == []


def test_an_alert_watches_the_usage_limit_of_its_filter() -> None:
    eu, us = ({"properties": {"region": region}} for region in ("eu", "us"))
    watched = alert(80, "usage_percentage", basis="usage_limit", filter=eu, name="eu")
    limited = (usage_limit(10, filter_=eu), usage_limit(20, filter_=us), usage_limit(30))
    target = account(balance(100), controls=BillingControls(usage_alerts=(watched,), usage_limits=limited))
    assert alerts(target, 16, properties=us["properties"]) == []
    assert alerts(target, 8, properties=eu["properties"]) == ["eu"]


def test_an_alert_watches_the_usage_limit_of_a_feature_that_credits_pay_for() -> None:
    watched = alert(5, feature_id="action1", basis="usage_limit", name="five")
    controls = BillingControls(usage_alerts=(watched,), usage_limits=(usage_limit(10, feature_id="action1"),))
    target = account(balance(100, feature_id="credits"), controls=controls)
    assert alerts(target, 4, "action1") == []
    assert alerts(target, 1, "action1") == ["five"]


def test_without_the_limit_that_it_names_an_alert_is_silent() -> None:
    watched = alert(1, basis="usage_limit")
    assert alerts(account(balance(100), controls=alerting(watched)), 50) == []
    other = BillingControls(
        usage_alerts=(watched,), usage_limits=(usage_limit(10, filter_={"properties": {"region": "eu"}}),)
    )
    assert alerts(account(balance(100), controls=other), 50) == []


def attached(controls: BillingControls, plan_id: str = "plan", **more: Any) -> CustomerPlan:
    plan = Plan(id=plan_id, name=plan_id, version=1, created_at=0, billing_controls=controls)
    return CustomerPlan(
        id=f"attached_{plan_id}", customer="cus_1", plan=plan, created_at=0, **{"started_at": 0, **more}
    )


# -- limits


def test_the_payload_names_customer_feature_and_limit() -> None:
    assert reported(account(balance(10)), 10) == [
        {"customer_id": "customer", "feature_id": "messages", "limit_type": "included"}
    ]


def test_only_the_edge_counts() -> None:
    target = account(balance(10))
    assert limits(target, 9) == []
    assert limits(target, 5) == [("messages", "included")]
    assert limits(target, 5) == []
    assert limits(target, -4) == []
    assert limits(target, 4) == [("messages", "included")]


def test_less_than_a_tiny_amount_left_is_nothing() -> None:
    assert limits(account(balance(1)), "0.99999995") == [("messages", "included")]
    assert limits(account(balance(1)), "0.9999998") == []


def test_a_drained_loose_row_still_reaches_the_limit() -> None:
    assert limits(account(balance(10, plan=None)), 10) == [("messages", "included")]


def test_another_row_or_a_rollover_keeps_a_feature_allowed() -> None:
    assert limits(account(balance(5), balance(5, row_id="other")), 5) == []
    assert limits(account(balance(5, rollovers=[rollover(5)])), 5) == []


def test_overflow_below_zero_reaches_the_limit() -> None:
    assert limits(account(balance(10)), 15, behaviour="overflow") == [("messages", "included")]


def test_a_priced_row_has_none_or_its_max_purchase() -> None:
    assert limits(account(balance(10, priced=True)), 1000) == []
    target = account(balance(10, priced=True, max_purchase=5))
    assert limits(target, 10) == []
    assert limits(target, 5) == [("messages", "max_purchase")]


def test_a_spend_limit() -> None:
    target = account(balance(10, priced=True), controls=BillingControls(spend_limits=(spend_limit(4),)))
    assert limits(target, 12) == []
    assert limits(target, 3) == [("messages", "spend_limit")]


def test_overage_that_is_switched_off_leaves_what_is_included() -> None:
    controls = BillingControls(overage_allowed=(OverageAllowed(feature_id="messages", enabled=False),))
    assert limits(account(balance(10, priced=True), controls=controls), 10) == [("messages", "included")]


def test_a_usage_limit_comes_before_what_is_left() -> None:
    target = account(balance(10), controls=BillingControls(usage_limits=(usage_limit(6),)))
    assert limits(target, 4) == []
    assert reported(target, 3) == [{"customer_id": "customer", "feature_id": "messages", "limit_type": "usage_limit"}]


def test_a_threshold_is_reached_where_a_usage_limit_forbids_one_more() -> None:
    target = account(balance(50), controls=BillingControls(usage_limits=(usage_limit(6),)))
    feature = target.features["messages"]
    before = snapshot(target)
    take(target, 1)
    assert threshold_for(before, target, None, feature) is None
    before = snapshot(target)
    take(target, 10, behaviour="cap")
    assert threshold_for(before, target, None, feature) == "limit_reached"


def test_webhooks_name_the_filter_of_a_usage_limit_that_matches() -> None:
    chosen = {"properties": {"model": "big"}}
    target = account(balance(10), controls=BillingControls(usage_limits=(usage_limit(2, filter_=chosen),)))
    assert reported(target, 2, properties={"model": "small"}) == []
    assert reported(target, 3, properties={"model": "big"}) == [
        {"customer_id": "customer", "feature_id": "messages", "limit_type": "usage_limit", "filter": chosen}
    ]
    assert reported(target, 3, properties={"model": "big"}) == []


def test_webhooks_name_no_filter_for_an_unfiltered_limit() -> None:
    roomy = usage_limit(50, filter_={"properties": {"model": "big"}})
    target = account(balance(10), controls=BillingControls(usage_limits=(roomy, usage_limit(2))))
    assert "filter" not in reported(target, 2, properties={"model": "big"})[0]


def test_webhooks_check_each_feature_by_its_own_rows() -> None:
    target = account(balance(5, feature_id="action1"), balance(1, row_id="credits", feature_id="credits"))
    assert limits(target, 5, "action1") == [("action1", "included")]
    assert limits(target, 100, "action2") == [("credits", "included")]


def test_one_deduction_may_reach_two_limits() -> None:
    target = account(balance(5, feature_id="action1"), balance(1, row_id="credits", feature_id="credits"))
    assert limits(target, 10, "action1") == [("action1", "included"), ("credits", "included")]


def test_an_entity_reaches_its_own_limit() -> None:
    owned = balance(8, entity_id="e1")
    target = account(owned, balance(3, row_id="other", entity_id="e2"), entities=[entity("e1"), entity("e2")])
    assert reported(target, 8, who="e1") == [
        {"customer_id": "customer", "feature_id": "messages", "limit_type": "included", "entity_id": "e1"}
    ]


def test_a_share_of_a_per_entity_row() -> None:
    shared = balance(5, entity_feature_id="seats", shares={"e1": 5, "e2": 5})
    target = account(shared, entities=[entity("e1"), entity("e2")])
    assert limits(target, 4, who="e1") == []
    assert limits(target, 1, who="e1") == [("messages", "included")]
    assert limits(target, 1, who="e2") == []


def test_unlimited_rows_call_for_nothing() -> None:
    target = account(balance(0, unlimited=True), controls=alerting(alert(5), alert(1, "remaining")))
    assert reported(target, 100) == []


def test_nothing_that_changed_calls_for_nothing() -> None:
    target = account(balance(10, left=0), controls=alerting(alert(10)))
    assert reported(target, 5) == []


# -- alerts


@pytest.mark.parametrize(
    ("kind", "threshold", "reaches"),
    [("usage", 4, 4), ("usage_percentage", 50, 10), ("remaining", 2, 18), ("remaining_percentage", 25, 15)],
)
def test_touching_a_threshold_is_crossing_it_once(kind: str, threshold: int, reaches: int) -> None:
    target = account(balance(20), controls=alerting(alert(threshold, kind, name="it")))
    assert alerts(target, reaches - 1) == []
    assert alerts(target, 1) == ["it"]
    assert alerts(target, 1) == []
    assert alerts(target, -5) == []
    assert alerts(target, 5) == ["it"]


def test_the_payload_of_an_alert_leaves_out_a_name_that_is_not_set() -> None:
    target = account(balance(10), controls=alerting(alert("2.5"), alert(3, name="three")))
    assert reported(target, 3) == [
        {
            "customer_id": "customer",
            "feature_id": "messages",
            "usage_alert": {"threshold": 2.5, "threshold_type": "usage"},
        },
        {
            "customer_id": "customer",
            "feature_id": "messages",
            "usage_alert": {"name": "three", "threshold": 3, "threshold_type": "usage"},
        },
    ]


def test_alerts_of_other_features_and_those_switched_off_are_silent() -> None:
    silent = (alert(1, feature_id="words"), alert(1, enabled=False))
    assert alerts(account(balance(10), controls=alerting(*silent)), 5) == []


def test_an_alert_without_a_feature_watches_all() -> None:
    controls = alerting(alert(1, feature_id=None, name="any"))
    target = account(
        balance(5, feature_id="action1"), balance(5, row_id="credits", feature_id="credits"), controls=controls
    )
    assert alerts(target, 10, "action1") == ["any", "any"]


def test_no_percentage_of_no_grant() -> None:
    for kind in ("usage_percentage", "remaining_percentage"):
        target = account(balance(0, priced=True), controls=alerting(alert(10, kind)))
        assert alerts(target, 5) == []


def test_alerts_count_overage() -> None:
    target = account(balance(10, priced=True), controls=alerting(alert(120, "usage_percentage", name="over")))
    assert alerts(target, 11) == []
    assert alerts(target, 1) == ["over"]


def test_the_alerts_of_plans_watch_what_the_customer_does_not() -> None:
    plan = attached(alerting(alert(5, name="plan")))
    assert alerts(account(balance(10), plans=[plan]), 5) == ["plan"]
    own = alerting(alert(3, name="own"))
    assert alerts(account(balance(10), plans=[plan], controls=own), 5) == ["own"]
    off = alerting(alert(3, name="own", enabled=False))
    assert alerts(account(balance(10), plans=[plan], controls=off), 5) == []
    elsewhere = alerting(alert(3, name="own", feature_id="words"))
    assert alerts(account(balance(10), plans=[plan], controls=elsewhere), 5) == ["plan"]


def test_a_plan_that_has_not_begun_is_silent() -> None:
    plan = attached(alerting(alert(5)), status="scheduled", started_at=NOW + DAY)
    assert alerts(account(balance(10), plans=[plan]), 5) == []


def test_an_entity_has_alerts_besides_the_customers() -> None:
    who = entity("e1", controls=alerting(alert(2, name="entity")))
    rows = [balance(10), balance(4, row_id="own", entity_id="e1")]
    target = account(*rows, entities=[who], controls=alerting(alert(2, name="customer")))
    found = reported(target, 2, who="e1")
    assert [(data["usage_alert"]["name"], data.get("entity_id")) for data in found] == [
        ("customer", None),
        ("entity", "e1"),
    ]
    assert alerts(target, 1) == []  # the customer's was crossed before, and the call names no entity


def test_the_key_of_an_alert_changes_with_the_minute() -> None:
    who = entity("e1", controls=alerting(alert(2)))

    def keys(now: int) -> list[str | None]:
        target = account(balance(10), entities=[who], controls=alerting(alert(50, "usage_percentage")), now=now)
        before = snapshot(target)
        take(target, 10, who="e1")
        return [each.key for each in webhooks_for(before, target, who)]

    minute = NOW // 60_000
    first = [
        f"customer:_:customer:messages:usage_percentage:50:{minute}",
        f"customer:e1:entity:messages:usage:2:{minute}",
        None,
    ]
    assert keys(NOW) == first
    assert keys(NOW + 59_999 - NOW % 60_000) == first
    assert keys(NOW + 60_000) != first


# -- laws

_SMALLEST_USE = Decimal("1e-7")


def _allowed(target: Account, feature_id: str, who: Entity | None, rows: list[str]) -> bool:
    counted = [target.rows[row_id] for row_id in rows]
    feature = target.features[feature_id]
    return allows(target, balance_view(target, feature, who, counted), who, feature, _SMALLEST_USE)


@settings(deadline=None, max_examples=examples(300))
@given(cases(), amounts, behaviours)
def test_a_limit_is_reached_exactly_when_a_check_turns(case: Case, value: Decimal, behaviour: Any) -> None:
    target, who = case.account, case.entity
    old, before = copy(target), snapshot(target)
    rows = [row.id for row in target.visible(who)]
    try:
        case.take(value, behaviour)
    except InsufficientBalance:
        assert webhooks_for(before, target, who) == []
        return
    changed = {row.feature_id for row_id, row in target.rows.items() if old.rows[row_id] is not row}
    turned = {
        feature_id
        for feature_id in changed
        if _allowed(old, feature_id, who, rows) and not _allowed(target, feature_id, who, rows)
    }
    found = webhooks_for(before, target, who)
    assert {each.data["feature_id"] for each in found} == turned
    assert len(found) == len(turned)
    assert all(each.type == "balances.limit_reached" for each in found)


def test_a_limit_of_a_day_is_reached_again_on_the_next() -> None:
    limit = UsageLimit(feature_id="messages", limit=Decimal(2), interval="day", anchor="utc")
    target = account(balance(100), controls=BillingControls(usage_limits=(limit,)))
    assert limits(target, 2) == [("messages", "usage_limit")]
    later = copy(target, now=NOW + DAY)
    assert limits(later, 2) == [("messages", "usage_limit")]
