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
def test_check_compares_with_the_remaining_balance(world: World, required: float, allowed: bool) -> None:
    world.balance(10)
    before = world.snapshot()
    result = world.check(required)
    assert (result.allowed, float(result.required)) == (allowed, required)
    assert result.balance is not None
    assert world.snapshot() == before


def test_check_without_a_balance(world: World) -> None:
    result = world.check()
    assert (result.allowed, result.balance, result.flag) == (False, None, None)


def test_check_of_a_boolean_feature(world: World) -> None:
    assert not world.check(feature_id="sso").allowed
    world.balance(None, "sso")
    result = world.check(feature_id="sso")
    assert result.allowed
    assert result.flag is not None
    assert result.balance is None


def test_check_of_an_unlimited_balance(world: World) -> None:
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
def test_check_chooses_the_feature_that_answers(
    world: World, own: float | None, credits: float | None, answers: str, required: float, allowed: bool
) -> None:
    """Its own rows; else credits, converted; else credits that the customer has; else its own; else credits."""
    if own is not None:
        world.balance(own, "action1")
    if credits is not None:
        world.balance(credits, "credits")
    result = world.check(5, "action1")
    assert (result.feature.id, float(result.required), result.allowed) == (answers, required, allowed)


def test_check_allows_up_to_max_purchase(world: World) -> None:
    world.plan("p", priced(5, max_purchase=5))
    world.attach("p")
    assert world.check(10).allowed
    assert not world.check(11).allowed
    world.track(7)
    assert world.check(3).allowed
    assert not world.check(4).allowed


def test_check_applies_usage_limits(world: World) -> None:
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


def test_check_of_an_entity_includes_shared_balances(world: World) -> None:
    world.entity()
    world.balance(5, entity_id="e1")
    world.balance(10)
    assert world.check(15, entity_id="e1").allowed
    assert not world.check(15).allowed


# -- checks that use


def test_check_with_send_event_deducts(world: World) -> None:
    world.balance(10)
    result = world.check(4, send_event=True)
    assert result.allowed
    assert result.balance is not None
    assert result.balance.remaining == 6
    assert world.values() == [4]
    assert world.remaining() == 6


def test_check_with_send_event_that_is_denied(world: World) -> None:
    world.balance(10)
    before = world.snapshot()
    result = world.check(11, send_event=True)
    assert not result.allowed
    assert world.snapshot() == before


def test_check_with_send_event_without_a_balance(world: World) -> None:
    result = world.check(11, "action1", send_event=True)
    assert (result.allowed, result.balance, float(result.required)) == (False, None, 11)
    assert world.events() == []


def test_check_that_used_credits_returns_all_balances(world: World) -> None:
    world.balance(10, "credits")
    result = world.check(5, "action1", send_event=True)
    assert result.balances is not None
    assert {name: view and view.remaining for name, view in result.balances.items()} == {"action1": None, "credits": 9}


# -- checks that hold


def test_check_with_a_lock_holds(world: World) -> None:
    world.balance(10)
    assert world.check(4, lock=lock(expires_at=NOW + 5000)).allowed
    held = world.environment.locks.get("lock")
    assert held is not None
    assert held.releases_at == NOW + 5000
    assert world.remaining() == 6


def test_lock_of_a_check_is_released_at_its_expiry(world: World) -> None:
    world.balance(15)
    world.check(8, lock=lock(expires_at=NOW + 5000))
    world.now += 4999
    assert world.remaining() == 7
    world.now += 1
    assert world.remaining() == 15
    assert world.values() == [8, -8]


def test_check_with_a_lock_that_has_expired_is_accepted_and_returned(world: World) -> None:
    """Contract 6.3: ``expires_at`` in the past is accepted."""
    world.balance(10)
    assert world.check(4, lock=lock(expires_at=NOW - 1000)).allowed
    world.now += 1
    assert world.remaining() == 10


def test_check_with_a_lock_that_is_denied(world: World) -> None:
    world.balance(10)
    before = world.snapshot()
    assert not world.check(11, lock=lock()).allowed
    assert world.snapshot() == before


# -- refusals

BOOLEAN = "send_event cannot be used with boolean features, which are flags rather than usage-tracked."


@pytest.mark.parametrize(
    ("fields", "status", "code", "message"),
    [
        ({"feature_id": "nope"}, 404, "feature_not_found", "Feature nope not found"),
        ({"customer_id": "unknown"}, 404, "customer_not_found", "Customer unknown not found"),
        ({"entity_id": "e9"}, 404, "entity_not_found", "Entity e9 not found"),
        ({"feature_id": "sso", "send_event": True}, 400, "invalid_request", BOOLEAN),
        ({"feature_id": "sso", "lock": lock()}, 400, "invalid_request", BOOLEAN),
        (
            {"feature_id": "seats", "lock": lock()},
            400,
            "invalid_request",
            "Lock is not supported for allocated features",
        ),
        ({"lock": lock("held")}, 409, "lock_already_exists", "A lock with this ID already exists"),
        (
            {"lock": lock(expires_at=NOW + DAY + 1)},
            400,
            "invalid_request",
            "Lock expires_at cannot be more than 1 day from now",
        ),
    ],
)
def test_check_refuses(world: World, fields: dict[str, Any], status: int, code: str, message: str) -> None:
    world.balance(10)
    world.balance(10, "seats")
    world.check(lock=lock("held", expires_at=NOW + DAY))
    with world.refused(status, code, message):
        world.check(**fields)


@pytest.mark.parametrize("use", [{"send_event": True}, {"lock": lock()}])
def test_check_with_a_publishable_key_is_read_only(world: World, use: dict[str, Any]) -> None:
    world.balance(10)
    message = "Can't use send_event: true with a publishable key. Use your secret API key instead."
    with world.refused(400, "invalid_request", message):
        check_module.check(
            world.call(publishable=True), parse(Check, {"customer_id": "c", "feature_id": "messages", **use})
        )
    assert check_module.check(world.call(publishable=True), Check(customer_id="c", feature_id="messages")).allowed


# -- plans


def test_check_plan(world: World) -> None:
    world.plan("p", monthly(5))
    assert check_module.check_plan(world.call(), Check(customer_id="c"), "p").status is None
    world.attach("p")
    assert check_module.check_plan(world.call(), Check(customer_id="c"), "p").status == "active"


def test_check_plan_creates_the_customer(world: World) -> None:
    world.plan("p", monthly(5))
    check_module.check_plan(world.call(), Check(customer_id="new"), "p")
    assert len(world.environment.customers) == 2


def test_check_plan_refuses_an_unknown_plan(world: World) -> None:
    with world.refused(404, "product_not_found", "Product nope not found"):
        check_module.check_plan(world.call(), Check(customer_id="new"), "nope")


def test_check_of_an_archived_feature(world: World) -> None:
    world.balance(10)
    features.update(world.call(), "messages", FeaturePatch(archived=True))
    assert world.check(10).allowed


def test_check_after_an_edit(world: World) -> None:
    world.balance(10)
    update(world.call(), BalancesUpdate(customer_id="c", feature_id="messages", remaining=2))
    assert not world.check(3).allowed
