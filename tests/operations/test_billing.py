"""``billing.attach`` and ``billing.update``: being put on plans, moved between them, and taken off."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from autumn_mock.ledger.intervals import add_months
from autumn_mock.operations import plan_update
from tests.operations.scene import NOW, Scene, month, priced, refused, scene

__all__ = ["scene"]

DAY = 86_400_000
PRICES = {"low": 10, "high": 20}


def ladder(scene: Scene) -> None:
    """A free plan and two paid ones, of one group."""
    scene.plan("free", month(10), group="g")
    for name, amount in PRICES.items():
        scene.plan(name, month(amount * 10), group="g", price={"amount": amount, "interval": "month"})


def statuses(scene: Scene) -> dict[str, str]:
    return {each.plan_id: each.status for each in scene.attached()}


# -- attaching


def test_a_plan_gives_its_rows(scene: Scene) -> None:
    scene.plan(
        "p",
        month(10),
        {"feature_id": "seats", "included": 3},
        {"feature_id": "sso"},
        {"feature_id": "words", "unlimited": True},
    )
    scene.attach("p")
    assert statuses(scene) == {"p": "active"}
    assert scene.shown() == (10, 10, 0)
    assert scene.shown("seats") == (3, 3, 0)
    assert scene.check(feature_id="sso").allowed
    assert scene.check(1e6, "words").allowed
    (row,) = scene.rows()
    assert row.next_reset_at == add_months(NOW, 1)
    assert scene.rows("seats")[0].reset is None


@pytest.mark.parametrize(
    ("included", "quantity", "bought"),
    [(0, 250, 300), (50, 350, 300), (50, 60, 100), (50, 20, 0), (0, None, 0), (0, 300, 300)],
)
def test_prepaid_quantities_count_what_is_included_and_come_in_packs(
    scene: Scene, included: int, quantity: int | None, bought: int
) -> None:
    scene.plan("p", priced(included, method="prepaid", billing_units=100))
    quantities = [] if quantity is None else [{"feature_id": "messages", "quantity": quantity}]
    scene.attach("p", feature_quantities=quantities)
    assert scene.shown() == (included + bought, included + bought, 0)
    (row,) = scene.rows()
    assert [row.included, row.prepaid] == [included, bought]
    assert not row.usage_allowed


def test_quantities_for_other_features_are_ignored(scene: Scene) -> None:
    scene.plan("p", month(10))
    scene.attach(
        "p", feature_quantities=[{"feature_id": "words", "quantity": 5}, {"feature_id": "nope", "quantity": 1}]
    )
    assert scene.view("words") is None


def test_an_add_on_can_be_attached_again(scene: Scene) -> None:
    scene.plan("extra", month(5), add_on=True)
    scene.attach("extra")
    scene.attach("extra")
    assert scene.remaining() == 10


def test_a_plan_of_an_entity(scene: Scene) -> None:
    scene.entity()
    scene.plan("p", month(10))
    scene.attach("p", entity_id="e1")
    scene.attach("p")
    assert scene.remaining(who="e1") == 20
    scene.track(15, entity_id="e1")
    assert scene.remaining() == 5


def test_entity_data_makes_the_entity(scene: Scene) -> None:
    scene.plan("p", month(10))
    scene.attach("p", entity_id="e1", entity_data={"feature_id": "seats"})
    assert scene.remaining(who="e1") == 10


def test_shares_for_every_entity_there_is_and_will_be(scene: Scene) -> None:
    scene.entity("e1")
    scene.plan("p", month(10, entity_feature_id="seats"))
    scene.attach("p")
    scene.entity("e2")
    assert scene.shown() == (20, 20, 0)
    assert scene.shown(who="e2") == (10, 10, 0)


def test_customize_changes_what_this_customer_gets(scene: Scene) -> None:
    scene.plan("p", month(10))
    scene.customer("other")
    scene.attach("p", customize={"items": [month(25)]})
    scene.attach("p", "other")
    assert (scene.remaining(), scene.remaining(customer_id="other")) == (25, 10)


def test_a_trial_renews_when_it_ends(scene: Scene) -> None:
    trial = {"duration_length": 7, "duration_type": "day", "card_required": False}
    scene.plan("p", month(10), free_trial=trial)
    scene.attach("p")
    (attached,) = scene.attached()
    assert (attached.trial_ends_at, scene.rows()[0].next_reset_at) == (NOW + 7 * DAY, NOW + 7 * DAY)


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
    scene: Scene, first: str, second: str, now: dict[str, str], then: dict[str, str]
) -> None:
    ladder(scene)
    scene.attach(first)
    scene.attach(second)
    assert statuses(scene) == now
    scene.now = add_months(NOW, 1)
    scene.account()
    assert statuses(scene) == then
    assert len(scene.rows()) == 1


@pytest.mark.parametrize(
    ("first", "second", "schedule", "now"),
    [
        ("high", "low", "immediate", {"low": "active"}),
        ("low", "high", "end_of_cycle", {"low": "active", "high": "scheduled"}),
    ],
)
def test_a_switch_can_be_scheduled_otherwise(
    scene: Scene, first: str, second: str, schedule: str, now: dict[str, str]
) -> None:
    ladder(scene)
    scene.attach(first)
    scene.attach(second, plan_schedule=schedule)
    assert statuses(scene) == now


def test_another_downgrade_replaces_the_scheduled_one(scene: Scene) -> None:
    ladder(scene)
    scene.attach("high")
    scene.attach("low")
    scene.attach("free")
    assert statuses(scene) == {"high": "active", "free": "scheduled"}


def test_a_scheduled_end_is_noted_on_the_current_plan(scene: Scene) -> None:
    ladder(scene)
    scene.attach("high")
    scene.attach("low")
    high, low = scene.attached()
    assert (high.canceled_at, high.expires_at, low.started_at) == (NOW, add_months(NOW, 1), add_months(NOW, 1))


def test_plans_of_other_groups_stand_beside(scene: Scene) -> None:
    scene.plan("a", month(1), group="g")
    scene.plan("b", month(2), group="h")
    scene.attach("a")
    scene.attach("b")
    assert statuses(scene) == {"a": "active", "b": "active"}


def test_a_switch_starts_anew_and_takes_rollovers_along(scene: Scene) -> None:
    rollover = {"expiry_duration_type": "forever"}
    scene.plan("a", month(10, rollover=rollover))
    scene.plan("b", month(20), price={"amount": 1, "interval": "month"})
    scene.attach("a")
    scene.now += 32 * DAY
    scene.track(4)
    scene.attach("b")
    assert scene.shown() == (30, 26, 4)
    assert [row.balance for row in scene.rows()] == [20]


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
def test_what_a_switch_carries_over(scene: Scene, setting: dict[str, Any], shown: tuple[float, ...]) -> None:
    scene.plan("a", month(10))
    scene.plan("b", month(20), price={"amount": 1, "interval": "month"})
    scene.attach("a")
    scene.track(4)
    scene.attach("b", **setting)
    assert scene.shown() == shown


def test_a_carried_balance_ends_when_the_old_period_would_have(scene: Scene) -> None:
    scene.plan("a", month(10))
    scene.plan("b", month(20), price={"amount": 1, "interval": "month"})
    scene.attach("a")
    scene.now += 5 * DAY
    scene.attach("b", carry_over_balances={"enabled": True})
    (loose,) = (row for row in scene.rows() if row.is_loose)
    assert loose.expires_at == add_months(NOW, 1)


# -- attaching that fails


def test_attaching_what_is_not_there(scene: Scene) -> None:
    scene.plan("p", month(10))
    with refused(scene, 404, "customer_not_found", "Customer nobody not found"):
        scene.attach("p", "nobody")
    with refused(scene, 404, "entity_not_found", "Entity e9 not found"):
        scene.attach("p", entity_id="e9")
    with refused(scene, 404, "product_not_found", "Product nope not found"):
        scene.attach("nope")
    with refused(scene, 404, "product_not_found", "Product p (version 7) not found"):
        scene.attach("p", version=7)
    with refused(scene, 404, "feature_not_found", "Feature nope not found"):
        scene.attach("p", customize={"items": [month(1, "nope")]})


@pytest.mark.parametrize("quantity", [1, 5])
def test_attaching_the_plan_one_is_on(scene: Scene, quantity: int) -> None:
    scene.plan("p", month(10))
    scene.attach("p")
    message = "Cannot attach because the customer's current product 'p' is the same as the product being attached"
    with refused(scene, 409, "plan_already_attached", message):
        scene.attach("p", feature_quantities=[{"feature_id": "messages", "quantity": quantity}])


def test_prices_need_somebody_to_take_the_money(scene: Scene) -> None:
    scene.plan("p", priced(10))
    message = (
        "Plan 'p' has a price, and autumn-mock takes no payments (the real service would ask Stripe). "
        "Pass no_billing_changes: true to attach it without billing, or use a free plan."
    )
    with refused(scene, 400, "invalid_request", message):
        scene.attach("p", no_billing_changes=False)


def test_free_plans_begin_now(scene: Scene) -> None:
    scene.plan("p", month(10))
    with refused(scene, 400, "invalid_request", "Future starts_at is only supported for paid recurring plans."):
        scene.attach("p", starts_at=NOW + DAY)


def test_a_failing_attach_does_not_make_the_entity(scene: Scene) -> None:
    with refused(scene, 404, "product_not_found", "Product nope not found"):
        scene.attach("nope", entity_id="e1", entity_data={"feature_id": "seats"})


# -- changing


@pytest.mark.parametrize(("quantity", "remaining"), [(500, 350), (100, 0)])
def test_quantities_are_changed_and_usage_is_kept(scene: Scene, quantity: int, remaining: int) -> None:
    scene.plan("p", priced(0, method="prepaid", billing_units=100))
    scene.attach("p", feature_quantities=[{"feature_id": "messages", "quantity": 300}])
    row_id = scene.rows()[0].id
    scene.track(150)
    scene.revise("p", feature_quantities=[{"feature_id": "messages", "quantity": quantity}])
    assert scene.shown() == (quantity, remaining, 150)
    assert [row.id for row in scene.rows()] == [row_id]


def test_items_are_changed_and_usage_is_kept(scene: Scene) -> None:
    scene.plan("p", month(10))
    scene.attach("p")
    scene.track(4)
    scene.revise("p", customize={"items": [month(25)]})
    assert scene.shown() == (25, 21, 4)


def test_two_items_of_one_feature_are_both_kept_when_quantities_change(scene: Scene) -> None:
    """Bought in advance first, then billed by use; each keeps the usage it had."""
    scene.plan("p", priced(0, method="prepaid", billing_units=100), priced(0))
    scene.attach("p", feature_quantities=[{"feature_id": "messages", "quantity": 100}])
    scene.track(120)
    assert [float(row.balance) for row in scene.rows()] == [0, -20]
    ids = [row.id for row in scene.rows()]
    scene.revise("p", feature_quantities=[{"feature_id": "messages", "quantity": 300}])
    assert sorted(row.id for row in scene.rows()) == sorted(ids)
    assert sorted(float(row.balance) for row in scene.rows()) == [-20, 200]
    assert scene.shown() == (300, 200, 120)


def test_two_items_of_one_feature_carry_their_usage_over_once(scene: Scene) -> None:
    scene.plan("a", priced(0, method="prepaid", billing_units=100), priced(0))
    scene.plan("b", priced(0, method="prepaid", billing_units=100), priced(0), price={"amount": 9, "interval": "month"})
    bought = [{"feature_id": "messages", "quantity": 100}]
    scene.attach("a", feature_quantities=bought)
    scene.track(30)
    scene.attach("b", feature_quantities=bought, carry_over_usages={"enabled": True})
    assert scene.shown() == (100, 70, 30)


def test_a_version_is_changed(scene: Scene) -> None:
    scene.plan("p", month(10))
    scene.attach("p")
    scene.track(4)
    plan_update.update(scene.call(), {"plan_id": "p", "items": [month(30)]})
    assert scene.shown() == (10, 6, 4)
    scene.revise("p", version=2)
    assert scene.shown() == (30, 26, 4)


def test_cancelling_at_the_end_and_taking_that_back(scene: Scene) -> None:
    ladder(scene)
    scene.attach("low")
    scene.revise("low", cancel_action="cancel_end_of_cycle")
    (attached,) = scene.attached()
    assert (attached.canceled_at, attached.expires_at) == (NOW, add_months(NOW, 1))
    scene.revise("low", cancel_action="uncancel")
    scene.now = add_months(NOW, 1)
    scene.account()
    assert statuses(scene) == {"low": "active"}
    scene.revise("low", cancel_action="cancel_end_of_cycle")
    scene.now = add_months(scene.now, 1)
    assert scene.view() is None
    assert statuses(scene) == {}


def test_taking_a_downgrade_back_drops_what_was_scheduled(scene: Scene) -> None:
    ladder(scene)
    scene.attach("high")
    scene.attach("low")
    scene.revise("high", cancel_action="uncancel")
    assert statuses(scene) == {"high": "active"}
    assert scene.attached()[0].expires_at is None


def test_cancelling_now_falls_back_to_the_plan_for_everybody(scene: Scene) -> None:
    ladder(scene)
    scene.plan("default", month(1), group="g", auto_enable=True)
    scene.attach("high")
    scene.revise("high", cancel_action="cancel_immediately")
    assert statuses(scene) == {"default": "active"}
    assert scene.remaining() == 1


def test_cancelling_an_add_on_leaves_the_rest(scene: Scene) -> None:
    ladder(scene)
    scene.plan("extra", month(5), add_on=True)
    scene.attach("high")
    scene.attach("extra")
    scene.revise("extra", cancel_action="cancel_immediately")
    assert statuses(scene) == {"high": "active"}


# -- changing that fails


def test_changing_what_is_not_there(scene: Scene) -> None:
    ladder(scene)
    message = "No active subscription found for plan 'low' on customer 'c'"
    with refused(scene, 404, "cus_product_not_found", message):
        scene.revise("low", cancel_action="cancel_immediately")
    with refused(scene, 404, "customer_not_found", "Customer nobody not found"):
        scene.revise("low", "nobody", cancel_action="cancel_immediately")
    scene.attach("high")
    scene.attach("low")
    with refused(scene, 404, "cus_product_not_found", message):
        scene.revise("low", cancel_action="cancel_immediately")
    with refused(scene, 404, "product_not_found", "Product high (version 9) not found"):
        scene.revise("high", version=9)


def test_free_plans_have_no_cycle(scene: Scene) -> None:
    ladder(scene)
    scene.attach("free")
    message = "Free products do not have billing cycles; use cancel: 'immediately' instead."
    with refused(scene, 400, "invalid_request", message):
        scene.revise("free", cancel_action="cancel_end_of_cycle")


def test_usage_can_exceed_a_smaller_quantity(scene: Scene) -> None:
    scene.plan("p", priced(0, method="prepaid", billing_units=100))
    scene.attach("p", feature_quantities=[{"feature_id": "messages", "quantity": 300}])
    scene.track(150)
    scene.revise("p", feature_quantities=[{"feature_id": "messages", "quantity": 100}])
    assert [row.balance for row in scene.rows()] == [Decimal(-50)]
