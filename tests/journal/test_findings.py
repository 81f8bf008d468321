"""Findings of requests in the journal."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from autumn_mock.journal.bodies import RequestBody
from autumn_mock.journal.finding import DETECTORS, STATE_DETECTORS, finding
from autumn_mock.journal.finding_kinds import FINDING_KINDS, FindingKind
from autumn_mock.journal.findings import Finding, find
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.journal.retries import double_charges, losses
from tests.support.effort import examples

law = settings(deadline=None, max_examples=examples(150))

Item = dict[str, Any]


def use(value: float | None = None, /, **fields: Any) -> Item:
    """An item with nothing that distinguishes it from another of the same value."""
    item = {"customer_id": "cus_alice", "feature_id": "messages", **fields}
    return item if value is None else {**item, "value": value}


def timed(number: int, value: float | None = None, /, **fields: Any) -> Item:
    """An item with a timestamp of its own."""
    return use(value, timestamp=1_700_000_000_000 + number, **fields)


def keyed(number: int, value: float | None = None, /, **fields: Any) -> Item:
    return use(value, idempotency_key=f"key_{number}", **fields)


def batch(number: int, items: Sequence[Item] | bytes, /, **changed: Any) -> RequestEntry:
    """The request of a batch that was accepted. The ``number``-th comes in second ``number``, and takes 0.1 s."""
    body = items if isinstance(items, bytes) else json.dumps(items).encode()
    status = changed.get("service_status", changed.get("status", 202))
    fields: dict[str, Any] = {
        "id": number,
        "at": 1_700_000_000_000 + number * 1000,
        "received": float(number),
        "replied": number + 0.1,
        "method": "POST",
        "path": "/v1/balances.batch_track",
        "call": "balances.batch_track",
        "status": status,
        "service_status": status,
        "duration_ms": 100.0,
        "items": None if status in (None, 400, 429) or isinstance(items, bytes) else len(items),
        **changed,
    }
    body = fields.pop("body", body)
    return RequestEntry(**fields, content=None if body is None else RequestBody(body, fields["call"]))


def track(number: int, item: Item, /, **changed: Any) -> RequestEntry:
    """The request of a single use that was recorded at once."""
    single = {"path": "/v1/balances.track", "call": "balances.track", "items": None, "status": 200}
    return batch(number, json.dumps(item).encode(), **{**single, **changed})


def unavailable(number: int, items: Sequence[Item], /, **changed: Any) -> RequestEntry:
    """A batch of which nothing could be queued."""
    refusals = dict.fromkeys(range(len(items)), "queue:down")
    fields = {"status": 503, "retry_after": 1.0, "refused": len(items), "refusals": refusals}
    return batch(number, items, **{**fields, **changed})


def limited(number: int, /, **changed: Any) -> RequestEntry:
    return batch(number, [timed(number)], **{"status": 429, "retry_after": 5.0, "body": None, **changed})


#: What the client sees of a request that was accepted, when it does not see that.
LOST_REPLIES: dict[str, dict[str, Any]] = {
    "no reply": {"reply": "lost", "status": None},
    "no status": {"status": None},
    "cut short": {"reply": "lost", "status": 202},
    "503 by a fault": {"reply": "altered", "status": 503},
    "500 by a fault": {"reply": "altered", "status": 500},
    "disconnected": {"reply": "not_awaited"},
}
lost_reply = pytest.mark.parametrize("reply", LOST_REPLIES.values(), ids=LOST_REPLIES)


def codes(entries: Sequence[RequestEntry]) -> list[str]:
    return [finding.code for finding in find(entries)]


def only(entries: Sequence[RequestEntry], code: str) -> Finding:
    """The one finding of a code."""
    [found] = [finding for finding in find(entries) if finding.code == code]
    return found


# -- all


def test_find_adds_the_texts_of_the_kind() -> None:
    found = only([batch(1, [timed(1)]), batch(2, [timed(1)])], "resent_after_accepted")
    kind = FINDING_KINDS["resent_after_accepted"]
    assert (found.title, found.why, found.instead) == (kind.title, kind.why, kind.instead)


def test_findings_are_encoded_as_json() -> None:
    [found] = json.loads(msgspec.json.encode(find([batch(1, [timed(1, 2)]), batch(2, [timed(1, 2)])])))
    assert found["requests"] == [1, 2]
    assert found["amounts"] == {"messages": 2}


def test_find_orders_findings_by_their_offenders() -> None:
    slow = batch(9, [timed(9, 5)], received=1.0, replied=8.0, reply="not_awaited")
    entries = [batch(2, [timed(1)]), batch(3, [timed(1)]), unavailable(4, [timed(2)]), slow]
    assert [(found.code, found.requests) for found in find(entries)] == [
        ("reply_not_awaited", (9,)),
        ("resent_after_accepted", (2, 3)),
        ("not_resent_after_503", (4,)),
    ]


def test_find_runs_every_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new kind of finding is one entry in each of two modules."""
    monkeypatch.setitem(FINDING_KINDS, "too_late", FindingKind(title="Late", why="It is late.", instead="Hurry."))

    def detect(entries: Sequence[RequestEntry]) -> Iterator[Finding]:
        return (finding("too_late", [entry], "It was late", items=None) for entry in entries)

    monkeypatch.setitem(DETECTORS, "too_late", detect)
    [found] = find([batch(1, [timed(1)])])
    assert (found.code, found.title, found.message) == ("too_late", "Late", "It was late.")


def test_every_finding_has_one_declared_detector() -> None:
    assert set(DETECTORS) | set(STATE_DETECTORS) == set(FINDING_KINDS)
    assert set(DETECTORS) & set(STATE_DETECTORS) == set()


def test_double_charges_and_losses_of_the_example_in_retries() -> None:
    a, b = timed(1), timed(2)
    truncated = {"reply": "lost", "status": 202}
    entries = [unavailable(1, [a, b]), batch(3, [a], **truncated), batch(4, [a, b]), unavailable(5, [b]), batch(7, [b])]
    charges = [
        ([entry.id for entry in each.requests], len(each.items), each.was_known) for each in double_charges(entries)[0]
    ]
    assert charges == [([3, 4], 1, False), ([4, 7], 1, True)]
    assert losses(entries)[0] == []
    assert [len(loss.items) for loss in losses(entries[:2])[0]] == [1]


# -- which findings there are

SIDE = {"received": 1.0}
MANY = [use()] * 1001
SLOW = batch(1, [use(2)], received=0.0, replied=30.0, reply="not_awaited")
RESET = batch(1, [use(2)], received=0.0, replied=0.001, reply="lost", status=None, service_status=202)
HALF_REFUSED: dict[str, Any] = {"refused": 1, "refusals": {1: "enqueue:fail"}}
MERGED = unavailable(1, [use(), timed(2), use()])
MODEL = {"properties": {"model": "gpt-4"}}
SOON: dict[str, Any] = {"received": 1.2, "at": 0}
CASES: dict[str, tuple[Sequence[RequestEntry], list[str]]] = {
    "no requests": ([], []),
    # resent_after_accepted
    "200 of newer servers": ([batch(number, [timed(1)], status=200) for number in (1, 2)], ["resent_after_accepted"]),
    "altered reply": ([batch(1, [timed(1)], reply="altered"), batch(2, [timed(1)])], ["resent_after_accepted"]),
    "tracks that return a balance": ([track(1, timed(1)), track(2, timed(1))], ["resent_after_accepted"]),
    "equal tracks without identifiers": ([track(number, use()) for number in (1, 2, 3)], []),
    "equal queued tracks, no identifiers": (
        [track(number, use(), status=202, items=1) for number in (1, 2, 3)],
        [],
    ),
    "equal tracks with equal properties": ([track(number, use(**MODEL)) for number in (1, 2, 3)], []),
    "different batches": ([batch(1, [timed(1)]), batch(2, [timed(2)])], []),
    "accepted, then 503": ([batch(1, [timed(1)]), unavailable(2, [timed(1)])], []),
    "accepted with a key, then 503": ([batch(1, [keyed(1)]), unavailable(2, [keyed(1)])], []),
    "concurrent, indistinguishable": ([batch(1, [use()], replied=3.0), batch(2, [use()])], []),
    "concurrent, timed": ([batch(1, [timed(1)], replied=3.0), batch(2, [timed(1)])], []),
    "sent as the first ends": ([batch(1, [use()], replied=2.0), batch(2, [use()])], ["resent_after_accepted"]),
    "equal indistinguishable items in other batches": (
        [batch(1, [use(), use(2)]), batch(2, [use(), use(3)]), batch(3, [use()])],
        [],
    ),
    "equal properties in other batches": (
        [batch(1, [use(**MODEL), use(2)]), batch(2, [use(**MODEL), use(3)])],
        [],
    ),
    "keys": ([batch(number, [keyed(1), keyed(2)]) for number in (1, 2)], []),
    "refused item sent alone, timed": ([batch(1, [timed(1), timed(2)], **HALF_REFUSED), batch(2, [timed(2)])], []),
    "refused item sent alone, untimed": (
        [batch(1, [timed(1), use(2)], **HALF_REFUSED), batch(2, [use(2)])],
        [],
    ),
    "complementary refusals": (
        [
            batch(1, [timed(1), timed(2)], **HALF_REFUSED),
            batch(2, [timed(1), timed(2)], refused=1, refusals={0: "enqueue:fail"}),
        ],
        [],
    ),
    "dropped body": ([batch(1, [timed(1)], body=None), batch(2, [timed(1)])], []),
    # resent_after_lost_reply
    "too early to have given up": ([SLOW, batch(2, [use(2)], received=0.04)], ["reply_not_awaited"]),
    "after a reset": ([RESET, batch(2, [use(2)], received=0.002)], ["resent_after_lost_reply"]),
    # not_resent_after_503
    "503, then accepted": ([unavailable(1, [timed(1), use()]), batch(3, [use(), timed(1)])], []),
    "503, then merged": ([MERGED, batch(3, [use(9), use(), timed(2), use()])], []),
    "503, then split": ([MERGED, batch(3, [use(), timed(2)]), batch(4, [use(), use(7)])], []),
    "503, then single tracks": (
        [MERGED, *(track(3 + number, item) for number, item in enumerate([use(), use(), timed(2)]))],
        [],
    ),
    "two concurrent 503, one accepted": (
        [unavailable(1, [timed(1)]), unavailable(2, [timed(1)], **SIDE), batch(3, [timed(1)])],
        ["not_resent_after_503"],
    ),
    "503, then 429": ([unavailable(1, [timed(1)]), batch(3, [timed(1)], status=429)], ["not_resent_after_429"]),
    "503 beside an accepted one": (
        [unavailable(1, [timed(1)]), batch(2, [timed(1)], **SIDE)],
        ["not_resent_after_503"],
    ),
    "503, then accepted by the clock": (
        [unavailable(1, [timed(1)]), batch(2, [timed(1)], received=1.1, at=batch(3, []).at)],
        [],
    ),
    "502 with 1000 items": ([batch(1, MANY[1:], status=502, service_status=None)], ["not_resent_after_503"]),
    "502 with 1001 items": ([batch(1, MANY, status=502, service_status=None)], []),
    "503, then a partial 202": (
        [unavailable(1, [timed(1), timed(2)]), batch(3, [timed(1), timed(2)], **HALF_REFUSED)],
        [],
    ),
    "an equal usage after a 202": ([batch(1, [use()]), unavailable(2, [use()])], ["not_resent_after_503"]),
    # retried_too_soon
    "early, but another timed item": (
        [unavailable(1, [timed(1)], at=0), batch(2, [timed(2)], **SOON), batch(5, [timed(1)])],
        [],
    ),
    "early, but another indistinguishable item": (
        [unavailable(1, [use(1)], at=0), batch(2, [use(2)], **SOON), batch(5, [use(1)])],
        [],
    ),
    "early after a lost 503": ([unavailable(1, [timed(1)], reply="lost", at=0), batch(2, [timed(1)], **SOON)], []),
    "early after a 503 not awaited": (
        [unavailable(1, [timed(1)], reply="not_awaited", at=0), batch(2, [timed(1)], **SOON)],
        ["reply_not_awaited"],
    ),
    "before the reply": (
        [unavailable(1, [timed(1)], replied=2.0, at=0), batch(2, [timed(1)], received=1.9, at=0), batch(5, [timed(1)])],
        ["resent_after_accepted"],
    ),
    # hammering
    "concurrent 429": ([limited(number, received=1.0, replied=1.1) for number in range(20)], []),
    "429 without Retry-After": ([limited(number, retry_after=None) for number in range(4)], []),
    "429 whose reply is lost": ([limited(number, reply="lost") for number in range(4)], []),
    "429 by a fault": ([limited(number, service_status=None, body=None) for number in range(3)], ["hammering"]),
    "429 of two calls": (
        [limited(1), limited(2, call="balances.track"), limited(3), limited(4, call="balances.track")],
        [],
    ),
    "429 of unknown routes": ([limited(number, call="", path=f"/v1/{number % 2}") for number in range(1, 5)], []),
    # batch_too_large
    "1000 items refused": ([batch(1, MANY[1:], status=400)], []),
    "1001 items, 503 by a fault": ([batch(1, MANY, status=503, service_status=None)], []),
    "1001 items, 400 hidden by a fault": ([batch(1, MANY, status=503, service_status=400)], ["batch_too_large"]),
    "1001 items to another call": ([batch(1, MANY, status=400, call="balances.track")], []),
    "an object of 1001 items": ([batch(1, json.dumps({"items": MANY}).encode(), status=400)], []),
    # resent_after_refusal
    "refused, another spelling": (
        [batch(1, b'[{"a":1,"b":2}]', status=400), batch(2, b'[ {"b":2.0, "a":1} ]', status=400)],
        ["resent_after_refusal"],
    ),
    "refused, then corrected": ([batch(1, [use(value="x")], status=400), batch(2, [use()])], []),
    "refused, then accepted": ([batch(1, [use()], status=404), batch(2, [use()])], []),
    "refused twice, then accepted": (
        [*(batch(number, [use()], status=404) for number in (1, 2)), batch(3, [use()])],
        ["resent_after_refusal"],
    ),
    "refused, accepted, refused": (
        [batch(1, [use()], status=404), batch(2, [use()]), batch(3, [use(3)]), batch(4, [use()], status=404)],
        [],
    ),
    "concurrent refusals": ([batch(1, [use()], status=400), batch(2, [use()], status=400, **SIDE)], []),
}


@pytest.mark.parametrize(("entries", "expected"), CASES.values(), ids=CASES)
def test_find_codes(entries: Sequence[RequestEntry], expected: list[str]) -> None:
    assert codes(entries) == expected


# -- resent_after_accepted


def test_resent_after_accepted_counts_what_is_charged_twice() -> None:
    items = [timed(1, 2), timed(2, 0.5), timed(3, feature_id="seats")]
    found = only([batch(4, items), batch(7, items)], "resent_after_accepted")
    assert found.requests == (4, 7)
    assert found.at == batch(7, items).at
    assert found.items == 3
    assert found.amounts == {"messages": 2.5, "seats": 1}
    assert found.certain
    assert found.message == (
        "A batch of 3 items was accepted, its client received 202, and was sent again once: "
        "3 items too many were charged (2.5 messages, 1 seats)."
    )


def test_resent_after_accepted_is_one_finding_per_batch() -> None:
    entries = [batch(number, [timed(1, 3)]) for number in range(1, 5)]
    [found] = find(entries)
    assert (found.requests, found.items, found.amounts) == ((1, 2, 3, 4), 3, {"messages": 9})


def test_resent_after_accepted_distinguishes_batches() -> None:
    entries = [batch(1, [timed(1)]), batch(2, [timed(2)]), batch(3, [timed(1)]), batch(4, [timed(2)])]
    assert [found.requests for found in find(entries)] == [(1, 3), (2, 4)]


def test_resent_after_accepted_includes_queued_tracks() -> None:
    entries = [track(number, timed(1, 4), status=202, items=1) for number in (1, 2)]
    found = only(entries, "resent_after_accepted")
    assert (found.items, found.amounts) == (1, {"messages": 4})
    assert found.message.startswith("A balances.track was accepted")


def test_resent_after_accepted_of_concurrent_requests_is_one_charge_too_many() -> None:
    for item in (use(2), timed(1, 2)):
        entries = [batch(1, [item]), batch(2, [item], received=1.0), batch(3, [item])]
        assert only(entries, "resent_after_accepted").amounts == {"messages": 2}


def test_resent_after_accepted_pairs_concurrent_batches() -> None:
    items = [use(1), use(2)]
    entries = [batch(1, items), batch(2, items, received=1.0), batch(3, items), batch(4, items, received=3.0)]
    assert [found.requests for found in find(entries)] == [(1, 3), (2, 4)]


def test_resent_after_accepted_ignores_the_order_of_items() -> None:
    entries = [batch(1, [use(1), use(2), use(2)]), batch(2, [use(2), use(1), use(2)])]
    assert only(entries, "resent_after_accepted").amounts == {"messages": 5}


@pytest.mark.parametrize(
    ("identifier", "certain"),
    [
        ({}, False),
        ({"properties": {}}, False),
        ({"properties": {"chat": 1}}, True),
        ({"timestamp": 1_700_000_000_000}, True),
        ({"idempotency_key": ""}, False),
    ],
)
def test_resent_after_accepted_is_certain_with_identifiers_only(identifier: Item, certain: bool) -> None:
    entries = [batch(1, [use(**identifier)]), batch(2, [use(**identifier)])]
    found = only(entries, "resent_after_accepted")
    assert found.certain is certain
    assert ("without a timestamp or an idempotency_key" in found.message) is not certain


def test_resent_after_accepted_is_uncertain_with_one_indistinguishable_item() -> None:
    items = [timed(1), use()]
    assert not only([batch(1, items), batch(2, items)], "resent_after_accepted").certain


def test_resent_after_accepted_recognises_timestamps_in_other_batches() -> None:
    entries = [batch(1, [timed(1, 2), timed(2, 3)]), batch(2, [timed(7), timed(2, 3)])]
    found = only(entries, "resent_after_accepted")
    assert (found.items, found.amounts, found.requests, found.certain) == (1, {"messages": 3}, (1, 2), True)


def test_resent_after_accepted_by_one_request_for_two_batches() -> None:
    entries = [batch(1, [timed(1, 2)]), batch(2, [timed(2, 3)]), batch(3, [timed(2, 3), timed(1, 2)])]
    assert [(found.requests, found.amounts) for found in find(entries)] == [
        ((1, 3), {"messages": 2}),
        ((2, 3), {"messages": 3}),
    ]


def test_resent_after_accepted_counts_copies_of_an_item() -> None:
    entries = [batch(1, [timed(1)] * 3), batch(2, [timed(1)] * 2), batch(3, [timed(1)] * 5)]
    found = only(entries, "resent_after_accepted")
    assert found.items == 2 + 3


def test_resent_after_accepted_excludes_items_with_a_key() -> None:
    items = [keyed(1, 5), timed(1, 7)]
    found = only([batch(1, items), batch(2, items)], "resent_after_accepted")
    assert (found.items, found.amounts, found.certain) == (1, {"messages": 7}, True)


def test_resent_after_accepted_excludes_refused_items() -> None:
    for items in ([timed(1, 1), timed(2, 2), timed(3, 4)], [use(1), use(2), use(4)]):
        first = batch(1, items, refused=1, refusals={0: "enqueue:fail"})
        second = batch(2, items, refused=1, refusals={2: "enqueue:fail"})
        assert only([first, second], "resent_after_accepted").amounts == {"messages": 2}
        assert only([first, second, batch(3, items)], "resent_after_accepted").amounts == {"messages": 2 + 1 + 2 + 4}


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (b'{"customer_id":"c","feature_id":"f"}', b'{"feature_id":"f", "customer_id":"c"}', True),
        (b'{"customer_id":"c","feature_id":"f"}', b'{"customer_id":"c","feature_id":"f","value":1}', True),
        (b'{"customer_id":"c","feature_id":"f"}', b'{"customer_id":"c","feature_id":"f","value":1.0}', True),
        (b'{"customer_id":"c","feature_id":"f","value":2}', b'{"customer_id":"c","feature_id":"f","value":2e0}', True),
        (b'{"customer_id":"c","feature_id":"f","value":2}', b'{"customer_id":"c","feature_id":"f"}', False),
        (b'{"customer_id":"c","feature_id":"f"}', b'{"customer_id":"c","event_name":"f"}', False),
        (b'{"customer_id":"c","feature_id":"f"}', b'{"customer_id":"d","feature_id":"f"}', False),
        (b'{"customer_id":"c","feature_id":"\\u0066"}', b'{"customer_id":"c","feature_id":"f"}', True),
        (
            b'{"customer_id":"c","feature_id":"f","properties":{"a":{"x":1,"y":2.0}}}',
            b'{"customer_id":"c","feature_id":"f","properties":{"a":{"y":2,"x":1.0}}}',
            True,
        ),
        (
            b'{"customer_id":"c","feature_id":"f","properties":{"a":true}}',
            b'{"customer_id":"c","feature_id":"f","properties":{"a":1}}',
            False,
        ),
        (
            b'{"customer_id":"c","feature_id":"f","properties":{"a":[1,2]}}',
            b'{"customer_id":"c","feature_id":"f","properties":{"a":[2,1]}}',
            False,
        ),
    ],
)
def test_find_compares_items_by_meaning(one: bytes, other: bytes, equal: bool) -> None:
    found = find([batch(1, b"[" + one + b"]", items=1), batch(2, b"[" + other + b"]", items=1)])
    assert bool(found) is equal


def test_find_sums_amounts_by_feature_or_event_name() -> None:
    items = [timed(1, -3), timed(2, 0.1, feature_id="", event_name="sent"), timed(3, 0.2, event_name="sent")]
    del items[2]["feature_id"]
    assert only([batch(1, items), batch(2, items)], "resent_after_accepted").amounts == {"messages": -3, "sent": 0.3}


def test_find_sums_tokens_by_model() -> None:
    item = {"customer_id": "c", "model_id": "openai/gpt", "input_tokens": 10, "output_tokens": 5, "timestamp": 1}
    entries = [batch(number, [item], call="balances.batch_track_tokens") for number in (1, 2)]
    assert only(entries, "resent_after_accepted").amounts == {"tokens of openai/gpt": 15}


def test_find_reads_bodies_as_the_service_does() -> None:
    body = b"\xef\xbb\xbf" + json.dumps([timed(1, 2, entity_id="@")]).encode().replace(b"@", b"\xff")
    entries = [batch(number, body, items=1) for number in (1, 2)]
    assert only(entries, "resent_after_accepted").amounts == {"messages": 2}


# -- resent_after_lost_reply


@lost_reply
def test_resent_after_lost_reply_counts_what_is_charged_twice(reply: dict[str, Any]) -> None:
    first = batch(1, [timed(1, 2)], service_status=202, **reply)
    found = only([first, batch(2, [timed(1, 2)])], "resent_after_lost_reply")
    assert (found.requests, found.items, found.amounts, found.certain) == ((1, 2), 1, {"messages": 2}, True)
    assert "resent_after_accepted" not in codes([first, batch(2, [timed(1, 2)])])


@lost_reply
def test_resent_after_lost_reply_excludes_items_with_a_key(reply: dict[str, Any]) -> None:
    first = batch(1, [keyed(1)], service_status=202, **reply)
    assert "resent_after_lost_reply" not in codes([first, batch(2, [keyed(1)])])


def test_resent_after_lost_reply_is_one_finding_per_batch() -> None:
    hang = {"reply": "lost", "status": None, "service_status": 202}
    entries = [batch(number, [timed(1, 10), timed(2, 5)], **hang) for number in range(1, 5)]
    [found] = find(entries)
    assert found.code == "resent_after_lost_reply"
    assert (found.requests, found.items, found.amounts) == ((1, 2, 3, 4), 6, {"messages": 45})
    assert found.message == (
        "A batch of 2 items was accepted, its reply was lost, and was sent again 3 times: "
        "6 items too many were charged (45 messages)."
    )


def test_resent_after_lost_reply_is_uncertain_without_identifiers() -> None:
    first = batch(1, [use()], reply="lost", status=None, service_status=202)
    assert not only([first, batch(2, [use()])], "resent_after_lost_reply").certain


@pytest.mark.parametrize("reply", [LOST_REPLIES["disconnected"], LOST_REPLIES["no reply"]])
def test_resent_after_lost_reply_before_the_reply_is_ready(reply: dict[str, Any]) -> None:
    """Finished last, but it was received first: the reply was held back long after the client had hung up."""
    slow = batch(3, [use(2)], received=0.0, replied=30.0, service_status=202, **reply)
    entries = [batch(1, [use(2)], received=0.4, replied=0.5), slow]
    assert only(entries, "resent_after_lost_reply").requests == (3, 1)


def test_resent_after_lost_reply_ends_with_a_known_202() -> None:
    first = batch(1, [timed(1, 3)], reply="lost", status=None, service_status=202)
    entries = [first, batch(2, [timed(1, 3)]), batch(3, [timed(1, 3)]), batch(4, [timed(1, 3)])]
    assert [(found.code, found.requests, found.amounts) for found in find(entries)] == [
        ("resent_after_lost_reply", (1, 2), {"messages": 3}),
        ("resent_after_accepted", (2, 3, 4), {"messages": 6}),
    ]


def test_resent_after_accepted_after_one_known_202() -> None:
    second = batch(2, [timed(1)], reply="lost", status=None, service_status=202)
    [found] = find([batch(1, [timed(1)]), second, batch(3, [timed(1)])])
    assert (found.code, found.requests, found.items) == ("resent_after_accepted", (1, 2, 3), 2)


# -- not_resent_after_503


def test_not_resent_after_503_counts_what_is_lost() -> None:
    found = only([unavailable(1, [timed(1, 2), use(0.5), keyed(1)])], "not_resent_after_503")
    assert (found.requests, found.items, found.amounts) == ((1,), 3, {"messages": 3.5})
    assert found.certain
    assert found.message == (
        "A batch of 3 items failed, its client received 503, and 3 items of it are in no accepted request: "
        "lost are 3.5 messages."
    )


@pytest.mark.parametrize("status", [500, 502, 503, 504, None])
def test_not_resent_after_503_includes_failures_before_the_service(status: int | None) -> None:
    reply = "sent" if status else "lost"
    failed = batch(1, [timed(1)], status=status, service_status=None, items=None, reply=reply)
    assert codes([failed]) == ["not_resent_after_503"]
    assert codes([track(1, timed(1), status=status, service_status=None, reply=reply)]) == ["not_resent_after_503"]


@pytest.mark.parametrize(
    ("status", "service_status"), [(429, None), (401, None), (400, 400), (500, 500), (202, 503), (503, 202)]
)
def test_not_resent_after_503_excludes_other_failures(status: int, service_status: int | None) -> None:
    assert "not_resent_after_503" not in codes([batch(1, [timed(1)], status=status, service_status=service_status)])


def test_not_resent_after_503_counts_the_rest_of_a_batch() -> None:
    first = unavailable(1, [timed(1, 1), use(2), use(2), timed(3, 4)])
    found = only([first, batch(3, [timed(1, 1), use(2)])], "not_resent_after_503")
    assert (found.requests, found.items, found.amounts) == ((1,), 2, {"messages": 6})


def test_not_resent_after_503_is_one_finding_for_all_attempts() -> None:
    entries = [unavailable(number, [timed(1, 2)]) for number in (1, 3, 5)]
    found = only(entries, "not_resent_after_503")
    assert (found.requests, found.items, found.amounts) == ((1, 3, 5), 1, {"messages": 2})
    assert "failed 3 times" in found.message
    assert find([*entries, batch(7, [timed(1, 2)])]) == []


def test_not_resent_after_503_lists_the_requests_with_the_items() -> None:
    entries = [unavailable(1, [timed(1), timed(2)]), unavailable(3, [timed(1)]), batch(5, [timed(1)])]
    found = only(entries, "not_resent_after_503")
    assert (found.requests, found.items) == ((1,), 1)


@lost_reply
def test_not_resent_after_503_excludes_what_was_accepted_before(reply: dict[str, Any]) -> None:
    for item in (use(), timed(1), keyed(1)):
        first = batch(1, [item], service_status=202, **reply)
        assert "not_resent_after_503" not in codes([first, unavailable(2, [item])])


def test_not_resent_after_503_includes_refused_items_that_fail_again() -> None:
    first = batch(1, [timed(1), timed(2, 6)], refusals={1: "enqueue:fail"}, refused=1)
    assert only([first, unavailable(2, [timed(2, 6)])], "not_resent_after_503").amounts == {"messages": 6}


def test_not_resent_after_503_is_uncertain_when_a_later_item_may_be_a_sum() -> None:
    first = unavailable(1, [use(2)])
    assert not only([first, batch(3, [use(5)])], "not_resent_after_503").certain
    assert "included them in a sum" in only([first, batch(3, [use(5)])], "not_resent_after_503").message
    assert only([batch(0, [use(5)]), first], "not_resent_after_503").certain
    assert only([first, batch(3, [use(5, customer_id="cus_bob")])], "not_resent_after_503").certain
    assert only([first, batch(3, [use(5, feature_id="seats")])], "not_resent_after_503").certain
    assert only([first, batch(3, [use(1)])], "not_resent_after_503").certain
    assert only([first, batch(3, [use(1)]), batch(4, [use(5)])], "not_resent_after_503").certain
    for identified in (timed(1), keyed(1)):  # a sum has other identifiers
        assert not only([unavailable(1, [identified]), batch(3, [use(5)])], "not_resent_after_503").certain
    assert only([unavailable(1, [use(properties={"chat": 1})]), batch(3, [use(5)])], "not_resent_after_503").certain


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"[" * 5000,
        b"[" * 5000 + b"]" * 5000,
        b"[1, 2]",
        b'["x"]',
        b'[{"customer_id": 3, "feature_id": "messages"}]',
        b'[{"customer_id": "c", "feature_id": "messages", "value": "3"}]',
        b'[{"customer_id": "c", "feature_id": "messages", "value": true}]',
        b'[{"customer_id": "c", "feature_id": "messages", "value": ' + b"9" * 400 + b"}]",
        b'[{"customer_id": "c", "feature_id": "messages", "value": NaN}]',
        b'[{"customer_id": "c", "feature_id": "messages"}, 1]',
        b'[{"customer_id": "c"}]',
        b'{"customer_id": "c", "feature_id": "messages"',
    ],
)
@pytest.mark.parametrize("call", ["balances.batch_track", "balances.track", "balances.finalize", ""])
def test_not_resent_after_503_ignores_bodies_without_usage(body: bytes, call: str) -> None:
    failed = batch(1, body, status=503, service_status=None, call=call)
    assert find([failed, replace(failed, id=2, received=2.0, replied=2.1)]) == []


# -- retried_too_soon


def test_retried_too_soon_compares_the_wait_with_retry_after() -> None:
    first = unavailable(1, [timed(1)], retry_after=2.0)  # answered in second 1.1
    soon = batch(3, [timed(1)], received=3.0, at=first.at)
    found = only([first, soon], "retried_too_soon")
    assert (found.requests, found.items, found.amounts, found.certain) == ((1, 3), 1, {}, True)
    assert found.message == (
        "A batch of 1 item, its client received 503, was sent again once too soon: 1.9 s after a reply that asked to "
        "wait 2 s."
    )


@pytest.mark.parametrize(
    ("real", "clock", "is_soon"),
    [(0.5, 0, True), (0.94, 0, True), (0.96, 0, False), (0.1, 900, True), (0.1, 960, False), (0.1, 3_600_000, False)],
)
def test_retried_too_soon_waits_by_real_time_or_the_clock(real: float, clock: int, is_soon: bool) -> None:
    first = unavailable(1, [timed(1)], replied=1.0)
    later = batch(2, [timed(1)], received=1.0 + real, at=first.at + clock)
    assert codes([first, later]) == (["retried_too_soon"] if is_soon else [])


def test_retried_too_soon_is_one_finding_per_batch() -> None:
    tries = [unavailable(number, [timed(1)], received=number / 10, replied=number / 10, at=0) for number in range(1, 5)]
    last = batch(5, [timed(1)], received=0.45, at=0)
    found = only([*tries, last], "retried_too_soon")
    assert found.requests == (1, 2, 3, 4, 5)
    assert "sent again 4 times too soon: 0.05 s after" in found.message


def test_retried_too_soon_is_split_by_a_long_wait() -> None:
    times = [0.0, 0.1, 5.0, 5.1]
    tries = [
        unavailable(number, [timed(1)], received=time, replied=time, at=round(time * 1000))
        for number, time in enumerate(times, 1)
    ]
    found = [each.requests for each in find(tries) if each.code == "retried_too_soon"]
    assert found == [(1, 2), (3, 4)]


def test_retried_too_soon_ends_when_the_items_are_accepted() -> None:
    first = unavailable(1, [timed(1)], retry_after=9.0)
    silent = unavailable(2, [timed(1)], retry_after=None)
    assert only([first, silent, batch(3, [timed(1)])], "retried_too_soon").requests == (1, 2, 3)
    assert only([first, batch(2, [timed(1)]), batch(3, [timed(1)])], "retried_too_soon").requests == (1, 2)
    shorter = unavailable(2, [timed(1)], retry_after=0.5)
    assert only([first, shorter, batch(3, [timed(1)])], "retried_too_soon").requests == (1, 2)


def test_retried_too_soon_recognises_timestamps_in_other_batches() -> None:
    entries = [unavailable(1, [timed(1)], at=0), batch(2, [use(), timed(1)], received=1.2, at=0)]
    assert only(entries, "retried_too_soon").certain
    entries = [unavailable(1, [use(2)], at=0), batch(2, [use(), use(2)], received=1.2, at=0)]
    assert codes(entries) == []


def test_retried_too_soon_is_uncertain_without_identifiers() -> None:
    entries = [unavailable(1, [use()], at=0), batch(2, [use()], received=1.2, at=0)]
    found = only(entries, "retried_too_soon")
    assert not found.certain
    assert "two equal usages" in found.message


def test_retried_too_soon_recognises_new_keys() -> None:
    first = unavailable(1, [keyed(1, 3), keyed(2, 4)], at=0)
    found = only([first, batch(2, [keyed(4, 4), keyed(3, 3)], received=1.2, at=0)], "retried_too_soon")
    assert (found.requests, found.items, found.certain) == ((1, 2), 2, False)
    assert "made anew" in found.message
    fields = {"status": 429, "service_status": None, "retry_after": 1.0, "at": 0}
    tries = [track(1, keyed(1), **fields), track(2, keyed(2), received=1.2, at=0)]
    assert only(tries, "retried_too_soon").requests == (1, 2)


@pytest.mark.parametrize(
    "later",
    [
        [batch(2, [keyed(3, 5), keyed(4, 4)], received=1.2, at=0)],  # other amounts
        [batch(2, [keyed(3, 3)], received=1.2, at=0)],  # fewer items
        [batch(2, [keyed(3, 3), keyed(4, 4)], received=2.2, at=0)],  # in time
        [  # another usage of a client that keeps its keys
            batch(2, [keyed(3, 3), keyed(4, 4)], received=1.2, at=0),
            batch(3, [keyed(1, 3), keyed(2, 4)], received=2.2, at=0),
        ],
    ],
)
def test_retried_too_soon_ignores_other_usages(later: list[RequestEntry]) -> None:
    first = unavailable(1, [keyed(1, 3), keyed(2, 4)], at=0)
    assert "retried_too_soon" not in codes([first, *later])


def test_retried_too_soon_includes_single_calls() -> None:
    fields = {"status": 429, "service_status": None, "retry_after": 1.0, "at": 0}
    assert codes([track(1, timed(1), **fields), track(2, timed(1), received=1.2, at=0)]) == ["retried_too_soon"]
    assert codes([track(1, timed(1), **fields), track(2, timed(2), received=1.2, at=0)]) == []
    other = {"call": "balances.finalize", "received": 1.2, "at": 0}
    assert "retried_too_soon" not in codes([track(1, timed(1), **fields), track(2, timed(1), **other)])
    finalize = {**fields, "call": "balances.finalize"}
    found = only([track(1, {"lock_id": "l"}, **finalize), track(2, {"lock_id": "l"}, **other)], "retried_too_soon")
    assert (found.items, found.certain) == (None, False)
    assert "timestamp" not in found.message
    assert codes([track(1, {"lock_id": "l"}, **finalize), track(2, {"lock_id": "m"}, **other)]) == []


# -- hammering


def hammer(count: int, /, **changed: Any) -> list[RequestEntry]:
    return [limited(number, **changed) for number in range(1, count + 1)]


def test_hammering_is_three_429_in_a_row() -> None:
    found = only(hammer(3), "hammering")
    assert (found.requests, found.amounts, found.certain) == ((1, 2, 3), {}, True)
    assert "answered 429 3 times in a row" in found.message
    assert codes(hammer(2)) == []


def test_hammering_is_one_finding_per_row() -> None:
    assert [found.requests for found in find(hammer(7))] == [(1, 2, 3, 4, 5, 6, 7)]


def test_hammering_ends_with_an_accepted_request() -> None:
    entries = [*hammer(2), batch(3, [timed(3)]), limited(4), limited(5)]
    assert codes(entries) == []
    assert [found.requests for found in find([*hammer(3), batch(4, [use()]), limited(5), limited(6), limited(7)])] == [
        (1, 2, 3),
        (5, 6, 7),
    ]


def test_hammering_ends_with_a_wait() -> None:
    assert codes(hammer(4, retry_after=0.9)) == []
    entries = [limited(1), limited(2), limited(8), limited(9)]
    assert codes(entries) == []
    assert only([*entries, limited(10)], "hammering").requests == (8, 9, 10)
    moved = [replace(entry, at=entry.at + entry.id * 60_000) for entry in hammer(4)]
    assert codes(moved) == []


def test_hammering_is_found_beside_a_burst() -> None:
    beside = limited(9, received=2.05)
    assert only([*hammer(3), beside], "hammering").requests == (1, 2, 3)


# -- batch_too_large


def test_batch_too_large_counts_the_items() -> None:
    found = only([batch(1, [use()] * 1001, status=400)], "batch_too_large")
    assert (found.requests, found.items, found.amounts, found.certain) == ((1,), 1001, {}, True)
    assert found.message == "A batch of 1001 items was refused: at most 1000 are accepted in one request."


def test_batch_too_large_is_one_finding_per_batch() -> None:
    many = [use()] * 1001
    entries = [batch(1, many, status=400), batch(2, [use(2)] * 1001, status=400), batch(3, many, status=400)]
    assert [(found.code, found.requests) for found in find(entries)] == [
        ("batch_too_large", (2,)),
        ("batch_too_large", (1, 3)),
        ("resent_after_refusal", (1, 3)),
    ]


# -- resent_after_refusal


@pytest.mark.parametrize("status", [400, 404])
def test_resent_after_refusal_counts_the_retries(status: int) -> None:
    items = [use(), {"nonsense": 1}]
    found = only([batch(number, items, status=status) for number in (1, 2, 3)], "resent_after_refusal")
    assert (found.requests, found.items, found.amounts, found.certain) == ((1, 2, 3), 2, {}, True)
    assert found.message == f"A batch of 2 items was refused with {status} and sent again unchanged twice."


def test_resent_after_refusal_compares_bytes_that_are_not_json() -> None:
    found = only([batch(1, b"\xff{", status=400), batch(2, b"\xff{", status=400)], "resent_after_refusal")
    assert found.items is None
    assert found.message == "A batch was refused with 400 and sent again unchanged once."
    assert codes([batch(1, b"\xff{", status=400), batch(2, b"\xff[", status=400)]) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"status": 400, "service_status": None},
        {"status": 503, "service_status": 400, "reply": "altered"},
        {"status": 400, "reply": "lost"},
        {"status": 400, "call": "balances.track"},
        {"status": 409},
        {"status": 400, "body": None},
    ],
)
def test_resent_after_refusal_needs_a_known_refusal_of_a_batch(changed: dict[str, Any]) -> None:
    assert "resent_after_refusal" not in codes([batch(number, [use()], **changed) for number in (1, 2)])


# -- reply_not_awaited


def test_reply_not_awaited_reports_the_status() -> None:
    found = only([batch(1, [use()], replied=3.5, reply="not_awaited")], "reply_not_awaited")
    assert (found.requests, found.items, found.amounts, found.certain) == ((1,), 1, {}, True)
    assert found.message == (
        "The client of balances.batch_track disconnected before the reply, which was ready after 2.5 s; "
        "the service answered 202."
    )


def test_reply_not_awaited_concerns_every_call() -> None:
    entry = batch(1, [], method="GET", path="/v1/customers", call="", body=None, items=None, reply="not_awaited")
    assert "GET /v1/customers" in only([entry], "reply_not_awaited").message
    assert codes([batch(1, [use()], reply="lost", status=None, service_status=202)]) == []


# -- laws

values = st.one_of(st.none(), st.integers(-5, 50), st.sampled_from([0.5, 1.0, 2.25]))


@st.composite
def correct_clients(draw: st.DrawFn) -> list[RequestEntry]:
    """A client that keeps to the contract.

    It waits for Retry-After, retries what was not queued until it is, gives up on refusals, and after a lost reply, or
    an error of a proxy, sends again only what has keys.
    """
    entries: list[RequestEntry] = []
    now = 0.0
    for number in range(draw(st.integers(1, 12))):
        make = keyed if draw(st.booleans()) else timed
        items = [make(number * 10 + index, draw(values)) for index in range(draw(st.integers(1, 4)))]
        while True:
            now += draw(st.sampled_from([0.001, 0.2, 3.0]))
            fates = ["202", "partial", "503", "429", "400", *(["lost", "proxy"] if make is keyed else [])]
            fate = draw(st.sampled_from(fates))
            wait = draw(st.sampled_from([1.0, 2.0]))
            fields: dict[str, dict[str, Any]] = {
                "202": {},
                "partial": {"refusals": {0: "enqueue:fail"}, "refused": 1} if len(items) > 1 else {},
                "503": {"status": 503, "retry_after": wait},
                "429": {"status": 429, "retry_after": wait},
                "400": {"status": 400},
                "proxy": {"status": 502, "service_status": None},
                "lost": {"reply": "lost", "status": None, "service_status": 202},
            }
            changed = fields[fate]
            times = {"received": now, "replied": now + 0.1, "at": round(now * 1000)}
            entries.append(batch(len(entries), items, **times, **changed))
            now += 0.1 + (changed.get("retry_after") or 0)
            if fate in ("202", "partial", "400"):
                break
    return entries


@law
@given(correct_clients())
def test_find_finds_nothing_for_a_correct_client(entries: list[RequestEntry]) -> None:
    # A 400 in answer to a retry gives up what had failed before it: lost, and rightly reported.
    given_up = any(entry.status == 400 for entry in entries)
    assert [code for code in codes(entries) if not (given_up and code.startswith("not_resent"))] == []


sendings = st.lists(
    st.tuples(
        st.lists(st.integers(0, 4), min_size=1, max_size=5),  # which items
        st.sets(st.integers(0, 4)),  # which of them are refused
        st.booleans(),  # whether its reply is lost
    ),
    max_size=8,
)


@law
@given(sendings)
def test_find_counts_each_charge_but_the_first_as_too_many(
    sent: list[tuple[list[int], set[int], bool]],
) -> None:
    entries = []
    taken: Counter[int] = Counter()
    for number, (names, refused, is_lost) in enumerate(sent):
        items = [timed(name, 2**name) for name in dict.fromkeys(names)]
        lost = {"reply": "lost", "status": None, "service_status": 202} if is_lost else {}
        entries.append(batch(number, items, refusals=dict.fromkeys(refused, "x"), **lost))
        taken.update(name for index, name in enumerate(dict.fromkeys(names)) if index not in refused)
    found = [each for each in find(entries) if each.certain]
    too_much = sum((times - 1) * 2**name for name, times in taken.items())
    assert sum(each.amounts["messages"] for each in found) == too_much
    assert sum(each.items or 0 for each in found) == sum(taken.values()) - len(taken)


@law
@given(sendings, st.randoms(use_true_random=False))
def test_find_ignores_the_order_of_keys_and_the_spelling_of_numbers(
    sent: list[tuple[list[int], set[int], bool]], chance: Any
) -> None:
    def shuffled(item: Item) -> Item:
        names = list(item)
        chance.shuffle(names)
        return {name: float(item[name]) if name == "value" else item[name] for name in names}

    plain, other = [], []
    for number, (names, refused, is_lost) in enumerate(sent):
        items = [use(name, properties={"a": 1, "b": 2}) if name % 2 else timed(name) for name in names]
        fields = {"service_status": 503, "status": 503} if is_lost else {"refusals": dict.fromkeys(refused, "x")}
        plain.append(batch(number, items, **fields))
        other.append(batch(number, [shuffled(item) for item in items], **fields))
    assert find(other) == find(plain)


@law
@given(st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([b"[{}]", b"[[[", b'[{"customer_id":"c"}]']))))
def test_find_never_raises_for_any_body(bodies: list[bytes]) -> None:
    for status in (202, 400, 503):
        find([batch(number, body, status=status, retry_after=9.0) for number, body in enumerate(bodies)])


@pytest.mark.parametrize("fields", [{}, {"status": 503, "retry_after": 9.0}, {"status": 400}])
def test_find_is_not_quadratic_for_a_full_journal(fields: dict[str, Any]) -> None:
    """No clock: it would take hours if every pair of requests or items were compared."""
    entries = [
        batch(number, [timed(number * 300 + index, customer_id=f"c{index}") for index in range(300)], **fields)
        for number in range(0, 1000, 2)
    ]
    again = [
        replace(entry, id=entry.id + 1, received=entry.received + 0.5, replied=entry.replied + 0.5) for entry in entries
    ]
    assert len(find([*entries, *again])) == {202: 500, 503: 1000, 400: 500}[fields.get("status", 202)]
