"""The fast path of batch_track never answers differently from the schema."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autumn_mock.domain.track import TrackItem
from autumn_mock.wire import batch
from autumn_mock.wire.batch import read_batch
from autumn_mock.wire.schema import ValidationFailed
from tests.support.effort import examples

NOW = 1_795_390_000_000

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
    """A value of the right kind, and now and then any other."""
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
def test_same_answer_without_the_fast_path(items: Any) -> None:
    first, second = both_outcomes(json.dumps(items).encode())
    assert first == second
    if isinstance(first, list):
        assert [repr(item) for item in first] == [repr(item) for item in second]


@pytest.mark.parametrize("depth", [100, 124, 125, 126, 127, 200, 900, 100_000])
@pytest.mark.parametrize("key", ["properties", "extra"])
def test_same_answer_about_deep_bodies(depth: int, key: str) -> None:
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
def test_unusual_bytes_are_accepted_all_the_same(body: bytes) -> None:
    first, second = both_outcomes(body)
    assert isinstance(first, list)
    assert first == second


def test_a_plain_batch_takes_the_fast_path(monkeypatch: pytest.MonkeyPatch) -> None:
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
