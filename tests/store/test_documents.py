"""What is read back from a file at rest."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autumn_mock.domain.event import Deduction, Event
from autumn_mock.domain.plan import Reset
from autumn_mock.domain.record import MAX_SAFE_INTEGER
from autumn_mock.nesting import MAX_DEPTH
from autumn_mock.store.changes import Change
from autumn_mock.store.documents import changes_of, documents_of, head_of
from autumn_mock.store.errors import DamagedFile
from autumn_mock.store.interning import EventReader
from autumn_mock.store.tinyfile import DECODER, Tables, file_pieces, read_snapshot

PATH = Path("db.json")
ORGANISATION = {"id": "o", "name": "O", "slug": "o", "created_at": 0}
DEDUCTION = {"balance_id": "b", "feature_id": "f", "value": 1}
EVENT = {"id": "1", "timestamp": 1, "name": "n", "customer": "c", "value": 1, "deductions": [DEDUCTION]}


def deep() -> Any:
    """A list that is nested too deep."""
    value: Any = 1
    for _ in range(MAX_DEPTH + 1):
        value = [value]
    return value


def at_rest(tables: dict[str, Any]) -> Tables:
    return read_snapshot(b"".join(file_pieces(1, {"organisations": [ORGANISATION], **tables})), PATH)


def changes(tables: dict[str, Any]) -> list[Change]:
    return list(changes_of(at_rest(tables).tables, PATH))


_AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False) | st.integers().map(Decimal)
_NAMES = st.sampled_from(["a", "ü", "🍂"])
_EVENTS = st.builds(
    Event,
    id=st.text(),
    timestamp=st.integers(0, MAX_SAFE_INTEGER),
    name=_NAMES,
    customer=_NAMES,
    value=_AMOUNTS,
    entity_id=st.none() | _NAMES,
    properties=st.none() | st.dictionaries(st.text(), st.none() | st.booleans() | st.integers(-9, 9) | st.text()),
    deductions=st.lists(
        st.builds(
            Deduction,
            balance_id=_NAMES,
            feature_id=_NAMES,
            value=_AMOUNTS,
            plan_id=st.none() | _NAMES,
            reset=st.none() | st.just(Reset(interval="month")),
            resets_at=st.none() | st.integers(0, 9),
        ),
        max_size=3,
    ).map(tuple),
    message_id=st.none() | st.text(),
)


@given(st.lists(_EVENTS))
def test_events_are_read_back_to_the_last_digit(events: list[Event]) -> None:
    tables = documents_of({"events": [(head_of("o", "live"), events)]})
    put = [event for change in changes(dict(tables)) for event in change.put.get("events", ())]
    assert put == events


def document(event: Event) -> msgspec.Raw:
    """An event as it is stored."""
    (content,) = documents_of({"events": [(head_of("o", "live"), [event])]})["events"]
    return msgspec.Raw(content)


def test_events_share_what_is_equal() -> None:
    one = Event(
        id="1",
        timestamp=1,
        name="calls",
        customer="customer",
        value=Decimal("1.5"),
        deductions=(Deduction(balance_id="b", feature_id="calls", value=Decimal(1)),),
    )
    reader = EventReader()
    (first,), (second,) = reader.read([document(one)]).events, reader.read([document(one)]).events
    assert first == second == one
    assert first.customer is second.customer
    assert first.value is second.value
    assert first.deductions is second.deductions


def test_reader_keeps_every_field_of_an_event() -> None:
    reset = Reset(interval="month", interval_count=2)
    deduction = Deduction(balance_id="b", feature_id="f", value=Decimal("0.1"), plan_id="p", reset=reset, resets_at=3)
    event = Event(
        id="1",
        timestamp=2,
        name="calls",
        customer="c",
        value=Decimal("1.50"),
        entity_id="e",
        properties={"a": [1.5]},
        deductions=(deduction, deduction),
        message_id="m",
    )
    for each in msgspec.structs.fields(Event):
        assert getattr(event, each.name) != each.default, f"the test has no value for {each.name}"
    assert EventReader().read([document(event)]) == ([event], {("o", "live")}, None)


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ({"id": 1}, r"`str`, got `int` - at `\$.id`"),
        ({"id": "1"}, "missing required field `timestamp`"),
        (
            {"id": "1", "timestamp": 1, "name": "n", "customer": "c", "value": 1, "deductions": [{"balance_id": 2}]},
            r"`str`, got `int` - at `\$.deductions\[0\].balance_id`",
        ),
        ({"id": "1", "timestamp": 1, "name": "n", "customer": "c", "value": "sNaN"}, "value is not a finite number"),
        ({**EVENT, "value": "Infinity"}, "value is not a finite number"),
        ({**EVENT, "deductions": [{**DEDUCTION, "value": "NaN"}]}, r"deductions\[\].value is not a finite number"),
        ({**EVENT, "properties": {"a": deep()}}, r"properties\[\] is nested more than \d+ levels deep"),
        ({**EVENT, "org": 1}, r"`str`, got `int` - at `\$.org`"),
        ({**EVENT, "env": "moon"}, r"Invalid enum value 'moon' - at `\$.env`"),
        ({**EVENT, "org": "p"}, "org 'p' is the id of no organisation"),
    ],
)
@pytest.mark.parametrize("before", [0, 1, 3000])
def test_invalid_event_is_damage(event: dict[str, Any], why: str, before: int) -> None:
    """Wherever it is among valid ones, which have the same amounts."""
    valid = [{"org": "o", "env": "live", **EVENT, "id": f"valid {number}"} for number in range(before)]
    with pytest.raises(DamagedFile, match=f"document {before + 1}: .*{why}") as caught:
        changes({"events": [*valid, {"org": "o", "env": "live", **event}]})
    assert caught.value.where == "table events"


def test_event_that_names_no_environment_is_damage() -> None:
    with pytest.raises(DamagedFile, match=r"document 2: .*missing required field `org`"):
        changes({"events": [{"org": "o", "env": "live", **EVENT}, {**EVENT, "id": "2"}]})


def test_events_of_several_environments_are_kept_apart() -> None:
    names = [("o", "live"), ("o", "sandbox"), ("o", "live")]
    events = [{"org": org, "env": env, **EVENT, "id": str(number)} for number, (org, env) in enumerate(names)]
    found = {change.env: [each.id for each in change.put["events"]] for change in changes({"events": events})[1:]}
    assert found == {"live": ["0", "2"], "sandbox": ["1"]}


def test_owners_are_distinguished_however_a_document_is_written() -> None:
    features = [
        b'{"org":"o","env":"live","id":"1","name":"F","type":"boolean","consumable":false,"created_at":0}',
        b'{"org":"o","env":"sandbox","id":"2","name":"F","type":"boolean","consumable":false,"created_at":0}',
        b'{"id":"3","name":"F","type":"boolean","consumable":false,"created_at":0, "env": "live", "org": "o"}',
        b'{"org":"o","env":"live","id":"4","name":"F","type":"boolean","consumable":false,"created_at":0}',
    ]
    found = {change.env: [each.id for each in change.put["features"]] for change in changes({"features": features})[1:]}
    assert found == {"live": ["1", "3", "4"], "sandbox": ["2"]}


@given(
    st.integers(0, 200),
    st.integers(0, 3),
    st.binary(max_size=3) | st.text('{}[],:"\\ntrue1-.eE ud8\t', max_size=3).map(str.encode),
)
def test_damage_is_refused_wherever_it_is(place: int, length: int, other: bytes) -> None:
    """As strictly as when everything is decoded."""
    documents: list[Any] = [
        {"org": "o", "env": "live", "text": 'ü "\n', "number": -1.5e3, "list": [True, None, {"a": 1}]},
        {"org": "o"},
    ]
    content = b"".join(file_pieces(1, {"anything": documents, "nothing": []}))
    place += content.index(b'"anything"')
    damaged = content[:place] + other + content[place + length :]
    try:
        tables = DECODER.decode(damaged)
    except ValueError:
        tables = None
    if tables is None or not all(
        type(table) is dict and all(type(document) is dict for document in table.values()) for table in tables.values()
    ):
        with pytest.raises(DamagedFile):
            read_snapshot(damaged, PATH)
        return
    del tables["_autumn_mock"]
    found = read_snapshot(damaged, PATH).tables
    assert found == tables
