"""``balances.check``: whether a use is allowed, and checks that use or hold at once."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.operations import check as check_module
from autumn_mock.operations import features
from autumn_mock.operations.balances import update
from autumn_mock.wire.requests.balances import BalancesUpdate, Check
from autumn_mock.wire.requests.features import FeaturePatch
from autumn_mock.wire.schema import parse
from tests.support.world import NOW, World, lock, monthly, priced

DAY = 86_400_000


@pytest.mark.parametrize(("required", "allowed"), [(0, True), (10, True), (10.5, False), (-1, True)])
def test_what_is_left_decides(world: World, required: float, allowed: bool) -> None:
    world.balance(10)
    before = world.snapshot()
    result = world.check(required)
    assert (result.allowed, float(result.required)) == (allowed, required)
    assert result.balance is not None
    assert world.snapshot() == before


def test_without_a_balance_nothing_is_allowed(world: World) -> None:
    result = world.check()
    assert (result.allowed, result.balance, result.flag) == (False, None, None)


def test_a_flag_is_allowed_by_being_there(world: World) -> None:
    assert not world.check(feature_id="sso").allowed
    world.balance(None, "sso")
    result = world.check(feature_id="sso")
    assert result.allowed
    assert result.flag is not None
    assert result.balance is None


def test_unlimited_allows_everything(world: World) -> None:
    world.balance(None, unlimited=True)
    assert world.check(1e9).allowed


@pytest.mark.parametrize(
    ("own", "credits", "answers", "required", "allowed"),
    [
        (5, 10, "action1", 5, True),
        (4, 10, "credits", 1, True),
        (4, 0.5, "credits", 1, False),
        (4, None, "action1", 5, False),
        (None, 10, "credits", 1, True),
        (None, None, "credits", 1, False),
    ],
)
def test_the_feature_that_suffices_answers(
    world: World, own: float | None, credits: float | None, answers: str, required: float, allowed: bool
) -> None:
    """Its own rows; else credits, converted; else credits that the customer has; else its own; else credits."""
    if own is not None:
        world.balance(own, "action1")
    if credits is not None:
        world.balance(credits, "credits")
    result = world.check(5, "action1")
    assert (result.feature.id, float(result.required), result.allowed) == (answers, required, allowed)


def test_a_priced_balance_allows_as_far_as_may_be_purchased(world: World) -> None:
    world.plan("p", priced(5, max_purchase=5))
    world.attach("p")
    assert world.check(10).allowed
    assert not world.check(11).allowed
    world.track(7)
    assert world.check(3).allowed
    assert not world.check(4).allowed


def test_a_usage_limit_counts(world: World) -> None:
    world.customer(
        "limited",
        billing_controls={"usage_limits": [{"feature_id": "messages", "limit": 6, "interval": "day"}]},
    )
    world.balance(14, customer_id="limited")
    world.track(7, customer_id="limited")
    result = world.check(customer_id="limited")
    assert not result.allowed
    assert result.balance is not None
    assert result.balance.remaining == 8


def test_an_entity_is_asked_about_with_what_it_inherits(world: World) -> None:
    world.entity()
    world.balance(5, entity_id="e1")
    world.balance(10)
    assert world.check(15, entity_id="e1").allowed
    assert not world.check(15).allowed


# -- checks that use


def test_send_event_uses_what_is_allowed(world: World) -> None:
    world.balance(10)
    result = world.check(4, send_event=True)
    assert result.allowed
    assert result.balance is not None
    assert result.balance.remaining == 6
    assert world.values() == [4]
    assert world.remaining() == 6


def test_send_event_uses_nothing_that_is_not(world: World) -> None:
    world.balance(10)
    before = world.snapshot()
    result = world.check(11, send_event=True)
    assert not result.allowed
    assert world.snapshot() == before


def test_send_event_without_rows(world: World) -> None:
    result = world.check(11, "action1", send_event=True)
    assert (result.allowed, result.balance, float(result.required)) == (False, None, 11)
    assert world.events() == []


def test_a_check_that_used_credits_shows_all_balances_involved(world: World) -> None:
    world.balance(10, "credits")
    result = world.check(5, "action1", send_event=True)
    assert result.balances is not None
    assert {name: view and view.remaining for name, view in result.balances.items()} == {"action1": None, "credits": 9}


# -- checks that hold


def test_a_check_can_hold(world: World) -> None:
    world.balance(10)
    assert world.check(4, lock=lock(expires_at=NOW + 5000)).allowed
    held = world.environment.locks.get("lock")
    assert held is not None
    assert held.releases_at == NOW + 5000
    assert world.remaining() == 6


def test_what_a_check_held_is_released_when_it_expires(world: World) -> None:
    world.balance(15)
    world.check(8, lock=lock(expires_at=NOW + 5000))
    world.now += 4999
    assert world.remaining() == 7
    world.now += 1
    assert world.remaining() == 15
    assert world.values() == [8, -8]


def test_a_check_that_is_not_allowed_holds_nothing(world: World) -> None:
    world.balance(10)
    before = world.snapshot()
    assert not world.check(11, lock=lock()).allowed
    assert world.snapshot() == before


def test_a_lock_may_last_a_day(world: World) -> None:
    world.balance(10)
    with world.refused(400, "invalid_request", "Lock expires_at cannot be more than 1 day from now"):
        world.check(lock=lock(expires_at=NOW + DAY + 1))
    assert world.check(lock=lock(expires_at=NOW + DAY)).allowed


def test_held_things_cannot_be_locked(world: World) -> None:
    world.balance(10, "seats")
    with world.refused(400, "invalid_request", "Lock is not supported for allocated features"):
        world.check(feature_id="seats", lock=lock())


def test_a_lock_id_that_is_taken(world: World) -> None:
    world.balance(10)
    world.check(lock=lock())
    with world.refused(409, "lock_already_exists", "A lock with this ID already exists"):
        world.check(lock=lock())


# -- failing


@pytest.mark.parametrize("use", [{"send_event": True}, {"lock": lock()}])
def test_flags_are_not_used(world: World, use: dict[str, Any]) -> None:
    message = "send_event cannot be used with boolean features, which are flags rather than usage-tracked."
    with world.refused(400, "invalid_request", message):
        world.check(feature_id="sso", **use)


@pytest.mark.parametrize("use", [{"send_event": True}, {"lock": lock()}])
def test_a_publishable_key_only_looks(world: World, use: dict[str, Any]) -> None:
    world.balance(10)
    message = "Can't use send_event: true with a publishable key. Use your secret API key instead."
    with world.refused(400, "invalid_request", message):
        check_module.check(
            world.call(publishable=True), parse(Check, {"customer_id": "c", "feature_id": "messages", **use})
        )
    assert check_module.check(world.call(publishable=True), Check(customer_id="c", feature_id="messages")).allowed


def test_unknown_things(world: World) -> None:
    with world.refused(404, "feature_not_found", "Feature nope not found"):
        world.check(feature_id="nope")
    with world.refused(404, "customer_not_found", "Customer nobody not found"):
        world.check(customer_id="nobody")
    with world.refused(404, "entity_not_found", "Entity e9 not found"):
        world.check(entity_id="e9")


# -- plans


def test_whether_a_customer_is_on_a_plan(world: World) -> None:
    world.plan("p", monthly(5))
    assert check_module.check_plan(world.call(), Check(customer_id="c"), "p").status is None
    world.attach("p")
    assert check_module.check_plan(world.call(), Check(customer_id="c"), "p").status == "active"


def test_asking_about_a_plan_makes_the_customer(world: World) -> None:
    world.plan("p", monthly(5))
    check_module.check_plan(world.call(), Check(customer_id="new"), "p")
    assert len(world.environment.customers) == 2


def test_an_unknown_plan(world: World) -> None:
    with world.refused(404, "product_not_found", "Product nope not found"):
        check_module.check_plan(world.call(), Check(customer_id="new"), "nope")


def test_an_archived_feature_still_answers(world: World) -> None:
    world.balance(10)
    features.update(world.call(), "messages", FeaturePatch(archived=True))
    assert world.check(10).allowed


def test_an_edit_decides_at_once(world: World) -> None:
    world.balance(10)
    update(world.call(), BalancesUpdate(customer_id="c", feature_id="messages", remaining=2))
    assert not world.check(3).allowed
