"""The queue: what waits, what is in flight, and who is woken."""

from __future__ import annotations

import threading
from collections import defaultdict

import pytest

from autumn_mock.clock import Clock
from autumn_mock.domain.message import Message
from autumn_mock.domain.organisation import Organisation
from autumn_mock.domain.track import TrackItem
from autumn_mock.ingest.environment_queue import Delivery
from autumn_mock.ingest.queue import Queue
from autumn_mock.store.environment import Environment
from tests.support.world import NOW, TIMEOUT_S


def environment(org: str = "org") -> Environment:
    organisation = Organisation(id=org, name=org, slug=org, created_at=0)
    return Environment(organisation, "sandbox", Clock(lambda: NOW), lambda _: None)


def message(number: int, customer_id: str = "c") -> Message:
    item = TrackItem(customer_id=customer_id, feature_id="messages")
    return Message(id=f"m{number}", request_id="r", index=number, item=item, accepted_at=NOW)


def ids(deliveries: list[Delivery]) -> list[str]:
    return [each.message.id for each in deliveries]


@pytest.fixture
def here() -> Environment:
    return environment()


def test_take_returns_messages_in_order(here: Environment) -> None:
    queue = Queue()
    queue.put(here, map(message, range(5)))
    assert queue.counts() == (5, 0)
    assert ids(queue.take(2)) == ["m0", "m1"]
    assert queue.counts() == (3, 2)
    queue.done(here, 2)
    assert ids(queue.take(9)) == ["m2", "m3", "m4"]
    queue.done(here, 3)
    assert queue.counts() == (0, 0)


def test_give_back_puts_messages_in_front(here: Environment) -> None:
    queue = Queue()
    queue.put(here, map(message, range(4)))
    taken = queue.take(3)
    queue.give_back(taken[1:])
    assert queue.counts() == (3, 1)
    queue.done(here, 1)
    assert ids(queue.take(9)) == ["m1", "m2", "m3"]


def test_counts_of_one_environment_and_of_all(here: Environment) -> None:
    queue, there = Queue(), environment("other")
    queue.put(here, [message(1)])
    queue.put(there, [message(2), message(3)])
    assert (queue.counts(here.name), queue.counts(there.name), queue.counts()) == ((1, 0), (2, 0), (3, 0))
    assert queue.counts(("nobody", "live")) == (0, 0)


def test_clear_drops_ready_messages_only(here: Environment) -> None:
    queue, there = Queue(), environment("other")
    queue.put(here, map(message, range(3)))
    queue.put(there, [message(9)])
    queue.take(1)
    assert queue.clear(here.name) == 2
    assert queue.counts(here.name) == (0, 1)
    assert queue.counts(there.name) == (1, 0)
    assert queue.clear() == 1
    queue.done(here, 1)
    assert queue.wait_idle(0)


def test_wait_idle_ends_with_the_last_message(here: Environment) -> None:
    queue = Queue()
    queue.put(here, [message(1), message(2)])
    assert not queue.wait_idle(0)
    queue.take(2)
    queue.done(here, 1)
    assert not queue.wait_idle(0, here.name)
    outcome: list[bool] = []
    waiter = threading.Thread(target=lambda: outcome.append(queue.wait_idle(TIMEOUT_S)), daemon=True)
    waiter.start()
    queue.done(here, 1)
    waiter.join(TIMEOUT_S)
    assert outcome == [True]


def test_wait_idle_ignores_other_environments(here: Environment) -> None:
    queue = Queue()
    queue.put(environment("other"), [message(1)])
    assert queue.wait_idle(0, here.name)
    assert not queue.wait_idle(0)


def test_wait_idle_returns_while_paused(here: Environment) -> None:
    """A paused queue with messages in it would never become idle."""
    queue = Queue()
    queue.put(here, [message(1)])
    queue.pause()
    assert not queue.wait_idle(TIMEOUT_S)
    queue.clear()
    assert queue.wait_idle(TIMEOUT_S)


def taker(queue: Queue, into: list[list[str]]) -> threading.Thread:
    thread = threading.Thread(target=lambda: into.append(ids(queue.take(9))), daemon=True)
    thread.start()
    return thread


def test_put_wakes_a_worker(here: Environment) -> None:
    queue, taken = Queue(), list[list[str]]()
    thread = taker(queue, taken)
    queue.put(here, [message(1)])
    thread.join(TIMEOUT_S)
    assert taken == [["m1"]]


def test_pause_stops_take(here: Environment) -> None:
    queue, taken = Queue(), list[list[str]]()
    queue.pause()
    assert queue.paused
    thread = taker(queue, taken)
    queue.put(here, [message(1)])
    assert queue.counts() == (1, 0)
    queue.resume()
    thread.join(TIMEOUT_S)
    assert taken == [["m1"]]
    assert not queue.paused


@pytest.mark.parametrize("paused", [False, True])
def test_close_ends_take(here: Environment, paused: bool) -> None:
    queue, taken = Queue(), list[list[str]]()
    if paused:
        queue.pause()
        queue.put(here, [message(1)])
    thread = taker(queue, taken)
    queue.close()
    thread.join(TIMEOUT_S)
    assert taken == [[]]
    assert queue.take(1) == []


def test_take_serves_each_message_once_and_in_order_with_many_workers() -> None:
    queue, lock = Queue(), threading.Lock()
    environments = [environment(f"org{number}") for number in range(5)]
    seen: dict[str, list[int]] = defaultdict(list)

    def work() -> None:
        while taken := queue.take(4):
            owner = taken[0].environment
            with lock:
                assert {each.environment for each in taken} == {owner}
                seen[owner.name[0]] += [each.message.index for each in taken]
            queue.done(owner, len(taken))

    def offer(owner: Environment) -> None:
        for start in range(0, 200, 5):
            queue.put(owner, (message(n) for n in range(start, start + 5)))

    workers = [threading.Thread(target=work, daemon=True) for _ in range(3)]
    givers = [threading.Thread(target=offer, args=(each,), daemon=True) for each in environments]
    for thread in [*workers, *givers]:
        thread.start()
    for thread in givers:
        thread.join(TIMEOUT_S)
    assert queue.wait_idle(TIMEOUT_S)
    queue.close()
    for thread in workers:
        thread.join(TIMEOUT_S)
    assert seen == {f"org{n}": list(range(200)) for n in range(5)}


def test_take_serves_environments_in_turn_and_leaves_busy_ones_alone(here: Environment) -> None:
    queue, there = Queue(), environment("other")
    queue.put(here, map(message, range(4)))
    queue.put(there, map(message, range(4, 6)))
    assert ids(queue.take(1)) == ["m0"]
    assert ids(queue.take(1)) == ["m4"]
    queue.done(here, 1)
    assert ids(queue.take(2)) == ["m1", "m2"]
    taken = list[list[str]]()
    thread = taker(queue, taken)
    thread.join(0.05)
    assert thread.is_alive()  # both environments are busy
    queue.done(there, 1)
    queue.wake()
    thread.join(TIMEOUT_S)
    assert taken == [["m5"]]


def test_take_wakes_another_worker_for_another_environment(here: Environment) -> None:
    queue, there, taken = Queue(), environment("other"), list[list[str]]()
    threads = [taker(queue, taken) for _ in range(2)]
    queue.put(here, [message(1)])
    queue.put(there, [message(2)])
    for thread in threads:
        thread.join(TIMEOUT_S)
    assert sorted(taken) == [["m1"], ["m2"]]


def test_an_environment_without_messages_leaves_nothing_behind() -> None:
    queue = Queue(capacity=5)
    for number in range(3):
        each = environment(f"org{number}")
        queue.put(each, map(message, range(3)))
        assert queue.room() == 2
        taken = queue.take(2)
        queue.give_back(taken[1:])
        queue.done(each, 1)
        queue.clear(each.name)
    assert queue.room() == 5
    assert not queue.held()
    assert not queue.peek()
    assert not queue._queues


def test_repr_shows_counts_and_pause(here: Environment) -> None:
    queue = Queue()
    queue.put(here, [message(1)])
    queue.pause()
    assert repr(queue) == "<Queue [1 ready, 0 in flight, paused]>"
