"""Workers: everything accepted is deducted once or lost for a reason, whatever happens beside it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autumn_mock.domain.track import TrackItem
from autumn_mock.domain.version import Version
from autumn_mock.ingest import workers as workers_module
from autumn_mock.ingest.workers import LARGEST, deduct_messages
from autumn_mock.operations import features, track, usage
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError
from tests.ingest.plant import NOW, RETRY_DELAY_S, Plant, Sums, item

#: Long enough ago for an organisation whose workers make unknown customers.
OLD = 1_750_000_000_000


@pytest.fixture
def plant() -> Plant:
    made = Plant()
    made.customer("c", messages=100)
    return made


def lost(plant: Plant, *expected: tuple[str, str]) -> None:
    """Exactly these items were lost, and the books say so."""
    assert plant.lost() == list(expected)
    reasons: dict[str, int] = {}
    for reason, _ in expected:
        reasons[reason] = reasons.get(reason, 0) + 1
    assert plant.books.lost_by_reason == reasons
    assert plant.books.lost == len(expected)
    assert plant.sums() == Sums(plant.books, 0)
    assert plant.sums().balanced


# -- deducting


def test_a_batch_is_deducted(plant: Plant) -> None:
    plant.batch([item(5), item(3), item(1, "words")])
    plant.run()
    assert plant.left() == {"messages": 92}
    assert [event.name for event in plant.environment.events] == ["messages", "messages", "words"]
    assert [event.value for event in plant.environment.events] == [5, 3, 1]
    assert plant.books.deducted == 3
    lost(plant)


def test_an_async_track_is_deducted(plant: Plant) -> None:
    plant.later(item(5, idempotency_key="k"))
    plant.run()
    assert plant.left() == {"messages": 95}
    lost(plant)


def test_identical_items_are_all_deducted(plant: Plant) -> None:
    plant.batch([item(2), item(2), item(2)])
    plant.run()
    assert plant.left() == {"messages": 94}


def test_a_message_delivered_twice_is_deducted_once(plant: Plant) -> None:
    plant.batch([item(10), item(3, idempotency_key="k")])
    messages = plant.messages()
    deduct_messages(plant.environment, messages)
    deduct_messages(plant.environment, messages)
    deduct_messages(plant.environment, messages[1:])
    assert plant.left() == {"messages": 87}
    assert len(plant.environment.events) == 2
    assert plant.books.deducted == 2
    lost(plant)


def test_a_message_delivered_twice_at_once_is_deducted_once(plant: Plant) -> None:
    plant.batch([item(10)])
    messages = plant.messages()
    threads = [
        threading.Thread(target=deduct_messages, args=(plant.environment, messages), daemon=True) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(RETRY_DELAY_S)
    assert plant.left() == {"messages": 90}
    assert plant.books.deducted == 1


def test_items_of_a_customer_are_deducted_in_their_order(plant: Plant) -> None:
    """More of them than one transaction holds."""
    count = 2 * LARGEST + 5
    plant.batch(item(0, properties={"n": n}) for n in range(count))
    plant.run()
    assert [event.properties for event in plant.environment.events] == [{"n": n} for n in range(count)]


def test_an_event_is_dated_by_the_worker_unless_the_item_is(plant: Plant) -> None:
    plant.batch([item(), item(timestamp=NOW - 9)])
    plant.now += 50
    plant.run()
    assert [event.timestamp for event in plant.environment.events] == [NOW + 50, NOW - 9]


def test_a_lock_is_taken_by_the_worker(plant: Plant) -> None:
    held = {"lock_id": "l", "enabled": True}
    plant.batch([item(200, lock=held), item(1, lock=held)])
    plant.run()
    assert plant.left() == {"messages": 0}
    assert "l" in plant.environment.locks
    lost(plant, ("lock_already_exists", "A lock with this ID already exists"))


# -- losing


def test_what_a_client_did_wrong_is_lost_and_the_rest_deducted(plant: Plant) -> None:
    plant.batch(
        [
            item(1),
            item(101, overage_behavior="reject"),
            item(2, entity_id="e9"),
            item(3, None, event_name="action-event", overage_behavior="reject"),
            item(4, idempotency_key="k"),
            item(5, idempotency_key="k"),
            item(6),
        ]
    )
    plant.run()
    assert plant.left() == {"messages": 89}
    lost(
        plant,
        ("insufficient_balance", "Insufficient balance to deduct 101 from feature messages"),
        ("entity_not_found", "Entity e9 not found"),
        (
            "invalid_request",
            'overage_behavior "reject" is not supported with event_name. '
            'Use feature_id or set overage_behavior to "cap".',
        ),
        ("duplicate_idempotency_key", "Another request with idempotency key track:k has already been received"),
    )
    assert [each.item.value for each in plant.environment.lost] == [101, 2, 3, 5]
    assert [event.value for event in plant.environment.events] == [1, 4, 6]


def test_an_unknown_customer_is_lost(plant: Plant) -> None:
    plant.batch([item(customer_id="nobody"), item(customer_id="nobody", entity_id="e1")])
    plant.run()
    lost(plant, ("customer_not_found", "Customer nobody not found"), ("entity_not_found", "Entity e1 not found"))


def test_an_old_organisation_makes_unknown_customers_and_entities() -> None:
    """The workers' version follows the organisation's age, not the request's."""
    plant = Plant(created_at=OLD)
    known: dict[str, Any] = {"entity_id": "e1", "entity_data": {"feature_id": "seats"}}
    plant.batch([item(customer_id="new"), item(customer_id="new", **known), item(customer_id="new", entity_id="e9")])
    plant.run()
    assert [customer.id for customer in plant.environment.customers] == ["new"]
    assert [entity.id for entity in plant.environment.entities] == ["e1"]
    lost(
        plant,
        (
            "invalid_inputs",
            "Entity with id e9 not found. To automatically create this entity, please pass in 'feature_id' "
            "into the 'entity_data' field of the request body.",
        ),
    )


def test_a_feature_that_has_gone_is_lost(plant: Plant) -> None:
    plant.batch([item(1, "words"), item(2)])
    features.delete(plant.call(), "words")
    plant.run()
    assert plant.left() == {"messages": 98}
    lost(plant, ("feature_not_found", "Feature words not found"))


def test_a_key_is_free_again_when_its_item_was_lost(plant: Plant) -> None:
    """Except by a conflict, which is how the key is protected at all."""
    plant.batch([item(101, overage_behavior="reject", idempotency_key="k"), item(1, idempotency_key="k")])
    plant.run()
    assert plant.left() == {"messages": 99}


def test_the_key_of_an_async_track_is_free_again_whatever_it_was_lost_for(plant: Plant) -> None:
    plant.later(item(1, "words", idempotency_key="gone"))
    plant.later(item(101, overage_behavior="reject", idempotency_key="unfit"))
    features.delete(plant.call(), "words")
    plant.run()
    assert [each.key for each in plant.environment.claims] == []


def test_keys_reach_over_batches(plant: Plant) -> None:
    with plant.working():
        plant.batch([item(4, idempotency_key="p")])
        assert plant.queue.wait_idle(RETRY_DELAY_S)
        plant.batch([item(4, idempotency_key="p"), item(1, idempotency_key="q")])
    assert plant.left() == {"messages": 95}


def test_the_oldest_lost_items_are_forgotten(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers_module, "MAX_LOST", 3)
    plant.batch(item(n, customer_id="nobody") for n in range(5))
    plant.run()
    assert [each.item.value for each in plant.environment.lost] == [2, 3, 4]
    assert plant.books.lost == 5


# -- what is not the client's fault


def poisoned(monkeypatch: pytest.MonkeyPatch, is_bad: Callable[[TrackItem], bool]) -> None:
    """Make some items impossible to deduct."""
    real = usage.use

    def use(
        call: Any, transaction: Any, account: Any, entity: Any, features_: Any, item_: TrackItem, **more: Any
    ) -> Any:
        done = real(call, transaction, account, entity, features_, item_, **more)
        if is_bad(item_):
            raise ArithmeticError("bad luck")
        return done

    monkeypatch.setattr("autumn_mock.ingest.workers.use", use)


def test_a_poison_message_is_lost_alone(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    poisoned(monkeypatch, lambda each: each.value == 13)
    plant.customer("other", messages=50)
    plant.batch([item(1), item(13), item(2), item(5, customer_id="other"), item(13), item(3)])
    plant.run()
    assert plant.left() == {"messages": 94}
    assert plant.left("other") == {"messages": 45}
    assert [event.value for event in plant.environment.events if event.value == 13] == []
    lost(plant, ("internal_error", "bad luck"), ("internal_error", "bad luck"))


def test_a_poison_message_keeps_no_key(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        poisoned(patched, lambda _: True)
        plant.batch([item(13, idempotency_key="k")])
        deduct_messages(plant.environment, plant.messages())
    plant.batch([item(2, idempotency_key="k")])
    deduct_messages(plant.environment, plant.messages())
    assert plant.left() == {"messages": 98}
    assert plant.lost() == [("internal_error", "bad luck")]


def test_a_poison_async_track_keeps_no_key(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    poisoned(monkeypatch, lambda _: True)
    plant.later(item(13, idempotency_key="k"))
    deduct_messages(plant.environment, plant.messages())
    assert len(plant.environment.claims) == 0


def test_a_full_disk_loses_nothing(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers_module, "RETRY_DELAY_S", 0)
    plant.batch(item(1) for _ in range(10))
    plant.disk.refusals = 3
    plant.run()
    assert plant.disk.refused == 3
    assert plant.left() == {"messages": 90}
    assert plant.books.deducted == 10
    lost(plant)


def test_a_full_disk_keeps_the_order(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after a transaction that could not be kept waits for it, when it is the same customer's."""
    monkeypatch.setattr(workers_module, "RETRY_DELAY_S", 0)
    count = 2 * LARGEST
    plant.batch(item(0, properties={"n": n}) for n in range(count))
    plant.disk.refusals = 1
    plant.run()
    assert [event.properties for event in plant.environment.events] == [{"n": n} for n in range(count)]


def test_a_full_disk_does_not_lose_poison_either(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers_module, "RETRY_DELAY_S", 0)
    poisoned(monkeypatch, lambda each: each.value == 13)
    plant.batch([item(1), item(13), item(2)])
    plant.disk.refusals = 2
    plant.run()
    assert plant.left() == {"messages": 97}
    lost(plant, ("internal_error", "bad luck"))


def test_what_is_ready_when_workers_stop_stays(plant: Plant) -> None:
    plant.queue.pause()
    plant.workers.start()
    plant.batch([item(), item()])
    plant.workers.stop()
    assert plant.sums().waiting == 2
    assert plant.books.deducted == 0


def test_workers_that_never_started_can_be_stopped() -> None:
    Plant().workers.stop()


# -- many at once


@pytest.mark.parametrize("shards", [1, 2, 8])
def test_the_result_does_not_depend_on_the_number_of_workers(shards: int) -> None:
    """And at every moment each item is somewhere."""
    plant = Plant(shards)
    names = [f"c{number}" for number in range(6)]
    for name in names:
        plant.customer(name, messages=1000, credits=100, action1=10)
    plant.arm("enqueue:fail every=17")
    unbalanced: list[Sums] = []
    finished = threading.Event()

    def watch() -> None:
        while not finished.is_set():
            sums = plant.sums()
            if not sums.balanced:
                unbalanced.append(sums)

    def offer(number: int) -> None:
        for _ in range(10):
            plant.batch(
                [
                    *(item(1, customer_id=name) for name in names),
                    *(item(2, "action1", customer_id=name) for name in names),
                    item(1, customer_id="nobody"),
                    item(5000, customer_id=names[number], overage_behavior="reject"),
                ]
            )

    watcher = threading.Thread(target=watch, daemon=True)
    givers = [threading.Thread(target=offer, args=(number,), daemon=True) for number in range(4)]
    with plant.working():
        watcher.start()
        for thread in givers:
            thread.start()
        for thread in givers:
            thread.join(RETRY_DELAY_S)
    finished.set()
    watcher.join(RETRY_DELAY_S)
    assert unbalanced == []
    assert plant.sums().waiting == 0
    books = plant.books
    assert (books.offered, books.refused) == (560, 560 // 17)
    assert set(books.lost_by_reason) == {"customer_not_found", "insufficient_balance"}
    taken = sum(event.value for event in plant.environment.events if event.name == "messages")
    assert sum(1000 - plant.left(name)["messages"] for name in names) == taken
    for name in names:
        (customer,) = plant.environment.customers.of(name).values()
        used = sum(
            event.value
            for event in plant.environment.events.between(None, None, customer.internal_id)
            if event.name == "action1"
        )
        left = plant.left(name)
        assert (10 - left["action1"]) + (100 - left["credits"]) / 0.5 == used


@pytest.mark.parametrize("shards", [1, 2, 8])
def test_the_same_batches_end_alike_with_any_number_of_workers(shards: int) -> None:
    plant = Plant(shards)
    names = [f"c{number}" for number in range(12)]
    for name in names:
        plant.customer(name, messages=500)
    with plant.working():
        for round_ in range(8):
            plant.batch(item(round_ + place, customer_id=name) for place, name in enumerate(names) for _ in range(3))
    assert [plant.left(name)["messages"] for name in names] == [500 - 3 * (28 + 8 * place) for place in range(12)]
    assert plant.books.deducted == 288


def test_nobody_sees_half_a_message(plant: Plant) -> None:
    """Under the environment's lock a message is either waiting, or its event and its deduction are there."""
    problems: list[str] = []
    finished = threading.Event()

    def watch() -> None:
        environment = plant.environment
        while not finished.is_set():
            with environment.lock:
                done = len(environment.events)
                if done != environment.books.deducted:
                    problems.append(f"{done} events, {environment.books.deducted} deducted")
                if plant.left()["messages"] != 100 - done * 0.25:
                    problems.append(f"{done} events, {plant.left()} left")

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    with plant.working():
        for _ in range(20):
            plant.batch(item(0.25) for _ in range(10))
    finished.set()
    watcher.join(RETRY_DELAY_S)
    assert problems == []
    assert plant.left() == {"messages": 50}


# -- now or later


tracks = st.builds(
    item,
    st.sampled_from([0, 1, 2, 2.5, 7, -1, -3, 0.1]),
    st.sampled_from(["messages", "messages", "action1", "credits", "action2"]),
    overage_behavior=st.sampled_from(["cap", "cap", "overflow", "reject"]),
    idempotency_key=st.sampled_from([None, None, None, "a", "b"]),
    properties=st.sampled_from([None, {"a": 1}]),
    skip_event=st.sampled_from([False, False, True]),
    lock=st.sampled_from([None, None, None, {"lock_id": "l1", "enabled": True}]),
)
by_event = st.builds(item, st.sampled_from([1, 4, -2]), st.none(), event_name=st.just("action-event"))


def seeded() -> Plant:
    plant = Plant(2)
    plant.customer("c", messages=12, action1=5, credits=4)
    return plant


def outcome(plant: Plant) -> tuple[Any, ...]:
    """What is left and what is told, without the ids and moments that differ from run to run."""
    rows = {row.id: number for number, row in enumerate(plant.environment.balances)}
    events = [
        (
            event.name,
            event.value,
            event.properties,
            [(rows[each.balance_id], each.feature_id, each.value) for each in event.deductions],
        )
        for event in plant.environment.events
    ]
    held = [(each.id, each.feature_id, len(each.mutations)) for each in plant.environment.locks]
    keys = sorted(each.key for each in plant.environment.claims)
    return plant.left(), events, held, keys


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(tracks, tracks, by_event), max_size=12))
def test_it_makes_no_difference_whether_a_track_is_done_now_or_later(items: list[TrackItem]) -> None:
    """Balances, events, locks and keys are the same; what fails now is what is lost later."""
    now, later = seeded(), seeded()
    failed: list[tuple[str, str]] = []
    for each in items:
        try:
            track.track(Call(now.environment, Version.V2_3, NOW), each)
        except ApiError as error:
            failed.append((error.code, error.message))
    if items:
        later.batch(items)
    later.run()
    assert outcome(now) == outcome(later)
    assert failed == later.lost()
    assert later.books.deducted == len(items) - len(failed)


def test_what_waits_is_told_in_its_order_after_a_deduction_was_undone(plant: Plant) -> None:
    plant.customer(messages=100)
    plant.batch([item(n) for n in range(1, 6)])
    messages = list(plant.environment.messages)
    plant.disk.refusals = 1
    with pytest.raises(OSError, match="no space"):
        deduct_messages(plant.environment, messages[:3])
    assert list(plant.environment.messages) != messages
    assert plant.environment.waiting() == messages
