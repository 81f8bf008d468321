from __future__ import annotations

from collections.abc import Callable

import pytest

from autumn_mock.domain.event import Event
from autumn_mock.domain.message import ItemCounters
from autumn_mock.domain.webhook import Webhook
from autumn_mock.operations.retention import drop_oldest_events
from autumn_mock.store import timeline
from autumn_mock.store.changes import Change
from autumn_mock.store.environment import Environment, Transaction
from tests.store.test_timeline import an_event
from tests.support.world import new_environment


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    monkeypatch.setattr(timeline, "_BLOCK_SIZE", 4)
    environment = new_environment()
    with environment.write() as transaction:
        for event in EVENTS:
            transaction.put(event)
    return environment


#: In the order they come, which is not that of their times.
EVENTS = [an_event(number, 100 - number % 7) for number in range(30)]


def in_order(events: list[Event]) -> list[Event]:
    return sorted(events, key=timeline.moment_of)


def test_many_deletions_are_taken_back_together(environment: Environment) -> None:
    def delete_in_vain() -> None:
        with environment.write() as transaction:
            transaction.delete_all(EVENTS[:20])
            assert environment.events.between(None, None) == in_order(EVENTS[20:])
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        delete_in_vain()
    assert environment.events.between(None, None) == in_order(EVENTS)
    assert len(environment.events) == len(EVENTS)


def test_many_deletions_are_one_change(environment: Environment) -> None:
    with environment.write() as transaction:
        transaction.delete_all(EVENTS[:2])
        transaction.delete_all([])
        assert transaction.change == Change("org", "sandbox", {}, {"events": ["evt_0000", "evt_0001"]})


def test_drop_oldest_events_drops_the_first_ones(environment: Environment) -> None:
    assert drop_oldest_events(environment, 12) == 18
    assert list(environment.events) == EVENTS[18:]
    assert environment.events.between(None, None) == in_order(EVENTS[18:])
    assert environment.counters.forgotten == 18
    assert drop_oldest_events(environment, 12) == 0


def test_savepoint_rolls_back_what_fails_inside_and_nothing_else() -> None:
    kept: list[Change] = []
    nowhere = new_environment()
    environment = Environment(nowhere.organisation, "sandbox", nowhere.clock, kept.append)
    first, second, third, fourth, fifth = EVENTS[:5]
    environment.listener = lambda _environment, _webhooks: None
    sent = Webhook("customer.products.updated", {})

    def fail(transaction: Transaction) -> None:
        with transaction.savepoint("c"):
            transaction.delete(first)
            transaction.put(third)
            transaction.put_deferred(fourth)
            transaction.count(ItemCounters(forgotten=7))
            transaction.queue_webhooks([sent])
            raise RuntimeError("no")

    with environment.write() as transaction:
        with pytest.raises(RuntimeError, match="no"):
            fail(transaction)
        assert transaction.change is None
        transaction.put(first)
        transaction.put_deferred(second)
        with pytest.raises(RuntimeError, match="no"):
            fail(transaction)
        assert transaction.webhooks == []
        with transaction.savepoint("c"):
            transaction.put(fifth)
    assert kept == [Change("org", "sandbox", {"events": [first, fifth, second]}, {})]
    assert list(environment.events) == [first, fifth, second]
    assert environment.counters == ItemCounters()


@pytest.mark.parametrize("disk_is_full", [False, True])
def test_what_is_put_late_is_kept_in_the_same_record_or_not_at_all(disk_is_full: bool) -> None:
    kept: list[Change] = []

    def sink(change: Change) -> None:
        if disk_is_full:
            raise OSError("no space left")
        kept.append(change)

    nowhere = new_environment()
    environment = Environment(nowhere.organisation, "sandbox", nowhere.clock, sink)

    def put() -> None:
        with environment.write() as transaction:
            for event in EVENTS[:3]:
                transaction.put_deferred(event)
            assert not len(environment.events)

    if disk_is_full:
        with pytest.raises(OSError, match="no space"):
            put()
    else:
        put()
    assert list(environment.events) == ([] if disk_is_full else EVENTS[:3])
    assert [change.put for change in kept] == ([] if disk_is_full else [{"events": EVENTS[:3]}])


@pytest.mark.parametrize("replace", [Environment.clear, lambda each: each.replace_contents(new_environment())])
def test_what_happened_on_payment_pages_ends_with_the_data(
    environment: Environment, replace: Callable[[Environment], None]
) -> None:
    """A seeded server gives the same ids again after a reset."""
    environment.note_page("co_1", "settle")
    replace(environment)
    assert list(environment.page_acts) == []
