"""Deleting balances and plans, and what stays."""

from __future__ import annotations

from typing import Any

from tests.web.resources.conftest import MONTH, attach, grant, plan

_MESSAGES = {"customer_id": "c", "feature_id": "messages"}


def _balance(ask: Any, **fields: Any) -> Any:
    balance = ask("balances.check", {**_MESSAGES, **fields})["balance"]
    return None if balance is None else tuple(balance[each] for each in ("granted", "remaining", "usage"))


def test_usage_of_a_deleted_balance_moves_to_the_others(ask: Any) -> None:
    grant(ask, balance_id="one")
    ask("balances.track", {**_MESSAGES, "value": 6, "async": False})
    grant(ask, balance_id="two", included_grant=20)
    ask("balances.delete", {**_MESSAGES, "balance_id": "one", "recalculate_balances": True})
    assert _balance(ask) == (20, 14, 6)


def test_usage_of_a_deleted_balance_is_forgotten_otherwise(ask: Any) -> None:
    grant(ask, balance_id="one")
    ask("balances.track", {**_MESSAGES, "value": 6, "async": False})
    grant(ask, balance_id="two", included_grant=20)
    ask("balances.delete", {**_MESSAGES, "balance_id": "one"})
    assert _balance(ask) == (20, 20, 0)


def test_a_balance_that_nothing_replaces_keeps_its_usage_alone(ask: Any) -> None:
    grant(ask, balance_id="one", reset=MONTH)
    grant(ask, balance_id="two")
    ask("balances.track", {**_MESSAGES, "value": 9, "async": False})
    ask("balances.delete", {**_MESSAGES, "recalculate_balances": True})
    assert _balance(ask) == (0, 0, 9)
    grant(ask, balance_id="three", included_grant=20)
    assert _balance(ask) == (20, 20, 9)


def test_an_unused_balance_is_deleted_altogether(ask: Any) -> None:
    grant(ask)
    ask("balances.delete", {**_MESSAGES, "recalculate_balances": True})
    assert _balance(ask) is None


def test_the_grant_of_one_entity_is_changed_alone(ask: Any) -> None:
    plan(ask, items=[{"feature_id": "messages", "included": 100, "reset": MONTH, "entity_feature_id": "seats"}])
    for each in ("a", "b"):
        ask("entities.create", {"customer_id": "c", "entity_id": each, "feature_id": "seats"})
    attach(ask)
    ask("balances.update", {**_MESSAGES, "entity_id": "a", "included_grant": 150})
    assert [_balance(ask, entity_id=each)[0] for each in ("a", "b")] == [150, 100]


def _ended(ask: Any) -> None:
    plan(ask)
    attach(ask)
    changes = {"customer_id": "c", "plan_id": "free", "cancel_action": "cancel_immediately"}
    ask("billing.update", {**changes, "no_billing_changes": True})


def test_a_plan_that_a_customer_had_is_archived(ask: Any) -> None:
    _ended(ask)
    sent = {"features": [], "plans": [], "skip_deletions": False, "skip_feature_ids": ["messages", "seats", "sso"]}
    (change,) = ask("catalog.preview_update", sent)["plan_changes"]
    assert (change["action"], change["will_archive"], change["customer_count"]) == ("deleted", True, 1)
    ask("catalog.update", sent)
    assert ask("plans.get", {"plan_id": "free"})["archived"]


def test_a_plan_that_a_customer_had_cannot_be_deleted(ask: Any) -> None:
    _ended(ask)
    body = ask("plans.delete", {"plan_id": "free"}, status=400)
    assert "has 1 customers (expired or active) on it" in body["message"]
    ask("customers.delete", {"customer_id": "c"})
    ask("plans.delete", {"plan_id": "free"})


def test_a_plan_that_only_waited_can_be_deleted(ask: Any) -> None:
    price = {"amount": 30, "interval": "month"}
    plan(ask, "large", price=price)
    plan(ask, "small", price={**price, "amount": 10})
    attach(ask, "large")
    attach(ask, "small")
    changes = {"customer_id": "c", "plan_id": "small", "cancel_action": "cancel_immediately"}
    ask("billing.update", {**changes, "no_billing_changes": True})
    ask("plans.delete", {"plan_id": "small"})


def test_previews_show_what_will_be(ask: Any) -> None:
    plan(ask)
    sent = {
        "features": [{"feature_id": "new", "name": "New", "type": "boolean"}],
        "plans": [{"plan_id": "more", "name": "More"}, {"plan_id": "free", "name": "Else"}],
        "skip_deletions": False,
        "skip_feature_ids": ["messages", "sso"],
    }
    body = ask("catalog.preview_update", {**sent, "expand": ["feature_changes.feature", "plan_changes.plan"]})
    features = {each["feature_id"]: each["feature"] for each in body["feature_changes"]}
    assert features["new"]["type"] == "boolean"
    assert features["seats"] is None  # will be removed
    assert {each["plan_id"]: each["plan"]["name"] for each in body["plan_changes"]} == {"more": "More", "free": "Else"}
    plain = ask("catalog.preview_update", sent)
    assert all("feature" not in each for each in plain["feature_changes"])
    assert all("plan" not in each for each in plain["plan_changes"])
    change = {"plan_id": "free", "name": "Else"}
    assert ask("plans.preview_update", {**change, "expand": ["plan"]})["plan"]["name"] == "Else"
    assert "plan" not in ask("plans.preview_update", change)
