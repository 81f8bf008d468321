"""The meter against autumn-mock: whatever fails on the way, each use is charged, and charged once.

The meter lives on the mock's clock. Where it would sleep, the clock goes ahead, so half a minute of back-off takes no
time at all; and as the clock is frozen, nothing here depends on how fast the machine is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from autumn_mock.testing.mock import AutumnMock

from .meter import Meter, Refused, Unavailable
from .planted_bugs import meter_under_test

pytestmark = pytest.mark.autumn_mock(frozen=True)

CUSTOMER = "cus_123"
FEATURE = "messages"


@pytest.fixture
def naps() -> list[float]:
    """The seconds that the meter slept, nap by nap."""
    return []


@pytest.fixture
def http(autumn_mock: AutumnMock) -> Iterator[httpx.Client]:
    """The way to the organisation of the test."""
    headers = {"authorization": f"Bearer {autumn_mock.key}"}
    with httpx.Client(base_url=autumn_mock.url, headers=headers, timeout=10) as http:
        yield http


@pytest.fixture
def meter(autumn_mock: AutumnMock, http: httpx.Client, naps: list[float]) -> Meter:
    """The meter under test."""

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        autumn_mock.clock.advance(timedelta(seconds=seconds))

    return meter_under_test()(http, sleep=sleep, now=lambda: autumn_mock.clock.now / 1000)


def record(meter: Meter, count: int, value: float = 1) -> None:
    for _ in range(count):
        meter.record(CUSTOMER, FEATURE, value)


# -- when all is well


def test_what_was_recorded_is_charged(autumn_mock: AutumnMock, meter: Meter) -> None:
    record(meter, 3, value=2.5)
    meter.flush()
    autumn_mock.assert_deducted(CUSTOMER, FEATURE, 7.5)
    autumn_mock.assert_no_findings()
    assert meter.pending == 0


def test_a_batch_that_was_accepted_is_never_sent_again(autumn_mock: AutumnMock, meter: Meter) -> None:
    """Not even if the keys would make good for it. A flush with nothing to send sends nothing."""
    record(meter, 3)
    meter.flush()
    meter.flush()
    assert [entry.status for entry in autumn_mock.requests] == [202]


def test_more_than_a_thousand_items_are_split(autumn_mock: AutumnMock, meter: Meter) -> None:
    record(meter, 2345, value=0.1)
    meter.flush()
    assert {entry.items for entry in autumn_mock.requests} == {1000, 345}
    autumn_mock.assert_deducted(CUSTOMER, FEATURE, 234.5)
    autumn_mock.assert_no_findings()


def test_item_has_the_time_of_its_use_and_not_of_its_sending(autumn_mock: AutumnMock, meter: Meter) -> None:
    used_at = autumn_mock.clock.now
    record(meter, 1)
    autumn_mock.clock.advance("1h")
    meter.flush()
    [item] = json.loads(autumn_mock.requests[0].body or b"")
    assert item["timestamp"] == used_at


# -- when the service is not there


def test_an_outage_loses_nothing(autumn_mock: AutumnMock, meter: Meter, naps: list[float]) -> None:
    outage = autumn_mock.fault("queue:down times=3")  # 503, Retry-After: 1
    record(meter, 5)
    meter.flush()
    assert outage.completed
    assert len(naps) == 3
    autumn_mock.assert_deducted(CUSTOMER, FEATURE, 5)
    autumn_mock.assert_no_findings()


def test_flush_raises_in_a_long_outage_and_keeps_the_usage(autumn_mock: AutumnMock, meter: Meter) -> None:
    record(meter, 5)
    with autumn_mock.fault("reply:reset before=enqueue"), pytest.raises(Unavailable, match=r"5 items .* after 8 tries"):
        meter.flush()
    assert meter.pending == 5
    meter.flush()
    autumn_mock.assert_deducted(CUSTOMER, FEATURE, 5)
    autumn_mock.assert_no_findings()


@pytest.mark.parametrize(
    "rule",
    [
        "reply:hang after=enqueue times=1",
        "reply:reset after=enqueue times=1",
        "reply:truncate times=1",
        "reply:status 502 body=html after=enqueue times=1",
    ],
)
def test_a_lost_reply_charges_nothing_twice(
    autumn_mock: AutumnMock, http: httpx.Client, meter: Meter, rule: str
) -> None:
    """The batch was queued, and the meter cannot know: it sends it again, and the keys keep it from counting twice."""
    http.timeout = httpx.Timeout(0.5)
    lost_reply = autumn_mock.fault(rule)
    record(meter, 5)
    meter.flush()
    assert lost_reply.completed
    assert autumn_mock.drain()["accepted"] >= 10
    assert {lost.reason for lost in autumn_mock.lost} == {"duplicate_idempotency_key"}
    autumn_mock.assert_deducted(CUSTOMER, FEATURE, 5)
    autumn_mock.assert_no_findings()


# -- backing off


def test_a_full_rate_limit_is_waited_out(autumn_mock: AutumnMock, meter: Meter, naps: list[float]) -> None:
    """Ten batches pass in a second; the others wait for the next ones."""
    for _ in range(25):
        record(meter, 1)
        meter.flush()
    assert len(naps) >= 2
    autumn_mock.assert_deducted(CUSTOMER, FEATURE, 25)
    autumn_mock.assert_no_findings()


@pytest.mark.parametrize("when", ["7", "date+7s"])
def test_a_429_is_not_repeated_before_its_time(
    autumn_mock: AutumnMock, meter: Meter, naps: list[float], when: str
) -> None:
    autumn_mock.fault(f"reply:status 429 retry-after={when} before=enqueue times=1")
    record(meter, 1)
    meter.flush()
    assert len(naps) == 1
    assert naps[0] == pytest.approx(7, abs=1)  # a date knows no parts of a second
    autumn_mock.assert_deducted(CUSTOMER, FEATURE, 1)
    autumn_mock.assert_no_findings()


def test_pauses_grow_up_to_a_limit(autumn_mock: AutumnMock, meter: Meter, naps: list[float]) -> None:
    autumn_mock.fault("reply:reset before=enqueue times=7")
    record(meter, 1)
    meter.flush()
    for nap, longest in zip(naps, [0.5, 1, 2, 4, 8, 16, 30], strict=True):
        assert longest / 2 <= nap <= longest


# -- what no client can see


def test_items_that_could_not_be_queued_stand_in_the_journal(autumn_mock: AutumnMock, meter: Meter) -> None:
    """Autumn answers 202 as long as it could queue one item. No client may repeat that, or what it queued would be
    charged twice; the journal shows what production only logs."""
    autumn_mock.fault("enqueue:fail items=1,3")
    record(meter, 5)
    meter.flush()
    failure = autumn_mock.failures[0]
    assert (failure.failure_count, failure.total_count) == (2, 5)
    assert [each["index"] for each in failure.failures] == [1, 3]
    autumn_mock.assert_deducted(CUSTOMER, FEATURE, 3)


# -- what must not be repeated


def test_refused_items_are_handed_back_and_hold_up_no_others(autumn_mock: AutumnMock, meter: Meter) -> None:
    meter.record(CUSTOMER, "mesages")
    with pytest.raises(Refused, match="Feature mesages not found") as refusal:
        meter.flush()
    assert [item["feature_id"] for item in refusal.value.items] == ["mesages"]
    record(meter, 2)
    meter.flush()
    autumn_mock.assert_deducted(CUSTOMER, FEATURE, 2)
    autumn_mock.assert_no_findings()
