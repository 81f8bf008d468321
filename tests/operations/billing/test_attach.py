"""``billing.attach`` and ``billing.update``: being put on plans, moved between them, and taken off."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from autumn_mock.ledger.intervals import add_months
from autumn_mock.operations import plan_update
from autumn_mock.wire.requests.plans import PlanPatch
from autumn_mock.wire.schema import parse
from tests.support.world import NOW, World, monthly, priced

DAY = 86_400_000
PRICES = {"low": 10, "high": 20}


def ladder(world: World) -> None:
    """A free plan and two paid ones, of one group."""
    world.plan("free", monthly(10), group="g")
    for name, amount in PRICES.items():
        world.plan(name, monthly(amount * 10), group="g", price={"amount": amount, "interval": "month"})


def statuses(world: World) -> dict[str, str]:
    return {each.plan_id: each.status for each in world.attached()}


# -- attaching


def test_attach_grants_the_rows_of_the_plan(world: World) -> None:
    world.plan(
        "p",
        monthly(10),
        {"feature_id": "seats", "included": 3},
        {"feature_id": "sso"},
        {"feature_id": "words", "unlimited": True},
    )
    world.attach("p")
    assert statuses(world) == {"p": "active"}
    assert world.amounts() == (10, 10, 0)
    assert world.amounts("seats") == (3, 3, 0)
    assert world.check(feature_id="sso").allowed
    assert world.check(1e6, "words").allowed
    (row,) = world.rows()
    assert row.next_reset_at == add_months(NOW, 1)
    assert world.rows("seats")[0].reset is None


@pytest.mark.parametrize(
    ("included", "quantity", "bought"),
    [(0, 250, 300), (50, 350, 300), (50, 60, 100), (50, 20, 0), (0, None, 0), (0, 300, 300)],
)
def test_attach_buys_prepaid_quantities_in_packs(
    world: World, included: int, quantity: int | None, bought: int
) -> None:
    world.plan("p", priced(included, method="prepaid", billing_units=100))
    quantities = [] if quantity is None else [{"feature_id": "messages", "quantity": quantity}]
    world.attach("p", feature_quantities=quantities)
    assert world.amounts() == (included + bought, included + bought, 0)
    (row,) = world.rows()
    assert [row.included, row.prepaid] == [included, bought]
    assert not row.usage_allowed


def test_attach_ignores_quantities_of_other_features(world: World) -> None:
    world.plan("p", monthly(10))
    world.attach(
        "p", feature_quantities=[{"feature_id": "words", "quantity": 5}, {"feature_id": "nope", "quantity": 1}]
    )
    assert world.view("words") is None


def test_attach_of_an_add_on_twice(world: World) -> None:
    world.plan("extra", monthly(5), add_on=True)
    world.attach("extra")
    world.attach("extra")
    assert world.remaining() == 10


def test_attach_to_an_entity(world: World) -> None:
    world.entity()
    world.plan("p", monthly(10))
    world.attach("p", entity_id="e1")
    world.attach("p")
    assert world.remaining(entity_id="e1") == 20
    world.track(15, entity_id="e1")
    assert world.remaining() == 5


def test_attach_creates_the_entity(world: World) -> None:
    world.plan("p", monthly(10))
    world.attach("p", entity_id="e1", entity_data={"feature_id": "seats"})
    assert world.remaining(entity_id="e1") == 10


def test_attach_grants_shares_to_present_and_later_entities(world: World) -> None:
    world.entity("e1")
    world.plan("p", monthly(10, entity_feature_id="seats"))
    world.attach("p")
    world.entity("e2")
    assert world.amounts() == (20, 20, 0)
    assert world.amounts(entity_id="e2") == (10, 10, 0)


def test_attach_with_customize(world: World) -> None:
    world.plan("p", monthly(10))
    world.customer("other")
    world.attach("p", customize={"items": [monthly(25)]})
    world.attach("p", "other")
    assert (world.remaining(), world.remaining(customer_id="other")) == (25, 10)


def test_attach_with_a_trial_resets_at_its_end(world: World) -> None:
    trial = {"duration_length": 7, "duration_type": "day", "card_required": False}
    world.plan("p", monthly(10), free_trial=trial)
    world.attach("p")
    (attached,) = world.attached()
    assert (attached.trial_ends_at, world.rows()[0].next_reset_at) == (NOW + 7 * DAY, NOW + 7 * DAY)


@pytest.mark.parametrize(
    ("first", "second", "now", "then"),
    [
        ("free", "low", {"low": "active"}, {"low": "active"}),
        ("low", "high", {"high": "active"}, {"high": "active"}),
        ("high", "low", {"high": "active", "low": "scheduled"}, {"low": "active"}),
        ("low", "free", {"low": "active", "free": "scheduled"}, {"free": "active"}),
    ],
)
def test_attach_upgrades_now_and_downgrades_a_month_later(
    world: World, first: str, second: str, now: dict[str, str], then: dict[str, str]
) -> None:
    ladder(world)
    world.attach(first)
    world.attach(second)
    assert statuses(world) == now
    world.now = add_months(NOW, 1)
    world.account()
    assert statuses(world) == then
    assert len(world.rows()) == 1


@pytest.mark.parametrize(
    ("first", "second", "schedule", "now"),
    [
        ("high", "low", "immediate", {"low": "active"}),
        ("low", "high", "end_of_cycle", {"low": "active", "high": "scheduled"}),
    ],
)
def test_attach_with_plan_schedule(world: World, first: str, second: str, schedule: str, now: dict[str, str]) -> None:
    ladder(world)
    world.attach(first)
    world.attach(second, plan_schedule=schedule)
    assert statuses(world) == now


def test_attach_replaces_a_scheduled_downgrade(world: World) -> None:
    ladder(world)
    world.attach("high")
    world.attach("low")
    world.attach("free")
    assert statuses(world) == {"high": "active", "free": "scheduled"}


def test_attach_of_a_downgrade_marks_the_current_plan(world: World) -> None:
    ladder(world)
    world.attach("high")
    world.attach("low")
    high, low = world.attached()
    assert (high.canceled_at, high.expires_at, low.started_at) == (NOW, add_months(NOW, 1), add_months(NOW, 1))


def test_attach_keeps_plans_of_other_groups(world: World) -> None:
    world.plan("a", monthly(1), group="g")
    world.plan("b", monthly(2), group="h")
    world.attach("a")
    world.attach("b")
    assert statuses(world) == {"a": "active", "b": "active"}


def test_attach_of_an_upgrade_keeps_rollovers_only(world: World) -> None:
    rollover = {"expiry_duration_type": "forever"}
    world.plan("a", monthly(10, rollover=rollover))
    world.plan("b", monthly(20, rollover=rollover), price={"amount": 1, "interval": "month"})
    world.attach("a")
    world.now += 32 * DAY
    world.track(4)
    world.attach("b")
    assert world.amounts() == (30, 26, 4)
    assert [row.balance for row in world.rows()] == [20]


@pytest.mark.parametrize(
    ("setting", "shown"),
    [
        ({}, (20, 20, 0)),
        ({"carry_over_usages": {"enabled": True}}, (20, 16, 4)),
        ({"carry_over_usages": {"enabled": True, "feature_ids": ["words"]}}, (20, 20, 0)),
        ({"carry_over_balances": {"enabled": True}}, (26, 26, 0)),
        ({"carry_over_balances": {"enabled": False}}, (20, 20, 0)),
    ],
)
def test_attach_carries_over_what_is_requested(world: World, setting: dict[str, Any], shown: tuple[float, ...]) -> None:
    world.plan("a", monthly(10))
    world.plan("b", monthly(20), price={"amount": 1, "interval": "month"})
    world.attach("a")
    world.track(4)
    world.attach("b", **setting)
    assert world.amounts() == shown


def test_carried_balances_end_with_the_old_period(world: World) -> None:
    world.plan("a", monthly(10))
    world.plan("b", monthly(20), price={"amount": 1, "interval": "month"})
    world.attach("a")
    world.now += 5 * DAY
    world.attach("b", carry_over_balances={"enabled": True})
    (loose,) = (row for row in world.rows() if row.is_loose)
    assert loose.expires_at == add_months(NOW, 1)


# -- refusals of attach

ATTACHED = "Cannot attach because the customer's current product 'p' is the same as the product being attached"
PAID = (
    "Plan 'paid' has a price, and payments are off (the real service would ask Stripe). "
    "Pass no_billing_changes: true to attach it without billing, use a free plan, or serve with --payments page."
)


@pytest.mark.parametrize(
    ("fields", "status", "code", "message"),
    [
        ({"entity_id": "e9"}, 404, "entity_not_found", "Entity e9 not found"),
        ({"plan_id": "nope"}, 404, "product_not_found", "Product nope not found"),
        ({"version": 7}, 404, "product_not_found", "Product p (version 7) not found"),
        ({"customize": {"items": [monthly(1, "nope")]}}, 404, "feature_not_found", "Feature nope not found"),
        ({}, 409, "plan_already_attached", ATTACHED),
        (
            {"feature_quantities": [{"feature_id": "messages", "quantity": 5}]},
            409,
            "plan_already_attached",
            ATTACHED,
        ),
        ({"plan_id": "paid", "no_billing_changes": False}, 400, "invalid_request", PAID),
        (
            {"plan_id": "other", "starts_at": NOW + DAY},
            400,
            "invalid_request",
            "Future starts_at is only supported for paid recurring plans.",
        ),
    ],
)
def test_attach_refuses(world: World, fields: dict[str, Any], status: int, code: str, message: str) -> None:
    world.plan("p", monthly(10))
    world.plan("paid", priced(10))
    world.plan("other", monthly(20))
    world.attach("p")
    world.environment.payments = "off"
    with world.refused(status, code, message):
        world.attach(**{"plan_id": "p", **fields})


def test_failed_attach_does_not_create_the_entity(world: World) -> None:
    with world.refused(404, "product_not_found", "Product nope not found"):
        world.attach("nope", entity_id="e1", entity_data={"feature_id": "seats"})


# -- changing


@pytest.mark.parametrize(("quantity", "remaining"), [(500, 350), (100, 0)])
def test_update_of_quantities_keeps_usage(world: World, quantity: int, remaining: int) -> None:
    world.plan("p", priced(0, method="prepaid", billing_units=100))
    world.attach("p", feature_quantities=[{"feature_id": "messages", "quantity": 300}])
    row_id = world.rows()[0].id
    world.track(150)
    world.update_billing("p", feature_quantities=[{"feature_id": "messages", "quantity": quantity}])
    assert world.amounts() == (quantity, remaining, 150)
    assert [row.id for row in world.rows()] == [row_id]


def test_update_of_items_keeps_usage(world: World) -> None:
    world.plan("p", monthly(10))
    world.attach("p")
    world.track(4)
    world.update_billing("p", customize={"items": [monthly(25)]})
    assert world.amounts() == (25, 21, 4)


def test_update_of_quantities_keeps_two_items_of_one_feature(world: World) -> None:
    """Bought in advance first, then billed by use; each keeps the usage it had."""
    world.plan("p", priced(0, method="prepaid", billing_units=100), priced(0))
    world.attach("p", feature_quantities=[{"feature_id": "messages", "quantity": 100}])
    world.track(120)
    assert [float(row.balance) for row in world.rows()] == [0, -20]
    ids = [row.id for row in world.rows()]
    world.update_billing("p", feature_quantities=[{"feature_id": "messages", "quantity": 300}])
    assert sorted(row.id for row in world.rows()) == sorted(ids)
    assert sorted(float(row.balance) for row in world.rows()) == [-20, 200]
    assert world.amounts() == (300, 200, 120)


def test_attach_carries_usage_of_two_items_over_once(world: World) -> None:
    world.plan("a", priced(0, method="prepaid", billing_units=100), priced(0))
    world.plan("b", priced(0, method="prepaid", billing_units=100), priced(0), price={"amount": 9, "interval": "month"})
    bought = [{"feature_id": "messages", "quantity": 100}]
    world.attach("a", feature_quantities=bought)
    world.track(30)
    world.attach("b", feature_quantities=bought, carry_over_usages={"enabled": True})
    assert world.amounts() == (100, 70, 30)


def test_update_of_the_version(world: World) -> None:
    world.plan("p", monthly(10))
    world.attach("p")
    world.track(4)
    plan_update.update(world.call(), "p", parse(PlanPatch, {"items": [monthly(30)]}))
    assert world.amounts() == (10, 6, 4)
    world.update_billing("p", version=2)
    assert world.amounts() == (30, 26, 4)


def test_update_cancels_at_the_end_and_uncancels(world: World) -> None:
    ladder(world)
    world.attach("low")
    world.update_billing("low", cancel_action="cancel_end_of_cycle")
    (attached,) = world.attached()
    assert (attached.canceled_at, attached.expires_at) == (NOW, add_months(NOW, 1))
    world.update_billing("low", cancel_action="uncancel")
    world.now = add_months(NOW, 1)
    world.account()
    assert statuses(world) == {"low": "active"}
    world.update_billing("low", cancel_action="cancel_end_of_cycle")
    world.now = add_months(world.now, 1)
    assert world.view() is None
    assert statuses(world) == {}


def test_uncancel_drops_the_scheduled_downgrade(world: World) -> None:
    ladder(world)
    world.attach("high")
    world.attach("low")
    world.update_billing("high", cancel_action="uncancel")
    assert statuses(world) == {"high": "active"}
    assert world.attached()[0].expires_at is None


def test_cancel_immediately_falls_back_to_the_auto_enabled_plan(world: World) -> None:
    ladder(world)
    world.plan("default", monthly(1), group="g", auto_enable=True)
    world.attach("high")
    world.update_billing("high", cancel_action="cancel_immediately")
    assert statuses(world) == {"default": "active"}
    assert world.remaining() == 1


def test_cancel_of_an_add_on_keeps_other_plans(world: World) -> None:
    ladder(world)
    world.plan("extra", monthly(5), add_on=True)
    world.attach("high")
    world.attach("extra")
    world.update_billing("extra", cancel_action="cancel_immediately")
    assert statuses(world) == {"high": "active"}


# -- changing that fails


def test_update_to_a_smaller_quantity_than_used(world: World) -> None:
    world.plan("p", priced(0, method="prepaid", billing_units=100))
    world.attach("p", feature_quantities=[{"feature_id": "messages", "quantity": 300}])
    world.track(150)
    world.update_billing("p", feature_quantities=[{"feature_id": "messages", "quantity": 100}])
    assert [row.balance for row in world.rows()] == [Decimal(-50)]


NOT_ATTACHED = "No active subscription found for plan 'low' on customer 'c'"
NO_CYCLE = "Free products do not have billing cycles; use cancel: 'immediately' instead."


@pytest.mark.parametrize(
    ("fields", "status", "code", "message"),
    [
        ({"plan_id": "low", "cancel_action": "uncancel"}, 404, "cus_product_not_found", NOT_ATTACHED),
        ({"customer_id": "unknown", "version": 2}, 404, "customer_not_found", "Customer unknown not found"),
        ({"plan_id": "free", "version": 9}, 404, "product_not_found", "Product free (version 9) not found"),
        ({"plan_id": "free", "cancel_action": "cancel_end_of_cycle"}, 400, "invalid_request", NO_CYCLE),
    ],
)
def test_update_refuses(world: World, fields: dict[str, Any], status: int, code: str, message: str) -> None:
    ladder(world)
    world.attach("free")
    with world.refused(status, code, message):
        world.update_billing(**{"plan_id": "free", **fields})


# -- the status of a plan


def test_update_sets_the_status(world: World) -> None:
    world.plan("free", monthly(1), group="g", auto_enable=True)
    world.plan("pro", monthly(10), group="g", price={"amount": 20, "interval": "month"})
    world.attach("pro")
    for status, past_due in (("past_due", True), ("active", False)):
        world.update_billing("pro", status=status)
        assert [(each.plan_id, each.past_due) for each in world.attached()] == [("pro", past_due)]
    world.update_billing("pro", status="expired")
    assert (world.attached(), world.rows()) == ([], [])


@pytest.mark.parametrize(
    ("plan_id", "schedule", "starts"),
    [
        ("paid", "end_of_cycle", add_months(NOW, 1)),
        ("paid", "immediate", NOW + 10 * DAY),
        ("free", "end_of_cycle", NOW + 10 * DAY),
        ("once", "end_of_cycle", NOW + 10 * DAY),
    ],
)
def test_an_add_on_may_wait_for_the_end_of_the_cycle_that_it_joins(
    world: World, plan_id: str, schedule: str, starts: int
) -> None:
    world.plan("pro", monthly(10), price={"amount": 20, "interval": "month"})
    world.plan("paid", monthly(5, "words"), add_on=True, price={"amount": 3, "interval": "month"})
    world.plan("free", monthly(5, "words"), add_on=True)
    world.plan("once", monthly(5, "words"), price={"amount": 3, "interval": "one_off"})
    world.attach("pro")
    world.now = NOW + 10 * DAY
    world.attach(plan_id, plan_schedule=schedule)
    (added,) = (each for each in world.attached() if each.plan_id == plan_id)
    assert (added.started_at, added.status) == (starts, "scheduled" if starts > world.now else "active")
    world.now = add_months(NOW, 1)
    assert world.amounts("words") == (5, 5, 0)
