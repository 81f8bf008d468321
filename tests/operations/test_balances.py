"""``balances.create``, ``update``, ``delete``, ``recalculate`` and ``/v1/usage``."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.operations import balances
from autumn_mock.wire import requests
from autumn_mock.wire.schema import parse
from tests.operations.scene import NOW, Scene, lock, month, priced, refused, scene, snapshot

__all__ = ["scene"]

DAY = 86_400_000


def edit(scene: Scene, feature_id: str = "messages", customer_id: str = "c", **fields: Any) -> None:
    body = {"customer_id": customer_id, "feature_id": feature_id, **fields}
    balances.update(scene.call(), parse(requests.BALANCES_UPDATE, body))


def drop(scene: Scene, customer_id: str = "c", **fields: Any) -> None:
    balances.delete(scene.call(), parse(requests.BALANCES_DELETE, {"customer_id": customer_id, **fields}))


def recalculate(scene: Scene, *, keep: bool = True, **fields: Any) -> list[tuple[float, float]]:
    body = {"customer_id": "c", "feature_id": "messages", **fields}
    pairs = balances.recalculated(scene.call(), parse(requests.RECALCULATE, body), keep=keep)
    return [(float(before.balance), float(after.balance)) for before, after in pairs]


def set_usage(scene: Scene, value: float, customer_id: str = "c", **fields: Any) -> None:
    body = {"customer_id": customer_id, "feature_id": "messages", "value": value, **fields}
    balances.set_usage(scene.call(), parse(requests.SET_USAGE, body))


# -- create


def test_a_loose_balance_is_spent_like_any_other(scene: Scene) -> None:
    scene.loose(10, balance_id="mine")
    assert scene.shown() == (10, 10, 0)
    (row,) = scene.rows()
    assert (row.external_id, row.customer_plan_id, row.usage_allowed) == ("mine", None, False)
    assert row.reset is not None
    assert row.reset.interval == "one_off"


def test_a_reset_begins_one_period_from_now(scene: Scene) -> None:
    scene.loose(10, reset={"interval": "day", "interval_count": 2})
    scene.loose(10, "words", reset={"interval": "day"}, next_reset_at=NOW + 5)
    scene.loose(10, "action1", reset={"interval": "day"}, expires_at=NOW + 9)
    assert [scene.rows(each)[0].next_reset_at for each in ("messages", "words", "action1")] == [
        NOW + 2 * DAY,
        NOW + 5,
        None,
    ]


@pytest.mark.parametrize("count", [0, 0.5, -1])
def test_a_period_is_never_empty(scene: Scene, count: float) -> None:
    """Else the search for the next one would not end. (With an expiry the first one is not searched for.)"""
    scene.loose(10, reset={"interval": "month", "interval_count": count}, expires_at=NOW + DAY)
    (row,) = scene.rows()
    assert row.reset is not None
    assert row.reset.interval_count == 1


@pytest.mark.parametrize("count", [0, 0.5, -1])
def test_a_period_of_a_plan_is_never_empty(scene: Scene, count: float) -> None:
    plan = scene.plan("p", {**month(10), "reset": {"interval": "month", "interval_count": count}})
    assert plan.items[0].reset is not None
    assert plan.items[0].reset.interval_count == 1


def test_older_name_of_the_grant(scene: Scene) -> None:
    scene.loose(None, granted_balance=7)
    assert scene.remaining() == 7


def test_unlimited_and_boolean(scene: Scene) -> None:
    scene.loose(None, unlimited=True)
    scene.loose(None, "sso")
    view = scene.view()
    assert view is not None
    assert view.unlimited
    assert scene.check(feature_id="sso").flag is not None


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
    scene: Scene, feature_id: str, fields: dict[str, Any]
) -> None:
    with refused(scene, 500, "invalid_inputs", "input: Invalid input"):
        scene.loose(None, feature_id, **fields)


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
def test_times_and_rollovers_that_cannot_be(scene: Scene, fields: dict[str, Any], message: str) -> None:
    with refused(scene, 400, "invalid_request", message):
        scene.loose(10, **fields)


def test_held_things_do_not_roll_over(scene: Scene) -> None:
    with refused(scene, 400, "invalid_request", "Rollover is not supported for continuous use features"):
        scene.loose(10, "seats", rollover={"length": 1}, reset={"interval": "day"})


def test_names_that_are_unknown_or_taken(scene: Scene) -> None:
    scene.entity()
    scene.loose(10, balance_id="mine")
    scene.loose(None, "sso")
    internal = scene.customer().internal_id
    with refused(scene, 404, "feature_not_found", "Feature nope not found"):
        scene.loose(10, "nope")
    with refused(scene, 404, "customer_not_found", "Customer nobody not found"):
        scene.loose(10, customer_id="nobody")
    with refused(scene, 404, "entity_not_found", "Entity e9 not found"):
        scene.loose(10, entity_id="e9")
    with refused(scene, 400, "invalid_request", "Cannot give an entity a balance of its own feature type"):
        scene.loose(10, "seats", entity_id="e1")
    with refused(scene, 409, "invalid_request", "balance_id 'mine' is already in use for this customer"):
        scene.loose(10, "words", balance_id="mine")
    with refused(scene, 409, "invalid_request", f"A boolean entitlement sso already exists for customer {internal}"):
        scene.loose(None, "sso")


def test_a_loose_balance_rolls_over(scene: Scene) -> None:
    scene.loose(10, reset={"interval": "day"}, rollover={"duration": "forever", "length": 1, "max": 4})
    scene.now += DAY + 1
    assert scene.shown() == (14, 14, 0)


# -- update


def two_rows(scene: Scene) -> None:
    """10 a month and a loose 5, of which the first 4 are used."""
    scene.plan("p", month(10))
    scene.attach("p")
    scene.loose(5, balance_id="mine")
    scene.track(4)


@pytest.mark.parametrize("remaining", [0.5, 3, 11, 15, 40])
def test_remaining_is_what_is_left_afterwards(scene: Scene, remaining: float) -> None:
    two_rows(scene)
    edit(scene, remaining=remaining)
    assert scene.remaining() == remaining
    assert scene.values() == [4]  # no event


@pytest.mark.parametrize("usage", [0, 4, 12, 14.5])
def test_usage_is_what_was_used_afterwards(scene: Scene, usage: float) -> None:
    two_rows(scene)
    edit(scene, usage=usage)
    assert scene.shown() == (15, 15 - usage, usage)


def test_usage_of_shares_is_what_was_used_afterwards(scene: Scene) -> None:
    """Of a balance that is split over entities, too: its grant counts once for each of them."""
    scene.plan("p", month(100, entity_feature_id="seats"))
    scene.attach("p")
    for name in ("e1", "e2", "e3"):
        scene.entity(name)
    edit(scene, usage=30)
    assert scene.shown() == (300, 270, 30)


def test_adding_goes_past_the_grant_and_below_zero(scene: Scene) -> None:
    scene.loose(10)
    edit(scene, add_to_balance=5)
    assert scene.shown() == (10, 15, -5)
    edit(scene, add_to_balance=-20)
    assert [row.balance for row in scene.rows()] == [-5]


def test_an_edited_grant_is_shown_and_forgotten_at_the_reset(scene: Scene) -> None:
    scene.plan("p", month(10))
    scene.attach("p")
    scene.track(4)
    edit(scene, included_grant=30)
    assert scene.shown() == (30, 6, 24)
    scene.now += 32 * DAY
    assert scene.shown() == (10, 10, 0)


def test_remaining_eats_rollovers_first(scene: Scene) -> None:
    rollover = {"max": 30, "expiry_duration_type": "forever"}
    scene.plan("p", month(100, rollover=rollover))
    scene.attach("p")
    scene.now += 32 * DAY
    assert scene.remaining() == 130
    edit(scene, remaining=40)
    assert scene.remaining() == 70
    view = scene.view()
    assert view is not None
    assert [each.balance for each in view.rollovers] == [0]


def test_adding_leaves_rollovers_alone(scene: Scene) -> None:
    scene.plan("p", month(100, rollover={"max": 30, "expiry_duration_type": "forever"}))
    scene.attach("p")
    scene.now += 32 * DAY
    edit(scene, add_to_balance=-50)
    assert scene.remaining() == 80


def test_selectors(scene: Scene) -> None:
    two_rows(scene)
    edit(scene, remaining=1, balance_id="mine")
    edit(scene, remaining=2, interval="month")
    assert [float(row.balance) for row in scene.rows()] == [2, 1]
    edit(scene, remaining=9, customer_entitlement_id=scene.rows()[0].id)
    assert [float(row.balance) for row in scene.rows()] == [9, 1]


def test_times_are_set(scene: Scene) -> None:
    scene.plan("p", month(10))
    scene.attach("p")
    scene.track(4)
    edit(scene, next_reset_at=NOW - 1)
    assert scene.remaining() == 10
    edit(scene, expires_at=NOW + 5)
    assert scene.remaining() == 10
    scene.now += 5
    assert scene.view() is None


@pytest.mark.parametrize("fields", [{"remaining": 3}, {"usage": 3}, {"add_to_balance": 3}])
def test_an_edit_of_nothing_answers_like_one_of_something(scene: Scene, fields: dict[str, Any]) -> None:
    before = snapshot(scene)
    edit(scene, **fields)
    assert snapshot(scene) == before


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"included_grant": 3}, "No balances to update for feature messages, customer c"),
        ({"next_reset_at": NOW + 3}, "No balances found for feature messages, customer c"),
        ({"expires_at": NOW + 3}, "No balances found for feature messages, customer c"),
    ],
)
def test_edits_that_need_a_balance(scene: Scene, fields: dict[str, Any], message: str) -> None:
    with refused(scene, 404, "invalid_request", message):
        edit(scene, **fields)


def test_edits_that_cannot_be(scene: Scene) -> None:
    scene.loose(10)
    with refused(scene, 400, "invalid_request", "expires_at must be in the future"):
        edit(scene, expires_at=NOW)
    with refused(scene, 404, "feature_not_found", "Feature nope not found"):
        edit(scene, "nope", remaining=1)
    with refused(scene, 404, "customer_not_found", "Customer nobody not found"):
        edit(scene, customer_id="nobody", remaining=1)
    with refused(scene, 404, "entity_not_found", "Entity e9 not found"):
        edit(scene, entity_id="e9", remaining=1)


# -- delete


def test_what_the_selectors_name_is_deleted(scene: Scene) -> None:
    two_rows(scene)
    drop(scene, balance_id="mine")
    assert scene.shown() == (10, 6, 4)
    drop(scene, feature_id="messages")
    assert scene.view() is None


def test_drained_rows_go_with_the_others(scene: Scene) -> None:
    scene.loose(3, "messages")
    scene.loose(5, "words")
    scene.track(3)
    drop(scene)
    assert len(scene.environment.balances) == 0


def test_deleting_levels_the_others_when_asked(scene: Scene) -> None:
    two_rows(scene)
    edit(scene, remaining=-3, interval="month")
    drop(scene, feature_id="messages", balance_id="mine", recalculate_balances=True)
    assert [float(row.balance) for row in scene.rows()] == [-3]


def test_deletes_that_cannot_be(scene: Scene) -> None:
    scene.plan("p", priced(5))
    scene.attach("p")
    with refused(scene, 404, "invalid_request", "Balance not found for feature words and customer c"):
        drop(scene, feature_id="words")
    with refused(scene, 404, "invalid_request", "Balance not found for feature undefined and customer c"):
        drop(scene, balance_id="nope")
    with refused(scene, 409, "invalid_request", "Cannot delete paid balance for feature messages and customer c"):
        drop(scene, feature_id="messages")
    with refused(scene, 400, "invalid_request", "feature_id is required when recalculate_balances is true"):
        drop(scene, recalculate_balances=True)
    with refused(scene, 404, "customer_not_found", "Customer nobody not found"):
        drop(scene, customer_id="nobody")


# -- recalculate


def test_debts_are_paid_by_what_is_left_elsewhere(scene: Scene) -> None:
    scene.plan("a", month(10))
    scene.plan("b", month(7), add_on=True)
    scene.attach("a")
    scene.attach("b")
    edit(scene, add_to_balance=-14)
    assert recalculate(scene, keep=False) == [(-4, 0), (7, 3)]
    assert [float(row.balance) for row in scene.rows()] == [-4, 7]
    assert recalculate(scene) == [(-4, 0), (7, 3)]
    assert [float(row.balance) for row in scene.rows()] == [0, 3]
    assert recalculate(scene) == [(0, 0), (3, 3)]


def test_recalculations_that_cannot_be(scene: Scene) -> None:
    with refused(scene, 404, "invalid_request", "Balance not found for feature messages and customer c"):
        recalculate(scene)
    with refused(scene, 404, "feature_not_found", "Feature nope not found"):
        recalculate(scene, feature_id="nope")
    with refused(scene, 404, "customer_not_found", "Customer nobody not found"):
        recalculate(scene, customer_id="nobody")
    with refused(scene, 404, "entity_not_found", "Entity e9 not found"):
        recalculate(scene, entity_id="e9")


# -- /v1/usage


def test_usage_can_be_set(scene: Scene) -> None:
    two_rows(scene)
    set_usage(scene, 9)
    assert scene.shown() == (15, 6, 9)
    set_usage(scene, 2)
    assert scene.shown() == (15, 13, 2)


def test_setting_usage_makes_the_customer(scene: Scene) -> None:
    scene.plan("free", month(5), auto_enable=True)
    set_usage(scene, 2, "new")
    assert scene.shown(customer_id="new") == (5, 3, 2)


def test_usages_that_cannot_be_set(scene: Scene) -> None:
    with refused(scene, 404, "feature_not_found", "Feature nope not found"):
        set_usage(scene, 2, feature_id="nope")
    with refused(scene, 404, "entity_not_found", "Entity e9 not found"):
        set_usage(scene, 2, entity_id="e9")


def test_a_lock_survives_an_edit(scene: Scene) -> None:
    scene.plan("p", month(10))
    scene.attach("p")
    scene.track(4, lock=lock())
    edit(scene, remaining=10)
    scene.finalize()
    assert scene.remaining() == 14


def test_a_one_off_balance_is_renewed_once_when_an_edit_says_so(scene: Scene) -> None:
    scene.loose(10)
    scene.track(4)
    body = {"customer_id": "c", "feature_id": "messages", "next_reset_at": scene.now + 5}
    balances.update(scene.call(), parse(requests.BALANCES_UPDATE, body))
    assert scene.remaining() == 6
    scene.now += 6
    assert scene.remaining() == 10
    [row] = scene.rows()
    assert row.next_reset_at is None
    scene.track(4)
    scene.now += 400 * 24 * 3_600_000
    assert scene.remaining() == 6
