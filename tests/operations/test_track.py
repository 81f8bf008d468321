"""``balances.track``: what it takes, what it answers, and every way it fails."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from autumn_mock.domain.version import Version
from autumn_mock.operations import track as track_module
from autumn_mock.operations.idempotency import KEY_LIFETIME
from tests.support.world import NOW, World, item, lock, monthly, priced


def test_a_track_takes_writes_an_event_and_answers_with_the_balance(world: World) -> None:
    world.balance(10)
    result = world.track(4, properties={"a": 1}, timestamp=NOW - 5)
    assert result.balance is not None
    assert result.balance.remaining == 6
    (row,) = world.rows()
    assert [(each.balance_id, each.feature_id) for each in result.deductions] == [(row.id, "messages")]
    assert [each.value for each in result.deductions] == [4]
    (event,) = world.events()
    assert (event.name, event.timestamp, event.properties) == ("messages", NOW - 5, {"a": 1})
    assert event.value == 4
    assert event.deductions == result.deductions
    assert world.remaining() == 6


def test_what_does_not_fit_is_dropped_and_the_event_keeps_what_was_asked(world: World) -> None:
    world.balance(10)
    result = world.track(25)
    assert [each.value for each in result.deductions] == [10]
    assert world.values() == [25]
    assert result.balance is not None  # the answer still shows the row that is hidden from now on
    assert result.balance.remaining == 0
    assert world.view() is None


def test_zero_moves_nothing_and_writes_an_event(world: World) -> None:
    world.balance(10)
    assert world.track(0).deductions == ()
    assert world.values() == [0]
    assert world.remaining() == 10


def test_without_rows_a_track_succeeds_even_with_reject(world: World) -> None:
    result = world.track(3, overage_behavior="reject")
    assert (result.balance, result.deductions) == (None, ())
    assert world.values() == [3]


def test_a_boolean_feature_is_echoed(world: World) -> None:
    world.balance(None, "sso")
    result = world.track(3, "sso")
    assert (result.balance, result.deductions) == (None, ())
    assert world.values() == [3]


def test_an_event_name_takes_from_every_feature_that_lists_it(world: World) -> None:
    world.balance(100, "action1")
    world.balance(50, "action2")
    result = world.track(20, None, event_name="action-event")
    assert result.balance is None  # two features, neither more meant than the other
    assert {name: view.remaining for name, view in result.balances.items() if view is not None} == {
        "action1": 80,
        "action2": 30,
    }
    (event,) = world.events()
    assert event.name == "action-event"
    assert [each.feature_id for each in event.deductions] == ["action1", "action2"]


def test_an_event_name_for_a_customer_with_one_of_its_features(world: World) -> None:
    world.balance(150, "action1")
    result = world.track(37.89, None, event_name="action-event")
    assert result.balances["credits"] is None
    assert world.remaining("action1") == 112.11


@pytest.mark.parametrize(
    ("value", "answers", "left"),
    [(5, "action1", (5, 100)), (20, "action1", (0, 98)), (-1, "credits", (10, 100)), (0, "credits", (10, 100))],
)
def test_the_balance_answered_is_of_the_feature_that_paid(
    world: World, value: int, answers: str, left: tuple[float, float]
) -> None:
    """The first whose rows lost something; when none did, a credit system that lists the feature."""
    world.plan("p", monthly(10, "action1"), monthly(100, "credits"))
    world.attach("p")
    result = world.track(value, "action1")
    assert result.balance is not None
    assert result.balance.feature.id == answers
    assert (world.remaining("action1"), world.remaining("credits")) == left
    assert list(result.balances) == ["action1", "credits"]


def test_an_unlimited_balance_is_answered_before_others(world: World) -> None:
    world.balance(10, "action1")
    world.balance(None, "credits", unlimited=True)
    result = world.track(5, "action1")
    assert result.balance is not None
    assert (result.balance.feature.id, result.balance.unlimited) == ("credits", True)
    assert result.balance.usage == 1
    assert world.remaining("action1") == 10


def test_skip_event(world: World) -> None:
    world.balance(10)
    world.track(3, skip_event=True)
    assert world.events() == []
    assert world.remaining() == 7


def test_an_entity_is_tracked_and_kept_with_the_event(world: World) -> None:
    world.entity()
    world.balance(5, entity_id="e1")
    world.balance(10)
    world.track(7, entity_id="e1")
    assert world.remaining(entity_id="e1") == 8
    assert [event.entity_id for event in world.events()] == ["e1"]


def test_a_customer_is_also_known_by_its_internal_id(world: World) -> None:
    world.balance(10)
    world.track(4, customer_id=world.customer().internal_id)
    assert world.remaining() == 6


# -- failing


def test_unknown_feature(world: World) -> None:
    with world.refused(404, "feature_not_found", "Feature nope not found"):
        world.track(1, "nope")


def test_unknown_event_name(world: World) -> None:
    with world.refused(404, "invalid_request", "No features found for event name: nope"):
        world.track(1, None, event_name="nope")


def test_unknown_customer(world: World) -> None:
    with world.refused(404, "customer_not_found", "Customer nobody not found"):
        world.track(customer_id="nobody")


def test_nobody_has_an_empty_id(world: World) -> None:
    with world.refused(404, "customer_not_found", "Customer  not found"):
        world.track(customer_id="")


@pytest.mark.parametrize("customer_id", ["c", "nobody"])
def test_an_unknown_entity_is_told_before_an_unknown_customer(world: World, customer_id: str) -> None:
    with world.refused(404, "entity_not_found", "Entity e9 not found"):
        world.track(customer_id=customer_id, entity_id="e9")


@pytest.mark.parametrize(("value", "text"), [(11, "11"), (10.5, "10.5"), (12.0, "12")])
def test_reject_that_does_not_fit(world: World, value: float, text: str) -> None:
    world.balance(10)
    message = f"Insufficient balance to deduct {text} from feature messages"
    with world.refused(400, "insufficient_balance", message):
        world.track(value, overage_behavior="reject")


def test_reject_with_an_event_name(world: World) -> None:
    world.balance(10, "action1")
    message = (
        'overage_behavior "reject" is not supported with event_name. Use feature_id or set overage_behavior to "cap".'
    )
    with world.refused(400, "invalid_request", message):
        world.track(1, None, event_name="action-event", overage_behavior="reject")


def test_a_lock_id_that_is_taken(world: World) -> None:
    world.balance(10)
    world.track(3, lock=lock())
    with world.refused(409, "lock_already_exists", "A lock with this ID already exists"):
        world.track(3, lock=lock())
    assert world.remaining() == 7


def test_lock_ids_belong_to_the_environment(world: World) -> None:
    world.balance(10)
    world.customer("other")
    world.track(3, lock=lock())
    with world.refused(409, "lock_already_exists", "A lock with this ID already exists"):
        world.track(3, customer_id="other", lock=lock())


def test_locks_with_an_event_name_or_without_rows_leave_no_receipt(world: World) -> None:
    world.track(3, lock=lock())
    world.balance(10, "action1")
    world.track(3, None, event_name="action-event", lock=lock())
    assert len(world.environment.locks) == 0


@pytest.mark.parametrize("expires_in", [None, 60_000])
def test_a_receipt_is_forgotten_and_the_deduction_stays(world: World, expires_in: int | None) -> None:
    """A day after it was taken, or an hour after it expires."""
    world.balance(10)
    world.track(3, lock=lock() if expires_in is None else lock(expires_at=world.now + expires_in))
    world.now += (24 * 3_600_000 if expires_in is None else expires_in + 3_600_000) - 1
    world.account()
    assert "lock" in world.environment.locks
    world.now += 1
    assert world.remaining() == 7
    assert len(world.environment.locks) == 0
    world.track(1, lock=lock())
    assert world.remaining() == 6


def test_a_failing_track_leaves_the_order_of_rows_as_it_was(world: World) -> None:
    """Even of rows that it renewed on the way: rows of one age are spent in that order."""
    world.plan("a", monthly(10), add_on=True)
    world.plan("b", monthly(10), add_on=True)
    world.attach("a")
    world.now += 86_400_000
    world.attach("b")
    world.now += 30 * 86_400_000 + 1
    message = "Insufficient balance to deduct 99 from feature messages"
    with world.refused(400, "insufficient_balance", message):
        world.track(99, overage_behavior="reject")
    assert [row.plan_id for row in world.rows()] == ["a", "b"]


# -- idempotency


def duplicate(key: str) -> str:
    return f"Another request with idempotency key track:{key} has already been received"


def test_a_key_is_used_once_a_day(world: World) -> None:
    world.balance(10)
    world.track(2, idempotency_key="k")
    with world.refused(409, "duplicate_idempotency_key", duplicate("k")):
        world.track(3, idempotency_key="k")
    world.now += KEY_LIFETIME
    world.track(1, idempotency_key="k")
    assert world.remaining() == 7


def test_keys_do_not_depend_on_the_customer(world: World) -> None:
    world.customer("other")
    world.track(idempotency_key="k")
    with world.refused(409, "duplicate_idempotency_key", duplicate("k")):
        world.track(customer_id="other", idempotency_key="k")


def test_a_key_is_free_again_when_its_track_failed(world: World) -> None:
    world.balance(10)
    message = "Insufficient balance to deduct 11 from feature messages"
    with world.refused(400, "insufficient_balance", message):
        world.track(11, overage_behavior="reject", idempotency_key="k")
    world.track(10, overage_behavior="reject", idempotency_key="k")


def test_a_key_is_kept_when_its_track_met_a_conflict(world: World) -> None:
    world.balance(10)
    world.track(1, lock=lock())
    with world.refused(409, "lock_already_exists", "A lock with this ID already exists", changes=("claims",)):
        world.track(1, lock=lock(), idempotency_key="k")
    with world.refused(409, "duplicate_idempotency_key", duplicate("k")):
        world.track(1, idempotency_key="k")


def test_a_key_is_free_again_after_an_error_of_ours(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown error gives the key back, as any failure but a conflict does."""
    world.balance(10)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("out of order")

    before = world.snapshot()
    with monkeypatch.context() as patched:
        patched.setattr(track_module, "use", broken)
        with pytest.raises(RuntimeError):
            world.track(1, idempotency_key="k")
    assert world.snapshot() == before
    world.track(1, idempotency_key="k")


# -- versions


def test_old_versions_make_customers_and_entities(world: World) -> None:
    world.plan("free", monthly(5), auto_enable=True)
    world.track(2, customer_id="new", version=Version.V2_0, customer_data={"name": "New", "email": "n@mail.org"})
    assert world.customer("new").name == "New"
    assert world.remaining(customer_id="new") == 3
    world.track(1, customer_id="new", version=Version.V2_0, entity_id="e1", entity_data={"feature_id": "seats"})
    assert list(world.account("new").entities) == ["e1"]


def test_old_versions_need_to_know_what_an_entity_is(world: World) -> None:
    message = (
        "Entity with id e9 not found. To automatically create this entity, please pass in 'feature_id' "
        "into the 'entity_data' field of the request body."
    )
    with world.refused(400, "invalid_inputs", message):
        world.track(version=Version.V2_0, customer_id="new", entity_id="e9")


def test_old_versions_need_an_id_or_an_email(world: World) -> None:
    with world.refused(400, "invalid_request", "Either customer ID or email is required"):
        world.track(version=Version.V2_0, customer_id="")


def test_an_old_version_refunds_a_drained_loose_row(world: World) -> None:
    world.balance(10)
    world.track(10)
    world.track(-4)
    assert world.view() is None
    world.track(-4, version=Version.V2_0)
    assert world.remaining() == 4


def test_values_are_exact(world: World) -> None:
    world.balance(1)
    for _ in range(3):
        world.track(0.1)
    world.track(-0.3)
    assert [row.balance for row in world.rows()] == [Decimal(1)]


def test_overage_of_a_priced_plan(world: World) -> None:
    world.plan("p", priced(5, max_purchase=5))
    world.attach("p")
    world.track(7, overage_behavior="reject")
    assert world.amounts() == (5, 0, 7)
    world.track(30)
    assert world.amounts() == (5, 0, 10)


def test_an_item_is_not_changed_by_its_track(world: World) -> None:
    asked = item(3, properties={"a": [1]})
    copy = replace(asked)
    track_module.track(world.call(), asked)
    assert asked == copy
