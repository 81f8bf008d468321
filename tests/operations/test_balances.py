"""``balances.create``, ``update``, ``delete``, ``recalculate`` and ``/v1/usage``."""

from __future__ import annotations

from collections.abc import Callable
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


def test_create_makes_a_loose_balance(world: World) -> None:
    world.balance(10, balance_id="mine")
    assert world.amounts() == (10, 10, 0)
    (row,) = world.rows()
    assert (row.external_id, row.customer_plan_id, row.usage_allowed) == ("mine", None, False)
    assert row.reset is not None
    assert row.reset.interval == "one_off"


def test_create_sets_the_first_reset(world: World) -> None:
    world.balance(10, reset={"interval": "day", "interval_count": 2})
    world.balance(10, "words", reset={"interval": "day"}, next_reset_at=NOW + 5)
    world.balance(10, "action1", reset={"interval": "day"}, expires_at=NOW + 9)
    assert [world.rows(each)[0].next_reset_at for each in ("messages", "words", "action1")] == [
        NOW + 2 * DAY,
        NOW + 5,
        None,
    ]


@pytest.mark.parametrize("count", [0, 0.5, -1])
def test_create_counts_an_empty_interval_as_one(world: World, count: float) -> None:
    """Else the search for the next one would not end. (With an expiry the first one is not searched for.)"""
    world.balance(10, reset={"interval": "month", "interval_count": count}, expires_at=NOW + DAY)
    (row,) = world.rows()
    assert row.reset is not None
    assert row.reset.interval_count == 1


@pytest.mark.parametrize("count", [0, 0.5, -1])
def test_plan_items_count_an_empty_interval_as_one(world: World, count: float) -> None:
    plan = world.plan("p", {**monthly(10), "reset": {"interval": "month", "interval_count": count}})
    assert plan.items[0].reset is not None
    assert plan.items[0].reset.interval_count == 1


def test_create_accepts_granted_balance(world: World) -> None:
    world.balance(None, granted_balance=7)
    assert world.remaining() == 7


def test_create_of_unlimited_and_boolean_balances(world: World) -> None:
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
def test_create_requires_one_of_grant_and_unlimited(world: World, feature_id: str, fields: dict[str, Any]) -> None:
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
def test_create_refuses_times_and_rollovers(world: World, fields: dict[str, Any], message: str) -> None:
    with world.refused(400, "invalid_request", message):
        world.balance(10, **fields)


def test_create_refuses_rollovers_of_allocated_features(world: World) -> None:
    with world.refused(400, "invalid_request", "Rollover is not supported for continuous use features"):
        world.balance(10, "seats", rollover={"length": 1}, reset={"interval": "day"})


def test_create_with_a_rollover(world: World) -> None:
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
def test_update_sets_remaining(world: World, remaining: float) -> None:
    two_rows(world)
    edit(world, remaining=remaining)
    assert world.remaining() == remaining
    assert world.values() == [4]  # no event


@pytest.mark.parametrize("usage", [0, 4, 12, 14.5])
def test_update_sets_usage(world: World, usage: float) -> None:
    two_rows(world)
    edit(world, usage=usage)
    assert world.amounts() == (15, 15 - usage, usage)


def test_update_sets_usage_of_per_entity_balances(world: World) -> None:
    """Of a balance that is split over entities, too: its grant counts once for each of them."""
    world.plan("p", monthly(100, entity_feature_id="seats"))
    world.attach("p")
    for name in ("e1", "e2", "e3"):
        world.entity(name)
    edit(world, usage=30)
    assert world.amounts() == (300, 270, 30)


def test_update_adds_past_the_grant_and_below_zero(world: World) -> None:
    world.balance(10)
    edit(world, add_to_balance=5)
    assert world.amounts() == (10, 15, -5)
    edit(world, add_to_balance=-20)
    assert [row.balance for row in world.rows()] == [-5]


def test_update_of_the_grant_ends_at_the_reset(world: World) -> None:
    world.plan("p", monthly(10))
    world.attach("p")
    world.track(4)
    edit(world, included_grant=30)
    assert world.amounts() == (30, 6, 24)
    world.now += 32 * DAY
    assert world.amounts() == (10, 10, 0)


def test_update_of_remaining_uses_rollovers_first(world: World) -> None:
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


def test_update_that_adds_keeps_rollovers(world: World) -> None:
    world.plan("p", monthly(100, rollover={"max": 30, "expiry_duration_type": "forever"}))
    world.attach("p")
    world.now += 32 * DAY
    edit(world, add_to_balance=-50)
    assert world.remaining() == 80


def test_update_selects_rows(world: World) -> None:
    two_rows(world)
    edit(world, remaining=1, balance_id="mine")
    edit(world, remaining=2, interval="month")
    assert [float(row.balance) for row in world.rows()] == [2, 1]
    edit(world, remaining=9, customer_entitlement_id=world.rows()[0].id)
    assert [float(row.balance) for row in world.rows()] == [9, 1]


def test_update_sets_times(world: World) -> None:
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
def test_update_without_a_balance_changes_nothing(world: World, fields: dict[str, Any]) -> None:
    before = world.snapshot()
    edit(world, **fields)
    assert world.snapshot() == before


# -- delete


def test_delete_selects_rows(world: World) -> None:
    two_rows(world)
    drop(world, balance_id="mine")
    assert world.amounts() == (10, 6, 4)
    drop(world, feature_id="messages")
    assert world.view() is None


def test_delete_includes_drained_rows(world: World) -> None:
    world.balance(3, "messages")
    world.balance(5, "words")
    world.track(3)
    drop(world)
    assert len(world.environment.balances) == 0


def test_delete_recalculates_on_request(world: World) -> None:
    two_rows(world)
    edit(world, remaining=-3, interval="month")
    drop(world, feature_id="messages", balance_id="mine", recalculate_balances=True)
    assert [float(row.balance) for row in world.rows()] == [-3]


# -- recalculate


def test_recalculate_pays_overdrafts_from_other_rows(world: World) -> None:
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


# -- /v1/usage


def test_set_usage(world: World) -> None:
    two_rows(world)
    set_usage(world, 9)
    assert world.amounts() == (15, 6, 9)
    set_usage(world, 2)
    assert world.amounts() == (15, 13, 2)


def test_set_usage_creates_the_customer(world: World) -> None:
    world.plan("free", monthly(5), auto_enable=True)
    set_usage(world, 2, "new")
    assert world.amounts(customer_id="new") == (5, 3, 2)


def test_update_keeps_locks(world: World) -> None:
    world.plan("p", monthly(10))
    world.attach("p")
    world.track(4, lock=lock())
    edit(world, remaining=10)
    world.finalize()
    assert world.remaining() == 14


def test_update_moves_the_next_reset_of_the_row_that_is_reset_first(world: World) -> None:
    world.balance(10)
    refused = "Cannot update next reset at for lifetime balance (feature messages, customer c)"
    with world.refused(400, "invalid_request", refused):
        edit(world, next_reset_at=NOW + 5)
    world.balance(7, reset={"interval": "month"})
    world.balance(5, reset={"interval": "day"})
    edit(world, next_reset_at=NOW + 5)
    assert [row.next_reset_at == NOW + 5 for row in world.rows()] == [False, False, True]


# -- refusals of every call

CALLS: dict[str, Callable[..., object]] = {
    "create": lambda world, **fields: world.balance(10, **fields),
    "update": lambda world, **fields: edit(world, **fields),
    "delete": lambda world, **fields: drop(world, **fields),
    "recalculate": lambda world, **fields: recalculate(world, **fields),
    "set_usage": lambda world, **fields: set_usage(world, 2, **fields),
}


@pytest.mark.parametrize("call", ["create", "update", "recalculate", "set_usage"])
@pytest.mark.parametrize(
    ("field", "name", "kind"),
    [("feature_id", "nope", "feature"), ("customer_id", "unknown", "customer"), ("entity_id", "e9", "entity")],
)
def test_unknown_names_are_refused(world: World, call: str, field: str, name: str, kind: str) -> None:
    if (call, kind) != ("set_usage", "customer"):  # that one creates the customer
        with world.refused(404, f"{kind}_not_found", f"{kind.title()} {name} not found"):
            CALLS[call](world, **{field: name})


WORDS = {"feature_id": "words"}


@pytest.mark.parametrize(
    ("call", "fields", "status", "message"),
    [
        ("create", {**WORDS, "balance_id": "mine"}, 409, "balance_id 'mine' is already in use for this customer"),
        ("update", {"expires_at": NOW}, 400, "expires_at must be in the future"),
        ("update", {**WORDS, "included_grant": 3}, 404, "No balances to update for feature words, customer c"),
        ("update", {**WORDS, "next_reset_at": NOW + 3}, 404, "No balances found for feature words, customer c"),
        ("update", {**WORDS, "expires_at": NOW + 3}, 404, "No balances found for feature words, customer c"),
        ("delete", WORDS, 404, "Balance not found for feature words and customer c"),
        ("delete", {"balance_id": "nope"}, 404, "Balance not found for feature undefined and customer c"),
        ("delete", {"feature_id": "action1"}, 409, "Cannot delete paid balance for feature action1 and customer c"),
        ("delete", {"recalculate_balances": True}, 400, "feature_id is required when recalculate_balances is true"),
        ("recalculate", WORDS, 404, "Balance not found for feature words and customer c"),
    ],
)
def test_calls_refuse(world: World, call: str, fields: dict[str, Any], status: int, message: str) -> None:
    world.plan("p", priced(5, "action1"))
    world.attach("p")
    world.balance(10, balance_id="mine")
    with world.refused(status, "invalid_request", message):
        CALLS[call](world, **fields)


def test_create_refuses_a_balance_of_the_entity_itself(world: World) -> None:
    world.entity()
    with world.refused(400, "invalid_request", "Cannot give an entity a balance of its own feature type"):
        world.balance(10, "seats", entity_id="e1")


def test_create_refuses_a_second_boolean_balance(world: World) -> None:
    world.balance(None, "sso")
    internal = world.customer().internal_id
    with world.refused(409, "invalid_request", f"A boolean entitlement sso already exists for customer {internal}"):
        world.balance(None, "sso")
