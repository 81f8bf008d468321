"""``balances.track``: what it takes, what it answers, and every way it fails."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from autumn_mock.domain.version import Version
from autumn_mock.operations import track as track_module
from autumn_mock.operations.idempotency import KEY_LIFETIME
from tests.operations.scene import NOW, Scene, item, lock, month, priced, refused, scene, snapshot

__all__ = ["scene"]


def test_a_track_takes_writes_an_event_and_answers_with_the_balance(scene: Scene) -> None:
    scene.loose(10)
    result = scene.track(4, properties={"a": 1}, timestamp=NOW - 5)
    assert result.balance is not None
    assert result.balance.remaining == 6
    (row,) = scene.rows()
    assert [(each.balance_id, each.feature_id) for each in result.deductions] == [(row.id, "messages")]
    assert [each.value for each in result.deductions] == [4]
    (event,) = scene.events()
    assert (event.name, event.timestamp, event.properties) == ("messages", NOW - 5, {"a": 1})
    assert event.value == 4
    assert event.deductions == result.deductions
    assert scene.remaining() == 6


def test_what_does_not_fit_is_dropped_and_the_event_keeps_what_was_asked(scene: Scene) -> None:
    scene.loose(10)
    result = scene.track(25)
    assert [each.value for each in result.deductions] == [10]
    assert scene.values() == [25]
    assert result.balance is not None  # the answer still shows the row that is hidden from now on
    assert result.balance.remaining == 0
    assert scene.view() is None


def test_zero_moves_nothing_and_writes_an_event(scene: Scene) -> None:
    scene.loose(10)
    assert scene.track(0).deductions == ()
    assert scene.values() == [0]
    assert scene.remaining() == 10


def test_without_rows_a_track_succeeds_even_with_reject(scene: Scene) -> None:
    result = scene.track(3, overage_behavior="reject")
    assert (result.balance, result.deductions) == (None, ())
    assert scene.values() == [3]


def test_a_boolean_feature_is_echoed(scene: Scene) -> None:
    scene.loose(None, "sso")
    result = scene.track(3, "sso")
    assert (result.balance, result.deductions) == (None, ())
    assert scene.values() == [3]


def test_an_event_name_takes_from_every_feature_that_lists_it(scene: Scene) -> None:
    scene.loose(100, "action1")
    scene.loose(50, "action2")
    result = scene.track(20, None, event_name="action-event")
    assert result.balance is None  # two features, neither more meant than the other
    assert {name: view.remaining for name, view in result.balances.items() if view is not None} == {
        "action1": 80,
        "action2": 30,
    }
    (event,) = scene.events()
    assert event.name == "action-event"
    assert [each.feature_id for each in event.deductions] == ["action1", "action2"]


def test_an_event_name_for_a_customer_with_one_of_its_features(scene: Scene) -> None:
    scene.loose(150, "action1")
    result = scene.track(37.89, None, event_name="action-event")
    assert result.balances["credits"] is None
    assert scene.remaining("action1") == 112.11


@pytest.mark.parametrize(
    ("value", "answers", "left"),
    [(5, "action1", (5, 100)), (20, "action1", (0, 98)), (-1, "credits", (10, 100)), (0, "credits", (10, 100))],
)
def test_the_balance_answered_is_of_the_feature_that_paid(
    scene: Scene, value: int, answers: str, left: tuple[float, float]
) -> None:
    """The first whose rows lost something; when none did, a credit system that lists the feature."""
    scene.plan("p", month(10, "action1"), month(100, "credits"))
    scene.attach("p")
    result = scene.track(value, "action1")
    assert result.balance is not None
    assert result.balance.feature.id == answers
    assert (scene.remaining("action1"), scene.remaining("credits")) == left
    assert list(result.balances) == ["action1", "credits"]


def test_an_unlimited_balance_is_answered_before_others(scene: Scene) -> None:
    scene.loose(10, "action1")
    scene.loose(None, "credits", unlimited=True)
    result = scene.track(5, "action1")
    assert result.balance is not None
    assert (result.balance.feature.id, result.balance.unlimited) == ("credits", True)
    assert result.balance.usage == 1
    assert scene.remaining("action1") == 10


def test_skip_event(scene: Scene) -> None:
    scene.loose(10)
    scene.track(3, skip_event=True)
    assert scene.events() == []
    assert scene.remaining() == 7


def test_an_entity_is_tracked_and_kept_with_the_event(scene: Scene) -> None:
    scene.entity()
    scene.loose(5, entity_id="e1")
    scene.loose(10)
    scene.track(7, entity_id="e1")
    assert scene.remaining(who="e1") == 8
    assert [event.entity_id for event in scene.events()] == ["e1"]


def test_a_customer_is_also_known_by_its_internal_id(scene: Scene) -> None:
    scene.loose(10)
    scene.track(4, customer_id=scene.customer().internal_id)
    assert scene.remaining() == 6


# -- failing


def test_unknown_feature(scene: Scene) -> None:
    with refused(scene, 404, "feature_not_found", "Feature nope not found"):
        scene.track(1, "nope")


def test_unknown_event_name(scene: Scene) -> None:
    with refused(scene, 404, "invalid_request", "No features found for event name: nope"):
        scene.track(1, None, event_name="nope")


def test_unknown_customer(scene: Scene) -> None:
    with refused(scene, 404, "customer_not_found", "Customer nobody not found"):
        scene.track(customer_id="nobody")


def test_nobody_has_an_empty_id(scene: Scene) -> None:
    with refused(scene, 404, "customer_not_found", "Customer  not found"):
        scene.track(customer_id="")


@pytest.mark.parametrize("customer_id", ["c", "nobody"])
def test_an_unknown_entity_is_told_before_an_unknown_customer(scene: Scene, customer_id: str) -> None:
    with refused(scene, 404, "entity_not_found", "Entity e9 not found"):
        scene.track(customer_id=customer_id, entity_id="e9")


@pytest.mark.parametrize(("value", "text"), [(11, "11"), (10.5, "10.5"), (12.0, "12")])
def test_reject_that_does_not_fit(scene: Scene, value: float, text: str) -> None:
    scene.loose(10)
    message = f"Insufficient balance to deduct {text} from feature messages"
    with refused(scene, 400, "insufficient_balance", message):
        scene.track(value, overage_behavior="reject")


def test_reject_with_an_event_name(scene: Scene) -> None:
    scene.loose(10, "action1")
    message = (
        'overage_behavior "reject" is not supported with event_name. Use feature_id or set overage_behavior to "cap".'
    )
    with refused(scene, 400, "invalid_request", message):
        scene.track(1, None, event_name="action-event", overage_behavior="reject")


def test_a_lock_id_that_is_taken(scene: Scene) -> None:
    scene.loose(10)
    scene.track(3, lock=lock())
    with refused(scene, 409, "lock_already_exists", "A lock with this ID already exists"):
        scene.track(3, lock=lock())
    assert scene.remaining() == 7


def test_lock_ids_belong_to_the_environment(scene: Scene) -> None:
    scene.loose(10)
    scene.customer("other")
    scene.track(3, lock=lock())
    with refused(scene, 409, "lock_already_exists", "A lock with this ID already exists"):
        scene.track(3, customer_id="other", lock=lock())


def test_locks_with_an_event_name_or_without_rows_leave_no_receipt(scene: Scene) -> None:
    scene.track(3, lock=lock())
    scene.loose(10, "action1")
    scene.track(3, None, event_name="action-event", lock=lock())
    assert len(scene.environment.locks) == 0


@pytest.mark.parametrize("expires_in", [None, 60_000])
def test_a_receipt_is_forgotten_and_the_deduction_stays(scene: Scene, expires_in: int | None) -> None:
    """A day after it was taken, or an hour after it expires."""
    scene.loose(10)
    scene.track(3, lock=lock() if expires_in is None else lock(expires_at=scene.now + expires_in))
    scene.now += (24 * 3_600_000 if expires_in is None else expires_in + 3_600_000) - 1
    scene.account()
    assert "lock" in scene.environment.locks
    scene.now += 1
    assert scene.remaining() == 7
    assert len(scene.environment.locks) == 0
    scene.track(1, lock=lock())
    assert scene.remaining() == 6


def test_a_failing_track_leaves_the_order_of_rows_as_it_was(scene: Scene) -> None:
    """Even of rows that it renewed on the way: rows of one age are spent in that order."""
    scene.plan("a", month(10), add_on=True)
    scene.plan("b", month(10), add_on=True)
    scene.attach("a")
    scene.now += 86_400_000
    scene.attach("b")
    scene.now += 30 * 86_400_000 + 1
    message = "Insufficient balance to deduct 99 from feature messages"
    with refused(scene, 400, "insufficient_balance", message):
        scene.track(99, overage_behavior="reject")
    assert [row.plan_id for row in scene.rows()] == ["a", "b"]


# -- idempotency


def duplicate(key: str) -> str:
    return f"Another request with idempotency key track:{key} has already been received"


def test_a_key_is_used_once_a_day(scene: Scene) -> None:
    scene.loose(10)
    scene.track(2, idempotency_key="k")
    with refused(scene, 409, "duplicate_idempotency_key", duplicate("k")):
        scene.track(3, idempotency_key="k")
    scene.now += KEY_LIFETIME
    scene.track(1, idempotency_key="k")
    assert scene.remaining() == 7


def test_keys_do_not_depend_on_the_customer(scene: Scene) -> None:
    scene.customer("other")
    scene.track(idempotency_key="k")
    with refused(scene, 409, "duplicate_idempotency_key", duplicate("k")):
        scene.track(customer_id="other", idempotency_key="k")


def test_a_key_is_free_again_when_its_track_failed(scene: Scene) -> None:
    scene.loose(10)
    message = "Insufficient balance to deduct 11 from feature messages"
    with refused(scene, 400, "insufficient_balance", message):
        scene.track(11, overage_behavior="reject", idempotency_key="k")
    scene.track(10, overage_behavior="reject", idempotency_key="k")


def test_a_key_is_kept_when_its_track_met_a_conflict(scene: Scene) -> None:
    scene.loose(10)
    scene.track(1, lock=lock())
    with refused(scene, 409, "lock_already_exists", "A lock with this ID already exists", leaves=("claims",)):
        scene.track(1, lock=lock(), idempotency_key="k")
    with refused(scene, 409, "duplicate_idempotency_key", duplicate("k")):
        scene.track(1, idempotency_key="k")


def test_a_key_is_free_again_after_an_error_of_ours(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown error gives the key back, as any failure but a conflict does."""
    scene.loose(10)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("out of order")

    before = snapshot(scene)
    with monkeypatch.context() as patched:
        patched.setattr(track_module, "use", broken)
        with pytest.raises(RuntimeError):
            scene.track(1, idempotency_key="k")
    assert snapshot(scene) == before
    scene.track(1, idempotency_key="k")


# -- versions


def test_old_versions_make_customers_and_entities(scene: Scene) -> None:
    scene.plan("free", month(5), auto_enable=True)
    scene.track(2, customer_id="new", version=Version.V2_0, customer_data={"name": "New", "email": "n@e.w"})
    assert scene.customer("new").name == "New"
    assert scene.remaining(customer_id="new") == 3
    scene.track(1, customer_id="new", version=Version.V2_0, entity_id="e1", entity_data={"feature_id": "seats"})
    assert list(scene.account("new").entities) == ["e1"]


def test_old_versions_need_to_know_what_an_entity_is(scene: Scene) -> None:
    message = (
        "Entity with id e9 not found. To automatically create this entity, please pass in 'feature_id' "
        "into the 'entity_data' field of the request body."
    )
    with refused(scene, 400, "invalid_inputs", message):
        scene.track(version=Version.V2_0, customer_id="new", entity_id="e9")


def test_old_versions_need_an_id_or_an_email(scene: Scene) -> None:
    with refused(scene, 400, "invalid_request", "Either customer ID or email is required"):
        scene.track(version=Version.V2_0, customer_id="")


def test_an_old_version_refunds_a_drained_loose_row(scene: Scene) -> None:
    scene.loose(10)
    scene.track(10)
    scene.track(-4)
    assert scene.view() is None
    scene.track(-4, version=Version.V2_0)
    assert scene.remaining() == 4


def test_values_are_exact(scene: Scene) -> None:
    scene.loose(1)
    for _ in range(3):
        scene.track(0.1)
    scene.track(-0.3)
    assert [row.balance for row in scene.rows()] == [Decimal(1)]


def test_overage_of_a_priced_plan(scene: Scene) -> None:
    scene.plan("p", priced(5, max_purchase=5))
    scene.attach("p")
    scene.track(7, overage_behavior="reject")
    assert scene.shown() == (5, 0, 7)
    scene.track(30)
    assert scene.shown() == (5, 0, 10)


def test_an_item_is_not_changed_by_its_track(scene: Scene) -> None:
    asked = item(3, properties={"a": [1]})
    copy = replace(asked)
    track_module.track(scene.call(), asked)
    assert asked == copy
