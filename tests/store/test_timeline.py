"""The timeline against a list that is sorted on each read."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from autumn_mock.domain.event import Event
from autumn_mock.ledger.intervals import HOUR
from autumn_mock.store import tables, timeline
from autumn_mock.store.tables import EventTable
from autumn_mock.store.timeline import LAST_ID, Block, Timeline, moment_of

_NUMBERS = st.integers(0, 40)
_TIMES = st.integers(0, 4 * HOUR) | st.integers(0, 3)
_VALUES = st.sampled_from(["1", "0", "-2.5", "1e300", "1e-300", "0.1"]).map(Decimal)


def an_event(number: int, timestamp: int, value: Decimal = Decimal(1)) -> Event:
    return Event(
        id=f"evt_{number:04}",
        timestamp=timestamp,
        name="words" if number % 3 else "messages",
        customer=f"c{number % 2}",
        value=value,
    )


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "_BLOCK_SIZE", 4)
    monkeypatch.setattr(timeline, "_SPARSE", 1)
    monkeypatch.setattr(timeline, "_BUFFER_SIZE", 3)
    monkeypatch.setattr(timeline, "_RUN_SIZE", 2)
    monkeypatch.setattr(timeline, "_EVENTS_PER_ENTRY", 0)  # everything is cached
    monkeypatch.setattr(tables, "_BUFFER_SIZE", 5)


class TimelineMachine(RuleBasedStateMachine):
    """Writes and reads in any order. ``kept`` is the expected content."""

    @initialize()
    def begin(self) -> None:
        self.table = EventTable()
        self.kept: dict[str, Event] = {}

    @rule(number=_NUMBERS, time=_TIMES, value=_VALUES)
    def put(self, number: int, time: int, value: Decimal) -> None:
        event = an_event(number, time, value)
        assert self.table.put(event) == self.kept.get(event.id)
        self.kept[event.id] = event

    @rule(numbers=st.lists(_NUMBERS, max_size=8))
    def delete(self, numbers: list[int]) -> None:
        for number in numbers:
            key = an_event(number, 0).id
            assert self.table.delete(key) == self.kept.pop(key, None)

    @rule(events=st.lists(st.builds(an_event, _NUMBERS, _TIMES, _VALUES), max_size=12))
    def put_all(self, events: list[Event]) -> None:
        self.table.put_all(events)
        self.kept.update({event.id: event for event in events})

    @rule(numbers=st.lists(_NUMBERS, max_size=12))
    def delete_all(self, numbers: list[int]) -> None:
        keys = [an_event(number, 0).id for number in numbers]
        self.table.delete_all(keys)
        for key in keys:
            self.kept.pop(key, None)

    @rule(count=st.integers(1, 8))
    def drop_oldest(self, count: int) -> None:
        for event in sorted(self.kept.values(), key=moment_of)[:count]:
            self.table.delete(event.id)
            del self.kept[event.id]

    @rule(numbers=st.lists(_NUMBERS, max_size=12, unique=True), time=_TIMES)
    def undo(self, numbers: list[int], time: int) -> None:
        """Put and delete some, and undo it as a transaction does."""
        done: list[tuple[str, Event | None]] = []
        for number in numbers:
            event = an_event(number, time)
            if number % 4:
                done.append((event.id, self.table.put(event)))
            else:
                done.append((event.id, self.table.delete(event.id)))
        for key, old in reversed(done):
            if old is None:
                self.table.delete(key)
            else:
                self.table.put(old)

    @rule(
        customer=st.sampled_from([None, "c0", "c1", "other"]),
        start=st.none() | _TIMES,
        end=st.none() | _TIMES,
    )
    def read(self, customer: str | None, start: int | None, end: int | None) -> None:
        expected = [
            event
            for event in sorted(self.kept.values(), key=moment_of)
            if customer in (None, event.customer)
            and (start is None or event.timestamp >= start)
            and (end is None or event.timestamp <= end)
        ]
        assert self.table.between(start, end, customer) == expected
        blocks = self.table.timeline(customer).blocks(start, None if end is None else (end, LAST_ID))
        held = [event for block in blocks for event in block.events]
        assert all(block.names == {event.name for event in block.events} for block in blocks)
        assert held == sorted(held, key=moment_of)
        assert set(map(id, expected)) <= set(map(id, held))
        since, until = start or 0, 10**15 if end is None else end
        runs = self.table.timeline(customer).runs(since, until)
        of_runs = [event for run in runs for block in run.blocks for event in block.events]
        assert of_runs == sorted(of_runs, key=moment_of)
        assert set(map(id, expected)) <= set(map(id, of_runs))
        for run in runs:
            assert (run.first, run.last) == (run.blocks[0].first, run.blocks[-1].last)
            ids = [event.id for block in run.blocks for event in block.events]
            assert run.digest("ids", lambda blocks: [each.id for block in blocks for each in block.events]) == ids

    @rule()
    def clear(self) -> None:
        assert self.table.clear() == len(self.kept)
        self.kept.clear()

    @invariant()
    def keeps_all(self) -> None:
        assert set(self.table.by_key) == set(self.kept)


TestTimeline = TimelineMachine.TestCase
TestTimeline.settings = settings(stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("count", [1, 3, 4, 5, 12])
def test_timeline_blocks_are_neither_empty_nor_too_large(count: int) -> None:
    found = Timeline()
    events = [an_event(number, number // 2) for number in range(count)]
    for event in events[::2] + events[1::2]:
        found.add(event)
    assert found.between(None, None) == events
    assert all(0 < len(block.events) <= 4 for block in found.blocks())
    for event in events:
        found.remove(event)
    assert found.blocks() == []


def test_runs_are_kept_until_one_of_their_blocks_changes() -> None:
    found, computed = Timeline(), []

    def count(blocks: Sequence[Block]) -> list[int]:
        computed.append([len(block.events) for block in blocks])
        return [len(block.events) for block in blocks]

    def read() -> list[list[int]]:
        computed.clear()
        return [run.digest("count", count) for run in found.runs(0, 10**15)]

    for number in range(18):
        found.add(an_event(number, number * 10))
    assert read() == computed == [[4, 4], [4, 4], [2]]
    assert (read(), computed) == ([[4, 4], [4, 4], [2]], [])
    found.add(an_event(18, 180))
    assert (read(), computed) == ([[4, 4], [4, 4], [3]], [[3]])
    found.remove(an_event(0, 0))
    assert (read(), computed) == ([[3, 4], [4, 4], [3]], [[3, 4]])
    assert [run.first for run in found.runs(100, 150)] == [80]
