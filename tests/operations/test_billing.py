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


def test_a_plan_gives_its_rows(world: World) -> None:
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
def test_prepaid_quantities_count_what_is_included_and_come_in_packs(
    world: World, included: int, quantity: int | None, bought: int
) -> None:
    world.plan("p", priced(included, method="prepaid", billing_units=100))
    quantities = [] if quantity is None else [{"feature_id": "messages", "quantity": quantity}]
    world.attach("p", feature_quantities=quantities)
    assert world.amounts() == (included + bought, included + bought, 0)
    (row,) = world.rows()
    assert [row.included, row.prepaid] == [included, bought]
    assert not row.usage_allowed


def test_quantities_for_other_features_are_ignored(world: World) -> None:
    world.plan("p", monthly(10))
    world.attach(
        "p", feature_quantities=[{"feature_id": "words", "quantity": 5}, {"feature_id": "nope", "quantity": 1}]
    )
    assert world.view("words") is None


def test_an_add_on_can_be_attached_again(world: World) -> None:
    world.plan("extra", monthly(5), add_on=True)
    world.attach("extra")
    world.attach("extra")
    assert world.remaining() == 10


def test_a_plan_of_an_entity(world: World) -> None:
    world.entity()
    world.plan("p", monthly(10))
    world.attach("p", entity_id="e1")
    world.attach("p")
    assert world.remaining(entity_id="e1") == 20
    world.track(15, entity_id="e1")
    assert world.remaining() == 5


def test_entity_data_makes_the_entity(world: World) -> None:
    world.plan("p", monthly(10))
    world.attach("p", entity_id="e1", entity_data={"feature_id": "seats"})
    assert world.remaining(entity_id="e1") == 10


def test_shares_for_every_entity_there_is_and_will_be(world: World) -> None:
    world.entity("e1")
    world.plan("p", monthly(10, entity_feature_id="seats"))
    world.attach("p")
    world.entity("e2")
    assert world.amounts() == (20, 20, 0)
    assert world.amounts(entity_id="e2") == (10, 10, 0)


def test_customize_changes_what_this_customer_gets(world: World) -> None:
    world.plan("p", monthly(10))
    world.customer("other")
    world.attach("p", customize={"items": [monthly(25)]})
    world.attach("p", "other")
    assert (world.remaining(), world.remaining(customer_id="other")) == (25, 10)


def test_a_trial_renews_when_it_ends(world: World) -> None:
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
def test_dearer_at_once_cheaper_a_month_later(
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
def test_a_switch_can_be_scheduled_otherwise(
    world: World, first: str, second: str, schedule: str, now: dict[str, str]
) -> None:
    ladder(world)
    world.attach(first)
    world.attach(second, plan_schedule=schedule)
    assert statuses(world) == now


def test_another_downgrade_replaces_the_scheduled_one(world: World) -> None:
    ladder(world)
    world.attach("high")
    world.attach("low")
    world.attach("free")
    assert statuses(world) == {"high": "active", "free": "scheduled"}


def test_a_scheduled_end_is_noted_on_the_current_plan(world: World) -> None:
    ladder(world)
    world.attach("high")
    world.attach("low")
    high, low = world.attached()
    assert (high.canceled_at, high.expires_at, low.started_at) == (NOW, add_months(NOW, 1), add_months(NOW, 1))


def test_plans_of_other_groups_stand_beside(world: World) -> None:
    world.plan("a", monthly(1), group="g")
    world.plan("b", monthly(2), group="h")
    world.attach("a")
    world.attach("b")
    assert statuses(world) == {"a": "active", "b": "active"}


def test_a_switch_starts_anew_and_takes_rollovers_along(world: World) -> None:
    rollover = {"expiry_duration_type": "forever"}
    world.plan("a", monthly(10, rollover=rollover))
    world.plan("b", monthly(20), price={"amount": 1, "interval": "month"})
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
def test_what_a_switch_carries_over(world: World, setting: dict[str, Any], shown: tuple[float, ...]) -> None:
    world.plan("a", monthly(10))
    world.plan("b", monthly(20), price={"amount": 1, "interval": "month"})
    world.attach("a")
    world.track(4)
    world.attach("b", **setting)
    assert world.amounts() == shown


def test_a_carried_balance_ends_when_the_old_period_would_have(world: World) -> None:
    world.plan("a", monthly(10))
    world.plan("b", monthly(20), price={"amount": 1, "interval": "month"})
    world.attach("a")
    world.now += 5 * DAY
    world.attach("b", carry_over_balances={"enabled": True})
    (loose,) = (row for row in world.rows() if row.is_loose)
    assert loose.expires_at == add_months(NOW, 1)


# -- attaching that fails


def test_attaching_what_is_not_there(world: World) -> None:
    world.plan("p", monthly(10))
    with world.refused(404, "customer_not_found", "Customer nobody not found"):
        world.attach("p", "nobody")
    with world.refused(404, "entity_not_found", "Entity e9 not found"):
        world.attach("p", entity_id="e9")
    with world.refused(404, "product_not_found", "Product nope not found"):
        world.attach("nope")
    with world.refused(404, "product_not_found", "Product p (version 7) not found"):
        world.attach("p", version=7)
    with world.refused(404, "feature_not_found", "Feature nope not found"):
        world.attach("p", customize={"items": [monthly(1, "nope")]})


@pytest.mark.parametrize("quantity", [1, 5])
def test_attaching_the_plan_one_is_on(world: World, quantity: int) -> None:
    world.plan("p", monthly(10))
    world.attach("p")
    message = "Cannot attach because the customer's current product 'p' is the same as the product being attached"
    with world.refused(409, "plan_already_attached", message):
        world.attach("p", feature_quantities=[{"feature_id": "messages", "quantity": quantity}])


def test_prices_need_somebody_to_take_the_money(world: World) -> None:
    world.plan("p", priced(10))
    message = (
        "Plan 'p' has a price, and autumn-mock takes no payments (the real service would ask Stripe). "
        "Pass no_billing_changes: true to attach it without billing, or use a free plan."
    )
    with world.refused(400, "invalid_request", message):
        world.attach("p", no_billing_changes=False)


def test_free_plans_begin_now(world: World) -> None:
    world.plan("p", monthly(10))
    with world.refused(400, "invalid_request", "Future starts_at is only supported for paid recurring plans."):
        world.attach("p", starts_at=NOW + DAY)


def test_a_failing_attach_does_not_make_the_entity(world: World) -> None:
    with world.refused(404, "product_not_found", "Product nope not found"):
        world.attach("nope", entity_id="e1", entity_data={"feature_id": "seats"})


# -- changing


@pytest.mark.parametrize(("quantity", "remaining"), [(500, 350), (100, 0)])
def test_quantities_are_changed_and_usage_is_kept(world: World, quantity: int, remaining: int) -> None:
    world.plan("p", priced(0, method="prepaid", billing_units=100))
    world.attach("p", feature_quantities=[{"feature_id": "messages", "quantity": 300}])
    row_id = world.rows()[0].id
    world.track(150)
    world.update_billing("p", feature_quantities=[{"feature_id": "messages", "quantity": quantity}])
    assert world.amounts() == (quantity, remaining, 150)
    assert [row.id for row in world.rows()] == [row_id]


def test_items_are_changed_and_usage_is_kept(world: World) -> None:
    world.plan("p", monthly(10))
    world.attach("p")
    world.track(4)
    world.update_billing("p", customize={"items": [monthly(25)]})
    assert world.amounts() == (25, 21, 4)


def test_two_items_of_one_feature_are_both_kept_when_quantities_change(world: World) -> None:
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


def test_two_items_of_one_feature_carry_their_usage_over_once(world: World) -> None:
    world.plan("a", priced(0, method="prepaid", billing_units=100), priced(0))
    world.plan("b", priced(0, method="prepaid", billing_units=100), priced(0), price={"amount": 9, "interval": "month"})
    bought = [{"feature_id": "messages", "quantity": 100}]
    world.attach("a", feature_quantities=bought)
    world.track(30)
    world.attach("b", feature_quantities=bought, carry_over_usages={"enabled": True})
    assert world.amounts() == (100, 70, 30)


def test_a_version_is_changed(world: World) -> None:
    world.plan("p", monthly(10))
    world.attach("p")
    world.track(4)
    plan_update.update(world.call(), "p", parse(PlanPatch, {"items": [monthly(30)]}))
    assert world.amounts() == (10, 6, 4)
    world.update_billing("p", version=2)
    assert world.amounts() == (30, 26, 4)


def test_cancelling_at_the_end_and_taking_that_back(world: World) -> None:
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


def test_taking_a_downgrade_back_drops_what_was_scheduled(world: World) -> None:
    ladder(world)
    world.attach("high")
    world.attach("low")
    world.update_billing("high", cancel_action="uncancel")
    assert statuses(world) == {"high": "active"}
    assert world.attached()[0].expires_at is None


def test_cancelling_now_falls_back_to_the_plan_for_everybody(world: World) -> None:
    ladder(world)
    world.plan("default", monthly(1), group="g", auto_enable=True)
    world.attach("high")
    world.update_billing("high", cancel_action="cancel_immediately")
    assert statuses(world) == {"default": "active"}
    assert world.remaining() == 1


def test_cancelling_an_add_on_leaves_the_rest(world: World) -> None:
    ladder(world)
    world.plan("extra", monthly(5), add_on=True)
    world.attach("high")
    world.attach("extra")
    world.update_billing("extra", cancel_action="cancel_immediately")
    assert statuses(world) == {"high": "active"}


# -- changing that fails


def test_changing_what_is_not_there(world: World) -> None:
    ladder(world)
    message = "No active subscription found for plan 'low' on customer 'c'"
    with world.refused(404, "cus_product_not_found", message):
        world.update_billing("low", cancel_action="cancel_immediately")
    with world.refused(404, "customer_not_found", "Customer nobody not found"):
        world.update_billing("low", "nobody", cancel_action="cancel_immediately")
    world.attach("high")
    world.attach("low")
    with world.refused(404, "cus_product_not_found", message):
        world.update_billing("low", cancel_action="cancel_immediately")
    with world.refused(404, "product_not_found", "Product high (version 9) not found"):
        world.update_billing("high", version=9)


def test_free_plans_have_no_cycle(world: World) -> None:
    ladder(world)
    world.attach("free")
    message = "Free products do not have billing cycles; use cancel: 'immediately' instead."
    with world.refused(400, "invalid_request", message):
        world.update_billing("free", cancel_action="cancel_end_of_cycle")


def test_usage_can_exceed_a_smaller_quantity(world: World) -> None:
    world.plan("p", priced(0, method="prepaid", billing_units=100))
    world.attach("p", feature_quantities=[{"feature_id": "messages", "quantity": 300}])
    world.track(150)
    world.update_billing("p", feature_quantities=[{"feature_id": "messages", "quantity": 100}])
    assert [row.balance for row in world.rows()] == [Decimal(-50)]
