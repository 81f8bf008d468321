"""The fixture ``autumn_mock``: what a test holds in its hands."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from autumn_mock.faults.grammar import RuleError
from autumn_mock.testing.embedded import Emulator
from autumn_mock.testing.mock import AutumnMock, StillOpen
from tests.testing.asking import CUSTOMER, FEATURE, GRANT, ask, post, send, track, use

#: Seconds to wait for what shall not come.
SHORT = 0.05
#: Seconds to wait for what comes at once unless the machine is very busy.
LONG = 30


@pytest.fixture
def other(autumn_mock_server: Emulator) -> Iterator[AutumnMock]:
    """A second organisation of the same server."""
    mock = autumn_mock_server.fresh()
    yield mock
    autumn_mock_server.close_organisation(mock.organisation)


# -- url and key


def test_url_and_key_are_all_that_a_client_needs(autumn_mock: AutumnMock) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", autumn_mock.url)
    assert re.fullmatch(r"am_sk_test_\w+", autumn_mock.key)
    assert send(autumn_mock) == 202


def test_the_key_of_an_organisation_that_was_closed_opens_nothing(
    autumn_mock: AutumnMock, autumn_mock_server: Emulator
) -> None:
    closed = autumn_mock_server.fresh()
    autumn_mock_server.close_organisation(closed.organisation)
    assert post(autumn_mock, "balances.batch_track", [use()], key=closed.key).status == 401


def test_it_begins_with_the_default_world(autumn_mock: AutumnMock) -> None:
    assert autumn_mock.balance(CUSTOMER, FEATURE) == GRANT
    assert autumn_mock.balance("cus_carol", "credits") == 50


def test_its_repr_says_where_it_answers_and_for_whom(autumn_mock: AutumnMock) -> None:
    assert repr(autumn_mock) == f"<AutumnMock {autumn_mock.url} {autumn_mock.organisation}>"


# -- drain


def test_drain_returns_when_everything_is_deducted(autumn_mock: AutumnMock) -> None:
    assert send(autumn_mock, *[use(0.5)] * 1000) == 202
    stats = autumn_mock.drain()
    assert (stats["accepted"], stats["deducted"], stats["ready"], stats["in_flight"]) == (1000, 1000, 0, 0)
    assert autumn_mock.balance(CUSTOMER, FEATURE) == GRANT - 500


def test_drain_of_an_empty_queue_returns_at_once(autumn_mock: AutumnMock) -> None:
    assert autumn_mock.drain(0)["offered"] == 0


def test_drain_says_where_every_item_went(autumn_mock: AutumnMock) -> None:
    autumn_mock.fault("enqueue:fail items=0")
    send(autumn_mock, use(), use(), use(customer="cus_nobody"))
    assert autumn_mock.drain() == {
        "offered": 3,
        "refused": 1,
        "accepted": 2,
        "ready": 0,
        "in_flight": 0,
        "deducted": 1,
        "lost": 1,
        "lost_by_reason": {"customer_not_found": 1},
    }


@pytest.mark.parametrize(
    ("hold", "why"),
    [
        ("pause", "the workers are paused"),
        ("worker:pause", "2 held by worker:pause"),
        ("worker:delay 1h", "2 held by worker:delay 1h"),
    ],
)
def test_a_drain_that_cannot_end_says_what_is_open_and_why(autumn_mock: AutumnMock, hold: str, why: str) -> None:
    if hold == "pause":
        autumn_mock.pause()
    else:
        autumn_mock.fault(hold)
    send(autumn_mock, use(), use())
    with pytest.raises(StillOpen) as caught:
        autumn_mock.drain(SHORT)
    assert str(caught.value) == f"2 of 2 accepted items are not worked off yet: {why}"


def test_a_drain_that_nothing_can_end_does_not_wait(autumn_mock: AutumnMock) -> None:
    """A timeout of an hour would show."""
    autumn_mock.pause()
    send(autumn_mock)
    with pytest.raises(StillOpen):
        autumn_mock.drain(3600)


def test_still_open_fails_a_test_and_is_a_timeout() -> None:
    assert issubclass(StillOpen, AssertionError)
    assert issubclass(StillOpen, TimeoutError)


def test_drain_async_gives_what_drain_gives(autumn_mock: AutumnMock) -> None:
    send(autumn_mock, use(), use())
    assert asyncio.run(autumn_mock.drain_async()) == autumn_mock.stats()
    assert autumn_mock.stats()["deducted"] == 2


# -- wait_for


def test_wait_for_returns_when_so_many_are_deducted(autumn_mock: AutumnMock) -> None:
    """They come while somebody waits, in more than one batch."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(autumn_mock.wait_for, 5, LONG)
        send(autumn_mock, use(), use())
        assert autumn_mock.drain()["deducted"] == 2
        assert not waiting.done()
        send(autumn_mock, use(), use(), use())
        assert waiting.result(LONG)["deducted"] == 5


def test_wait_for_counts_lost_items(autumn_mock: AutumnMock) -> None:
    send(autumn_mock, use(), use(customer="cus_nobody"))
    stats = autumn_mock.wait_for(2, LONG)
    assert (stats["deducted"], stats["lost"]) == (1, 1)


def test_wait_for_counts_from_the_beginning(autumn_mock: AutumnMock) -> None:
    send(autumn_mock, use(), use())
    autumn_mock.drain()
    assert autumn_mock.wait_for(2, 0)["deducted"] == 2


def test_wait_for_async_gives_what_wait_for_gives(autumn_mock: AutumnMock) -> None:
    send(autumn_mock)
    assert asyncio.run(autumn_mock.wait_for_async(1))["deducted"] == 1


def _nothing(_mock: AutumnMock) -> None:
    pass


def _few(mock: AutumnMock) -> None:
    send(mock, use(), use())
    mock.drain()


def _refused(mock: AutumnMock) -> None:
    mock.fault("enqueue:fail items=0")
    _few(mock)


def _paused(mock: AutumnMock) -> None:
    mock.pause()
    send(mock, use(), use())


def _held(mock: AutumnMock) -> None:
    mock.fault("worker:delay 1h after=1")
    send(mock, use(), use())
    mock.wait_for(1, LONG)


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (_nothing, "0 of 3 items are deducted or lost: only 0 were accepted"),
        (_few, "2 of 3 items are deducted or lost: only 2 were accepted"),
        (_refused, "1 of 3 items are deducted or lost: only 1 were accepted, 1 refused"),
        (
            _paused,
            "0 of 3 items are deducted or lost: 2 of 2 accepted items are not worked off yet: the workers are paused",
        ),
        (
            _held,
            "1 of 3 items are deducted or lost: 1 of 2 accepted items are not worked off yet: "
            "1 held by worker:delay 1h after=1",
        ),
    ],
)
def test_a_wait_that_times_out_says_what_is_still_open(
    autumn_mock: AutumnMock, prepare: Callable[[AutumnMock], None], message: str
) -> None:
    prepare(autumn_mock)
    with pytest.raises(StillOpen) as caught:
        autumn_mock.wait_for(3, SHORT)
    assert str(caught.value) == message


# -- balance


def test_balance_of_a_customer_and_of_an_entity(autumn_mock: AutumnMock) -> None:
    ask(autumn_mock, "balances.track", use(3, "cus_carol", "api_calls", entity_id="seat_1"))
    assert autumn_mock.balance("cus_carol", "api_calls", "seat_1") == 17
    assert autumn_mock.balance("cus_carol", "api_calls") == 17


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("cus_nobody", FEATURE), "Customer cus_nobody not found"),
        (("cus_carol", "api_calls", "seat_9"), "Entity seat_9 not found"),
        ((CUSTOMER, "credits"), "cus_456 has no balance of credits, but of messages"),
        ((CUSTOMER, "mesages"), "cus_456 has no balance of mesages, but of messages"),
    ],
)
def test_a_balance_that_is_not_there_fails_with_what_is(
    autumn_mock: AutumnMock, asked: tuple[str, ...], message: str
) -> None:
    with pytest.raises(AssertionError) as caught:
        autumn_mock.balance(*asked)
    assert str(caught.value) == message


def test_the_balance_of_an_unlimited_feature_is_infinite(autumn_mock: AutumnMock) -> None:
    ask(autumn_mock, "balances.create", {"customer_id": CUSTOMER, "feature_id": "api_calls", "unlimited": True})
    assert autumn_mock.balance(CUSTOMER, "api_calls") == float("inf")


# -- faults


def test_a_fault_tells_what_it_did(autumn_mock: AutumnMock) -> None:
    fault = autumn_mock.fault("enqueue:fail items=0,2 times=2")
    assert (fault.rule, fault.fired, fault.refused, fault.remaining, fault.completed) == (
        "enqueue:fail items=0,2 times=2",
        0,
        0,
        2,
        False,
    )
    send(autumn_mock, use(), use(), use())
    assert (fault.fired, fault.refused, fault.remaining, fault.completed) == (1, 2, 1, False)
    send(autumn_mock, use(), use())
    assert (fault.fired, fault.refused, fault.remaining, fault.completed) == (2, 3, 0, True)
    send(autumn_mock, use())
    assert fault.fired == 2
    assert repr(fault) == "<enqueue:fail items=0,2 times=2: fired 2, completed>"


def test_a_fault_without_an_end_has_no_remaining(autumn_mock: AutumnMock) -> None:
    assert autumn_mock.fault("queue:down").remaining is None


def test_a_fault_in_a_with_block_strikes_in_it_alone(autumn_mock: AutumnMock) -> None:
    with autumn_mock.fault("queue:down") as outage:
        assert send(autumn_mock) == 503
    assert send(autumn_mock) == 202
    assert (outage.fired, outage.completed) == (1, True)


def test_a_with_block_that_raises_clears_its_fault(autumn_mock: AutumnMock) -> None:
    with pytest.raises(KeyError), autumn_mock.fault("queue:down"):
        raise KeyError
    assert send(autumn_mock) == 202


def test_a_fault_is_cleared_by_hand_and_the_others_stay(autumn_mock: AutumnMock) -> None:
    cleared, kept = autumn_mock.fault("queue:down"), autumn_mock.fault("enqueue:fail items=0")
    cleared.clear()
    cleared.clear()
    send(autumn_mock, use(), use())
    assert (cleared.fired, kept.fired) == (0, 1)


def test_a_fault_that_draws_tells_its_seed(autumn_mock: AutumnMock) -> None:
    drawn = autumn_mock.fault("enqueue:fail rate=0.5")
    assert re.fullmatch(r"enqueue:fail rate=0\.5 seed=\d+", drawn.rule)


def test_a_fault_that_does_not_parse_is_told_with_what_would(autumn_mock: AutumnMock) -> None:
    with pytest.raises(RuleError, match="unknown kind 'queue:dwn', did you mean queue:down"):
        autumn_mock.fault("queue:dwn")


def test_a_fault_of_one_organisation_leaves_the_others_alone(autumn_mock: AutumnMock, other: AutumnMock) -> None:
    autumn_mock.fault("queue:down")
    assert (send(autumn_mock), send(other)) == (503, 202)


# -- the journal


def test_requests_come_in_their_order_with_what_was_told(autumn_mock: AutumnMock) -> None:
    autumn_mock.fault("queue:down times=1")
    send(autumn_mock, use(), use())
    track(autumn_mock)
    send(autumn_mock)
    assert [(entry.call, entry.status, entry.items, entry.faults) for entry in autumn_mock.requests] == [
        ("balances.batch_track", 503, 2, ("queue:down times=1",)),
        ("balances.track", 200, None, ()),
        ("balances.batch_track", 202, 1, ()),
    ]


def test_failures_hold_what_a_202_does_not_tell(autumn_mock: AutumnMock) -> None:
    autumn_mock.fault("enqueue:fail items=1,3")
    assert send(autumn_mock, *[use()] * 5) == 202
    [failure] = autumn_mock.failures
    assert (failure.success_count, failure.failure_count, failure.total_count) == (3, 2, 5)
    assert failure.failures == ({"index": 1}, {"index": 3})


def test_lost_items_come_with_the_reason(autumn_mock: AutumnMock) -> None:
    autumn_mock.fault("worker:drop every=2 customer=cus_456")
    send(autumn_mock, use(1), use(2), use(3, "cus_nobody"))
    autumn_mock.drain()
    assert {(lost.item.value, lost.reason) for lost in autumn_mock.lost} == {
        (2, "dropped"),
        (3, "customer_not_found"),
    }


def test_findings_tell_what_the_client_did_wrong(autumn_mock: AutumnMock) -> None:
    item = use(timestamp=1_700_000_000_000)
    send(autumn_mock, item)
    send(autumn_mock, item)
    [finding] = autumn_mock.findings
    assert (finding.code, finding.items, finding.amounts) == ("resent_after_accepted", 1, {"messages": 1})
    assert finding.requests == tuple(entry.id for entry in autumn_mock.requests)


def test_an_organisation_sees_its_own_requests_alone(autumn_mock: AutumnMock, other: AutumnMock) -> None:
    send(other, use(customer="cus_nobody"))
    other.drain()
    assert (autumn_mock.requests, autumn_mock.lost, autumn_mock.stats()["offered"]) == ([], [], 0)
    assert len(other.requests) == len(other.lost) == 1


# -- pause, resume, reset


def test_paused_items_wait_until_the_workers_go_on(autumn_mock: AutumnMock) -> None:
    autumn_mock.pause()
    send(autumn_mock, use(7))
    assert autumn_mock.stats()["ready"] == 1
    assert autumn_mock.balance(CUSTOMER, FEATURE) == GRANT
    autumn_mock.resume()
    autumn_mock.drain()
    assert autumn_mock.balance(CUSTOMER, FEATURE) == GRANT - 7


def test_a_pause_of_one_organisation_leaves_the_others_alone(autumn_mock: AutumnMock, other: AutumnMock) -> None:
    autumn_mock.pause()
    send(autumn_mock)
    send(other)
    assert (other.drain()["deducted"], autumn_mock.stats()["deducted"]) == (1, 0)


@pytest.mark.autumn_mock(frozen=True)
def test_reset_goes_back_to_the_world(autumn_mock: AutumnMock) -> None:
    for _ in range(10):
        send(autumn_mock, use(), use(customer="cus_nobody"))
    autumn_mock.drain()
    outage = autumn_mock.fault("queue:down")
    autumn_mock.pause()
    cleared = autumn_mock.reset()
    assert {name: cleared[name] for name in ("requests", "faults", "events", "lost", "rate_limits")} == {
        "requests": 10,
        "faults": 1,
        "events": 10,
        "lost": 10,
        "rate_limits": 1,
    }
    assert (autumn_mock.requests, autumn_mock.lost, autumn_mock.failures, autumn_mock.findings) == ([], [], [], [])
    assert autumn_mock.stats()["offered"] == 0
    assert (outage.completed, autumn_mock.clock.frozen) == (True, False)
    assert send(autumn_mock, use(4)) == 202
    autumn_mock.assert_deducted(CUSTOMER, FEATURE, 4)
    assert autumn_mock.balance(CUSTOMER, FEATURE) == GRANT - 4


def test_a_reset_of_one_organisation_leaves_the_others_alone(autumn_mock: AutumnMock, other: AutumnMock) -> None:
    track(other, 5)
    autumn_mock.reset()
    assert other.balance(CUSTOMER, FEATURE) == GRANT - 5
    assert len(other.requests) == 1


# -- assertions


def test_a_client_that_keeps_the_contract_has_no_findings(autumn_mock: AutumnMock) -> None:
    send(autumn_mock, use(1, timestamp=1_700_000_000_000))
    send(autumn_mock, use(1, timestamp=1_700_000_000_001))
    autumn_mock.assert_no_findings()


def test_findings_fail_a_test_with_what_to_do_instead(autumn_mock: AutumnMock) -> None:
    item = use(2, timestamp=1_700_000_000_000)
    send(autumn_mock, item)
    send(autumn_mock, item)
    with pytest.raises(AssertionError) as caught:
        autumn_mock.assert_no_findings()
    head, finding, instead = str(caught.value).split("\n")
    assert head == "the client broke the contract:"
    assert finding == (
        "  resent_after_accepted: A batch of 1 item was accepted, its client was told 202, and was sent again once: "
        "1 item too many were charged (2 messages)."
    )
    assert instead.startswith("    Never send a batch again after its 202")


def test_findings_that_may_be_meant_otherwise_can_be_left_out(autumn_mock: AutumnMock) -> None:
    """Two equal uses without a timestamp look like one that was sent twice."""
    send(autumn_mock)
    send(autumn_mock)
    autumn_mock.assert_no_findings(certain=True)
    with pytest.raises(AssertionError, match="two equal uses look just like one that is sent twice"):
        autumn_mock.assert_no_findings()


def test_assert_deducted_waits_and_counts_queued_items_and_calls_together(autumn_mock: AutumnMock) -> None:
    send(autumn_mock, *[use(0.1)] * 3)
    track(autumn_mock, 2)
    send(autumn_mock, use(-1))
    autumn_mock.assert_deducted(CUSTOMER, FEATURE, 1.3)
    autumn_mock.assert_deducted("cus_123", FEATURE, 0)


def test_assert_deducted_counts_the_feature_that_paid(autumn_mock: AutumnMock) -> None:
    """Alice has no AI messages but credits, of which one message costs two."""
    track(autumn_mock, 3, "cus_alice", "ai_messages")
    autumn_mock.assert_deducted("cus_alice", "credits", 6)
    autumn_mock.assert_deducted("cus_alice", "ai_messages", 0)


def test_assert_deducted_counts_what_a_balance_had(autumn_mock: AutumnMock) -> None:
    """An item for more than is left takes what is left."""
    send(autumn_mock, use(GRANT + 1))
    autumn_mock.assert_deducted(CUSTOMER, FEATURE, GRANT)


def test_a_wrong_amount_fails_with_the_batches_that_were_offered(autumn_mock: AutumnMock) -> None:
    autumn_mock.fault("enqueue:fail items=1 after=1")
    send(autumn_mock, use(2), use(2))
    send(autumn_mock, use(2), use(2))
    first, second = autumn_mock.requests
    with pytest.raises(AssertionError) as caught:
        autumn_mock.assert_deducted(CUSTOMER, FEATURE, 8)
    assert str(caught.value).split("\n") == [
        "6 of messages were deducted from cus_456, and not 8; offered were",
        f"  request {first.id}: balances.batch_track, 2 items, 0 refused, told 202",
        f"  request {second.id}: balances.batch_track, 2 items, 1 refused, told 202",
    ]


def test_a_wrong_amount_without_any_offer_says_so(autumn_mock: AutumnMock) -> None:
    with pytest.raises(AssertionError) as caught:
        autumn_mock.assert_deducted(CUSTOMER, FEATURE, 1)
    assert str(caught.value) == (
        "0 of messages were deducted from cus_456, and not 1; offered were\n  no items were offered at all"
    )


def test_assert_deducted_of_what_cannot_be_worked_off_says_why(autumn_mock: AutumnMock) -> None:
    autumn_mock.pause()
    send(autumn_mock)
    with pytest.raises(StillOpen, match="the workers are paused"):
        autumn_mock.assert_deducted(CUSTOMER, FEATURE, 1)


def test_a_wrong_amount_says_that_items_without_an_event_do_not_count(autumn_mock: AutumnMock) -> None:
    send(autumn_mock, use(3, skip_event=True))
    with pytest.raises(AssertionError, match="items with skip_event leave no event, and are not counted"):
        autumn_mock.assert_deducted(CUSTOMER, FEATURE, 3)


@pytest.mark.parametrize(
    "rule",
    [
        "enqueue:fail every=3",
        "queue:flap",
        "worker:duplicate every=2",
        "worker:crash every=5",
        "worker:drop every=4",
        "worker:reorder",
        "reply:truncate",
    ],
)
def test_the_books_balance_whatever_fails(autumn_mock: AutumnMock, rule: str) -> None:
    fault = autumn_mock.fault(rule)
    for number in range(4):
        post_quietly(autumn_mock, [use(number, timestamp=1_700_000_000_000 + place) for place in range(8)])
    autumn_mock.drain(LONG)
    autumn_mock.assert_balanced()
    assert fault.fired


def test_the_books_balance_while_items_wait(autumn_mock: AutumnMock) -> None:
    autumn_mock.pause()
    send(autumn_mock, use(), use())
    autumn_mock.assert_balanced()


def test_an_item_that_vanished_fails_the_books(autumn_mock: AutumnMock) -> None:
    autumn_mock.pause()
    send(autumn_mock, use(), use())
    [environment] = [
        each for each in autumn_mock.emulator.state.environments(autumn_mock.organisation) if len(each.messages)
    ]
    with environment.write() as transaction:
        transaction.delete(next(iter(environment.messages)))
    told = "the books do not balance: 2 items were accepted, but 1 wait, 0 are deducted and 0 lost"
    with pytest.raises(AssertionError, match=told):
        autumn_mock.assert_balanced()


def post_quietly(mock: AutumnMock, items: list[dict[str, object]]) -> None:
    """Send a batch to a server that may not answer."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        post(mock, "balances.batch_track", items)
