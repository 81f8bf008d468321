"""Trials that revert: the paid plan waits, and goes on with its balances."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.operations import features
from autumn_mock.wire.requests.features import FeaturePatch
from tests.support.world import NOW, World, create_feature, monthly

DAY = 86_400_000
TRIAL = {"duration_length": 7, "duration_type": "day", "card_required": False, "on_end": "revert"}
PAID = {"amount": 20, "interval": "month"}


@pytest.fixture
def plans(world: World) -> World:
    """A customer with an entity; a paid plan, and a dearer one with a trial that reverts."""
    world.customer()
    world.entity("e1")
    seats = {"feature_id": "seats", "included": 5}
    world.plan("pro", monthly(100), monthly(10, "words", entity_feature_id="seats"), seats, price=PAID)
    world.plan("max", monthly(500), {**seats, "included": 9}, price={**PAID, "amount": 90}, free_trial=TRIAL)
    return world


def state(world: World) -> dict[str, Any]:
    world.account()  # what is due is applied
    statuses = {each.plan_id: each.status for each in world.attached()}
    return {"plans": statuses, "messages": world.amounts(), "seats": world.amounts("seats")}


BEFORE = {"plans": {"pro": "active"}, "messages": (100, 70, 30), "seats": (5, 4, 1)}


@pytest.mark.parametrize("end", ["time", "cancel_immediately", "cancel_end_of_cycle"])
def test_the_paid_plan_goes_on_when_the_trial_ends(plans: World, end: str) -> None:
    plans.attach("pro")
    plans.track(30)
    plans.attach("max", no_billing_changes=False)
    assert state(plans) == {"plans": {"max": "active"}, "messages": (500, 500, 0), "seats": (9, 8, 1)}
    plans.track(200)
    if end == "time":
        plans.now = NOW + 8 * DAY
    else:
        plans.update_billing("max", cancel_action=end)
    assert state(plans) == BEFORE
    assert plans.amounts("words") == (10, 10, 0)
    assert [each.attached.plan_id for each in plans.environment.closed_plans] == ["max"]


def test_entities_that_were_created_meanwhile_are_counted(plans: World) -> None:
    plans.attach("pro")
    plans.attach("max")
    plans.entity("e2")
    plans.entity("e3")
    plans.now = NOW + 8 * DAY
    assert state(plans)["seats"] == (5, 2, 3)
    assert plans.amounts("words") == (30, 30, 0)


def test_a_reset_that_was_due_meanwhile_is_applied(plans: World) -> None:
    plans.attach("pro")
    plans.track(30)
    plans.now = NOW + 28 * DAY
    plans.attach("max")
    plans.now = NOW + 40 * DAY
    assert state(plans)["messages"] == (100, 100, 0)


def test_a_trial_that_reverts_needs_a_paid_plan(plans: World) -> None:
    with plans.refused(400, "invalid_request", "Cannot use on_end: 'revert' without an existing paid subscription."):
        plans.attach("max")
    plans.plan("other", monthly(1), group="other", price=PAID)
    plans.attach("other")
    plans.attach("max")
    plans.now = NOW + 8 * DAY
    assert {each.plan_id for each in plans.attached()} - {"max"} == {"other"}


@pytest.mark.parametrize(
    ("trial", "message"),
    [
        (None, "Cannot remove a revert trial. Use cancel_action to end it and restore the previous plan."),
        (TRIAL, "on_end: 'revert' can only be set when attaching a plan."),
    ],
)
@pytest.mark.parametrize("is_customized", [False, True])
def test_an_update_cannot_make_or_remove_one(
    plans: World, trial: dict[str, Any] | None, message: str, is_customized: bool
) -> None:
    plans.attach("pro")
    plans.attach("max")
    sent: dict[str, Any] = {"free_trial": trial}
    with plans.refused(400, "invalid_request", message):
        plans.update_billing("max", **({"customize": sent} if is_customized else sent))


def test_the_features_of_a_paused_plan_cannot_be_deleted_or_renamed(plans: World) -> None:
    create_feature(plans.call(), feature_id="desks", name="Desks", type="metered", consumable=False)
    plans.attach("pro", customize={"add_items": [{"feature_id": "desks", "included": 1}]})
    plans.attach("max")
    used = "Feature desks is used in a product. You must delete the product first, or archive it instead."
    with plans.refused(409, "invalid_request", used):
        features.delete(plans.call(), "desks")
    held = "Cannot change id of feature desks because a customer is using it or has used it before"
    with plans.refused(400, "invalid_feature", held):
        features.update(plans.call(), "desks", FeaturePatch(new_feature_id="rooms"))
