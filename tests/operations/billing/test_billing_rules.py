"""What ``billing.attach`` and ``billing.update`` refuse: every rule, with an example."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.operations.billing.billing_rules import ATTACH, UPDATE
from autumn_mock.operations.errors import ApiError
from tests.support.world import NOW, World, monthly, priced

DAY = 86_400_000
TRIAL = {"duration_length": 7, "duration_type": "day", "card_required": False}
ON = {"enabled": True}
MESSAGES = [{"feature_id": "messages", "quantity": 100}]


@pytest.fixture
def plans(world: World) -> World:
    """A customer on ``mid`` and ``held``, and plans to attach."""

    def paid(amount: float, interval: str = "month") -> dict[str, Any]:
        return {"group": "g", "price": {"amount": amount, "interval": interval}}

    once = priced(0, method="prepaid", interval="one_off", billing_units=100)
    world.plan("free", monthly(1), group="g")
    world.plan("low", once, **paid(10))
    world.plan("mid", monthly(100), once, **paid(20))
    world.plan("high", monthly(100), **paid(50))
    world.plan("trial", monthly(100), free_trial=TRIAL, **paid(60))
    world.plan("once", once, **paid(5, "one_off"))
    world.plan("elsewhere", monthly(1), price={"amount": 3, "interval": "month"})
    world.attach("trial", entity_id="e1", entity_data={"feature_id": "seats"})
    world.attach("mid")
    world.attach("once", subscription_id="taken")
    return world


ATTACHING: list[tuple[str, dict[str, Any], str]] = [
    ("low", {"invoice_mode": ON}, "Cannot use invoice mode with deferred activation for downgrades."),
    ("low", {"feature_quantities": MESSAGES}, "Scheduled switch with one-off prepaid quantities is not yet supported."),
    ("high", {"billing_cycle_anchor": NOW - DAY}, "billing_cycle_anchor cannot be set to a past timestamp."),
    (
        "high",
        {"billing_cycle_anchor": NOW + DAY, "starts_at": NOW + 2 * DAY},
        "billing_cycle_anchor must be after the plan starts",
    ),
    ("high", {"billing_cycle_anchor": NOW + DAY, "ends_at": NOW + DAY}, "billing_cycle_anchor must be before ends_at"),
    (
        "high",
        {"billing_cycle_anchor": "now", "starts_at": NOW + DAY},
        "billing_cycle_anchor: 'now' cannot be used before the plan starts",
    ),
    ("trial", {"billing_cycle_anchor": "now"}, "billing_cycle_anchor cannot be used together with a free trial."),
    ("once", {"billing_cycle_anchor": "now"}, "billing_cycle_anchor is not supported for one-off products."),
    ("low", {"billing_cycle_anchor": "now"}, "billing_cycle_anchor resets are not supported for scheduled switches."),
    (
        "high",
        {"starts_at": NOW + DAY, "plan_schedule": "end_of_cycle"},
        "starts_at cannot be used together with plan_schedule: end_of_cycle.",
    ),
    ("once", {"starts_at": NOW - DAY}, "Past starts_at is only supported for paid recurring plans."),
    ("free", {"starts_at": NOW - DAY}, "Past starts_at is only supported for paid recurring plans."),
    ("trial", {"starts_at": NOW - DAY}, "Past starts_at cannot be used together with a free trial."),
    ("high", {"starts_at": NOW - DAY}, "Past starts_at is only supported for a new subscription"),
    (
        "high",
        {"starts_at": NOW + DAY, "invoice_mode": {**ON, "enable_plan_immediately": True}},
        "Future starts_at cannot be used together with invoice mode.",
    ),
    ("free", {"starts_at": NOW + DAY}, "Future starts_at is only supported for paid recurring plans."),
    ("once", {"starts_at": NOW + DAY}, "Future starts_at is only supported for paid recurring plans."),
    ("trial", {"starts_at": NOW + DAY}, "Future starts_at cannot be used together with a free trial."),
    ("high", {"ends_at": NOW - DAY}, "ends_at cannot be set to a past timestamp."),
    ("high", {"starts_at": NOW + 9 * DAY, "ends_at": NOW + 3 * DAY}, "ends_at must be after the plan start timestamp."),
    ("low", {"ends_at": NOW + DAY}, "ends_at must be after the plan start timestamp."),
    ("free", {"ends_at": NOW + 99 * DAY}, "ends_at is only supported for paid plans."),
    (
        "high",
        {"transition_rules": {"reset_after_trial_end": ["seats"]}},
        "reset_after_trial_end is not supported for allocated features. Feature 'seats' is an",
    ),
    *(
        case
        for name, what in (("carry_over_balances", "balance"), ("carry_over_usages", "usage"))
        for case in (
            ("low", {name: ON}, f"{name} is only supported for immediate plan switches (upgrades)."),
            (
                "high",
                {name: {**ON, "feature_ids": ["messages", "sso"]}},
                f"{name} is not supported for boolean features. Feature 'sso' is a boolean (static) feature and does "
                f"not have a consumable {what}.",
            ),
            (
                "high",
                {name: {**ON, "feature_ids": ["seats"]}},
                f"{name} is not supported for non-consumable features. Feature 'seats' is a non-consumable feature and "
                f"does not have a consumable {what} to carry over.",
            ),
            (
                "high",
                {name: ON, "remove_plan_ids": ["once", "trial"]},
                "Cannot carry over usage when removing multiple plans.",
            ),
        )
    ),
    ("once", {"remove_plan_ids": ["once"]}, "Cannot remove plan 'once' in the same attach that adds it"),
]


@pytest.mark.parametrize(("plan_id", "fields", "message"), ATTACHING)
def test_attach_refuses(plans: World, plan_id: str, fields: dict[str, Any], message: str) -> None:
    refused(plans, 400, "invalid_request", message, "attach", plan_id, fields)


def refused(
    world: World, status: int, code: str, message: str, call: str, plan_id: str, fields: dict[str, Any]
) -> None:
    """The call is refused with a message that begins like this, and changes nothing."""
    before = world.snapshot()
    with pytest.raises(ApiError) as caught:
        (world.attach if call == "attach" else world.update_billing)(plan_id, **fields)
    error = caught.value
    assert (error.status, error.code, error.message[: len(message)]) == (status, code, message)
    assert world.snapshot() == before


@pytest.mark.parametrize(
    ("fields", "status", "code", "message"),
    [
        (
            {"subscription_id": "taken"},
            409,
            "duplicate_subscription_id",
            "subscription_id 'taken' is already in use for this customer",
        ),
        (
            {"remove_plan_ids": ["free"]},
            404,
            "product_not_found",
            "No active plan 'free' found on the customer to remove",
        ),
        (
            {"carry_over_usages": {**ON, "feature_ids": ["nope"]}},
            404,
            "feature_not_found",
            "Feature nope not found",
        ),
    ],
)
def test_attach_refuses_names(plans: World, fields: dict[str, Any], status: int, code: str, message: str) -> None:
    refused(plans, status, code, message, "attach", "high", fields)


MORE = {"feature_quantities": MESSAGES}
UPDATING: list[tuple[str, dict[str, Any], str]] = [
    ("mid", {"refund_last_payment": "full", "proration_behavior": "none"}, "Cannot pass both proration_behavior and"),
    (
        "mid",
        {"refund_last_payment": "full"},
        "refund_last_payment requires cancel_action to be 'cancel_immediately'.",
    ),
    ("mid", {"free_trial": {**TRIAL, "on_end": "revert"}}, "on_end: 'revert' can only be set when attaching a plan."),
    ("on_trial", {"customize": {"free_trial": None}}, "Cannot remove a revert trial."),
    ("low", {"cancel_action": "uncancel"}, "Cannot uncancel a subscription that is scheduled"),
    (
        "low",
        {"customize": {"items": []}},
        "Subscription for 'low' is scheduled and cannot be updated until it becomes active",
    ),
    ("mid", {**MORE, "version": 1}, "A manual top-up can only change feature quantities;"),
    ("mid", {**MORE, "cancel_action": "cancel_immediately"}, "A manual top-up can only change feature quantities;"),
    ("once", MORE, "Not allowed to update feature quantity for one off items."),
    (
        "mid",
        {"feature_quantities": [*MESSAGES, {"feature_id": "words", "quantity": 1}]},
        "Cannot update a one-off prepaid quantity alongside other subscription changes.",
    ),
    (
        "trial",
        {"billing_cycle_anchor": NOW + DAY, "entity_id": "e1"},
        "billing_cycle_anchor cannot be used together with a free trial.",
    ),
    ("once", {"billing_cycle_anchor": "now"}, "billing_cycle_anchor is not supported for one-off products."),
    (
        "mid",
        {"billing_cycle_anchor": "now", "cancel_action": "cancel_end_of_cycle"},
        "billing_cycle_anchor cannot be used together with a cancel action",
    ),
    (
        "high",
        {"billing_cycle_anchor": "now", **MORE, "entity_id": "e2"},
        "billing_cycle_anchor cannot be used together with feature_quantities",
    ),
    (
        "mid",
        {"billing_cycle_anchor": "now", "license_quantities": [{"license_plan_id": "l", "quantity": 1}]},
        "billing_cycle_anchor cannot be used together with license_quantities",
    ),
    ("mid", {"billing_cycle_anchor": NOW - DAY}, "billing_cycle_anchor cannot be set to a past timestamp."),
    ("once", {"free_trial": TRIAL, "version": 1}, "Free trials are not available for one-off products"),
    (
        "mid",
        {"customize": {"items": [], "price": {"amount": 5, "interval": "one_off"}}},
        "Cannot update a subscription from a recurring product to a one-off product",
    ),
    (
        "once",
        {"customize": {"price": {"amount": 5, "interval": "month"}}},
        "Cannot update a subscription from a one-off product to a recurring product",
    ),
    (
        "mid",
        {"customize": {"price": {"amount": 20, "interval": "month"}}},
        "Custom plan configuration is identical to the current subscription; no update is needed",
    ),
    (
        "mid",
        {"cancel_action": "cancel_end_of_cycle", "plan_id": "once"},
        "One-off products do not have billing cycles; use cancel: 'immediately' instead.",
    ),
]


@pytest.mark.parametrize(("plan_id", "fields", "message"), UPDATING)
def test_update_refuses(plans: World, plan_id: str, fields: dict[str, Any], message: str) -> None:
    plans.attach("high", entity_id="e2", entity_data={"feature_id": "seats"})
    if plan_id == "on_trial":
        price = {"amount": 90, "interval": "month"}
        plans.plan("on_trial", monthly(1), group="g", price=price, free_trial={**TRIAL, "on_end": "revert"})
        plans.attach("on_trial")
    else:
        plans.attach("low")
    refused(plans, 400, "invalid_request", message, "update", fields.get("plan_id", plan_id), _without_plan(fields))


def _without_plan(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name != "plan_id"}


def test_every_rule_has_an_example() -> None:
    for rules, examples in ((ATTACH, ATTACHING), (UPDATE, UPDATING)):
        for _, message in rules:
            shown = message.replace("{name}", "low")
            assert any(shown.startswith(example) for _, _, example in examples), message
