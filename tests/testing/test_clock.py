"""The clock of the fixture: how it is moved, and that everything which depends on time follows it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from autumn_mock.clock import wall_clock
from autumn_mock.testing.embedded import Emulator
from autumn_mock.testing.mock import AutumnMock
from tests.testing.asking import CUSTOMER, FEATURE, GRANT, ask, post, send, track, use

#: 2026-01-01T00:00:00Z
NEW_YEAR = 1_767_225_600_000
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000

# -- moving it


def test_it_runs_with_the_machine_until_somebody_moves_it(autumn_mock: AutumnMock) -> None:
    before = wall_clock()
    now = autumn_mock.clock.now
    assert before <= now <= wall_clock()
    assert not autumn_mock.clock.frozen


@pytest.mark.parametrize(
    "instant",
    [
        "2026-01-01",
        "2026-01-01T00:00:00Z",
        "2026-01-01T01:00:00+01:00",
        NEW_YEAR,
        str(NEW_YEAR),
        datetime(2026, 1, 1),
        datetime(2026, 1, 1, tzinfo=timezone.utc),
        datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
    ],
    ids=repr,
)
@pytest.mark.parametrize("way", ["freeze", "set"])
def test_an_instant_is_written_in_many_ways(autumn_mock: AutumnMock, way: str, instant: str | int | datetime) -> None:
    clock = autumn_mock.clock
    if way == "freeze":
        clock.freeze(instant)
    else:
        clock.freeze()
        clock.set(instant)
    assert (clock.now, clock.frozen) == (NEW_YEAR, True)


@pytest.mark.parametrize(
    ("by", "length"),
    [
        ("1d", DAY),
        ("90m", 90 * MINUTE),
        ("1h30m", 90 * MINUTE),
        ("250ms", 250),
        (250, 250),
        (timedelta(days=1, seconds=1), DAY + SECOND),
        (timedelta(seconds=0.25), 250),
        ("-1h", -HOUR),
        (-5, -5),
    ],
    ids=str,
)
def test_a_length_is_written_in_many_ways(autumn_mock: AutumnMock, by: str | int | timedelta, length: int) -> None:
    autumn_mock.clock.freeze(NEW_YEAR)
    autumn_mock.clock.advance(by)
    assert autumn_mock.clock.now == NEW_YEAR + length


@pytest.mark.parametrize("wrong", ["yesterday", "1d", ""])
def test_what_is_no_instant_is_refused_and_moves_nothing(autumn_mock: AutumnMock, wrong: str) -> None:
    autumn_mock.clock.freeze(NEW_YEAR)
    with pytest.raises(ValueError, match=r"isoformat|instant|time"):
        autumn_mock.clock.set(wrong)
    assert autumn_mock.clock.now == NEW_YEAR


@pytest.mark.parametrize("wrong", ["soon", "1y", ""])
def test_what_is_no_length_is_refused_and_moves_nothing(autumn_mock: AutumnMock, wrong: str) -> None:
    autumn_mock.clock.freeze(NEW_YEAR)
    with pytest.raises(ValueError, match="is not a duration; write 90m"):
        autumn_mock.clock.advance(wrong)
    assert autumn_mock.clock.now == NEW_YEAR


def test_a_clock_that_was_set_runs_on_from_there(autumn_mock: AutumnMock) -> None:
    autumn_mock.clock.set(NEW_YEAR)
    assert NEW_YEAR <= autumn_mock.clock.now < NEW_YEAR + HOUR
    assert not autumn_mock.clock.frozen


def test_a_thawed_clock_runs_on_from_where_it_stood(autumn_mock: AutumnMock) -> None:
    autumn_mock.clock.freeze(NEW_YEAR)
    autumn_mock.clock.unfreeze()
    assert NEW_YEAR <= autumn_mock.clock.now < NEW_YEAR + HOUR
    assert not autumn_mock.clock.frozen


def test_reset_follows_the_machine_again(autumn_mock: AutumnMock) -> None:
    autumn_mock.clock.freeze(NEW_YEAR)
    autumn_mock.clock.reset()
    assert autumn_mock.clock.now >= wall_clock() - HOUR
    assert not autumn_mock.clock.frozen


def test_each_organisation_has_a_clock_of_its_own(autumn_mock: AutumnMock, autumn_mock_server: Emulator) -> None:
    other = autumn_mock_server.fresh()
    autumn_mock.clock.freeze(NEW_YEAR)
    assert other.clock.now >= wall_clock() - HOUR
    assert not other.clock.frozen
    autumn_mock_server.close_organisation(other.organisation)


# -- what follows it


def limits(mock: AutumnMock) -> Callable[[], object]:
    """The window of batch_track lasts a second."""
    while send(mock) == 202:
        pass
    return lambda: send(mock)


def limits_of_another_rate(mock: AutumnMock) -> Callable[[], object]:
    mock.fault("limit 1/hour")
    send(mock)
    return lambda: send(mock)


def locks(mock: AutumnMock) -> Callable[[], object]:
    """A hold of 5 that nobody finalizes."""
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
    """What has a timestamp in the future is refused."""
    later = mock.clock.now + MINUTE
    return lambda: send(mock, use(timestamp=later))


def times_in_the_journal(mock: AutumnMock) -> Callable[[], object]:
    start = mock.clock.now

    def last() -> int:
        send(mock)
        return mock.requests[-1].at - start

    return last


#: What depends on time; how far the clock goes, just not far enough and just far enough; what is seen then.
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
    ("follower", "early", "late", "seen_early", "seen_late"), FOLLOWERS, ids=[row[0].__name__ for row in FOLLOWERS]
)
@pytest.mark.autumn_mock(frozen=True)
def test_everything_that_depends_on_time_follows_the_clock(
    autumn_mock: AutumnMock,
    follower: Callable[[AutumnMock], Callable[[], object]],
    early: int,
    late: int,
    seen_early: object,
    seen_late: object,
) -> None:
    look = follower(autumn_mock)
    autumn_mock.clock.advance(early)
    assert look() == seen_early
    autumn_mock.clock.advance(late - early)
    assert look() == seen_late


@pytest.mark.autumn_mock(frozen=True)
def test_a_frozen_clock_lets_no_window_pass(autumn_mock: AutumnMock) -> None:
    """However slow the machine is: ten of twelve."""
    assert [send(autumn_mock) for _ in range(12)] == [202] * 10 + [429] * 2


def test_a_drain_after_the_clock_was_moved_waits_for_what_is_due(autumn_mock: AutumnMock) -> None:
    autumn_mock.clock.freeze()
    autumn_mock.fault("worker:delay 1h")
    send(autumn_mock)
    autumn_mock.clock.advance("1h")
    assert autumn_mock.drain()["deducted"] == 1


@pytest.mark.autumn_mock(now="2026-01-01", frozen=True)
def test_the_world_is_as_old_as_the_mark_says(autumn_mock: AutumnMock) -> None:
    """Its customers were created at that time, and their grants are renewed a month later."""
    bob = ask(autumn_mock, "customers.get", {"customer_id": "cus_bob"})
    assert bob["created_at"] == NEW_YEAR
    assert bob["balances"]["ai_messages"]["next_reset_at"] == NEW_YEAR + 31 * DAY
