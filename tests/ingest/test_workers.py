"""Workers: everything accepted is deducted once or lost for a reason, whatever happens beside it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autumn_mock.domain.message import Message
from autumn_mock.domain.track import TrackItem
from autumn_mock.domain.version import Version
from autumn_mock.ingest import workers as workers_module
from autumn_mock.ingest.workers import TRANSACTION_SIZE, deduct_messages
from autumn_mock.operations import features, track
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError
from tests.support.effort import examples
from tests.support.world import NOW, TIMEOUT_S, IngestWorld, ItemCounts, item

#: Long enough ago for an organisation whose workers make unknown customers.
OLD = 1_750_000_000_000


@pytest.fixture
def world() -> IngestWorld:
    made = IngestWorld()
    made.customer("c", {"messages": 100})
    return made


def lost(world: IngestWorld, *expected: tuple[str, str]) -> None:
    """Exactly these items were lost, and the counters say so."""
    assert world.lost() == list(expected)
    reasons: dict[str, int] = {}
    for reason, _ in expected:
        reasons[reason] = reasons.get(reason, 0) + 1
    assert world.counters.lost_by_reason == reasons
    assert world.counters.lost == len(expected)
    assert world.counts() == ItemCounts(world.counters, 0)
    assert world.counts().balanced


# -- deducting


def test_workers_deduct_a_batch(world: IngestWorld) -> None:
    world.batch([item(5), item(3), item(1, "words")])
    world.run()
    assert world.signed_balances() == {"messages": 92}
    assert [event.name for event in world.environment.events] == ["messages", "messages", "words"]
    assert [event.value for event in world.environment.events] == [5, 3, 1]
    assert world.counters.deducted == 3
    lost(world)


def test_workers_deduct_an_async_track(world: IngestWorld) -> None:
    world.track_async(item(5, idempotency_key="k"))
    world.run()
    assert world.signed_balances() == {"messages": 95}
    lost(world)


def test_deduct_messages_ignores_a_second_delivery(world: IngestWorld) -> None:
    world.batch([item(10), item(3, idempotency_key="k")])
    messages = world.messages()
    deduct_messages(world.environment, messages)
    deduct_messages(world.environment, messages)
    deduct_messages(world.environment, messages[1:])
    assert world.signed_balances() == {"messages": 87}
    assert len(world.environment.events) == 2
    assert world.counters.deducted == 2
    lost(world)


def test_deduct_messages_ignores_concurrent_deliveries(world: IngestWorld) -> None:
    world.batch([item(10)])
    messages = world.messages()
    threads = [
        threading.Thread(target=deduct_messages, args=(world.environment, messages), daemon=True) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)
    assert world.signed_balances() == {"messages": 90}
    assert world.counters.deducted == 1


def test_workers_keep_the_order_of_a_customer(world: IngestWorld) -> None:
    """More of them than one transaction holds."""
    count = 2 * TRANSACTION_SIZE + 5
    world.batch(item(0, properties={"n": n}) for n in range(count))
    world.run()
    assert [event.properties for event in world.environment.events] == [{"n": n} for n in range(count)]


def test_workers_date_events_without_a_timestamp(world: IngestWorld) -> None:
    world.batch([item(), item(timestamp=NOW - 9)])
    world.now += 50
    world.run()
    assert [event.timestamp for event in world.environment.events] == [NOW + 50, NOW - 9]


def test_workers_take_locks(world: IngestWorld) -> None:
    held = {"lock_id": "l", "enabled": True}
    world.batch([item(200, lock=held), item(1, lock=held)])
    world.run()
    assert world.signed_balances() == {"messages": 0}
    assert "l" in world.environment.locks
    lost(world, ("lock_already_exists", "A lock with this ID already exists"))


# -- losing


def test_workers_lose_invalid_items_and_deduct_the_rest(world: IngestWorld) -> None:
    world.batch(
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
    world.run()
    assert world.signed_balances() == {"messages": 89}
    lost(
        world,
        ("insufficient_balance", "Insufficient balance to deduct 101 from feature messages"),
        ("entity_not_found", "Entity e9 not found"),
        (
            "invalid_request",
            'overage_behavior "reject" is not supported with event_name. '
            'Use feature_id or set overage_behavior to "cap".',
        ),
        ("duplicate_idempotency_key", "Another request with idempotency key track:k has already been received"),
    )
    assert [each.item.value for each in world.environment.lost] == [101, 2, 3, 5]
    assert [event.value for event in world.environment.events] == [1, 4, 6]


def test_workers_lose_items_of_unknown_customers(world: IngestWorld) -> None:
    world.batch([item(customer_id="unknown"), item(customer_id="unknown", entity_id="e1")])
    world.run()
    lost(world, ("customer_not_found", "Customer unknown not found"), ("entity_not_found", "Entity e1 not found"))


def test_workers_of_an_old_organisation_create_customers_and_entities() -> None:
    """The workers' version follows the organisation's age, not the request's."""
    world = IngestWorld(created_at=OLD)
    known: dict[str, Any] = {"entity_id": "e1", "entity_data": {"feature_id": "seats"}}
    world.batch([item(customer_id="new"), item(customer_id="new", **known), item(customer_id="new", entity_id="e9")])
    world.run()
    assert [customer.id for customer in world.environment.customers] == ["new"]
    assert [entity.id for entity in world.environment.entities] == ["e1"]
    lost(
        world,
        (
            "invalid_inputs",
            "Entity with id e9 not found. To automatically create this entity, please pass in 'feature_id' "
            "into the 'entity_data' field of the request body.",
        ),
    )


def test_workers_lose_items_of_a_deleted_feature(world: IngestWorld) -> None:
    world.batch([item(1, "words"), item(2)])
    features.delete(world.call(), "words")
    world.run()
    assert world.signed_balances() == {"messages": 98}
    lost(world, ("feature_not_found", "Feature words not found"))


def test_workers_release_the_key_of_a_lost_item(world: IngestWorld) -> None:
    """Except by a conflict, which is how the key is protected at all."""
    world.batch([item(101, overage_behavior="reject", idempotency_key="k"), item(1, idempotency_key="k")])
    world.run()
    assert world.signed_balances() == {"messages": 99}


def test_workers_release_the_key_of_a_lost_async_track(world: IngestWorld) -> None:
    world.track_async(item(1, "words", idempotency_key="gone"))
    world.track_async(item(101, overage_behavior="reject", idempotency_key="unfit"))
    features.delete(world.call(), "words")
    world.run()
    assert [each.key for each in world.environment.claims] == []


def test_workers_check_keys_across_batches(world: IngestWorld) -> None:
    with world.working():
        world.batch([item(4, idempotency_key="p")])
        assert world.queue.wait_idle(TIMEOUT_S)
        world.batch([item(4, idempotency_key="p"), item(1, idempotency_key="q")])
    assert world.signed_balances() == {"messages": 95}


def test_workers_drop_the_oldest_lost_items(world: IngestWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers_module, "MAX_LOST", 3)
    world.batch(item(n, customer_id="unknown") for n in range(5))
    world.run()
    assert [each.item.value for each in world.environment.lost] == [2, 3, 4]
    assert world.counters.lost == 5


# -- what is not the client's fault


def poisoned(monkeypatch: pytest.MonkeyPatch, is_bad: Callable[[TrackItem], bool]) -> None:
    """Make some items impossible to deduct."""
    deduct = workers_module._MessageRun._deduct

    def deduct_or_fail(deduction: Any, message: Message) -> None:
        deduct(deduction, message)
        if is_bad(message.item):
            raise ArithmeticError("bad luck")

    monkeypatch.setattr(workers_module._MessageRun, "_deduct", deduct_or_fail)


def test_deduct_messages_loses_a_failing_message_alone(world: IngestWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    poisoned(monkeypatch, lambda each: each.value == 13)
    world.customer("other", {"messages": 50})
    world.batch([item(1), item(13), item(2), item(5, customer_id="other"), item(13), item(3)])
    world.run()
    assert world.signed_balances() == {"messages": 94}
    assert world.signed_balances("other") == {"messages": 45}
    assert [event.value for event in world.environment.events if event.value == 13] == []
    lost(world, ("internal_error", "bad luck"), ("internal_error", "bad luck"))


def test_deduct_messages_releases_the_key_of_a_failing_message(
    world: IngestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        poisoned(patched, lambda _: True)
        world.batch([item(13, idempotency_key="k")])
        deduct_messages(world.environment, world.messages())
    world.batch([item(2, idempotency_key="k")])
    deduct_messages(world.environment, world.messages())
    assert world.signed_balances() == {"messages": 98}
    assert world.lost() == [("internal_error", "bad luck")]


def test_deduct_messages_releases_the_key_of_a_failing_async_track(
    world: IngestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned(monkeypatch, lambda _: True)
    world.track_async(item(13, idempotency_key="k"))
    deduct_messages(world.environment, world.messages())
    assert len(world.environment.claims) == 0


def test_workers_lose_nothing_on_a_full_disk(world: IngestWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers_module, "RETRY_DELAY_S", 0)
    world.batch(item(1) for _ in range(10))
    world.disk.refusals = 3
    world.run()
    assert world.disk.refused == 3
    assert world.signed_balances() == {"messages": 90}
    assert world.counters.deducted == 10
    lost(world)


def test_workers_keep_the_order_on_a_full_disk(world: IngestWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after a transaction that could not be kept waits for it, when it is the same customer's."""
    monkeypatch.setattr(workers_module, "RETRY_DELAY_S", 0)
    count = 2 * TRANSACTION_SIZE
    world.batch(item(0, properties={"n": n}) for n in range(count))
    world.disk.refusals = 1
    world.run()
    assert [event.properties for event in world.environment.events] == [{"n": n} for n in range(count)]


def test_workers_keep_a_failing_message_on_a_full_disk(world: IngestWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers_module, "RETRY_DELAY_S", 0)
    poisoned(monkeypatch, lambda each: each.value == 13)
    world.batch([item(1), item(13), item(2)])
    world.disk.refusals = 2
    world.run()
    assert world.signed_balances() == {"messages": 97}
    lost(world, ("internal_error", "bad luck"))


def test_stop_leaves_ready_messages_queued(world: IngestWorld) -> None:
    world.queue.pause()
    world.workers.start()
    world.batch([item(), item()])
    world.workers.stop()
    assert world.counts().waiting == 2
    assert world.counters.deducted == 0


def test_stop_before_start() -> None:
    IngestWorld().workers.stop()


# -- many at once


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_workers_of_any_number_have_the_same_result(workers: int) -> None:
    """And at every moment each item is somewhere."""
    world = IngestWorld(workers)
    names = [f"c{number}" for number in range(6)]
    for name in names:
        world.customer(name, {"messages": 1000, "credits": 100, "action1": 10})
    world.arm("enqueue:fail every=17")
    unbalanced: list[ItemCounts] = []
    finished = threading.Event()

    def watch() -> None:
        while not finished.is_set():
            sums = world.counts()
            if not sums.balanced:
                unbalanced.append(sums)

    def offer(number: int) -> None:
        for _ in range(10):
            world.batch(
                [
                    *(item(1, customer_id=name) for name in names),
                    *(item(2, "action1", customer_id=name) for name in names),
                    item(1, customer_id="unknown"),
                    item(5000, customer_id=names[number], overage_behavior="reject"),
                ]
            )

    watcher = threading.Thread(target=watch, daemon=True)
    givers = [threading.Thread(target=offer, args=(number,), daemon=True) for number in range(4)]
    with world.working():
        watcher.start()
        for thread in givers:
            thread.start()
        for thread in givers:
            thread.join(TIMEOUT_S)
    finished.set()
    watcher.join(TIMEOUT_S)
    assert unbalanced == []
    assert world.counts().waiting == 0
    counters = world.counters
    assert (counters.offered, counters.refused) == (560, 560 // 17)
    assert set(counters.lost_by_reason) == {"customer_not_found", "insufficient_balance"}
    taken = sum(event.value for event in world.environment.events if event.name == "messages")
    assert sum(1000 - world.signed_balances(name)["messages"] for name in names) == taken
    for name in names:
        (customer,) = world.environment.customers.of(name).values()
        used = sum(
            event.value
            for event in world.environment.events.between(None, None, customer.internal_id)
            if event.name == "action1"
        )
        left = world.signed_balances(name)
        assert (10 - left["action1"]) + (100 - left["credits"]) / 0.2 == pytest.approx(float(used))


def test_deduction_is_atomic_under_the_lock(world: IngestWorld) -> None:
    """Under the environment's lock a message is either waiting, or its event and its deduction are there."""
    problems: list[str] = []
    finished = threading.Event()

    def watch() -> None:
        environment = world.environment
        while not finished.is_set():
            with environment.lock:
                done = len(environment.events)
                if done != environment.counters.deducted:
                    problems.append(f"{done} events, {environment.counters.deducted} deducted")
                if world.signed_balances()["messages"] != 100 - done * 0.25:
                    problems.append(f"{done} events, {world.signed_balances()} left")

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    with world.working():
        for _ in range(20):
            world.batch(item(0.25) for _ in range(10))
    finished.set()
    watcher.join(TIMEOUT_S)
    assert problems == []
    assert world.signed_balances() == {"messages": 50}


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


def seeded() -> IngestWorld:
    world = IngestWorld(2)
    world.customer("c", {"messages": 12, "action1": 5, "credits": 4})
    return world


def outcome(world: IngestWorld) -> tuple[Any, ...]:
    """The balances and what is reported, without the ids and moments that differ from run to run."""
    rows = {row.id: number for number, row in enumerate(world.environment.balances)}
    events = [
        (
            event.name,
            event.value,
            event.properties,
            [(rows[each.balance_id], each.feature_id, each.value) for each in event.deductions],
        )
        for event in world.environment.events
    ]
    held = [(each.id, each.feature_id, len(each.mutations)) for each in world.environment.locks]
    keys = sorted(each.key for each in world.environment.claims)
    return world.signed_balances(), events, held, keys


@settings(deadline=None, max_examples=examples(60))
@given(st.lists(st.one_of(tracks, tracks, by_event), max_size=12))
def test_workers_do_what_track_does(items: list[TrackItem]) -> None:
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
    assert later.counters.deducted == len(items) - len(failed)


def test_waiting_is_in_order_after_a_rollback(world: IngestWorld) -> None:
    world.customer(grants={"messages": 100})
    world.batch([item(n) for n in range(1, 6)])
    messages = list(world.environment.messages)
    world.disk.refusals = 1
    with pytest.raises(OSError, match="no space"):
        deduct_messages(world.environment, messages[:3])
    assert list(world.environment.messages) != messages
    assert world.environment.waiting() == messages


def test_stop_joins_a_thread_that_is_just_taking_the_place_of_another(
    world: IngestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, starting, is_stopped = world.workers._thread, threading.Event(), threading.Event()
    late: list[bool] = []
    has_started = threading.Event()

    class Slow(threading.Thread):
        def start(self) -> None:
            starting.set()
            is_stopped.wait(0.1)  # :meth:`Workers.stop` is called in between
            super().start()
            late.append(is_stopped.is_set())
            has_started.set()

    def thread(number: int) -> threading.Thread:
        return Slow(target=made(number).run, daemon=True)

    monkeypatch.setattr(world.workers, "_thread", thread)
    world.arm("worker:crash times=1")
    world.batch([item()])
    world.workers.start()
    assert starting.wait(TIMEOUT_S)
    world.workers.stop()
    is_stopped.set()
    assert has_started.wait(TIMEOUT_S)
    assert late == [False]
