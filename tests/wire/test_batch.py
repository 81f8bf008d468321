"""Reading batches and single items: the refusals of a batch as a whole, defaults, and the law of the fast path.

The refusals of single fields are held by the recordings (:mod:`tests.wire.test_recorded`) and by the reference
(:mod:`tests.fuzz.test_validator`).
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autumn_mock.domain.track import TrackItem
from autumn_mock.wire import batch
from autumn_mock.wire.batch import read_batch, read_track
from autumn_mock.wire.schema import ValidationFailed
from tests.support.effort import examples

NOW = 1_795_390_000_000
GOOD: dict[str, Any] = {"customer_id": "cus_1", "feature_id": "messages"}
ONE_OF_TWO = "Either feature_id or event_name must be provided"
ROOT_IS_OBJECT = "input: Invalid input: expected array, received object"


def refusal(body: Any) -> str:
    with pytest.raises(ValidationFailed) as caught:
        read_batch(body if isinstance(body, bytes) else json.dumps(body).encode(), NOW)
    return caught.value.message


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b'[{"customer_id":"a"',
        b'[{"customer_id":"a","feature_id":"b"},]',
        b"",
        b"  \n",
        b'[{"customer_id":"a","feature_id":"b","value":NaN}]',
        b'[{"customer_id":"a","feature_id":"b","value":-Infinity}]',
        b"null",
        b"{}",
        b'{"items":[]}',
        b"\x1f\x8b\x08\x00",
        b"[" * 100_000,
        b"[" * 200 + b"]" * 200,
    ],
)
def test_read_batch_reads_invalid_json_as_an_empty_object(body: bytes) -> None:
    assert refusal(body) == ROOT_IS_OBJECT


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"5", "input: Invalid input: expected array, received number"),
        ([], "input: Too small: expected array to have >=1 items"),
        (
            [{**GOOD, "customer_id": 5}, *[GOOD] * 1000],
            "[Validation Errors] 0.customer_id: must be a string (received number); "
            "input: Too big: expected array to have <=1000 items",
        ),
        (
            [GOOD, GOOD, {"feature_id": "messages", "value": "x"}],
            "[Validation Errors] 2.customer_id: must be a string (received undefined); "
            "2.value: must be a number (received string)",
        ),
        ([{**GOOD, "event_name": "e"}], f"0: {ONE_OF_TWO}"),
        ([{"customer_id": "c", "feature_id": ""}], f"0: {ONE_OF_TWO}"),
        (
            [{**GOOD, "event_name": "e", "lock": {"lock_id": "l" * 257, "enabled": True}}],
            f"[Validation Errors] 0.lock.lock_id: Too big: expected string to have <=256 characters; 0: {ONE_OF_TWO}",
        ),
        (
            [{**GOOD, "event_name": "e", "lock": {"lock_id": "l", "enabled": False}}],
            "0.lock.enabled: Invalid input: expected true",
        ),
        ([{**GOOD, "timestamp": NOW + 1}], "0.timestamp: timestamp cannot be in the future"),
        (
            b'[{"customer_id":"c","feature_id":"f","value":1e999}]',
            "0.value: must be a number (received number)",
        ),
    ],
)
def test_read_batch_refuses(body: Any, message: str) -> None:
    assert refusal(body) == message


@pytest.mark.parametrize(
    "fields",
    [
        {"customer_id": ""},
        {"customer_id": "a b@c.d/\u2603"},
        {"customer_id": "c" * 5000},
        {"value": 1e308},
        {"value": -5},
        {"value": 0},
        {"value": 1.5},
        {"value": 2**60},
        {"entity_id": ""},
        {"timestamp": 1},
        {"timestamp": 1_700_000_000},
        {"timestamp": 1_700_000_000_000},
        {"timestamp": NOW},
        {"overage_behavior": "cap"},
        {"overage_behavior": "overflow"},
        {"overage_behavior": "reject"},
        {"lock": {"lock_id": "", "enabled": True}},
        {"lock": {"lock_id": "\u2603" * 256, "enabled": True, "expires_at": 0.5}},
        {"lock": {"lock_id": "l", "enabled": True, "hashed_key": "h", "expires_at": -1}},
        {"async": True},
        {"customer_data": {"name": None, "email": None, "metadata": None, "currency": "EUR"}},
        {"entity_data": {"feature_id": "seats", "name": "N"}},
    ],
)
def test_read_batch_accepts(fields: dict[str, Any]) -> None:
    (item,) = read_batch(json.dumps([{**GOOD, **fields}]).encode(), NOW)
    for key, value in {**GOOD, **fields}.items():
        got = getattr(item, "async_" if key == "async" else key)
        if key == "lock":
            assert {name: getattr(got, name) for name in value} == value
        else:
            assert got == value


def test_read_batch_drops_unknown_keys() -> None:
    lock = {"lock_id": "l", "enabled": True, "overage_behavior": "cap", "extra": None}
    (item,) = read_batch(json.dumps([{**GOOD, "extra": {"a": None}, "lock": lock}]).encode(), NOW)
    (plain,) = read_batch(json.dumps([{**GOOD, "lock": {"lock_id": "l", "enabled": True}}]).encode(), NOW)
    assert item == plain


def test_read_batch_ignores_an_empty_feature_id_beside_an_event_name() -> None:
    body = json.dumps([{"customer_id": "c", "feature_id": "", "event_name": "e"}]).encode()
    (item,) = read_batch(body, NOW)
    assert item.feature_id is None
    assert item.event_name == "e"


def test_read_batch_fills_in_defaults() -> None:
    (item,) = read_batch(json.dumps([GOOD]).encode(), NOW)
    assert (item.value, item.overage_behavior, item.skip_event) == (1, "cap", False)
    assert (item.async_, item.lock, item.properties, item.timestamp) == (None, None, None, None)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "customer_id: must be a string (received undefined)"),
        ({**GOOD, "event_name": "e"}, f"input: {ONE_OF_TWO}"),
        ({"customer_id": "c"}, f"input: {ONE_OF_TWO}"),
        ({**GOOD, "timestamp": NOW + 1}, "timestamp: timestamp cannot be in the future"),
        ([GOOD], "input: Invalid input: expected object, received array"),
    ],
)
def test_read_track_refuses_without_an_index(body: Any, message: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        read_track(body, NOW)
    assert caught.value.message == message


def test_read_track_equals_read_batch_of_one_item() -> None:
    fields = {**GOOD, "value": 2.5, "async": False, "timestamp": 5, "properties": {"a": None}}
    assert [read_track(fields, NOW)] == read_batch(json.dumps([fields]).encode(), NOW)


# -- the fast path

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
texts = st.sampled_from(["", "cus_1", "messages", "\u2603", "\ud800"])
numbers = st.sampled_from([0, 1, 1.0, -2, 2.5, 2**53, 2**70, 1e300, -1e300, 10**400])
lock_ids = st.sampled_from(["l", "", "l" * 256, "l" * 257, "\U0001f600" * 128, "\U0001f600" * 129])
instants = st.sampled_from([1, 1.0, NOW, float(NOW), NOW + 1, 0, -1, 1.5, 10**17])


@st.composite
def mostly(draw: st.DrawFn, valid: st.SearchStrategy[Any]) -> Any:
    """A value of the right kind, and sometimes another."""
    return draw(valid if draw(st.integers(0, 4)) else json_values)


locks = st.fixed_dictionaries(
    {"lock_id": mostly(lock_ids), "enabled": mostly(st.just(True))},
    optional={
        "hashed_key": mostly(texts),
        "expires_at": mostly(numbers),
        "extra": json_values,
    },
)
valid_items = st.fixed_dictionaries(
    {"customer_id": st.just("cus_1"), "feature_id": st.just("messages")},
    optional={
        "value": st.integers() | st.floats(allow_nan=False, allow_infinity=False),
        "timestamp": st.integers(1, NOW),
        "properties": st.dictionaries(st.text(max_size=3), json_values, max_size=3),
        "overage_behavior": st.sampled_from(["cap", "overflow", "reject"]),
        "skip_event": st.booleans(),
        "async": st.booleans(),
        "lock": st.just({"lock_id": "l", "enabled": True}),
    },
)
doubtful_items = st.fixed_dictionaries(
    {"customer_id": mostly(texts)},
    optional={
        "feature_id": mostly(texts),
        "event_name": mostly(texts),
        "entity_id": mostly(texts),
        "value": mostly(numbers),
        "properties": mostly(st.dictionaries(texts, json_values, max_size=2)),
        "idempotency_key": mostly(texts),
        "timestamp": mostly(instants),
        "overage_behavior": mostly(st.sampled_from(["cap", "reject", "x"])),
        "customer_data": mostly(st.fixed_dictionaries({"email": mostly(st.sampled_from(["a@b.co", "x"]))})),
        "entity_data": mostly(st.fixed_dictionaries({"feature_id": mostly(texts)})),
        "skip_event": mostly(st.booleans()),
        "async": mostly(st.booleans()),
        "lock": mostly(locks),
        "extra": json_values,
    },
)
batches = st.lists(valid_items, max_size=3) | st.lists(valid_items | doubtful_items | json_values, max_size=3)


def outcome(body: bytes) -> list[TrackItem] | str:
    try:
        return read_batch(body, NOW)
    except ValidationFailed as failure:
        return failure.message


def both_outcomes(body: bytes) -> tuple[list[TrackItem] | str, list[TrackItem] | str]:
    """With the fast path, and without."""
    with pytest.MonkeyPatch.context() as patch:
        first = outcome(body)
        patch.setattr(batch, "_fast", lambda *_: None)
        return first, outcome(body)


@settings(max_examples=examples(400), deadline=None)
@given(batches)
@example([{"customer_id": "c", "feature_id": "", "event_name": "e"}])
@example([{"customer_id": "c", "feature_id": "f", "lock": {"lock_id": "l", "enabled": True, "hashed_key": None}}])
@example([{"customer_id": "c", "feature_id": "f", "properties": {"a": None}, "extra": None}])
def test_fast_path_equals_exact_path(items: Any) -> None:
    first, second = both_outcomes(json.dumps(items).encode())
    assert first == second
    if isinstance(first, list):
        assert [repr(item) for item in first] == [repr(item) for item in second]


@pytest.mark.parametrize("depth", [100, 124, 125, 126, 127, 200, 900, 100_000])
@pytest.mark.parametrize("key", ["properties", "extra"])
def test_fast_path_equals_exact_path_for_deep_bodies(depth: int, key: str) -> None:
    deep = '{"a":' + "[" * depth + "]" * depth + "}"
    body = f'[{{"customer_id":"c","feature_id":"f","{key}":{deep}}}]'
    first, second = both_outcomes(body.encode())
    assert first == second


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf[{"customer_id":"c","feature_id":"f"}]',
        b'[{"customer_id":"\xff","feature_id":"f"}]',
        b'[{"customer_id":"c","feature_id":"nope","feature_id":"f"}]',
        b'[{"customer_id":"c","feature_id":5,"feature_id":"f"}]',
        b'[{"customer_id":"c","feature_id":"f","value":0,"__proto__":{"a":1}}]',
        b'[{"customer_id":"c","feature_id":"f","timestamp":1.7e12,"properties":{"a":1e999}}]',
        b'[{"customer_id":"c","feature_id":"null","properties":{"null":null}}]',
    ],
)
def test_read_batch_accepts_unusual_bytes(body: bytes) -> None:
    first, second = both_outcomes(body)
    assert isinstance(first, list)
    assert first == second


def test_plain_batches_use_the_fast_path(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("the slow path was taken")

    monkeypatch.setattr(batch, "json_body", never)
    items = [
        {
            "customer_id": f"cus_{index}",
            "feature_id": "messages",
            "value": index + 0.5,
            "timestamp": NOW - index,
            "properties": {"region": "us", "tags": [None, {"a": 1}]},
            "lock": {"lock_id": str(index), "enabled": True},
        }
        for index in range(1000)
    ]
    read = read_batch(json.dumps(items).encode(), NOW)
    assert [item.value for item in read] == [index + 0.5 for index in range(1000)]
