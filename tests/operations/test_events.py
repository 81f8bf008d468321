from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autumn_mock.domain.customer import Customer
from autumn_mock.domain.event import Event
from autumn_mock.operations.events import EventPage, Filter, list_events, property_reader, walk
from autumn_mock.operations.time_ranges import TimeRange
from autumn_mock.store import timeline
from autumn_mock.store.environment import Environment
from autumn_mock.wire.requests.events import EventsList, EventsListOffset
from autumn_mock.wire.schema import ValidationFailed, parse
from tests.support.recorded import RECORDED_AT, declare, play, recorded
from tests.support.world import call_at, new_environment

NOW = RECORDED_AT + 7000


def an_event(number: int, timestamp: int, **fields: Any) -> Event:
    return Event(
        id=f"evt_{number:04}", timestamp=timestamp, value=Decimal(1), **{"name": "messages", "customer": "c1", **fields}
    )


@pytest.mark.parametrize("span", [{"start": 1, "end": 2}, {"start": 1}])
def test_a_list_takes_one_range(span: dict[str, int]) -> None:
    with pytest.raises(ValidationFailed) as refused:
        parse(EventsList, {"range": "7d", "custom_range": span})
    assert refused.value.message == "custom_range.range: Only one of range or custom_range may be provided"


def pages(environment: Environment, limit: int, **params: Any) -> list[list[Event]]:
    """Every page of a list, each begun where the last one ended."""
    found: list[list[Event]] = []
    before = None
    while True:
        page = list_events(call_at(environment, NOW), parse(EventsList, {"limit": limit, **params}), before=before)
        found.append(page.rows)
        if not page.has_more:
            return found
        before = (page.rows[-1].timestamp, page.rows[-1].id)


# -- recorded


@pytest.mark.parametrize("name", ["ev_list", "ev_list_paging"])
def test_list_events_answers_as_recorded(name: str) -> None:
    environment, run = new_environment(), recorded(name)
    declare(environment)
    asked = 0
    for step in run["steps"]:
        if "advance_ms" in step or "path" not in step:
            continue
        play(call_at(environment, RECORDED_AT), step)
        body, response = step["body"], step.get("response")
        cursor = body.get("start_cursor")
        if step["path"] != "/v1/events.list" or step["status"] != 200 or cursor or "customer_id" not in body:
            continue
        is_paged_by_offset = "has_more" in response
        params = parse(EventsListOffset, body) if is_paged_by_offset else parse(EventsList, body)
        offset = params.offset if isinstance(params, EventsListOffset) else 0
        page = list_events(call_at(environment, NOW), params, offset=offset)
        assert len(page.rows) == len(response["list"]), body
        assert page.has_more == (response["has_more"] if is_paged_by_offset else response["next_cursor"] is not None)
        if not page.has_more and not offset:  # ids decide among equal times, and ids were drawn
            assert seen(page) == Counter((each["feature_id"], each["value"]) for each in response["list"])
        asked += 1
    assert asked >= 7


def seen(page: EventPage) -> Counter[tuple[str, float]]:
    return Counter((event.name, float(event.value)) for event in page.rows)


# -- filters


@pytest.fixture
def environment() -> Environment:
    environment = new_environment()
    environment.customers.put(Customer(internal_id="c1", id="cus_1", created_at=0))
    environment.customers.put(Customer(internal_id="c2", id="cus_2", created_at=0))
    for event in (
        an_event(1, 1000, properties={"n": 1, "flag": True, "deep": {"x": 2.0, "y": [3]}, "a.b": "c"}),
        an_event(2, 2000, name="words", entity_id="e1"),
        an_event(3, 2000, properties={"n": "1"}),
        an_event(4, 3000, customer="c2"),
        an_event(5, 4000, properties={"n": None}),
    ):
        environment.events.put(event)
    return environment


@pytest.mark.parametrize(
    ("params", "ids"),
    [
        ({}, [5, 4, 3, 2, 1]),
        ({"customer_id": "cus_1"}, [5, 3, 2, 1]),
        ({"customer_id": "c2"}, [4]),
        ({"customer_id": "other"}, []),
        ({"feature_id": "words"}, [2]),
        ({"feature_id": ["words", "messages"]}, [5, 4, 3, 2, 1]),
        ({"feature_id": "nothing"}, []),
        ({"entity_id": "e1"}, [2]),
        ({"custom_range": {"start": 2000, "end": 3000}}, [4, 3, 2]),
        ({"custom_range": {"start": 2000}}, [5, 4, 3, 2]),
        ({"custom_range": {"end": 2000}}, [3, 2, 1]),
        ({"custom_range": {"start": 1000.5, "end": 2999.5}}, [3, 2]),
        ({"custom_range": {"start": 3, "end": 2}}, []),
        ({"filter_by": {"n": "1"}}, [3, 1]),
        ({"filter_by": {"flag": "true"}}, [1]),
        ({"filter_by": {"deep.x": "2"}}, [1]),
        ({"filter_by": {"deep.y": "[3]"}}, [1]),
        ({"filter_by": {"a.b": "c"}}, [1]),
        ({"filter_by": {"n": "null"}}, []),
        ({"range": "24h"}, []),
    ],
)
def test_list_events_filters(environment: Environment, params: dict[str, Any], ids: list[int]) -> None:
    rows = list_events(call_at(environment, NOW), parse(EventsList, params)).rows
    assert [int(event.id.removeprefix("evt_")) for event in rows] == ids


def test_list_events_named_range_ends_now(environment: Environment) -> None:
    environment.events.put(an_event(6, NOW - 3_600_000))
    rows = list_events(call_at(environment, NOW), EventsList(range="24h")).rows
    assert [event.id for event in rows] == ["evt_0006"]


def test_property_reader_returns_none_for_a_missing_property() -> None:
    assert property_reader("a")(an_event(1, 1)) is None
    assert property_reader("a.b")(an_event(1, 1, properties={"a": 1})) is None


# -- paging


@given(
    times=st.lists(st.integers(0, 5), max_size=40),
    limit=st.integers(1, 7),
    order=st.randoms(use_true_random=False),
)
def test_list_events_pages_have_each_event_once_in_order(times: list[int], limit: int, order: Any) -> None:
    environment = new_environment()
    events = [an_event(number, time) for number, time in enumerate(times)]
    order.shuffle(events)
    for event in events:
        environment.events.put(event)
    visited = [event for page in pages(environment, limit) for event in page]
    assert visited == sorted(events, key=timeline.moment_of, reverse=True)
    by_offset = [
        list_events(call_at(environment, NOW), EventsList(limit=limit), offset=offset).rows
        for offset in range(0, len(events), limit)
    ]
    assert [event for page in by_offset for event in page] == visited


def test_walk_ignores_new_events(environment: Environment) -> None:
    visited = []
    for event in walk(environment, Filter(), TimeRange(None, None)):
        visited.append(event.id)
        environment.events.put(an_event(100 + len(visited), 9000))
    assert visited == ["evt_0005", "evt_0004", "evt_0003", "evt_0002", "evt_0001"]
