from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autumn_mock.domain.customer import Customer
from autumn_mock.domain.event import Deduction, Event
from autumn_mock.domain.record import LATEST
from autumn_mock.ledger.intervals import DAY, HOUR
from autumn_mock.operations.aggregate import Question, aggregate, answer
from autumn_mock.operations.errors import ApiError
from autumn_mock.operations.event_counts import Grid, count_events, plan_of
from autumn_mock.operations.events import Filter
from autumn_mock.operations.time_ranges import bins, zone_of
from autumn_mock.store import timeline
from autumn_mock.store.environment import Environment
from autumn_mock.wire.requests.events import EventsAggregate
from autumn_mock.wire.responses.aggregate import aggregate_body
from autumn_mock.wire.schema import parse
from tests.support.recorded import RECORDED_AT, declare, play, recorded, result_of
from tests.support.world import call_at, new_environment

#: A little after the last recorded event.
NOW = RECORDED_AT + 7000


def instant(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp() * 1000)


def ask(environment: Environment, now: int = NOW, **body: Any) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(
        aggregate_body(aggregate(call_at(environment, now), parse(EventsAggregate, body)))
    )
    return shown


# -- recorded


@pytest.fixture(scope="module")
def played() -> Environment:
    """The customer ``ev_aggregate_d`` as it was when it was asked about."""
    environment = new_environment()
    declare(environment)
    for step in recorded("ev_aggregate")["steps"]:
        is_now = step["path"] == "/v1/balances.track" and "timestamp" not in step["body"]
        play(call_at(environment, RECORDED_AT + 1000 * is_now), step)
    return environment


def recorded_questions() -> Iterator[Any]:
    for number, step in enumerate(recorded("ev_aggregate")["steps"]):
        body = step["body"]
        # Older versions only differ in shape; the groups of all customers hold other runs; without a payment
        # provider the recorded server knew no billing cycle of a paid plan.
        if (
            step["path"] == "/v1/events.aggregate"
            and step["status"] in (200, 404)
            and "x-api-version" not in step
            and body.get("group_by") != "$customer_id"
            and ("custom_range" in body or body.get("range") in ("24h", "7d", "30d", "90d"))
        ):
            yield pytest.param(body, step["response"], id=f"{number}-{'-'.join(map(str, body))}")


@pytest.mark.parametrize(("body", "response"), list(recorded_questions()))
def test_aggregate_answers_as_recorded(played: Environment, body: dict[str, Any], response: dict[str, Any]) -> None:
    answer = result_of(lambda: ask(played, **body))
    if isinstance(answer, ApiError):
        assert (answer.status, answer.message, answer.code) == (404, response["message"], response["code"])
        return
    (balance_id,) = {row.id for row in played.balances if row.feature_id == "messages"}
    text = json.dumps(response).replace("cus_ent_3MToxqtLurSrBva9R6SGecHwy1a", balance_id)
    expected = json.loads(text.replace("prod_3MToNe0eqiHsh0MPsMAbhOshMu2", "g_prem"))
    if body.get("range") == "24h":  # the recorded bins lack the hour in which the range begins, the totals have it
        assert expected["list"][0]["values"] == {"messages": 0}
        expected["list"][0]["values"] = {"messages": 7}
    assert answer == expected


def test_aggregate_groups_by_customer_id(played: Environment) -> None:
    answer = ask(played, feature_id="messages", range="7d", group_by="$customer_id")
    assert answer["list"][-1]["grouped_values"] == {"messages": {"ev_aggregate_d": 1}}


# -- ranges and bins


def test_aggregate_billing_cycle_is_that_of_the_plan(played: Environment) -> None:
    for name in ("1bc", "last_cycle", None):
        body: dict[str, Any] = {"range": name} if name else {}
        rows = ask(played, customer_id="ev_aggregate_d", feature_id="messages", **body)["list"]
        periods = [row["period"] for row in rows]
        assert periods == list(range(instant("2026-10-23"), NOW, DAY))
        assert len(periods) == 31
    three = ask(played, customer_id="ev_aggregate_d", feature_id="messages", range="3bc")["list"]
    assert three[0]["period"] == instant("2026-08-24")


def test_aggregate_billing_cycle_without_a_plan_is_a_day(played: Environment) -> None:
    played.customers.put(Customer(internal_id="bare", id="bare", created_at=0))
    assert len(ask(played, customer_id="bare", feature_id="messages")["list"]) == 2
    assert len(ask(played, feature_id="messages", range="3bc")["list"]) == 4


@pytest.mark.parametrize(
    ("start", "end", "size", "zone", "periods"),
    [
        ("2026-03-01T10:30", "2026-03-01T12:00", "hour", "UTC", ["2026-03-01T10", "2026-03-01T11", "2026-03-01T12"]),
        ("2026-03-01T10:30", "2026-03-02T00:00", "day", "UTC", ["2026-03-01", "2026-03-02"]),
        ("2026-03-01T10:30", "2026-03-09T00:00", "week", "UTC", ["2026-02-23", "2026-03-02", "2026-03-09"]),
        ("2025-12-31T10:30", "2026-02-01T00:00", "month", "UTC", ["2025-12-01", "2026-01-01", "2026-02-01"]),
        (
            "2026-03-07T12:00",
            "2026-03-10T03:00",
            "day",
            "America/New_York",
            ["2026-03-07T05", "2026-03-08T05", "2026-03-09T04"],
        ),
        ("2026-03-01T10:30", "2026-03-01T11:00", "hour", "Asia/Kolkata", ["2026-03-01T10", "2026-03-01T11"]),
        ("2026-03-01T10:30", "2026-03-02T00:00", "day", "Asia/Kolkata", ["2026-02-28T18:30", "2026-03-01T18:30"]),
        (
            "2011-12-29T12:00",
            "2011-12-31T12:00",
            "day",
            "Pacific/Apia",
            ["2011-12-29T10", "2011-12-30T10", "2011-12-31T10"],
        ),
    ],
)
def test_bins(start: str, end: str, size: str, zone: str, periods: list[str]) -> None:
    assert bins(instant(start), instant(end), size, zone_of(zone)) == list(map(instant, periods))


def test_aggregate_has_no_bins_in_the_future(played: Environment) -> None:
    ahead = {"start": NOW + DAY, "end": NOW + 2 * DAY}
    assert ask(played, feature_id="messages", custom_range=ahead) == {"list": [], "total": {}}
    halfway = {"start": NOW - HOUR, "end": NOW + 2 * DAY}
    assert len(ask(played, feature_id="messages", custom_range=halfway)["list"]) == 1


@pytest.mark.parametrize(
    "name", ["Mars/Olympus", "../../etc/passwd", "/etc/passwd", "UTC\0", ".", "a" * 5000, "Europe", "\udc80"]
)
def test_aggregate_refuses_an_unknown_timezone(played: Environment, name: str) -> None:
    error = result_of(lambda: ask(played, feature_id="messages", timezone=name))
    assert (error.status, error.code) == (400, "invalid_inputs")


# -- what is asked


@pytest.mark.parametrize("given_by", ["group_by", "filter_by"])
def test_aggregate_refuses_an_invalid_property_path(played: Environment, given_by: str) -> None:
    path: Any = "properties.a-b" if given_by == "group_by" else {"a-b": "1"}
    error = result_of(lambda: ask(played, feature_id="messages", **{given_by: path}))
    assert (error.status, error.code) == (400, "invalid_inputs")
    assert error.message == "Invalid property path. Should only contain alphanumeric and underscore characters."


def test_aggregate_of_deductions_needs_a_customer(played: Environment) -> None:
    error = result_of(lambda: ask(played, feature_id="messages", aggregate_on="deducted"))
    expected = (400, "customer_id is required when aggregate_on is set", "invalid_request")
    assert (error.status, error.message, error.code) == expected


def test_aggregate_measures_counts(played: Environment) -> None:
    answer = ask(played, customer_id="ev_aggregate_d", feature_id="messages", range="7d", measure="count")
    assert [row["values"]["messages"] for row in answer["list"]] == [0, 0, 0, 0, 1, 2, 2, 3]
    assert answer["total"] == {"messages": {"count": 8, "sum": 26}}


def test_aggregate_adds_up_groups_beyond_max_groups() -> None:
    events = [
        Event(id=f"e{number}", timestamp=time, name="f", customer="c", value=Decimal(value), properties={"g": group})
        for number, (time, group, value) in enumerate([(0, "a", 1), (0, "b", 3), (0, "c", 2), (HOUR, "d", 1)])
    ]
    question = Question(["f"], Grid("hour", "UTC", [0, HOUR]), "properties.g", max_groups=1)
    result = answer(count_events(events, question.grid, Filter(), question.group_by), question)
    assert [(row.values, row.grouped_values) for row in aggregate_body(result).bins] == [
        ({"f": 6}, {"f": {"b": 3, "d": 0, "AUTUMN_RESERVED": 3}}),
        ({"f": 1}, {"f": {"b": 0, "d": 1, "AUTUMN_RESERVED": 0}}),
    ]


def test_plan_of_is_the_plan_with_the_largest_deductions() -> None:
    def event(*moved: tuple[str | None, int]) -> Event:
        deductions = tuple(
            Deduction(balance_id="b", feature_id="f", plan_id=plan_id, value=Decimal(value)) for plan_id, value in moved
        )
        return Event(id="e", timestamp=0, name="f", customer="c", value=Decimal(1), deductions=deductions)

    assert plan_of(event()) == ""
    assert plan_of(event((None, 9))) == ""
    assert plan_of(event(("p", 2), ("q", -3), ("p", 2), (None, 9))) == "p"


def test_aggregate_adds_up_groups_of_deductions_beyond_max_groups(played: Environment) -> None:
    answer = ask(
        played,
        customer_id="ev_aggregate_d",
        feature_id="messages",
        range="7d",
        aggregate_on="deducted",
        group_by="properties.region",
        max_groups=1,
    )
    (groups,) = answer["deductions"][-2]["grouped_values"].values()
    assert groups == {"apac": {"deducted": 4}, "Other": {"deducted": 3}}


# -- the law: an answer is a plain sum over the events, whatever blocks have cached

_EDGE = NOW - NOW % HOUR
_TIMES = st.integers(_EDGE - 60 * HOUR, NOW) | st.sampled_from([_EDGE - 1, _EDGE, _EDGE - 24 * HOUR, NOW])
_EVENTS: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    st.builds(
        dict,
        timestamp=_TIMES,
        name=st.sampled_from(["messages", "words"]),
        customer=st.sampled_from(["i1", "i2"]),
        entity_id=st.sampled_from([None, "e1", "e2"]),
        value=st.decimals(allow_nan=False, allow_infinity=False, places=10) | st.just(Decimal("1e300")),
        properties=st.sampled_from([None, {}, {"g": "a"}, {"g": "b"}, {"g": 2}, {"h": "a"}, {"g": "a", "h": "x"}]),
    ),
    max_size=15,
)
_GROUPS: dict[str | None, Any] = {
    None: lambda _: None,
    "$entity_id": lambda event: event.entity_id,
    "$customer_id": lambda event: event.customer.replace("i", "c"),
    "properties.g": lambda event: str(event.properties["g"]) if "g" in (event.properties or {}) else None,
}
_QUESTIONS = st.fixed_dictionaries(
    {
        "feature_id": st.sampled_from([["messages"], ["words", "messages"], [], ["nothing"]]),
        "bin_size": st.sampled_from(["hour", "day", "week", "month"]),
        "timezone": st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu"]),
        "custom_range": st.tuples(_TIMES, _TIMES).map(lambda span: {"start": min(span), "end": max(span) + 1}),
    },
    optional={
        "group_by": st.sampled_from([each for each in _GROUPS if each is not None]),
        "entity_id": st.just("e1"),
        "filter_by": st.sampled_from([{"g": "a"}, {"h": "x"}, {"g": "2"}]),
        "customer_id": st.sampled_from(["c1", "c2"]),
        "measure": st.just("count"),
    },
)


def with_customers() -> Environment:
    environment = new_environment()
    for number in (1, 2):
        environment.customers.put(Customer(internal_id=f"i{number}", id=f"c{number}", created_at=0))
    return environment


@given(
    rounds=st.lists(st.tuples(_EVENTS, st.lists(st.integers(0, 30))), min_size=1, max_size=4),
    questions=st.lists(_QUESTIONS, min_size=1, max_size=2),
)
def test_aggregate_is_a_plain_sum_between_any_changes(rounds: list[Any], questions: list[dict[str, Any]]) -> None:
    environment = with_customers()
    kept: dict[str, Event] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timeline, "_BLOCK_SIZE", 3)
        patch.setattr(timeline, "_EVENTS_PER_ENTRY", 0)  # cache whatever is asked
        for number, (given_events, deleted) in enumerate(rounds):
            for place, fields in enumerate(given_events):
                event = Event(id=f"evt_{number}_{place}", **fields)
                kept[event.id] = event
                environment.events.put(event)
            for key in [list(kept)[place] for place in deleted if place < len(kept)]:
                environment.events.delete(key)
                kept.pop(key, None)
            for question in questions:
                ask_and_compare(environment, list(kept.values()), question)


def test_aggregate_distinguishes_cached_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "_BLOCK_SIZE", 8)
    monkeypatch.setattr(timeline, "_EVENTS_PER_ENTRY", 0)
    monkeypatch.setattr(timeline, "_DIGESTS", 1000)
    environment = with_customers()
    kept = [
        Event(
            id=f"evt_{number}",
            timestamp=NOW - number * 20 * 60_000,
            name="words" if number % 7 == 0 else "messages",
            customer=f"i{1 + number % 2}",
            entity_id="e1" if number % 3 else None,
            value=Decimal(number),
            properties={"g": "ab"[number % 5 % 2], "h": "xyz"[number % 3]},
        )
        for number in range(1, 150)
    ]
    environment.events.put_all(kept)
    filters: list[dict[str, Any]] = [
        {},
        {"measure": "count"},
        {"entity_id": "e1"},
        {"filter_by": {"g": "a"}},
        {"filter_by": {"g": "b"}},
        {"filter_by": {"h": "x"}},
        {"filter_by": {"g": "a", "h": "x"}},
        {"customer_id": "c1"},
    ]
    sizes, zones = ("hour", "day", "week"), ("UTC", "Asia/Kathmandu")
    for size, zone, group_by, further in itertools.product(sizes, zones, _GROUPS, filters):
        question = {
            "feature_id": ["messages"],
            "bin_size": size,
            "timezone": zone,
            "custom_range": {"start": NOW - 2 * DAY, "end": NOW + 1},
            **({} if group_by is None else {"group_by": group_by}),
            **further,
        }
        ask_and_compare(environment, kept, question)


def ask_and_compare(environment: Environment, kept: list[Event], question: dict[str, Any]) -> None:
    result = aggregate(call_at(environment, NOW), parse(EventsAggregate, question))
    names, span = question["feature_id"], question["custom_range"]
    start, end = span["start"] - span["start"] % HOUR, min(span["end"], NOW)
    meant = [
        event
        for event in kept
        if (not names or event.name in names)
        and start <= event.timestamp <= end
        and question.get("entity_id") in (None, event.entity_id)
        and question.get("customer_id") in (None, event.customer.replace("i", "c"))
        and all(str((event.properties or {}).get(key)) == text for key, text in question.get("filter_by", {}).items())
    ]
    measure: Any = (lambda _: 1) if question.get("measure") == "count" else (lambda event: Fraction(event.value))
    group_of = _GROUPS[question.get("group_by")]
    edges = bins(start, end, question["bin_size"], zone_of(question["timezone"]))
    assert [row.period for row in result.bins] == edges
    for row, until in zip(result.bins, [*edges[1:], end + 1], strict=True):
        for name in names:
            inside = [each for each in meant if each.name == name and row.period <= each.timestamp < until]
            if row.groups is None:
                assert Fraction(row.values[name]) == sum(map(measure, inside))
                continue
            groups: dict[str, Fraction] = {}
            for each in inside:
                if group_of(each) is not None:
                    groups[group_of(each)] = groups.get(group_of(each), Fraction(0)) + measure(each)
            found = {group: Fraction(value) for group, value in row.groups[name].items()}
            assert {**dict.fromkeys(found, Fraction(0)), **groups} == found
            assert Fraction(row.values[name]) == sum(groups.values())
    totals: dict[str, tuple[int, Fraction]] = {}
    for event in meant:
        count, total = totals.get(event.name, (0, Fraction(0)))
        totals[event.name] = (count + 1, total + Fraction(event.value))
    assert {name: (each.count, Fraction(each.sum)) for name, each in result.totals.items()} == totals


def test_answer_of_no_cells_has_no_totals() -> None:
    assert answer({}, Question(["f"], Grid("day", "UTC", [0]))).totals == {}


@pytest.mark.parametrize("size", ["hour", "day", "week", "month"])
def test_bins_of_an_endless_range_are_refused(size: str) -> None:
    with pytest.raises(ApiError, match="200 years"):
        bins(0, LATEST, size, zone_of(None))
