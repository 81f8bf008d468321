"""The timeline against a list that is sorted whenever somebody looks."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from autumn_mock.domain.event import Event
from autumn_mock.store import tables, timeline
from autumn_mock.store.tables import EventTable
from autumn_mock.store.tallies import HOUR, TalliedTimeline
from autumn_mock.store.timeline import LAST_ID, Timeline, moment_of

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
    monkeypatch.setattr(timeline, "_BLOCK", 4)
    monkeypatch.setattr(timeline, "_FEW", 1)
    monkeypatch.setattr(timeline, "_NOTED", 3)
    monkeypatch.setattr(tables, "_NOTED", 5)


class TimelineMachine(RuleBasedStateMachine):
    """Writes and looks in any order. ``kept`` is what there has to be."""

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
    def take_back(self, numbers: list[int], time: int) -> None:
        """Put and delete some, and undo that as a transaction does."""
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
        customer=st.sampled_from([None, "c0", "c1", "nobody"]),
        start=st.none() | _TIMES,
        end=st.none() | _TIMES,
    )
    def look(self, customer: str | None, start: int | None, end: int | None) -> None:
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
        assert held == sorted(held, key=moment_of)
        assert set(map(id, expected)) <= set(map(id, held))

    @rule(start=_TIMES, end=_TIMES)
    def count(self, start: int, end: int) -> None:
        meant = self.kept.values()
        found = self.table.everything
        assert set(found.names) == {each.name for each in meant}
        assert found.newest == max((each.timestamp for each in meant), default=None)
        for name in ("words", "messages"):
            expected: dict[int, tuple[int, Fraction]] = {}
            for each in meant:
                hour = each.timestamp - each.timestamp % HOUR
                if each.name == name and start <= hour < end:
                    count, total = expected.get(hour, (0, Fraction(0)))
                    expected[hour] = (count + 1, total + Fraction(each.value))
            hours = {hour: (count, Fraction(total)) for hour, count, total in found.hours(name, start, end)}
            assert hours == expected

    @invariant()
    def keeps_all(self) -> None:
        assert set(self.table.by_key) == set(self.kept)


TestTimeline = TimelineMachine.TestCase
TestTimeline.settings = settings(stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("count", [1, 3, 4, 5, 12])
def test_blocks_are_never_empty_nor_too_large(count: int) -> None:
    found = Timeline()
    events = [an_event(number, number // 2) for number in range(count)]
    for event in events[::2] + events[1::2]:
        found.add(event)
    assert found.between(None, None) == events
    assert all(0 < len(block.events) <= 4 for block in found.blocks())
    for event in events:
        found.remove(event)
    assert found.blocks() == []


def test_a_value_that_is_no_amount_is_an_error_when_it_is_worked_in() -> None:
    found = TalliedTimeline()
    found.add(an_event(1, 1, Decimal("sNaN")))
    with pytest.raises(ArithmeticError):
        found.work_in()
