"""``balances.create``, ``update``, ``delete``, ``recalculate`` and ``/v1/usage``."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.operations import balances
from autumn_mock.wire.requests.balances import BalancesDelete, BalancesUpdate, Recalculate, SetUsage
from autumn_mock.wire.schema import parse
from tests.support.world import NOW, World, lock, monthly, priced

DAY = 86_400_000


def edit(world: World, feature_id: str = "messages", customer_id: str = "c", **fields: Any) -> None:
    body = {"customer_id": customer_id, "feature_id": feature_id, **fields}
    balances.update(world.call(), parse(BalancesUpdate, body))


def drop(world: World, customer_id: str = "c", **fields: Any) -> None:
    balances.delete(world.call(), parse(BalancesDelete, {"customer_id": customer_id, **fields}))


def recalculate(world: World, *, keep: bool = True, **fields: Any) -> list[tuple[float, float]]:
    body = {"customer_id": "c", "feature_id": "messages", **fields}
    pairs = balances.recalculated(world.call(), parse(Recalculate, body), keep=keep)
    return [(float(before.balance), float(after.balance)) for before, after in pairs]


def set_usage(world: World, value: float, customer_id: str = "c", **fields: Any) -> None:
    body = {"customer_id": customer_id, "feature_id": "messages", "value": value, **fields}
    balances.set_usage(world.call(), parse(SetUsage, body))


# -- create


def test_a_loose_balance_is_spent_like_any_other(world: World) -> None:
    world.balance(10, balance_id="mine")
    assert world.amounts() == (10, 10, 0)
    (row,) = world.rows()
    assert (row.external_id, row.customer_plan_id, row.usage_allowed) == ("mine", None, False)
    assert row.reset is not None
    assert row.reset.interval == "one_off"


def test_a_reset_begins_one_period_from_now(world: World) -> None:
    world.balance(10, reset={"interval": "day", "interval_count": 2})
    world.balance(10, "words", reset={"interval": "day"}, next_reset_at=NOW + 5)
    world.balance(10, "action1", reset={"interval": "day"}, expires_at=NOW + 9)
    assert [world.rows(each)[0].next_reset_at for each in ("messages", "words", "action1")] == [
        NOW + 2 * DAY,
        NOW + 5,
        None,
    ]


@pytest.mark.parametrize("count", [0, 0.5, -1])
def test_a_period_is_never_empty(world: World, count: float) -> None:
    """Else the search for the next one would not end. (With an expiry the first one is not searched for.)"""
    world.balance(10, reset={"interval": "month", "interval_count": count}, expires_at=NOW + DAY)
    (row,) = world.rows()
    assert row.reset is not None
    assert row.reset.interval_count == 1


@pytest.mark.parametrize("count", [0, 0.5, -1])
def test_a_period_of_a_plan_is_never_empty(world: World, count: float) -> None:
    plan = world.plan("p", {**monthly(10), "reset": {"interval": "month", "interval_count": count}})
    assert plan.items[0].reset is not None
    assert plan.items[0].reset.interval_count == 1


def test_older_name_of_the_grant(world: World) -> None:
    world.balance(None, granted_balance=7)
    assert world.remaining() == 7


def test_unlimited_and_boolean(world: World) -> None:
    world.balance(None, unlimited=True)
    world.balance(None, "sso")
    view = world.view()
    assert view is not None
    assert view.unlimited
    assert world.check(feature_id="sso").flag is not None


@pytest.mark.parametrize(
    ("feature_id", "fields"),
    [
        ("messages", {}),
        ("messages", {"included_grant": 1, "unlimited": True}),
        ("messages", {"unlimited": True, "reset": {"interval": "month"}}),
        ("sso", {"included_grant": 1}),
        ("sso", {"unlimited": True}),
        ("sso", {"reset": {"interval": "month"}}),
    ],
)
def test_exactly_one_of_grant_and_unlimited_and_none_for_flags(
    world: World, feature_id: str, fields: dict[str, Any]
) -> None:
    with world.refused(500, "invalid_inputs", "input: Invalid input"):
        world.balance(None, feature_id, **fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"next_reset_at": NOW + 5}, "next_reset_at requires a reset interval to be provided"),
        (
            {"next_reset_at": NOW + 5, "reset": {"interval": "one_off"}},
            "next_reset_at requires a reset interval to be provided",
        ),
        ({"next_reset_at": NOW, "reset": {"interval": "day"}}, "next_reset_at must be in the future"),
        (
            {"next_reset_at": NOW + 5000, "expires_at": NOW + 5000, "reset": {"interval": "day"}},
            "next_reset_at (2027-01-15T08:00:05.000Z) must be before expires_at (2027-01-15T08:00:05.000Z)",
        ),
        ({"rollover": {"length": 1}}, "Rollover cannot be provided for one-time balances"),
        (
            {"rollover": {"length": 1, "max": 0}, "reset": {"interval": "day"}},
            "Rollover maximum amount must be greater than 0",
        ),
    ],
)
def test_times_and_rollovers_that_cannot_be(world: World, fields: dict[str, Any], message: str) -> None:
    with world.refused(400, "invalid_request", message):
        world.balance(10, **fields)


def test_held_things_do_not_roll_over(world: World) -> None:
    with world.refused(400, "invalid_request", "Rollover is not supported for continuous use features"):
        world.balance(10, "seats", rollover={"length": 1}, reset={"interval": "day"})


def test_names_that_are_unknown_or_taken(world: World) -> None:
    world.entity()
    world.balance(10, balance_id="mine")
    world.balance(None, "sso")
    internal = world.customer().internal_id
    with world.refused(404, "feature_not_found", "Feature nope not found"):
        world.balance(10, "nope")
    with world.refused(404, "customer_not_found", "Customer nobody not found"):
        world.balance(10, customer_id="nobody")
    with world.refused(404, "entity_not_found", "Entity e9 not found"):
        world.balance(10, entity_id="e9")
    with world.refused(400, "invalid_request", "Cannot give an entity a balance of its own feature type"):
        world.balance(10, "seats", entity_id="e1")
    with world.refused(409, "invalid_request", "balance_id 'mine' is already in use for this customer"):
        world.balance(10, "words", balance_id="mine")
    with world.refused(409, "invalid_request", f"A boolean entitlement sso already exists for customer {internal}"):
        world.balance(None, "sso")


def test_a_loose_balance_rolls_over(world: World) -> None:
    world.balance(10, reset={"interval": "day"}, rollover={"duration": "forever", "length": 1, "max": 4})
    world.now += DAY + 1
    assert world.amounts() == (14, 14, 0)


# -- update


def two_rows(world: World) -> None:
    """10 a month and a loose 5, of which the first 4 are used."""
    world.plan("p", monthly(10))
    world.attach("p")
    world.balance(5, balance_id="mine")
    world.track(4)


@pytest.mark.parametrize("remaining", [0.5, 3, 11, 15, 40])
def test_remaining_is_what_is_left_afterwards(world: World, remaining: float) -> None:
    two_rows(world)
    edit(world, remaining=remaining)
    assert world.remaining() == remaining
    assert world.values() == [4]  # no event


@pytest.mark.parametrize("usage", [0, 4, 12, 14.5])
def test_usage_is_what_was_used_afterwards(world: World, usage: float) -> None:
    two_rows(world)
    edit(world, usage=usage)
    assert world.amounts() == (15, 15 - usage, usage)


def test_usage_of_shares_is_what_was_used_afterwards(world: World) -> None:
    """Of a balance that is split over entities, too: its grant counts once for each of them."""
    world.plan("p", monthly(100, entity_feature_id="seats"))
    world.attach("p")
    for name in ("e1", "e2", "e3"):
        world.entity(name)
    edit(world, usage=30)
    assert world.amounts() == (300, 270, 30)


def test_adding_goes_past_the_grant_and_below_zero(world: World) -> None:
    world.balance(10)
    edit(world, add_to_balance=5)
    assert world.amounts() == (10, 15, -5)
    edit(world, add_to_balance=-20)
    assert [row.balance for row in world.rows()] == [-5]


def test_an_edited_grant_is_shown_and_forgotten_at_the_reset(world: World) -> None:
    world.plan("p", monthly(10))
    world.attach("p")
    world.track(4)
    edit(world, included_grant=30)
    assert world.amounts() == (30, 6, 24)
    world.now += 32 * DAY
    assert world.amounts() == (10, 10, 0)


def test_remaining_eats_rollovers_first(world: World) -> None:
    rollover = {"max": 30, "expiry_duration_type": "forever"}
    world.plan("p", monthly(100, rollover=rollover))
    world.attach("p")
    world.now += 32 * DAY
    assert world.remaining() == 130
    edit(world, remaining=40)
    assert world.remaining() == 70
    view = world.view()
    assert view is not None
    assert [each.balance for each in view.rollovers] == [0]


def test_adding_leaves_rollovers_alone(world: World) -> None:
    world.plan("p", monthly(100, rollover={"max": 30, "expiry_duration_type": "forever"}))
    world.attach("p")
    world.now += 32 * DAY
    edit(world, add_to_balance=-50)
    assert world.remaining() == 80


def test_selectors(world: World) -> None:
    two_rows(world)
    edit(world, remaining=1, balance_id="mine")
    edit(world, remaining=2, interval="month")
    assert [float(row.balance) for row in world.rows()] == [2, 1]
    edit(world, remaining=9, customer_entitlement_id=world.rows()[0].id)
    assert [float(row.balance) for row in world.rows()] == [9, 1]


def test_times_are_set(world: World) -> None:
    world.plan("p", monthly(10))
    world.attach("p")
    world.track(4)
    edit(world, next_reset_at=NOW - 1)
    assert world.remaining() == 10
    edit(world, expires_at=NOW + 5)
    assert world.remaining() == 10
    world.now += 5
    assert world.view() is None


@pytest.mark.parametrize("fields", [{"remaining": 3}, {"usage": 3}, {"add_to_balance": 3}])
def test_an_edit_of_nothing_answers_like_one_of_something(world: World, fields: dict[str, Any]) -> None:
    before = world.snapshot()
    edit(world, **fields)
    assert world.snapshot() == before


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"included_grant": 3}, "No balances to update for feature messages, customer c"),
        ({"next_reset_at": NOW + 3}, "No balances found for feature messages, customer c"),
        ({"expires_at": NOW + 3}, "No balances found for feature messages, customer c"),
    ],
)
def test_edits_that_need_a_balance(world: World, fields: dict[str, Any], message: str) -> None:
    with world.refused(404, "invalid_request", message):
        edit(world, **fields)


def test_edits_that_cannot_be(world: World) -> None:
    world.balance(10)
    with world.refused(400, "invalid_request", "expires_at must be in the future"):
        edit(world, expires_at=NOW)
    with world.refused(404, "feature_not_found", "Feature nope not found"):
        edit(world, "nope", remaining=1)
    with world.refused(404, "customer_not_found", "Customer nobody not found"):
        edit(world, customer_id="nobody", remaining=1)
    with world.refused(404, "entity_not_found", "Entity e9 not found"):
        edit(world, entity_id="e9", remaining=1)


# -- delete


def test_what_the_selectors_name_is_deleted(world: World) -> None:
    two_rows(world)
    drop(world, balance_id="mine")
    assert world.amounts() == (10, 6, 4)
    drop(world, feature_id="messages")
    assert world.view() is None


def test_drained_rows_go_with_the_others(world: World) -> None:
    world.balance(3, "messages")
    world.balance(5, "words")
    world.track(3)
    drop(world)
    assert len(world.environment.balances) == 0


def test_deleting_levels_the_others_when_asked(world: World) -> None:
    two_rows(world)
    edit(world, remaining=-3, interval="month")
    drop(world, feature_id="messages", balance_id="mine", recalculate_balances=True)
    assert [float(row.balance) for row in world.rows()] == [-3]


def test_deletes_that_cannot_be(world: World) -> None:
    world.plan("p", priced(5))
    world.attach("p")
    with world.refused(404, "invalid_request", "Balance not found for feature words and customer c"):
        drop(world, feature_id="words")
    with world.refused(404, "invalid_request", "Balance not found for feature undefined and customer c"):
        drop(world, balance_id="nope")
    with world.refused(409, "invalid_request", "Cannot delete paid balance for feature messages and customer c"):
        drop(world, feature_id="messages")
    with world.refused(400, "invalid_request", "feature_id is required when recalculate_balances is true"):
        drop(world, recalculate_balances=True)
    with world.refused(404, "customer_not_found", "Customer nobody not found"):
        drop(world, customer_id="nobody")


# -- recalculate


def test_debts_are_paid_by_what_is_left_elsewhere(world: World) -> None:
    world.plan("a", monthly(10))
    world.plan("b", monthly(7), add_on=True)
    world.attach("a")
    world.attach("b")
    edit(world, add_to_balance=-14)
    assert recalculate(world, keep=False) == [(-4, 0), (7, 3)]
    assert [float(row.balance) for row in world.rows()] == [-4, 7]
    assert recalculate(world) == [(-4, 0), (7, 3)]
    assert [float(row.balance) for row in world.rows()] == [0, 3]
    assert recalculate(world) == [(0, 0), (3, 3)]


def test_recalculations_that_cannot_be(world: World) -> None:
    with world.refused(404, "invalid_request", "Balance not found for feature messages and customer c"):
        recalculate(world)
    with world.refused(404, "feature_not_found", "Feature nope not found"):
        recalculate(world, feature_id="nope")
    with world.refused(404, "customer_not_found", "Customer nobody not found"):
        recalculate(world, customer_id="nobody")
    with world.refused(404, "entity_not_found", "Entity e9 not found"):
        recalculate(world, entity_id="e9")


# -- /v1/usage


def test_usage_can_be_set(world: World) -> None:
    two_rows(world)
    set_usage(world, 9)
    assert world.amounts() == (15, 6, 9)
    set_usage(world, 2)
    assert world.amounts() == (15, 13, 2)


def test_setting_usage_makes_the_customer(world: World) -> None:
    world.plan("free", monthly(5), auto_enable=True)
    set_usage(world, 2, "new")
    assert world.amounts(customer_id="new") == (5, 3, 2)


def test_usages_that_cannot_be_set(world: World) -> None:
    with world.refused(404, "feature_not_found", "Feature nope not found"):
        set_usage(world, 2, feature_id="nope")
    with world.refused(404, "entity_not_found", "Entity e9 not found"):
        set_usage(world, 2, entity_id="e9")


def test_a_lock_survives_an_edit(world: World) -> None:
    world.plan("p", monthly(10))
    world.attach("p")
    world.track(4, lock=lock())
    edit(world, remaining=10)
    world.finalize()
    assert world.remaining() == 14


def test_a_one_off_balance_is_renewed_once_when_an_edit_says_so(world: World) -> None:
    world.balance(10)
    world.track(4)
    body = {"customer_id": "c", "feature_id": "messages", "next_reset_at": world.now + 5}
    balances.update(world.call(), parse(BalancesUpdate, body))
    assert world.remaining() == 6
    world.now += 6
    assert world.remaining() == 10
    [row] = world.rows()
    assert row.next_reset_at is None
    world.track(4)
    world.now += 400 * 24 * 3_600_000
    assert world.remaining() == 6
