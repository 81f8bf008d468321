"""What clients did against the contract, as the journal shows it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from autumn_mock.journal.finding_kinds import Code
from autumn_mock.journal.findings import FINDING_KINDS, Finding, find
from autumn_mock.journal.requests import RequestEntry

law = settings(deadline=None, max_examples=150)

Item = dict[str, Any]


def use(value: float | None = None, /, **fields: Any) -> Item:
    """An item with nothing that tells it from another of the same value."""
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
        "body": body,
    }
    return RequestEntry(**{**fields, **changed})


def track(number: int, item: Item, /, **changed: Any) -> RequestEntry:
    """The request of a single use that was recorded at once."""
    single = {"path": "/v1/balances.track", "call": "balances.track", "items": None, "status": 200}
    return batch(number, json.dumps(item).encode(), **{**single, **changed})


def unavailable(number: int, items: Sequence[Item], /, **changed: Any) -> RequestEntry:
    """A batch of which nothing could be queued."""
    refusals = dict.fromkeys(range(len(items)), "queue:down")
    told = {"status": 503, "retry_after": 1.0, "refused": len(items), "refusals": refusals}
    return batch(number, items, **{**told, **changed})


def limited(number: int, /, **changed: Any) -> RequestEntry:
    return batch(number, [timed(number)], **{"status": 429, "retry_after": 5.0, **changed})


#: What the client sees of a request that was accepted, when it does not see that.
LOST_REPLIES: dict[str, dict[str, Any]] = {
    "no reply": {"reply": "lost", "status": None},
    "no status": {"status": None},
    "cut short": {"reply": "lost", "status": 202},
    "told 503": {"reply": "altered", "status": 503},
    "told 500": {"reply": "altered", "status": 500},
    "hung up": {"reply": "not_awaited"},
}
lost_reply = pytest.mark.parametrize("reply", LOST_REPLIES.values(), ids=LOST_REPLIES)


def codes(entries: Sequence[RequestEntry]) -> list[str]:
    return [finding.code for finding in find(entries)]


def only(entries: Sequence[RequestEntry], code: str) -> Finding:
    """The one finding of a code."""
    [found] = [finding for finding in find(entries) if finding.code == code]
    return found


# -- all


def test_every_code_has_its_texts() -> None:
    assert set(FINDING_KINDS) == set(get_args(Code))
    for kind in FINDING_KINDS.values():
        assert kind.title
        assert kind.why.endswith(".")
        assert kind.instead.endswith(".")


def test_a_finding_carries_the_texts_of_its_code() -> None:
    found = only([batch(1, [timed(1)]), batch(2, [timed(1)])], "resent_after_accepted")
    kind = FINDING_KINDS["resent_after_accepted"]
    assert (found.why, found.instead) == (kind.why, kind.instead)


def test_findings_can_be_written_as_json() -> None:
    [found] = json.loads(msgspec.json.encode(find([batch(1, [timed(1, 2)]), batch(2, [timed(1, 2)])])))
    assert found["requests"] == [1, 2]
    assert found["amounts"] == {"messages": 2}


def test_findings_are_in_the_order_of_their_offenders_whatever_finished_first() -> None:
    slow = batch(9, [timed(9)], received=1.0, replied=8.0, reply="not_awaited")
    entries = [batch(2, [timed(1)]), batch(3, [timed(1)]), unavailable(4, [timed(2)]), slow]
    assert [(found.code, found.requests) for found in find(entries)] == [
        ("reply_not_awaited", (9,)),
        ("resent_after_accepted", (2, 3)),
        ("not_resent_after_503", (4,)),
    ]


def test_nothing_comes_of_nothing() -> None:
    assert find([]) == []


# -- resent_after_accepted


def test_a_batch_sent_again_after_its_202_is_charged_twice() -> None:
    items = [timed(1, 2), timed(2, 0.5), timed(3, feature_id="seats")]
    found = only([batch(4, items), batch(7, items)], "resent_after_accepted")
    assert found.requests == (4, 7)
    assert found.at == batch(7, items).at
    assert found.items == 3
    assert found.amounts == {"messages": 2.5, "seats": 1}
    assert found.certain
    assert found.message == (
        "A batch of 3 items was accepted, its client was told 202, and was sent again once: "
        "3 items too many were charged (2.5 messages, 1 seats)."
    )


def test_all_resends_of_a_batch_are_one_finding() -> None:
    entries = [batch(number, [timed(1, 3)]) for number in range(1, 5)]
    [found] = find(entries)
    assert (found.requests, found.items, found.amounts) == ((1, 2, 3, 4), 3, {"messages": 9})


def test_two_batches_sent_again_are_two_findings() -> None:
    entries = [batch(1, [timed(1)]), batch(2, [timed(2)]), batch(3, [timed(1)]), batch(4, [timed(2)])]
    assert [found.requests for found in find(entries)] == [(1, 3), (2, 4)]


def test_the_200_of_newer_servers_counts_as_accepted() -> None:
    assert codes([batch(1, [timed(1)], status=200), batch(2, [timed(1)], status=200)]) == ["resent_after_accepted"]


def test_a_reply_that_was_altered_still_tells() -> None:
    first = batch(1, [timed(1)], reply="altered")
    assert codes([first, batch(2, [timed(1)])]) == ["resent_after_accepted"]


def test_a_queued_track_counts_as_a_batch_of_one() -> None:
    entries = [track(number, timed(1, 4), status=202, items=1) for number in (1, 2)]
    found = only(entries, "resent_after_accepted")
    assert (found.items, found.amounts) == (1, {"messages": 4})
    assert found.message.startswith("A balances.track was accepted")


def test_tracks_that_answer_with_a_balance_are_left_alone() -> None:
    assert find([track(1, timed(1)), track(2, timed(1))]) == []


def test_different_batches_are_no_resends() -> None:
    assert find([batch(1, [timed(1)]), batch(2, [timed(2)])]) == []


def test_a_resend_that_was_not_accepted_charges_nothing() -> None:
    for item in (timed(1), keyed(1)):
        assert find([batch(1, [item]), unavailable(2, [item])]) == []


def test_requests_side_by_side_are_no_resends() -> None:
    for item in (use(), timed(1)):
        first = batch(1, [item], replied=3.0)
        assert find([first, batch(2, [item])]) == []
        assert codes([replace(first, replied=2.0), batch(2, [item])]) == ["resent_after_accepted"]


def test_a_resend_of_two_that_ran_side_by_side_is_charged_once_too_often() -> None:
    for item in (use(2), timed(1, 2)):
        entries = [batch(1, [item]), batch(2, [item], received=1.0), batch(3, [item])]
        assert only(entries, "resent_after_accepted").amounts == {"messages": 2}


def test_unmarked_batches_side_by_side_are_resent_side_by_side() -> None:
    items = [use(1), use(2)]
    entries = [batch(1, items), batch(2, items, received=1.0), batch(3, items), batch(4, items, received=3.0)]
    assert [found.requests for found in find(entries)] == [(1, 3), (2, 4)]


def test_the_order_of_items_does_not_matter() -> None:
    entries = [batch(1, [use(1), use(2), use(2)]), batch(2, [use(2), use(1), use(2)])]
    assert only(entries, "resent_after_accepted").amounts == {"messages": 5}


@pytest.mark.parametrize(
    ("mark", "certain"),
    [
        ({}, False),
        ({"properties": {}}, False),
        ({"properties": {"chat": 1}}, True),
        ({"timestamp": 1_700_000_000_000}, True),
        ({"idempotency_key": ""}, False),
    ],
)
def test_only_marks_make_it_certain(mark: Item, certain: bool) -> None:
    entries = [batch(1, [use(**mark)]), batch(2, [use(**mark)])]
    found = only(entries, "resent_after_accepted")
    assert found.certain is certain
    assert ("idempotency_key in each item would tell them apart" in found.message) is not certain


def test_one_unmarked_item_leaves_doubt() -> None:
    items = [timed(1), use()]
    assert not only([batch(1, items), batch(2, items)], "resent_after_accepted").certain


def test_equal_unmarked_items_in_other_batches_are_other_uses() -> None:
    assert find([batch(1, [use(), use(2)]), batch(2, [use(), use(3)]), batch(3, [use()])]) == []


def test_equal_properties_in_other_batches_are_other_uses() -> None:
    model = {"properties": {"model": "gpt-4"}}
    assert find([batch(1, [use(**model), use(2)]), batch(2, [use(**model), use(3)])]) == []


def test_items_with_a_timestamp_are_known_again_in_another_batch() -> None:
    entries = [batch(1, [timed(1, 2), timed(2, 3)]), batch(2, [timed(7), timed(2, 3)])]
    found = only(entries, "resent_after_accepted")
    assert (found.items, found.amounts, found.requests, found.certain) == (1, {"messages": 3}, (1, 2), True)


def test_one_request_may_resend_two_batches() -> None:
    entries = [batch(1, [timed(1, 2)]), batch(2, [timed(2, 3)]), batch(3, [timed(2, 3), timed(1, 2)])]
    assert [(found.requests, found.amounts) for found in find(entries)] == [
        ((1, 3), {"messages": 2}),
        ((2, 3), {"messages": 3}),
    ]


def test_copies_of_an_item_are_counted() -> None:
    entries = [batch(1, [timed(1)] * 3), batch(2, [timed(1)] * 2), batch(3, [timed(1)] * 5)]
    found = only(entries, "resent_after_accepted")
    assert found.items == 2 + 3


def test_keys_protect() -> None:
    items = [keyed(1), keyed(2)]
    assert find([batch(1, items), batch(2, items)]) == []


def test_items_without_a_key_are_charged_twice_beside_protected_ones() -> None:
    items = [keyed(1, 5), timed(1, 7)]
    found = only([batch(1, items), batch(2, items)], "resent_after_accepted")
    assert (found.items, found.amounts, found.certain) == (1, {"messages": 7}, True)


def test_an_item_that_was_refused_may_be_sent_alone() -> None:
    for item in (timed(2), use(2)):
        first = batch(1, [timed(1), item], refused=1, refusals={1: "enqueue:fail"})
        assert find([first, batch(2, [item])]) == []


def test_after_a_partial_202_only_accepted_items_are_charged_twice() -> None:
    for items in ([timed(1, 1), timed(2, 2), timed(3, 4)], [use(1), use(2), use(4)]):
        first = batch(1, items, refused=1, refusals={0: "enqueue:fail"})
        second = batch(2, items, refused=1, refusals={2: "enqueue:fail"})
        assert only([first, second], "resent_after_accepted").amounts == {"messages": 2}
        assert only([first, second, batch(3, items)], "resent_after_accepted").amounts == {"messages": 2 + 1 + 2 + 4}


def test_batches_that_complete_each_other_charge_nothing_twice() -> None:
    items = [timed(1), timed(2)]
    first = batch(1, items, refused=1, refusals={1: "enqueue:fail"})
    assert find([first, batch(2, items, refused=1, refusals={0: "enqueue:fail"})]) == []


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
def test_items_are_the_same_by_what_they_mean(one: bytes, other: bytes, equal: bool) -> None:
    found = find([batch(1, b"[" + one + b"]", items=1), batch(2, b"[" + other + b"]", items=1)])
    assert bool(found) is equal


def test_amounts_may_be_negative_and_fall_under_the_event_name() -> None:
    items = [timed(1, -3), timed(2, 0.1, feature_id="", event_name="sent"), timed(3, 0.2, event_name="sent")]
    del items[2]["feature_id"]
    assert only([batch(1, items), batch(2, items)], "resent_after_accepted").amounts == {"messages": -3, "sent": 0.3}


def test_tokens_are_summed_by_model() -> None:
    item = {"customer_id": "c", "model_id": "openai/gpt", "input_tokens": 10, "output_tokens": 5, "timestamp": 1}
    entries = [batch(number, [item], call="balances.batch_track_tokens") for number in (1, 2)]
    assert only(entries, "resent_after_accepted").amounts == {"tokens of openai/gpt": 15}


def test_a_body_that_the_service_mends_is_read_too() -> None:
    body = b"\xef\xbb\xbf" + json.dumps([timed(1, 2, entity_id="@")]).encode().replace(b"@", b"\xff")
    entries = [batch(number, body, items=1) for number in (1, 2)]
    assert only(entries, "resent_after_accepted").amounts == {"messages": 2}


def test_requests_whose_body_was_forgotten_are_passed_over() -> None:
    assert find([batch(1, [timed(1)], body=None), batch(2, [timed(1)])]) == []


# -- resent_after_lost_reply


@lost_reply
def test_a_batch_sent_again_after_its_reply_was_lost_is_charged_twice(reply: dict[str, Any]) -> None:
    first = batch(1, [timed(1, 2)], service_status=202, **reply)
    found = only([first, batch(2, [timed(1, 2)])], "resent_after_lost_reply")
    assert (found.requests, found.items, found.amounts, found.certain) == ((1, 2), 1, {"messages": 2}, True)
    assert "resent_after_accepted" not in codes([first, batch(2, [timed(1, 2)])])


@lost_reply
def test_keys_protect_after_a_lost_reply(reply: dict[str, Any]) -> None:
    first = batch(1, [keyed(1)], service_status=202, **reply)
    assert "resent_after_lost_reply" not in codes([first, batch(2, [keyed(1)])])


def test_four_attempts_are_one_finding_with_three_charges_too_many() -> None:
    hang = {"reply": "lost", "status": None, "service_status": 202}
    entries = [batch(number, [timed(1, 10), timed(2, 5)], **hang) for number in range(1, 5)]
    [found] = find(entries)
    assert found.code == "resent_after_lost_reply"
    assert (found.requests, found.items, found.amounts) == ((1, 2, 3, 4), 6, {"messages": 45})
    assert found.message == (
        "A batch of 2 items was accepted, its reply was lost, and was sent again 3 times: "
        "6 items too many were charged (45 messages)."
    )


def test_unmarked_items_leave_doubt_after_a_lost_reply_too() -> None:
    first = batch(1, [use()], reply="lost", status=None, service_status=202)
    assert not only([first, batch(2, [use()])], "resent_after_lost_reply").certain


@pytest.mark.parametrize("reply", [LOST_REPLIES["hung up"], LOST_REPLIES["no reply"]])
def test_a_client_that_gives_up_sends_again_before_the_reply_is_ready(reply: dict[str, Any]) -> None:
    """Finished last, but it came first: the reply was held back long after the client had hung up."""
    slow = batch(3, [use(2)], received=0.0, replied=30.0, service_status=202, **reply)
    entries = [batch(1, [use(2)], received=0.4, replied=0.5), slow]
    assert only(entries, "resent_after_lost_reply").requests == (3, 1)


def test_nobody_gives_up_at_once() -> None:
    slow = batch(1, [use(2)], received=0.0, replied=30.0, reply="not_awaited")
    assert codes([slow, batch(2, [use(2)], received=0.04)]) == ["reply_not_awaited"]
    reset = batch(1, [use(2)], received=0.0, replied=0.001, reply="lost", status=None, service_status=202)
    assert codes([reset, batch(2, [use(2)], received=0.002)]) == ["resent_after_lost_reply"]


def test_what_follows_after_a_202_is_told_apart() -> None:
    first = batch(1, [timed(1, 3)], reply="lost", status=None, service_status=202)
    entries = [first, batch(2, [timed(1, 3)]), batch(3, [timed(1, 3)]), batch(4, [timed(1, 3)])]
    assert [(found.code, found.requests, found.amounts) for found in find(entries)] == [
        ("resent_after_lost_reply", (1, 2), {"messages": 3}),
        ("resent_after_accepted", (2, 3, 4), {"messages": 6}),
    ]


def test_a_client_that_was_told_once_knows() -> None:
    second = batch(2, [timed(1)], reply="lost", status=None, service_status=202)
    [found] = find([batch(1, [timed(1)]), second, batch(3, [timed(1)])])
    assert (found.code, found.requests, found.items) == ("resent_after_accepted", (1, 2, 3), 2)


# -- not_resent_after_503


def test_a_503_that_is_never_sent_again_is_lost() -> None:
    found = only([unavailable(1, [timed(1, 2), use(0.5), keyed(1)])], "not_resent_after_503")
    assert (found.requests, found.items, found.amounts) == ((1,), 3, {"messages": 3.5})
    assert found.certain
    assert found.message == (
        "A batch of 3 items failed, its client was told 503, and 3 items of it never came in a request that was "
        "accepted: lost are 3.5 messages."
    )


@pytest.mark.parametrize("status", [500, 502, 503, 504, None])
def test_what_never_got_to_the_service_is_lost(status: int | None) -> None:
    reply = "sent" if status else "lost"
    failed = batch(1, [timed(1)], status=status, service_status=None, items=None, reply=reply)
    assert codes([failed]) == ["not_resent_after_503"]
    assert codes([replace(failed, call="balances.track", body=json.dumps(timed(1)).encode())]) == [
        "not_resent_after_503"
    ]


@pytest.mark.parametrize(
    ("status", "service_status"), [(429, None), (401, None), (400, 400), (500, 500), (202, 503), (503, 202)]
)
def test_other_failures_are_not_lost_usage(status: int, service_status: int | None) -> None:
    assert "not_resent_after_503" not in codes([batch(1, [timed(1)], status=status, service_status=service_status)])


def test_a_503_that_is_sent_again_is_well() -> None:
    assert find([unavailable(1, [timed(1), use()]), batch(3, [use(), timed(1)])]) == []


def test_items_may_come_back_merged_or_split_or_alone() -> None:
    first = unavailable(1, [use(), timed(2), use()])
    assert find([first, batch(3, [use(9), use(), timed(2), use()])]) == []
    assert find([first, batch(3, [use(), timed(2)]), batch(4, [use(), use(7)])]) == []
    assert find([first, *(track(3 + number, item) for number, item in enumerate([use(), use(), timed(2)]))]) == []


def test_what_is_left_of_a_batch_is_lost() -> None:
    first = unavailable(1, [timed(1, 1), use(2), use(2), timed(3, 4)])
    found = only([first, batch(3, [timed(1, 1), use(2)])], "not_resent_after_503")
    assert (found.requests, found.items, found.amounts) == ((1,), 2, {"messages": 6})


def test_one_item_pays_for_one_loss() -> None:
    side = unavailable(2, [timed(1)], received=1.0)
    entries = [unavailable(1, [timed(1)]), side, batch(3, [timed(1)])]
    assert codes(entries) == ["not_resent_after_503"]


def test_a_batch_that_fails_again_and_again_is_lost_once() -> None:
    entries = [unavailable(number, [timed(1, 2)]) for number in (1, 3, 5)]
    found = only(entries, "not_resent_after_503")
    assert (found.requests, found.items, found.amounts) == ((1, 3, 5), 1, {"messages": 2})
    assert "failed 3 times" in found.message
    assert find([*entries, batch(7, [timed(1, 2)])]) == []


def test_the_evidence_of_a_loss_is_the_requests_that_held_it() -> None:
    entries = [unavailable(1, [timed(1), timed(2)]), unavailable(3, [timed(1)]), batch(5, [timed(1)])]
    found = only(entries, "not_resent_after_503")
    assert (found.requests, found.items) == ((1,), 1)


def test_a_resend_that_is_refused_or_limited_pays_nothing() -> None:
    entries = [unavailable(1, [timed(1)]), batch(3, [timed(1)], status=429)]
    assert codes(entries) == ["not_resent_after_503"]


def test_what_ran_beside_a_failure_is_no_resend_of_it() -> None:
    beside = batch(2, [timed(1)], received=1.0)
    assert codes([unavailable(1, [timed(1)]), beside]) == ["not_resent_after_503"]
    assert find([unavailable(1, [timed(1)]), replace(beside, received=1.1, at=beside.at + 1000)]) == []


def test_more_items_than_the_service_takes_are_no_usage_that_could_be_lost() -> None:
    for count, expected in [(1000, ["not_resent_after_503"]), (1001, [])]:
        assert codes([batch(1, [use()] * count, status=502, service_status=None)]) == expected


def test_a_partial_202_pays_for_all_because_its_client_cannot_know() -> None:
    entries = [unavailable(1, [timed(1), timed(2)]), batch(3, [timed(1), timed(2)], refusals={0: "x"}, refused=1)]
    assert find(entries) == []


@lost_reply
def test_what_had_been_accepted_is_not_lost_when_its_resend_fails(reply: dict[str, Any]) -> None:
    for item in (use(), timed(1), keyed(1)):
        first = batch(1, [item], service_status=202, **reply)
        assert "not_resent_after_503" not in codes([first, unavailable(2, [item])])


def test_an_equal_use_after_a_202_can_be_lost() -> None:
    assert codes([batch(1, [use()]), unavailable(2, [use()])]) == ["not_resent_after_503"]


def test_an_item_that_was_refused_and_fails_again_is_lost() -> None:
    first = batch(1, [timed(1), timed(2, 6)], refusals={1: "enqueue:fail"}, refused=1)
    assert only([first, unavailable(2, [timed(2, 6)])], "not_resent_after_503").amounts == {"messages": 6}


def test_unmarked_items_may_have_been_added_up_in_a_later_one() -> None:
    first = unavailable(1, [use(2)])
    assert not only([first, batch(3, [use(5)])], "not_resent_after_503").certain
    assert "added up" in only([first, batch(3, [use(5)])], "not_resent_after_503").message
    assert only([batch(0, [use(5)]), first], "not_resent_after_503").certain
    assert only([first, batch(3, [use(5, customer_id="cus_bob")])], "not_resent_after_503").certain
    assert only([first, batch(3, [use(5, feature_id="seats")])], "not_resent_after_503").certain
    for marked in (timed(1), keyed(1), use(properties={"chat": 1})):
        assert only([unavailable(1, [marked]), batch(3, [use(5)])], "not_resent_after_503").certain


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
def test_bodies_that_hold_no_usage_lose_none(body: bytes, call: str) -> None:
    failed = batch(1, body, status=503, service_status=None, call=call)
    assert find([failed, replace(failed, id=2, received=2.0, replied=2.1)]) == []


# -- retried_too_soon


def test_a_retry_has_to_wait_as_long_as_it_was_told() -> None:
    first = unavailable(1, [timed(1)], retry_after=2.0)  # answered in second 1.1
    soon = batch(3, [timed(1)], received=3.0, at=first.at)
    found = only([first, soon], "retried_too_soon")
    assert (found.requests, found.items, found.amounts, found.certain) == ((1, 3), 1, {}, True)
    assert found.message == (
        "A batch of 1 item, its client was told 503, was sent again once too soon: 1.9 s after a reply that asked to "
        "wait 2 s."
    )


@pytest.mark.parametrize(
    ("real", "clock", "is_soon"),
    [(0.5, 0, True), (0.94, 0, True), (0.96, 0, False), (0.1, 900, True), (0.1, 960, False), (0.1, 3_600_000, False)],
)
def test_waiting_counts_by_the_real_time_or_by_the_clock(real: float, clock: int, is_soon: bool) -> None:
    first = unavailable(1, [timed(1)], replied=1.0)
    later = batch(2, [timed(1)], received=1.0 + real, at=first.at + clock)
    assert codes([first, later]) == (["retried_too_soon"] if is_soon else [])


def test_retries_too_soon_are_one_finding_for_each_batch() -> None:
    tries = [unavailable(number, [timed(1)], received=number / 10, replied=number / 10, at=0) for number in range(1, 5)]
    last = batch(5, [timed(1)], received=0.45, at=0)
    found = only([*tries, last], "retried_too_soon")
    assert found.requests == (1, 2, 3, 4, 5)
    assert "sent again 4 times too soon: 0.05 s after" in found.message


def test_a_good_wait_divides_retries_that_come_too_soon() -> None:
    times = [0.0, 0.1, 5.0, 5.1]
    tries = [
        unavailable(number, [timed(1)], received=time, replied=time, at=round(time * 1000))
        for number, time in enumerate(times, 1)
    ]
    found = [each.requests for each in find(tries) if each.code == "retried_too_soon"]
    assert found == [(1, 2), (3, 4)]


def test_a_wait_holds_until_the_items_are_accepted_or_another_is_asked_for() -> None:
    first = unavailable(1, [timed(1)], retry_after=9.0)
    silent = unavailable(2, [timed(1)], retry_after=None)
    assert only([first, silent, batch(3, [timed(1)])], "retried_too_soon").requests == (1, 2, 3)
    assert only([first, batch(2, [timed(1)]), batch(3, [timed(1)])], "retried_too_soon").requests == (1, 2)
    shorter = unavailable(2, [timed(1)], retry_after=0.5)
    assert only([first, shorter, batch(3, [timed(1)])], "retried_too_soon").requests == (1, 2)


def test_other_items_need_not_wait() -> None:
    for one, other in [(timed(1), timed(2)), (use(1), use(2))]:
        entries = [unavailable(1, [one], at=0), batch(2, [other], received=1.2, at=0), batch(5, [one])]
        assert "retried_too_soon" not in codes(entries)


def test_timed_items_that_come_back_merged_come_too_soon() -> None:
    entries = [unavailable(1, [timed(1)], at=0), batch(2, [use(), timed(1)], received=1.2, at=0)]
    assert only(entries, "retried_too_soon").certain
    entries = [unavailable(1, [use(2)], at=0), batch(2, [use(), use(2)], received=1.2, at=0)]
    assert codes(entries) == []


def test_unmarked_items_that_come_too_soon_leave_doubt() -> None:
    entries = [unavailable(1, [use()], at=0), batch(2, [use()], received=1.2, at=0)]
    found = only(entries, "retried_too_soon")
    assert not found.certain
    assert "two equal uses" in found.message


def test_a_single_call_has_to_wait_too() -> None:
    told = {"status": 429, "service_status": None, "retry_after": 1.0, "at": 0}
    assert codes([track(1, timed(1), **told), track(2, timed(1), received=1.2, at=0)]) == ["retried_too_soon"]
    assert codes([track(1, timed(1), **told), track(2, timed(2), received=1.2, at=0)]) == []
    other = {"call": "balances.finalize", "received": 1.2, "at": 0}
    assert codes([track(1, timed(1), **told), track(2, timed(1), **other)]) == []
    finalize = {**told, "call": "balances.finalize"}
    found = only([track(1, {"lock_id": "l"}, **finalize), track(2, {"lock_id": "l"}, **other)], "retried_too_soon")
    assert (found.items, found.certain) == (None, False)
    assert "timestamp" not in found.message
    assert codes([track(1, {"lock_id": "l"}, **finalize), track(2, {"lock_id": "m"}, **other)]) == []


def test_who_never_saw_the_reply_knows_nothing_of_waiting() -> None:
    for reply in ("lost", "not_awaited"):
        first = unavailable(1, [timed(1)], reply=reply, at=0)
        assert "retried_too_soon" not in codes([first, batch(2, [timed(1)], received=1.2, at=0)])


def test_what_was_sent_before_the_reply_came_too_early_to_know() -> None:
    first = unavailable(1, [timed(1)], replied=2.0, at=0)
    entries = [first, batch(2, [timed(1)], received=1.9, at=0), batch(5, [timed(1)])]
    assert "retried_too_soon" not in codes(entries)


# -- hammering


def hammer(count: int, /, **changed: Any) -> list[RequestEntry]:
    return [limited(number, **changed) for number in range(1, count + 1)]


def test_three_429_in_a_row_without_a_wait_are_hammering() -> None:
    found = only(hammer(3), "hammering")
    assert (found.requests, found.amounts, found.certain) == ((1, 2, 3), {}, True)
    assert "answered 429 3 times in a row" in found.message
    assert codes(hammer(2)) == []


def test_a_long_row_is_one_finding() -> None:
    assert [found.requests for found in find(hammer(7))] == [(1, 2, 3, 4, 5, 6, 7)]


def test_a_row_ends_with_a_request_that_passes() -> None:
    entries = [*hammer(2), batch(3, [timed(3)]), limited(4), limited(5)]
    assert codes(entries) == []
    assert [found.requests for found in find([*hammer(3), batch(4, [use()]), limited(5), limited(6), limited(7)])] == [
        (1, 2, 3),
        (5, 6, 7),
    ]


def test_a_row_ends_with_a_wait() -> None:
    assert codes(hammer(4, retry_after=0.9)) == []
    entries = [limited(1), limited(2), limited(8), limited(9)]
    assert codes(entries) == []
    assert only([*entries, limited(10)], "hammering").requests == (8, 9, 10)
    moved = [replace(entry, at=entry.at + entry.id * 60_000) for entry in hammer(4)]
    assert codes(moved) == []


def test_a_row_is_of_one_call() -> None:
    entries = [limited(1), limited(2, call="balances.track"), limited(3), limited(4, call="balances.track")]
    assert codes(entries) == []
    assert codes([*entries, limited(5)]) == ["hammering"]
    unknown = [limited(number, call="", path=f"/v1/{number % 2}") for number in range(1, 5)]
    assert codes(unknown) == []


def test_a_burst_side_by_side_is_no_hammering() -> None:
    assert codes(hammer(20, received=1.0, replied=1.1)) == []


def test_a_burst_does_not_hide_who_hammers_beside_it() -> None:
    beside = limited(9, received=2.05)
    assert only([*hammer(3), beside], "hammering").requests == (1, 2, 3)


def test_who_was_not_told_to_wait_or_never_heard_does_not_hammer() -> None:
    assert codes(hammer(4, retry_after=None)) == []
    assert codes(hammer(4, reply="lost")) == []


def test_a_429_by_a_fault_is_a_429() -> None:
    assert codes(hammer(3, service_status=None, body=None)) == ["hammering"]


# -- batch_too_large


def test_more_than_a_thousand_items_are_too_many() -> None:
    found = only([batch(1, [use()] * 1001, status=400)], "batch_too_large")
    assert (found.requests, found.items, found.amounts, found.certain) == ((1,), 1001, {}, True)
    assert found.message == "A batch of 1001 items was refused: at most 1000 are taken at once."


def test_a_thousand_items_are_not_too_many() -> None:
    assert codes([batch(1, [use()] * 1000, status=400)]) == []


def test_a_batch_is_too_large_for_the_service_alone() -> None:
    many = [use()] * 1001
    assert codes([batch(1, many, status=503, service_status=None)]) == []
    assert codes([batch(1, many, status=503, service_status=400)]) == ["batch_too_large"]
    assert codes([batch(1, many, status=400, call="balances.track")]) == []
    assert codes([batch(1, {"items": many}, status=400)]) == []  # type: ignore[arg-type]  # as wrong as a client's body


def test_one_batch_that_is_too_large_is_one_finding() -> None:
    many = [use()] * 1001
    entries = [batch(1, many, status=400), batch(2, [use(2)] * 1001, status=400), batch(3, many, status=400)]
    assert [(found.code, found.requests) for found in find(entries)] == [
        ("batch_too_large", (2,)),
        ("batch_too_large", (1, 3)),
        ("resent_after_refusal", (1, 3)),
    ]


# -- resent_after_refusal


@pytest.mark.parametrize("status", [400, 404])
def test_a_refused_batch_is_refused_again(status: int) -> None:
    items = [use(), {"nonsense": 1}]
    found = only([batch(number, items, status=status) for number in (1, 2, 3)], "resent_after_refusal")
    assert (found.requests, found.items, found.amounts, found.certain) == ((1, 2, 3), 2, {}, True)
    assert found.message == f"A batch of 2 items was refused with {status} and sent again unchanged twice."


def test_a_refused_batch_is_the_same_in_another_spelling() -> None:
    entries = [batch(1, b'[{"a":1,"b":2}]', status=400), batch(2, b'[ {"b":2.0, "a":1} ]', status=400)]
    assert codes(entries) == ["resent_after_refusal"]


def test_a_body_that_is_no_json_is_the_same_by_its_bytes() -> None:
    found = only([batch(1, b"\xff{", status=400), batch(2, b"\xff{", status=400)], "resent_after_refusal")
    assert found.items is None
    assert found.message == "A batch was refused with 400 and sent again unchanged once."
    assert codes([batch(1, b"\xff{", status=400), batch(2, b"\xff[", status=400)]) == []


def test_a_batch_that_was_mended_may_be_sent() -> None:
    assert codes([batch(1, [use(value="x")], status=400), batch(2, [use()])]) == []


def test_a_batch_whose_feature_was_made_meanwhile_may_be_sent() -> None:
    refused = [batch(number, [use()], status=404) for number in (1, 2)]
    assert codes([refused[0], batch(2, [use()])]) == []
    assert codes([*refused, batch(3, [use()])]) == ["resent_after_refusal"]
    assert codes([refused[0], batch(2, [use()]), batch(3, [use(3)]), batch(4, [use()], status=404)]) == []


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
def test_only_a_refusal_of_the_batch_that_its_client_knows_of_counts(changed: dict[str, Any]) -> None:
    assert "resent_after_refusal" not in codes([batch(number, [use()], **changed) for number in (1, 2)])


def test_two_refused_batches_side_by_side_are_no_resends() -> None:
    entries = [batch(1, [use()], status=400), batch(2, [use()], status=400, received=1.0)]
    assert codes(entries) == []


# -- reply_not_awaited


def test_a_client_that_hangs_up_cannot_know() -> None:
    found = only([batch(1, [use()], replied=3.5, reply="not_awaited")], "reply_not_awaited")
    assert (found.requests, found.items, found.amounts, found.certain) == ((1,), 1, {}, True)
    assert found.message == (
        "The client of balances.batch_track hung up before the reply, which was ready after 2.5 s; "
        "the service had answered 202."
    )


def test_every_call_wants_its_reply_awaited() -> None:
    entry = batch(1, [], method="GET", path="/v1/customers", call="", body=None, items=None, reply="not_awaited")
    assert "GET /v1/customers" in only([entry], "reply_not_awaited").message
    assert codes([batch(1, [use()], reply="lost", status=None, service_status=202)]) == []


# -- laws

values = st.one_of(st.none(), st.integers(-5, 50), st.sampled_from([0.5, 1.0, 2.25]))


@st.composite
def careful_clients(draw: st.DrawFn) -> list[RequestEntry]:
    """A client that keeps to the contract: it waits as told, retries only what was not queued until it is, gives up on
    refusals, and sends again after a lost reply only what has keys."""
    entries: list[RequestEntry] = []
    now = 0.0
    for number in range(draw(st.integers(1, 12))):
        make = keyed if draw(st.booleans()) else timed
        items = [make(number * 10 + index, draw(values)) for index in range(draw(st.integers(1, 4)))]
        while True:
            now += draw(st.sampled_from([0.001, 0.2, 3.0]))
            fates = ["202", "partial", "503", "429", "400", "proxy", *(["lost"] if make is keyed else [])]
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
            told = fields[fate]
            times = {"received": now, "replied": now + 0.1, "at": round(now * 1000)}
            entries.append(batch(len(entries), items, **times, **told))
            now += 0.1 + (told.get("retry_after") or 0)
            if fate in ("202", "partial", "400"):
                break
    return entries


@law
@given(careful_clients())
def test_a_client_that_keeps_to_the_contract_has_no_findings(entries: list[RequestEntry]) -> None:
    # A 400 in answer to a retry gives up what had failed before it: lost, and rightly told.
    given_up = any(entry.status == 400 for entry in entries)
    assert [code for code in codes(entries) if not (given_up and code == "not_resent_after_503")] == []


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
def test_what_was_charged_too_much_is_what_came_in_more_often_than_once(
    sent: list[tuple[list[int], set[int], bool]],
) -> None:
    entries = []
    taken: Counter[int] = Counter()
    for number, (names, refused, is_lost) in enumerate(sent):
        items = [timed(name, 2**name) for name in dict.fromkeys(names)]
        lost = {"reply": "lost", "status": None, "service_status": 202} if is_lost else {}
        entries.append(batch(number, items, refusals=dict.fromkeys(refused, "x"), **lost))
        taken.update(name for index, name in enumerate(dict.fromkeys(names)) if index not in refused)
    found = find(entries)
    too_much = sum((times - 1) * 2**name for name, times in taken.items())
    assert sum(each.amounts["messages"] for each in found) == too_much
    assert sum(each.items or 0 for each in found) == sum(taken.values()) - len(taken)
    assert all(each.certain for each in found)


@law
@given(sendings, st.randoms(use_true_random=False))
def test_the_order_of_keys_and_the_spelling_of_numbers_change_nothing(
    sent: list[tuple[list[int], set[int], bool]], chance: Any
) -> None:
    def shuffled(item: Item) -> Item:
        names = list(item)
        chance.shuffle(names)
        return {name: float(item[name]) if name == "value" else item[name] for name in names}

    plain, other = [], []
    for number, (names, refused, is_lost) in enumerate(sent):
        items = [use(name, properties={"a": 1, "b": 2}) if name % 2 else timed(name) for name in names]
        told = {"service_status": 503, "status": 503} if is_lost else {"refusals": dict.fromkeys(refused, "x")}
        plain.append(batch(number, items, **told))
        other.append(batch(number, [shuffled(item) for item in items], **told))
    assert find(other) == find(plain)


@law
@given(st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([b"[{}]", b"[[[", b'[{"customer_id":"c"}]']))))
def test_no_body_raises(bodies: list[bytes]) -> None:
    for status in (202, 400, 503):
        find([batch(number, body, status=status, retry_after=9.0) for number, body in enumerate(bodies)])


@pytest.mark.parametrize("told", [{}, {"status": 503, "retry_after": 9.0}, {"status": 400}])
def test_a_full_journal_is_worked_off(told: dict[str, Any]) -> None:
    """No clock: it would take hours if every pair of requests or items were compared."""
    entries = [
        batch(number, [timed(number * 300 + index, customer_id=f"c{index}") for index in range(300)], **told)
        for number in range(0, 1000, 2)
    ]
    again = [
        replace(entry, id=entry.id + 1, received=entry.received + 0.5, replied=entry.replied + 0.5) for entry in entries
    ]
    assert len(find([*entries, *again])) == {202: 500, 503: 1000, 400: 500}[told.get("status", 202)]
