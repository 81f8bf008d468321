"""The value of the fixture: waiting, balances, faults, journal, clock, assertions and the report."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from autumn_mock.clock import wall_clock
from autumn_mock.faults.grammar import RuleError
from autumn_mock.testing.embedded import Emulator
from autumn_mock.testing.mock import AutumnMock, StillOpen
from tests.testing.calls import CUSTOMER, FEATURE, GRANT, ask, client_of, post, send, track, use

#: Seconds to wait for what must not happen, and for what happens at once unless the machine is very busy.
SHORT, LONG = 0.05, 30
#: 2026-01-01T00:00:00Z
NEW_YEAR = 1_767_225_600_000
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000


@pytest.fixture
def other(autumn_mock_server: Emulator) -> Iterator[AutumnMock]:
    """A second organisation of the same server."""
    mock = autumn_mock_server.fresh()
    yield mock
    autumn_mock_server.close_organisation(mock.organisation)


def test_mock_has_url_and_key_of_an_organisation_with_the_default_world(autumn_mock: AutumnMock) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", autumn_mock.url)
    assert re.fullmatch(r"am_sk_test_\w+", autumn_mock.key)
    assert repr(autumn_mock) == f"<AutumnMock {autumn_mock.url} {autumn_mock.organisation}>"
    assert autumn_mock.balance(CUSTOMER, FEATURE) == GRANT
    assert send(autumn_mock) == 202


# -- drain and wait_for


def test_drain_returns_the_counters_when_every_item_is_deducted_or_lost(autumn_mock: AutumnMock) -> None:
    assert autumn_mock.drain(0)["offered"] == 0
    autumn_mock.fault("enqueue:fail items=0")
    send(autumn_mock, use(), *[use(0.5)] * 900, use(customer="cus_none"))
    counters = {
        "offered": 902,
        "refused": 1,
        "accepted": 901,
        "ready": 0,
        "in_flight": 0,
        "deducted": 900,
        "lost": 1,
        "lost_by_reason": {"customer_not_found": 1},
    }
    assert autumn_mock.drain() == counters
    assert asyncio.run(autumn_mock.drain_async()) == counters
    assert autumn_mock.balance(CUSTOMER, FEATURE) == GRANT - 450


@pytest.mark.parametrize(
    ("hold", "timeout", "why"),
    [
        ("pause", 3600, "the workers are paused"),  # does not wait for what cannot happen
        ("worker:pause", SHORT, "2 held by worker:pause"),
        ("worker:delay 1h", SHORT, "2 held by worker:delay 1h"),
    ],
)
def test_drain_reports_what_is_still_open(autumn_mock: AutumnMock, hold: str, timeout: float, why: str) -> None:
    if hold == "pause":
        autumn_mock.pause()
    else:
        autumn_mock.fault(hold)
    send(autumn_mock, use(), use())
    with pytest.raises(StillOpen) as caught:
        autumn_mock.drain(timeout)
    assert isinstance(caught.value, AssertionError)
    assert isinstance(caught.value, TimeoutError)
    assert str(caught.value) == f"2 of 2 accepted items are not worked off yet: {why}"


def test_wait_for_returns_when_the_items_are_deducted(autumn_mock: AutumnMock) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(autumn_mock.wait_for, 5, LONG)
        send(autumn_mock, use(), use())
        assert autumn_mock.drain()["deducted"] == 2
        assert not waiting.done()
        send(autumn_mock, use(), use(), use(customer="cus_none"))
        stats = waiting.result(LONG)
    assert (stats["deducted"], stats["lost"]) == (4, 1)
    assert autumn_mock.wait_for(5, 0) == asyncio.run(autumn_mock.wait_for_async(5)) == stats


@pytest.mark.parametrize(
    ("rule", "paused", "message"),
    [
        ("", False, "2 of 3 items are deducted or lost: only 2 were accepted"),
        ("enqueue:fail items=0", False, "1 of 3 items is deducted or lost: only 1 was accepted, 1 refused"),
        (
            "",
            True,
            "0 of 3 items are deducted or lost: 2 of 2 accepted items are not worked off yet: the workers are paused",
        ),
        (
            "worker:delay 1h after=1",
            False,
            "1 of 3 items is deducted or lost: 1 of 2 accepted items is not worked off yet: "
            "1 held by worker:delay 1h after=1",
        ),
    ],
)
def test_wait_for_reports_what_is_missing(autumn_mock: AutumnMock, rule: str, paused: bool, message: str) -> None:
    if rule:
        autumn_mock.fault(rule)
    if paused:
        autumn_mock.pause()
    send(autumn_mock, use(), use())
    if not paused:
        autumn_mock.wait_for(1, LONG)
    with pytest.raises(StillOpen) as caught:
        autumn_mock.wait_for(3, 1)
    assert str(caught.value) == message


def test_pause_and_resume_stop_and_start_the_workers_of_one_organisation(
    autumn_mock: AutumnMock, other: AutumnMock
) -> None:
    autumn_mock.pause()
    send(autumn_mock, use(7))
    send(other)
    assert other.drain()["deducted"] == 1
    assert (autumn_mock.stats()["ready"], autumn_mock.balance(CUSTOMER, FEATURE)) == (1, GRANT)
    autumn_mock.resume()
    autumn_mock.drain()
    assert autumn_mock.balance(CUSTOMER, FEATURE) == GRANT - 7


# -- balance


def test_balance_returns_what_a_customer_or_an_entity_has_left(autumn_mock: AutumnMock) -> None:
    ask(autumn_mock, "balances.track", use(3, "cus_carol", "api_calls", entity_id="seat_1"))
    assert autumn_mock.balance("cus_carol", "api_calls", "seat_1") == 17
    assert autumn_mock.balance("cus_carol", "api_calls") == 17
    ask(autumn_mock, "balances.create", {"customer_id": CUSTOMER, "feature_id": "api_calls", "unlimited": True})
    assert autumn_mock.balance(CUSTOMER, "api_calls") == float("inf")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cus_none", FEATURE), "Customer cus_none not found"),
        (("cus_carol", "api_calls", "seat_9"), "Entity seat_9 not found"),
        ((CUSTOMER, "mesages"), "cus_456 has no balance of mesages; balances: messages"),
    ],
)
def test_balance_fails_for_what_does_not_exist(
    autumn_mock: AutumnMock, arguments: tuple[str, ...], message: str
) -> None:
    with pytest.raises(AssertionError, match=f"^{message}$"):
        autumn_mock.balance(*arguments)


# -- fault


def test_fault_reports_what_it_did(autumn_mock: AutumnMock) -> None:
    fault = autumn_mock.fault("enqueue:fail items=0,2 times=2")

    def report() -> tuple[object, ...]:
        return fault.fired, fault.refused, fault.remaining, fault.completed

    assert fault.rule == "enqueue:fail items=0,2 times=2"
    assert report() == (0, 0, 2, False)
    send(autumn_mock, use(), use(), use())
    assert report() == (1, 2, 1, False)
    send(autumn_mock, use(), use())
    send(autumn_mock, use())
    assert report() == (2, 3, 0, True)
    assert repr(fault) == "<enqueue:fail items=0,2 times=2: fired 2, completed>"
    assert autumn_mock.fault("queue:down").remaining is None
    assert re.fullmatch(r"enqueue:fail rate=0\.5 seed=\d+", autumn_mock.fault("enqueue:fail rate=0.5").rule)


def test_fault_applies_to_its_organisation_until_it_is_cleared(autumn_mock: AutumnMock, other: AutumnMock) -> None:
    with autumn_mock.fault("queue:down") as outage:
        assert (send(autumn_mock), send(other)) == (503, 202)
    assert send(autumn_mock) == 202
    assert (outage.fired, outage.completed) == (1, True)
    with pytest.raises(KeyError), autumn_mock.fault("queue:down"):
        raise KeyError
    cleared, kept = autumn_mock.fault("queue:down"), autumn_mock.fault("enqueue:fail items=0")
    cleared.clear()
    cleared.clear()
    assert send(autumn_mock, use(), use()) == 202
    assert (cleared.fired, kept.fired) == (0, 1)


def test_fault_refuses_an_invalid_rule(autumn_mock: AutumnMock) -> None:
    with pytest.raises(RuleError, match="unknown kind 'queue:dwn', did you mean queue:down"):
        autumn_mock.fault("queue:dwn")


# -- the journal


def test_requests_failures_lost_and_findings_are_those_of_the_organisation(
    autumn_mock: AutumnMock, other: AutumnMock
) -> None:
    autumn_mock.fault("enqueue:fail items=1 times=1")
    item = use(timestamp=NEW_YEAR)
    send(autumn_mock, item, use(2), use(3, "cus_none"))
    track(autumn_mock)
    send(autumn_mock, item)
    autumn_mock.drain()
    assert [(entry.call, entry.status, entry.items, entry.faults) for entry in autumn_mock.requests] == [
        ("balances.batch_track", 202, 3, ("enqueue:fail items=1 times=1",)),
        ("balances.track", 200, None, ()),
        ("balances.batch_track", 202, 1, ()),
    ]
    [failure] = autumn_mock.failures
    assert (failure.success_count, failure.failure_count, failure.failures) == (2, 1, ({"index": 1},))
    assert [(lost.item.value, lost.reason) for lost in autumn_mock.lost] == [(3, "customer_not_found")]
    assert [(each.code, each.items, each.amounts) for each in autumn_mock.findings] == [
        ("lost_after_accepted", 1, {"messages": 3}),
        ("resent_after_accepted", 1, {"messages": 1}),
    ]
    assert (other.requests, other.failures, other.lost, other.findings, other.stats()["offered"]) == ([], [], [], [], 0)


@pytest.mark.autumn_mock(frozen=True)
def test_reset_restores_the_world_of_one_organisation(autumn_mock: AutumnMock, other: AutumnMock) -> None:
    track(other, 5)
    for _ in range(10):
        send(autumn_mock, use(), use(customer="cus_none"))
    autumn_mock.drain()
    outage = autumn_mock.fault("queue:down")
    autumn_mock.pause()
    cleared = autumn_mock.reset()
    expected = {"requests": 10, "faults": 1, "events": 10, "lost": 10, "rate_limits": 1}
    assert {name: cleared[name] for name in expected} == expected
    assert (autumn_mock.requests, autumn_mock.lost, autumn_mock.failures, autumn_mock.findings) == ([], [], [], [])
    assert (outage.completed, autumn_mock.clock.frozen, autumn_mock.stats()["offered"]) == (True, False, 0)
    assert send(autumn_mock, use(4)) == 202
    autumn_mock.assert_deducted(CUSTOMER, FEATURE, 4)
    assert (other.balance(CUSTOMER, FEATURE), len(other.requests)) == (GRANT - 5, 1)


# -- assertions


def test_assert_no_findings_reports_violations_and_what_to_do(autumn_mock: AutumnMock) -> None:
    send(autumn_mock, use(1, timestamp=NEW_YEAR))
    send(autumn_mock, use(1, timestamp=NEW_YEAR + 1))
    autumn_mock.assert_no_findings()
    send(autumn_mock, use(2, timestamp=NEW_YEAR))
    send(autumn_mock, use(2, timestamp=NEW_YEAR))
    with pytest.raises(AssertionError) as caught:
        autumn_mock.assert_no_findings()
    head, finding, instead = str(caught.value).split("\n")
    assert head == "the client violated the contract:"
    assert finding.startswith("  resent_after_accepted: A batch of 1 item was accepted")
    assert finding.endswith("(2 messages).")
    assert instead.startswith("    Never send a batch again after its 202")


def test_assert_no_findings_can_ignore_uncertain_ones(autumn_mock: AutumnMock) -> None:
    send(autumn_mock)
    send(autumn_mock)
    autumn_mock.assert_no_findings(certain=True)
    with pytest.raises(AssertionError, match="two equal usages cannot be distinguished"):
        autumn_mock.assert_no_findings()


def test_assert_no_findings_takes_a_level_and_codes(autumn_mock: AutumnMock) -> None:
    send(autumn_mock)
    send(autumn_mock)
    autumn_mock.assert_no_findings(level="certain")
    autumn_mock.assert_no_findings(codes=["hammering", "unknown_route"])
    for counts in ({"level": "probable"}, {"codes": ["hammering", "resent_after_accepted"]}):
        with pytest.raises(AssertionError, match="resent_after_accepted: "):
            autumn_mock.assert_no_findings(**counts)
    with pytest.raises(ValueError, match="resent"):
        autumn_mock.assert_no_findings(codes=["resent"])


def test_assert_deducted_drains_and_counts_items_and_calls(autumn_mock: AutumnMock) -> None:
    send(autumn_mock, *[use(0.1)] * 3)
    track(autumn_mock, 2)
    send(autumn_mock, use(-1))
    autumn_mock.assert_deducted(CUSTOMER, FEATURE, 1.3)
    autumn_mock.assert_deducted("cus_123", FEATURE, 0)
    send(autumn_mock, use(GRANT + 1))  # takes what is left
    autumn_mock.assert_deducted(CUSTOMER, FEATURE, GRANT)
    track(autumn_mock, 3, "cus_alice", "ai_messages")  # costs two credits each
    autumn_mock.assert_deducted("cus_alice", "credits", 6)
    autumn_mock.assert_deducted("cus_alice", "ai_messages", 0)


def test_assert_deducted_reports_what_each_request_deducted(autumn_mock: AutumnMock) -> None:
    with pytest.raises(AssertionError, match=r"but it was 0; requests:\n  no usage was sent$"):
        autumn_mock.assert_deducted(CUSTOMER, FEATURE, 1)
    autumn_mock.fault("enqueue:fail items=1 after=1")
    send(autumn_mock, use(2), use(2))
    send(autumn_mock, use(2), use(2), use(3, skip_event=True))
    send(autumn_mock, use(5, customer="ghost"))
    track(autumn_mock, 1.5)
    post(autumn_mock, "balances.track", use(4, customer="ghost"))
    post(autumn_mock, "balances.check", {"customer_id": CUSTOMER, "feature_id": FEATURE})
    lock = {"lock_id": "L", "enabled": True}
    ask(autumn_mock, "balances.check", {**use(), "required_balance": 10, "lock": lock})
    ask(autumn_mock, "balances.finalize", {"lock_id": "L", "action": "confirm", "override_value": 7})
    ids = [each.id for each in autumn_mock.requests]
    with pytest.raises(AssertionError) as caught:
        autumn_mock.assert_deducted(CUSTOMER, FEATURE, 8)
    assert str(caught.value).split("\n") == [
        "expected 8 messages to be deducted from cus_456, but it was 14.5; requests:",
        f"  request {ids[0]}: balances.batch_track, 2 items, 0 refused, status 202: 4 messages",
        f"  request {ids[1]}: balances.batch_track, 3 items, 1 refused, status 202: 2 messages",
        "    (items with skip_event have no event and are not counted)",
        f"  request {ids[2]}: balances.batch_track, 1 item, 0 refused, 1 lost (customer_not_found), status 202: "
        "0 messages",
        f"  request {ids[3]}: balances.track, status 200: 1.5 messages",
        f"  request {ids[4]}: balances.track, status 404: 0 messages (Customer ghost not found)",
        f"  request {ids[6]}: balances.check, status 200: 10 messages",
        f"  request {ids[7]}: balances.finalize, status 200: -3 messages",
    ]
    autumn_mock.pause()
    send(autumn_mock)
    with pytest.raises(StillOpen, match="the workers are paused"):
        autumn_mock.assert_deducted(CUSTOMER, FEATURE, 1)


def test_assert_deducted_reports_what_no_request_deducted_and_the_last_requests(autumn_mock: AutumnMock) -> None:
    past = {"events": [{"customer_id": CUSTOMER, "feature_id": FEATURE, "value": 5}]}
    assert client_of(autumn_mock).post("/_mock/import/events", past).status == 200
    for _ in range(21):
        track(autumn_mock)
    track(autumn_mock, 100, "cus_123")
    with pytest.raises(AssertionError) as caught:
        autumn_mock.assert_deducted(CUSTOMER, FEATURE, 8)
    lines = str(caught.value).split("\n")
    assert lines[1] == "  2 earlier lines"
    assert lines[-2].endswith("balances.track, status 200: 0 messages")
    assert lines[-1] == "  by no request of the journal, as of the world's past: 5 messages"


def test_assert_balanced_reports_a_missing_item(autumn_mock: AutumnMock) -> None:
    autumn_mock.pause()
    send(autumn_mock, use(), use())
    autumn_mock.assert_balanced()
    [environment] = [
        each for each in autumn_mock.emulator.state.environments(autumn_mock.organisation) if len(each.messages)
    ]
    with environment.write() as transaction:
        transaction.delete(next(iter(environment.messages)))
    message = "the counters do not balance: 2 items were accepted, but 1 is waiting, 0 deducted and 0 lost"
    with pytest.raises(AssertionError, match=message):
        autumn_mock.assert_balanced()


def test_report_lists_requests_faults_items_and_findings(autumn_mock: AutumnMock) -> None:
    assert autumn_mock.report() == "no requests"
    autumn_mock.fault("enqueue:fail items=1 times=1")
    item = use(2, timestamp=NEW_YEAR)
    send(autumn_mock, item, use(3), use(4, "cus_none"))
    autumn_mock.drain()
    send(autumn_mock, item)
    autumn_mock.drain()
    autumn_mock.fault("reply:status 502 body=html times=1")
    send(autumn_mock, use(5))
    autumn_mock.pause()
    send(autumn_mock, use(6))
    # Requests are numbered across the whole server.
    lines = re.sub(r"\d+ POST", "N POST", autumn_mock.report()).split("\n")
    findings = lines.index("findings:")
    sent = lines.pop(lines.index("faults:") - 2)
    received = lines.pop(lines.index("faults:") - 1)
    assert re.fullmatch(r'    sent: \[\{"customer_id": "cus_456".*', sent)
    assert received.startswith("    received: <html>")
    findings -= 2
    failed = (
        "/v1/balances.batch_track 502 (the service: not reached) cus_456, faults: reply:status 502 body=html times=1"
    )
    assert lines[:findings] == [
        "requests:",
        "  N POST /v1/balances.batch_track 202 cus_456, 3 items, 1 refused, faults: enqueue:fail items=1 times=1",
        "  N POST /v1/balances.batch_track 202 cus_456, 1 item, 0 refused",
        f"  N POST {failed}",
        "  N POST /v1/balances.batch_track 202 cus_456, 1 item, 0 refused",
        "the first failed requests:",
        f"  N POST {failed}",
        "faults:",
        "  enqueue:fail items=1 times=1: fired 1",
        "  reply:status 502 body=html times=1: fired 1",
        "refused:",
        "  1 of 3 items: enqueue:fail items=1 times=1",
        "lost:",
        "  cus_none messages: customer_not_found",
    ]
    assert [line.split(":")[0] for line in lines[findings + 1 : -2]] == [
        "  lost_after_accepted",
        "  resent_after_accepted",
        "  not_resent_after_503",
    ]
    assert lines[-2:] == ["still open:", "  1 of 4 accepted items is not worked off yet: the workers are paused"]
    assert "requests (the last 2 of 4):" in autumn_mock.report(2)


def test_find_requests_selects_by_status_call_customer_and_failure(autumn_mock: AutumnMock) -> None:
    send(autumn_mock, use(2))
    autumn_mock.fault("reply:status 503 times=1")
    send(autumn_mock, use(3, "cus_123"))

    def found(**filters: Any) -> list[int | None]:
        return [each.status for each in autumn_mock.find_requests(**filters)]

    assert found() == found(call="batch_track") == found(since="1h") == [202, 503]
    assert found(failed=True) == found(status=503) == found(status="5xx") == found(customer="cus_123") == [503]
    assert found(call="check") == found(status="none") == []
    with pytest.raises(ValueError, match=r"did you mean 'balances\.check'"):
        found(call="balances.chek")


# -- clock


def test_clock_follows_the_machine_until_it_is_moved(autumn_mock: AutumnMock, other: AutumnMock) -> None:
    clock = autumn_mock.clock
    before = wall_clock()
    assert before <= clock.now <= wall_clock()
    clock.set(NEW_YEAR)
    assert (NEW_YEAR <= clock.now < NEW_YEAR + HOUR, clock.frozen) == (True, False)
    clock.freeze(NEW_YEAR)
    assert (clock.now, clock.frozen) == (NEW_YEAR, True)
    clock.unfreeze()
    assert (NEW_YEAR <= clock.now < NEW_YEAR + HOUR, clock.frozen) == (True, False)
    assert (other.clock.now >= before, other.clock.frozen) == (True, False)
    clock.freeze()
    clock.reset()
    assert (clock.now >= before, clock.frozen) == (True, False)


@pytest.mark.parametrize(
    "instant",
    [
        "2026-01-01",
        "2026-01-01T00:00:00Z",
        "2026-01-01T01:00:00+01:00",
        NEW_YEAR,
        str(NEW_YEAR),
        datetime(2026, 1, 1),
        datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
    ],
    ids=repr,
)
def test_clock_accepts_instants(autumn_mock: AutumnMock, instant: str | int | datetime) -> None:
    autumn_mock.clock.freeze()
    autumn_mock.clock.set(instant)
    assert autumn_mock.clock.now == NEW_YEAR
    autumn_mock.clock.freeze(instant)
    assert autumn_mock.clock.now == NEW_YEAR


@pytest.mark.parametrize(
    ("by", "length"),
    [
        ("1d", DAY),
        ("1h30m", 90 * MINUTE),
        (250, 250),
        (timedelta(days=1, seconds=1), DAY + SECOND),
        (timedelta(seconds=0.25), 250),
        ("-1h", -HOUR),
        ("1month", 31 * DAY),
        ("1y", 365 * DAY),
        (-5, -5),
    ],
    ids=str,
)
def test_clock_advances_by_durations(autumn_mock: AutumnMock, by: str | int | timedelta, length: int) -> None:
    autumn_mock.clock.freeze(NEW_YEAR)
    autumn_mock.clock.advance(by)
    assert autumn_mock.clock.now == NEW_YEAR + length


def test_clock_advances_to_the_next_reset(autumn_mock: AutumnMock) -> None:
    track(autumn_mock, 7, "cus_bob", "messages")
    full = autumn_mock.balance("cus_bob", "messages") + 7
    autumn_mock.clock.advance("next-reset")
    assert autumn_mock.balance("cus_bob", "messages") == full


def test_clock_has_no_next_reset_without_balances(autumn_mock_server: Emulator) -> None:
    mock = autumn_mock_server.fresh("empty")
    with pytest.raises(ValueError, match="no balance here has a next reset"):
        mock.clock.advance("next-reset")
    autumn_mock_server.close_organisation(mock.organisation)


@pytest.mark.parametrize("wrong", ["soon", "1 decade", ""])
def test_clock_refuses_what_is_neither_instant_nor_duration(autumn_mock: AutumnMock, wrong: str) -> None:
    autumn_mock.clock.freeze(NEW_YEAR)
    with pytest.raises(ValueError, match="is not a duration; write 90m, 1d, 1h30m, 250ms, 1month or next-reset"):
        autumn_mock.clock.advance(wrong)
    with pytest.raises(ValueError, match=r"must be an instant"):
        autumn_mock.clock.set(wrong)
    assert autumn_mock.clock.now == NEW_YEAR


def limits(mock: AutumnMock) -> Callable[[], object]:
    """The window of batch_track is a second."""
    while send(mock) == 202:
        pass
    return lambda: send(mock)


def limits_of_another_rate(mock: AutumnMock) -> Callable[[], object]:
    mock.fault("limit 1/hour")
    send(mock)
    return lambda: send(mock)


def locks(mock: AutumnMock) -> Callable[[], object]:
    """A hold of 5 that is not finalized."""
    lock = {"lock_id": "hold", "enabled": True, "expires_at": mock.clock.now + HOUR}
    ask(mock, "balances.check", {"customer_id": CUSTOMER, "feature_id": FEATURE, "required_balance": 5, "lock": lock})
    return lambda: mock.balance(CUSTOMER, FEATURE)


def resets(mock: AutumnMock) -> Callable[[], object]:
    """Bob has 100 AI messages each month."""
    track(mock, 30, "cus_bob", "ai_messages")
    return lambda: mock.balance("cus_bob", "ai_messages")


def keys_of_requests(mock: AutumnMock) -> Callable[[], object]:
    def post_with_key() -> int:
        return post(mock, "balances.batch_track", [use()], idempotency_key="key").status

    assert post_with_key() == 202
    return post_with_key


def keys_of_items(mock: AutumnMock) -> Callable[[], object]:
    def send_with_key() -> int:
        send(mock, use(idempotency_key="key"))
        mock.drain()
        return len(mock.lost)

    assert send_with_key() == 0
    return send_with_key


def time_of_life_of_a_fault(mock: AutumnMock) -> Callable[[], object]:
    fault = mock.fault("queue:down ttl=30s")
    return lambda: (send(mock), fault.completed)


def outage_by_time(mock: AutumnMock) -> Callable[[], object]:
    mock.fault("queue:flap down=10m up=1h")
    return lambda: send(mock)


def delayed_deductions(mock: AutumnMock) -> Callable[[], object]:
    mock.fault("worker:delay 1h")
    send(mock)
    due = mock.clock.now + HOUR
    return lambda: mock.stats()["deducted"] if mock.clock.now < due else mock.wait_for(1)["deducted"]


def events(mock: AutumnMock) -> Callable[[], object]:
    """The newest one has the time of the clock."""
    start = mock.clock.now

    def newest() -> object:
        track(mock)
        listed = ask(mock, "events.list", {"customer_id": CUSTOMER})["list"]
        return listed[0]["timestamp"] - start

    return newest


def timestamps_of_items(mock: AutumnMock) -> Callable[[], object]:
    """A timestamp in the future is refused."""
    later = mock.clock.now + MINUTE
    return lambda: send(mock, use(timestamp=later))


def times_in_the_journal(mock: AutumnMock) -> Callable[[], object]:
    start = mock.clock.now

    def last() -> int:
        send(mock)
        return mock.requests[-1].at - start

    return last


#: What depends on time; how far the clock is moved, just too little and just enough; the values after each.
FOLLOWERS: list[tuple[Callable[[AutumnMock], Callable[[], object]], int, int, Any, Any]] = [
    (limits, SECOND - 1, SECOND, 429, 202),
    (limits_of_another_rate, HOUR - 1, HOUR, 429, 202),
    (locks, HOUR - 1, HOUR, GRANT - 5, GRANT),
    (resets, 27 * DAY, 32 * DAY, 70, 100),
    (keys_of_requests, DAY - 1, DAY, 409, 202),
    (keys_of_items, DAY - 1, DAY, 1, 1),  # one is lost, and then no further one
    (time_of_life_of_a_fault, 30 * SECOND - 1, 30 * SECOND, (503, False), (202, True)),
    (outage_by_time, 10 * MINUTE - 1, 10 * MINUTE, 503, 202),
    (delayed_deductions, HOUR - 1, HOUR, 0, 1),
    (events, 0, HOUR, 0, HOUR),
    (timestamps_of_items, MINUTE - 1, MINUTE, 400, 202),
    (times_in_the_journal, DAY, 2 * DAY, DAY, 2 * DAY),
]


@pytest.mark.parametrize(
    ("follower", "early", "late", "value_early", "value_late"), FOLLOWERS, ids=[row[0].__name__ for row in FOLLOWERS]
)
@pytest.mark.autumn_mock(frozen=True)
def test_clock_moves_everything_that_depends_on_time(
    autumn_mock: AutumnMock,
    follower: Callable[[AutumnMock], Callable[[], object]],
    early: int,
    late: int,
    value_early: object,
    value_late: object,
) -> None:
    value = follower(autumn_mock)
    autumn_mock.clock.advance(early)
    assert value() == value_early
    autumn_mock.clock.advance(late - early)
    assert value() == value_late


@pytest.mark.autumn_mock(now="2026-01-01", frozen=True)
def test_clock_of_the_mark_is_the_time_of_the_worlds_records(autumn_mock: AutumnMock) -> None:
    bob = ask(autumn_mock, "customers.get", {"customer_id": "cus_bob"})
    assert bob["created_at"] == NEW_YEAR
    assert bob["balances"]["ai_messages"]["next_reset_at"] == NEW_YEAR + 31 * DAY


def test_set_payment_method_changes_how_a_customer_pays(autumn_mock: AutumnMock) -> None:
    autumn_mock.set_payment_method(CUSTOMER, "declines")
    shown = client_of(autumn_mock).get(f"/_mock/customers/{CUSTOMER}").body
    assert shown["payment_method"] == "declines"
    with pytest.raises(AssertionError, match="cus_nobody"):
        autumn_mock.set_payment_method("cus_nobody", "ok")
    with pytest.raises(ValueError, match="'gold' is not one of none, ok"):
        autumn_mock.set_payment_method(CUSTOMER, "gold")  # type: ignore[arg-type]  # what it must refuse
