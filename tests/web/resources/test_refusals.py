"""What writes refuse, and where the issue is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.resources.conftest import DAY, MONTH, grant

_LIMIT = {"feature_id": "messages", "limit": 5, "interval": "month"}
_SPEND = {"feature_id": "messages", "enabled": True, "overage_limit": 5}
_ALERT = {"feature_id": "messages", "threshold": 5, "threshold_type": "usage"}
_TOPUP = {"feature_id": "messages", "threshold": 1, "quantity": 5}

#: Billing controls that are refused, where, and with which text.
_CONTROLS: list[tuple[str, Any, str]] = [
    (
        "usage_limits",
        [_LIMIT, {**_LIMIT, "interval": "day"}],
        "1.feature_id: Only one usage limit entry is allowed per feature_id and filter",
    ),
    ("spend_limits", [_SPEND, _SPEND], "1.feature_id: Only one spend limit entry is allowed per feature_id"),
    (
        "overage_allowed",
        [{"feature_id": "messages"}] * 2,
        "1.feature_id: Only one overage_allowed entry is allowed per feature_id",
    ),
    (
        "usage_alerts",
        [{**_ALERT, "threshold": 6}, _ALERT, {**_ALERT, "name": "again"}],
        "2.threshold: Only one usage alert entry is allowed per "
        "feature_id, basis, filter, threshold_type and threshold",
    ),
    ("auto_topups", [_TOPUP, _TOPUP], "1.feature_id: Only one auto top-up entry is allowed per feature_id"),
    (
        "spend_limits",
        [{"overage_limit": 5}],
        "0.feature_id: feature_id is required when overage_limit or skip_overage_billing is provided",
    ),
    (
        "spend_limits",
        [{"skip_overage_billing": False}],
        "0.feature_id: feature_id is required when overage_limit or skip_overage_billing is provided",
    ),
    (
        "usage_alerts",
        [{**_ALERT, "threshold": 101, "threshold_type": "remaining_percentage"}],
        "0.threshold: Threshold must be between 0 and 100 for remaining_percentage",
    ),
    (
        "usage_limits",
        [{**_LIMIT, "filter": {"properties": {}}}],
        "0.filter.properties: filter.properties must have between 1 and 4 keys",
    ),
    (
        "usage_alerts",
        [{**_ALERT, "basis": "usage_limit", "filter": {"properties": dict.fromkeys("abcde", 1)}}],
        "0.filter.properties: filter.properties must have between 1 and 4 keys",
    ),
    (
        "auto_topups",
        [{**_TOPUP, "purchase_limit": {"interval": "day", "limit": 2, "count": 3}}],
        "0.purchase_limit.count: count cannot be greater than limit",
    ),
]
_WRITES: dict[str, Any] = {
    "customers.get_or_create": {"customer_id": "d"},
    "customers.update": {"customer_id": "c"},
    "entities.create": {"customer_id": "c", "entity_id": "new", "feature_id": "seats"},
    "entities.update": {"customer_id": "c", "entity_id": "e"},
    "plans.create": {"plan_id": "p", "name": "P"},
}


@pytest.mark.parametrize("write", _WRITES)
@pytest.mark.parametrize(("kind", "entries", "message"), _CONTROLS)
def test_controls_are_refused_everywhere(ask: Any, write: str, kind: str, entries: Any, message: str) -> None:
    ask("entities.create", {"customer_id": "c", "entity_id": "e", "feature_id": "seats"})
    if kind == "auto_topups" and write.startswith("entities"):
        return  # entities have no top-ups
    reply = ask(write, {**_WRITES[write], "billing_controls": {kind: entries}}, 400)
    assert reply["code"] == "invalid_inputs"
    if not (write.endswith("update") and kind == "usage_limits" and "filter" in entries[0]):  # one of two forms
        assert reply["message"] == f"billing_controls.{kind}.{message}"


@pytest.mark.parametrize("call", ["balances.track", "balances.check"])
def test_controls_of_a_customer_that_a_call_creates_are_refused(ask: Any, call: str) -> None:
    data = {"billing_controls": {"spend_limits": [_SPEND, _SPEND]}}
    body = {"customer_id": "new", "feature_id": "messages", "customer_data": data}
    text = (
        "customer_data.billing_controls.spend_limits.1.feature_id: Only one spend limit entry is allowed per feature_id"
    )
    assert ask(call, body, 400)["message"] == text
    data["billing_controls"]["spend_limits"] = [{"overage_limit": 1}]
    assert "feature_id is required" in ask(call, body, 400)["message"]


def test_what_differs_is_not_a_repetition(ask: Any) -> None:
    limits = [_LIMIT, {**_LIMIT, "filter": {"properties": {"a": 1}}}, {**_LIMIT, "feature_id": "seats"}]
    alerts = [_ALERT, {**_ALERT, "threshold": 6}, {**_ALERT, "threshold_type": "remaining"}]
    spend = [{"enabled": True}, {"enabled": False}, _SPEND]
    controls = {"usage_limits": limits, "usage_alerts": alerts, "spend_limits": spend}
    ask("customers.update", {"customer_id": "c", "billing_controls": controls})


def test_usage_of_a_limit_that_does_not_exist_is_refused(ask: Any) -> None:
    def update(status: int, *entries: Any) -> Any:
        body = {"customer_id": "c", "billing_controls": {"usage_limits": list(entries)}}
        return ask("customers.update", body, status)

    none = "No usage limit configured for feature messages"
    assert update(400, {"feature_id": "messages", "usage": 4})["message"] == none
    assert update(404, {"feature_id": "nope", "usage": 4})["code"] == "feature_not_found"
    update(200, {"feature_id": "messages", "usage": 0})
    assert "Only one usage limit entry" in update(400, _LIMIT, {"feature_id": "messages", "usage": 0})["message"]
    update(200, {**_LIMIT, "usage": 2})
    update(404, {"feature_id": "messages", "usage": 4}, {"feature_id": "nope", "usage": 1})
    limits = ask("customers.get", {"customer_id": "c"})["billing_controls"]["usage_limits"]
    assert [each["usage"] for each in limits] == [2]


_TIERS: list[dict[str, Any]] = [{"to": 10, "amount": 1}, {"to": "inf", "amount": 1}]
_FLAT: list[dict[str, Any]] = [{"to": 10, "amount": 1, "flat_amount": 3}, {"to": "inf", "amount": 1}]


@pytest.mark.parametrize(
    ("item", "price", "text"),
    [
        ({}, {"tiers": _FLAT}, "flat_amount on tiers is only supported for volume-based pricing."),
        (
            {},
            {"tiers": [{**_FLAT[0], "to": "inf"}], "tier_behavior": "volume"},
            "flat_amount is not supported on single-tier pricing.",
        ),
        (
            {},
            {"tiers": [{**_FLAT[0], "flat_amount": -3}, _FLAT[1]], "tier_behavior": "volume"},
            "flat_amount must be 0 or greater.",
        ),
        (
            {},
            {"tiers": _TIERS, "tier_behavior": "volume", "billing_method": "usage_based"},
            "volume-based pricing is only supported for prepaid features.",
        ),
        ({"included": 10}, {"tiers": _TIERS}, "tiers[0].to must be greater than included."),
        (
            {"reset": {"interval": "day"}},
            {"amount": 1, "billing_method": "usage_based"},
            "reset.interval and price.interval can only differ for prepaid prices.",
        ),
    ],
)
def test_plans_refuse_prices(ask: Any, item: Any, price: Any, text: str) -> None:
    priced = {"interval": "month", "billing_units": 1, "billing_method": "prepaid", **price}
    body = {"plan_id": "p", "name": "P", "items": [{"feature_id": "messages", **item, "price": priced}]}
    refused = {"message": f"items.0: {text}", "code": "invalid_inputs", "env": "sandbox"}
    assert ask("plans.create", body, 400) == refused
    ask("plans.create", {"plan_id": "p", "name": "P"})
    assert ask("plans.update", body, 400) == refused
    assert ask("catalog.update", {"plans": [body]}, 400)["message"] == f"plans.0.items.0: {text}"


def test_plans_refuse_more_than_ten_trillion_units(ask: Any) -> None:
    body = {"plan_id": "p", "name": "P", "items": [{"feature_id": "messages", "included": 10**13 + 1}]}
    text = "items.0.included: Included usage cannot exceed 10 trillion; use unlimited usage instead"
    assert ask("plans.create", body, 400)["message"] == text


_PREPAID = {"amount": 1, "interval": "month", "billing_method": "prepaid"}
_BY_USE = {**_PREPAID, "billing_method": "usage_based"}


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        ({}, {}, "You're trying to create two items for the same feature (messages) with the same interval."),
        (
            {"price": _BY_USE},
            {"price": _BY_USE},
            "You're trying to add the same feature (messages), with the same reset",
        ),
        ({}, {"price": _BY_USE}, None),
        ({"price": _PREPAID}, {"price": _BY_USE}, None),
        ({}, {"reset": {"interval": "day"}}, None),
        ({}, {"reset": {"interval": "month", "interval_count": 2}}, None),
        ({}, {"entity_feature_id": "seats"}, None),
        ({"feature_id": "sso", "reset": None}, {"feature_id": "sso", "reset": None}, "Feature sso is duplicated"),
    ],
)
def test_plans_refuse_the_same_item_twice(ask: Any, first: Any, second: Any, text: str | None) -> None:
    given = [{"feature_id": "messages", "included": 5, "reset": MONTH, **each} for each in (first, second)]
    items = [{name: value for name, value in each.items() if value is not None} for each in given]
    reply = ask("plans.create", {"plan_id": "p", "name": "P", "items": items}, 200 if text is None else 400)
    if text is not None:
        assert reply["message"].startswith(text)
        assert reply["code"] == "invalid_inputs"


def test_balances_create_refuses_a_rollover_after_the_end(ask: Any, emulator: Any) -> None:
    now = emulator.clock.now()
    rollover = {"max": 50, "length": 1, "duration": "month"}
    body = {"customer_id": "c", "feature_id": "messages", "included_grant": 10, "reset": MONTH, "rollover": rollover}
    refused = ask("balances.create", {**body, "expires_at": now + DAY}, 400)
    assert refused["code"] == "invalid_request"
    assert " occurs before the next rollover event (" in refused["message"]
    ask("balances.create", {**body, "expires_at": now + 40 * DAY})


def test_entity_and_customer_data_take_what_is_not_read(ask: Any) -> None:
    grant(ask)
    data = {
        "entity_data": {"feature_id": "seats", "metadata": "text", "billing_details": 5, "name": "E"},
        "customer_data": {"name": "C", "billing_details": "text", "unknown": [], "metadata": None},
    }
    item = {"customer_id": "c", "feature_id": "messages", **data}
    ask("balances.track", {**item, "async": False})
    ask("balances.check", item)
    ask("balances.batch_track", [item], 202)
