"""Limits, as customers and entities show them, and as checks count them."""

from __future__ import annotations

from typing import Any

from tests.web.resources.conftest import MONTH, attach, grant, plan

_LIMIT = {"feature_id": "messages", "limit": 5, "interval": "month"}
_CREDITS = {
    "feature_id": "credits",
    "name": "Credits",
    "type": "credit_system",
    "credit_schema": [{"metered_feature_id": "messages", "credit_cost": 2}],
}
_OVERAGE = {"interval": "month", "billing_units": 1, "billing_method": "usage_based", "amount": 0.5}


def _entity(ask: Any, **fields: Any) -> None:
    body = {"customer_id": "c", "entity_id": "e", "feature_id": "seats", **fields}
    ask("entities.create", body)


def _limits(body: Any) -> Any:
    return body["billing_controls"]["usage_limits"]


def test_usage_limits_of_an_entity_show_what_they_counted(ask: Any) -> None:
    grant(ask)
    _entity(ask, billing_controls={"usage_limits": [_LIMIT]})
    who = {"customer_id": "c", "entity_id": "e"}
    assert _limits(ask("entities.get", who)) == [{**_LIMIT, "enabled": True, "usage": 0}]
    ask("balances.track", {**who, "feature_id": "messages", "value": 3, "async": False})
    assert [each["usage"] for each in _limits(ask("entities.get", who))] == [3]
    listed = ask("entities.list", {"customer_id": "c"})["list"]
    assert [_limits(each)[0]["usage"] for each in listed] == [3]


def _allowed(ask: Any, feature_id: str, required: float, **fields: Any) -> bool:
    body = {"customer_id": "c", "feature_id": feature_id, "required_balance": required, **fields}
    allowed: bool = ask("balances.check", body)["allowed"]
    return allowed


def test_a_limit_of_a_feature_that_credits_pay_counts_its_own_units(ask: Any) -> None:
    ask("features.create", _CREDITS)
    grant(ask, feature_id="credits", included_grant=100)
    ask("customers.update", {"customer_id": "c", "billing_controls": {"usage_limits": [_LIMIT]}})
    assert [_allowed(ask, "messages", each) for each in (5, 6)] == [True, False]
    ask("balances.track", {"customer_id": "c", "feature_id": "messages", "value": 3, "async": False})
    assert [_allowed(ask, "messages", each) for each in (2, 3)] == [True, False]
    assert _allowed(ask, "credits", 50)


def test_a_limit_of_credits_counts_credits(ask: Any) -> None:
    ask("features.create", _CREDITS)
    grant(ask, feature_id="credits", included_grant=100)
    limit = {**_LIMIT, "feature_id": "credits"}
    ask("customers.update", {"customer_id": "c", "billing_controls": {"usage_limits": [limit]}})
    assert [_allowed(ask, "messages", each) for each in (2, 3)] == [True, False]


def test_the_limit_of_an_entity_gates_what_credits_pay(ask: Any) -> None:
    ask("features.create", _CREDITS)
    grant(ask, feature_id="credits", included_grant=100)
    _entity(ask, billing_controls={"usage_limits": [_LIMIT]})
    assert [_allowed(ask, "messages", each, entity_id="e") for each in (5, 6)] == [True, False]
    assert _allowed(ask, "messages", 6)


def _spend(ask: Any) -> None:
    limit = {"feature_id": "messages", "enabled": True, "overage_limit": 120, "limit_type": "usage_percentage"}
    ask("customers.update", {"customer_id": "c", "billing_controls": {"spend_limits": [limit]}})


def _tracked(ask: Any, value: float) -> Any:
    ask("balances.track", {"customer_id": "c", "feature_id": "messages", "value": value, "async": False})
    return ask("balances.check", {"customer_id": "c", "feature_id": "messages"})["balance"]["usage"]


def test_a_percentage_is_one_of_what_all_main_plans_grant(ask: Any) -> None:
    messages = {"feature_id": "messages", "reset": MONTH}
    plan(ask, "a", group="a", items=[{**messages, "included": 100}, {**messages, "price": _OVERAGE}])
    plan(ask, "b", group="b", items=[{**messages, "included": 50}])
    plan(ask, "extra", add_on=True, items=[{**messages, "included": 1000}])
    for each in ("a", "b"):
        attach(ask, each)
    _spend(ask)
    assert _tracked(ask, 1000) == 150 + 180  # 120 % of 150
    attach(ask, "extra")
    assert _tracked(ask, 5000) == 150 + 180 + 1000


def test_a_percentage_of_nothing_limits_nothing(ask: Any) -> None:
    plan(ask, "a", add_on=True, items=[{"feature_id": "messages", "included": 10, "reset": MONTH, "price": _OVERAGE}])
    attach(ask, "a")
    _spend(ask)
    assert _tracked(ask, 600) == 600
