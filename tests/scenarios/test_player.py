"""Playing steps: the client with its timeouts and retries, the clock, and the events."""

from __future__ import annotations

import time
from typing import Any

import pytest

from autumn_mock.control_client import ControlError, ServerUnreachable
from autumn_mock.scenarios import Player, ScenarioTarget, read_scenario
from autumn_mock.scenarios.events import BalanceChanged, Done, Event, ReplyReceived, Waited
from autumn_mock.scenarios.template import fill
from tests.support.server import ServerProcess

from .conftest import Play, WriteScenario

_BATCH = "- batch: [{customer_id: cus_456, feature_id: messages, value: 10, timestamp: '${now-1m}'}]"


def attempts(events: list[Event]) -> list[ReplyReceived]:
    """The requests among what happened."""
    return [event for event in events if isinstance(event, ReplyReceived)]


# -- the client


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        ("reply:hang after=enqueue", "timeout"),
        ("reply:hang before=enqueue", "timeout"),
        ("reply:delay 5s", "timeout"),
        ("reply:reset after=enqueue", "reset"),
        ("reply:truncate", "truncated"),
    ],
)
def test_send_reports_why_there_was_no_reply(play: Play, fault: str, failure: str) -> None:
    events, unmet = play(f"{_BATCH}\n  with_fault: {fault}\n  timeout: 200ms\n  expect: {{statuses: [{failure}]}}")
    assert not unmet
    assert attempts(events)[0].failure == failure


def test_send_takes_a_timeout_for_the_status_of_timeout_is(play: Play) -> None:
    events, unmet = play(
        f"{_BATCH}\n  with_fault: reply:hang\n  timeout: 100ms\n  timeout_is: 503\n"
        "  retry: {on: [503], times: 2, wait: 1ms}\n  expect: {status: 503, no_reply: true, statuses: [503, 503, 503]}"
    )
    assert not unmet
    assert [attempt.failure for attempt in attempts(events)] == ["timeout"] * 3


@pytest.mark.parametrize("body", ["malformed", "empty"])
def test_send_keeps_a_body_that_is_not_json_as_text(play: Play, body: str) -> None:
    events, unmet = play(f"{_BATCH}\n  with_fault: reply:{body}\n  expect: {{status: 202}}")
    assert not unmet
    assert isinstance(attempts(events)[0].body, str)


def test_send_applies_with_fault_to_its_own_requests_only(play: Play) -> None:
    _, unmet = play(
        f"{_BATCH}\n  with_fault: queue:down\n  expect: {{status: 503}}\n{_BATCH}\n  expect: {{status: 202}}"
    )
    assert not unmet


def test_retry_ends_with_the_first_other_outcome(play: Play) -> None:
    events, unmet = play(
        "- fault: queue:down times=2\n"
        f"{_BATCH}\n  retry: {{on: [503], times: 9, wait: none}}\n  expect: {{status: 202, statuses: [503, 503, 202]}}"
    )
    assert not unmet
    assert [attempt.number for attempt in attempts(events)] == [1, 2, 3]


def test_retry_ends_after_its_number_of_times(play: Play) -> None:
    _, unmet = play(
        "- fault: queue:down\n"
        f"{_BATCH}\n  retry: {{on: [503], times: 2, wait: none}}\n  expect: {{statuses: [503, 503, 503]}}"
    )
    assert not unmet


def test_retry_moves_a_frozen_clock_instead_of_waiting(play: Play) -> None:
    started = time.monotonic()
    events, unmet = play(
        "- freeze: clock\n- fault: reply:status 503 retry-after=300 times=1\n"
        f"{_BATCH}\n  retry: {{on: [503]}}\n  expect: {{statuses: [503, 202]}}"
    )
    assert not unmet
    assert [event for event in events if isinstance(event, Waited)] == [
        Waited(length=300_000, was_asked=True, on_clock=True)
    ]
    assert time.monotonic() - started < 30


def test_retry_waits_on_a_running_clock(play: Play) -> None:
    started = time.monotonic()
    play(f"- fault: queue:down times=1\n{_BATCH}\n  retry: {{on: [503], wait: 300ms}}")
    assert time.monotonic() - started >= 0.3


def test_retry_takes_a_date_from_the_organisations_clock(play: Play) -> None:
    events, _ = play(
        "- freeze: clock\n- advance: 1h\n- fault: reply:status 503 retry-after=date+20s times=1\n"
        f"{_BATCH}\n  retry: {{on: [503]}}"
    )
    [waited] = [event for event in events if isinstance(event, Waited)]
    assert 19_000 <= waited.length <= 20_000


def test_count_makes_calls_one_after_the_other_with_their_own_retries(play: Play) -> None:
    events, unmet = play(
        "- fault: queue:down every=2 times=2\n"
        f"{_BATCH}\n  count: 3\n  retry: {{on: [503], wait: none}}\n  expect: {{statuses: [202, 503, 202, 503, 202]}}"
    )
    assert not unmet
    assert [(attempt.call, attempt.number) for attempt in attempts(events)] == [(1, 1), (2, 1), (2, 2), (3, 1), (3, 2)]


def test_call_makes_any_call_of_the_api(play: Play) -> None:
    _, unmet = play(
        """
        - call: {path: /v1/customers.get_or_create, body: {customer_id: cus_new, name: New}}
          expect: {status: 200, body: {id: cus_new, name: New}}
        - call: {path: /v1/customers/cus_new, method: GET}
          expect: {status: 200, body: {id: cus_new}, headers: {Content-Type: application/json}}
        - call: {path: /v1/nothing}
          expect: {status: 401}
        """
    )
    assert not unmet


# -- bodies


def test_fill_replaces_placeholders() -> None:
    body = {"at": "${now}", "list": ["${now-5m}", "${now+1h30m}"], "text": "use_${n} at ${now}", "n": "${n}", "x": 1}
    assert fill(body, 1_000_000, 7) == {
        "at": 1_000_000,
        "list": [700_000, 6_400_000],
        "text": "use_7 at 1000000",
        "n": 7,
        "x": 1,
    }


def test_repeat_numbers_the_copies_over_all_calls(play: Play) -> None:
    _, unmet = play(
        """
        - batch: [{customer_id: cus_456, feature_id: messages, idempotency_key: 'use_${n}'}]
          repeat: 4
          count: 3
          expect: {status: 202}
        - drain: 10s
        - expect: {stats: {offered: 12, deducted: 12, lost: 0}, findings: []}
        """
    )
    assert not unmet


def test_now_is_constant_until_the_clock_is_moved(play: Play) -> None:
    same = "- batch: [{customer_id: cus_456, feature_id: messages, timestamp: '${now}'}]"
    _, unmet = play(f"{same}\n- advance: 1s\n{same}\n- expect: {{findings: []}}")
    assert not unmet
    _, unmet = play(f"{same}\n- drain: 5s\n{same}\n- expect: {{findings: [resent_after_accepted]}}")
    assert not unmet


# -- events and summary


def test_player_reports_changed_balances_where_they_are_certain(play: Play) -> None:
    events, _ = play(
        """
        - track: {customer_id: cus_456, feature_id: messages, value: 10}
        - batch: [{customer_id: cus_456, feature_id: messages, value: 20}]
        - drain: 5s
        - fault: reply:status 500 after=enqueue
        - track: {customer_id: cus_456, feature_id: messages, value: 40}
        - clear: faults
        - drain: 5s
        """
    )
    changes = [(event.before, event.after) for event in events if isinstance(event, BalanceChanged)]
    assert changes == [(1000, 990), (990, 970), (970, 930)]


def test_expect_reads_the_state_without_faults(play: Play) -> None:
    _, unmet = play(
        """
        - fault: reply:status 500 times=1
        - drain: 1s
        - expect: {balance: {customer: cus_456, feature: messages, remaining: 1000}}
        - track: {customer_id: cus_456, feature_id: messages, value: 10}
          expect: {status: 500}
        - expect: {faults: {fired: 1, completed: true}}
        """
    )
    assert not unmet


def test_summary_has_the_changed_and_the_expected_balances(
    server: ServerProcess, write_scenario: WriteScenario
) -> None:
    scenario = read_scenario(
        write_scenario(
            """
            - track: {customer_id: cus_bob, feature_id: ai_messages, value: 30}
            - fault: reply:hang
            - expect: {stats: {offered: 0}}
            - clear: faults
            - expect: {balance: {customer: cus_456, feature: messages, remaining: 1000}}
            - fault: reply:hang
            """
        )
    )
    with ScenarioTarget(server.url, scenario.world) as target:
        player = Player(scenario, target)
        list(player.play())
        summary = player.summary()
    remaining: dict[Any, Any] = {
        place: (before.remaining, after.remaining) for place, (before, after) in summary.balances.items()
    }
    assert remaining == {("cus_bob", "ai_messages"): (100, 70), ("cus_456", "messages"): (1000, 1000)}
    assert summary.findings == []
    assert summary.stats["offered"] == 0


# -- the server


def test_target_reports_a_server_that_is_not_there(write_scenario: WriteScenario) -> None:
    scenario = read_scenario(write_scenario("- drain: 1s"))
    with pytest.raises(ServerUnreachable, match=r"^no server is listening at http://127\.0\.0\.1:9; start one with"):
        ScenarioTarget("http://127.0.0.1:9", scenario.world).__enter__()


def test_player_reports_a_server_that_stops(write_scenario: WriteScenario) -> None:
    scenario = read_scenario(write_scenario(f"{_BATCH}\n{_BATCH}"))

    def play_on(server: ServerProcess) -> None:
        with ScenarioTarget(server.url) as target:
            for event in Player(scenario, target).play():
                if isinstance(event, ReplyReceived):
                    server.kill()

    with (
        ServerProcess() as server,
        pytest.raises(ControlError, match=r"^(the server at .* stopped during the scenario|.* was not answered)"),
    ):
        play_on(server)


def test_advance_moves_the_clock_within_the_calendar(play: Play) -> None:
    _, unmet = play("- advance: 36500d\n- advance: -36500d\n- advance: -18250d\n- advance: -1d\n- drain: 1s")
    assert not unmet


def test_advance_takes_the_words_of_the_control_call(play: Play) -> None:
    events, unmet = play(
        "- freeze: clock\n- track: {customer_id: cus_bob, feature_id: messages, value: 7}\n- advance: 1d\n"
        "- advance: next-reset\n- track: {customer_id: cus_bob, feature_id: messages, value: 1}\n- advance: 1month\n"
        "- advance: next-reset"
    )
    assert not unmet
    moved = [event.text.partition(" UTC, ")[2] for event in events if isinstance(event, Done)]
    assert moved == ["", "moved by 1d", "moved to the next reset", "moved by 1month", "moved to the next reset"]
    changes = [(event.before, event.after) for event in events if isinstance(event, BalanceChanged)]
    assert [before < after for before, after in changes] == [False, True, False, True]


def test_player_ignores_customers_with_an_invalid_id(play: Play) -> None:
    _, unmet = play("- track: {customer_id: 'a@b', feature_id: messages}\n- drain: 1s")
    assert not unmet
