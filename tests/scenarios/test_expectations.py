"""Unmet expectations are reported in a sentence and end the play."""

from __future__ import annotations

import pytest

from autumn_mock.scenarios.events import ExpectationResult, StepBegins
from autumn_mock.scenarios.expectations import differences

from .conftest import Play

_BATCH = "- batch: [{customer_id: cus_456, feature_id: messages, value: 10, timestamp: '${now-1m}'}]"


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        (f"{_BATCH}\n  expect: {{status: 200}}", "expected status 200, but it was 202"),
        (
            f"- fault: queue:down\n{_BATCH}\n  expect: {{status: 202}}",
            "expected status 202, but it was 503: Async track is not available right now",
        ),
        (
            f"{_BATCH}\n  with_fault: reply:reset\n  expect: {{status: 202}}",
            "expected status 202, but no reply was received (reset)",
        ),
        (f"{_BATCH}\n  expect: {{no_reply: true}}", "expected no reply, but 202 was received"),
        (
            f"{_BATCH}\n  with_fault: reply:truncate\n  expect: {{no_reply: false}}",
            "expected a reply, but none was received (truncated)",
        ),
        (
            f"{_BATCH}\n  expect: {{body: {{success: false}}}}",
            "expected body.success to be false, but it is true",
        ),
        (f"{_BATCH}\n  expect: {{body: {{id: 1}}}}", "expected body.id to be 1, but it is missing"),
        (f"{_BATCH}\n  expect: {{body: null}}", 'expected body to be null, but it is {"success": true}'),
        (
            f"{_BATCH}\n  expect: {{headers: {{Retry-After: 1}}}}",
            "expected the header retry-after: 1, but there is none",
        ),
        (
            f"{_BATCH}\n  expect: {{headers: {{content-type: text/html}}}}",
            "expected the header content-type: text/html, but it is application/json",
        ),
        (
            f"{_BATCH}\n  expect: {{statuses: [503, 202]}}",
            "expected the statuses 503, 202, but they were 202",
        ),
        (
            f"{_BATCH}\n  count: 2\n  expect: {{statuses: {{'202': 1, timeout: 1}}}}",
            "expected the statuses 1 x 202, 1 x timeout, but they were 2 x 202",
        ),
        (
            f"- pause: workers\n{_BATCH}\n- drain: 50ms",
            "expected the queue to be idle within 0.05 s, but 1 of 1 accepted item is not worked off yet: "
            "the workers are paused",
        ),
        ("- drain: 1s\n  expect: {drained: false}", "expected the queue not to be idle after 1 s, but it is"),
        (
            "- expect: {balance: {customer: cus_456, feature: messages, remaining: 97}}",
            "expected cus_456 to have 97 messages left, but there are 1000",
        ),
        (
            "- expect: {balance: {customer: cus_457, feature: messages, remaining: 0}}",
            "expected cus_457 to have 0 messages left, but there is no such balance",
        ),
        ("- expect: {stats: {offered: 3}}", "expected offered to be 3, but it is 0"),
        ("- expect: {findings: [hammering]}", "expected the finding hammering, but there are no findings"),
        (
            f"{_BATCH}\n  retry: {{on: [202], times: 1, wait: none}}\n- expect: {{findings: []}}",
            "expected no findings, but there is the finding resent_after_accepted",
        ),
        (
            f"{_BATCH}\n  retry: {{on: [202], times: 1, wait: none}}\n"
            "- expect: {findings: [{code: resent_after_accepted, amounts: {messages: 11}}]}",
            "expected resent_after_accepted.amounts.messages to be 11, but it is 10",
        ),
        ("- expect: {lost: 1}", "expected 1 lost item, but there are no lost items in the journal"),
        (
            "- track: {customer_id: cus_456, feature_id: messages, value: 1}\n- expect: {lost: [{}, {}]}",
            "expected 2 lost items, but there are no lost items in the journal",
        ),
        (
            "- batch: [{customer_id: cus_x, feature_id: messages}]\n- drain: 5s\n- expect: {lost: [{reason: dropped}]}",
            'expected a lost item with {"reason": "dropped"}, but there is none: '
            "1 lost item in the journal (1 messages of cus_x: customer_not_found)",
        ),
        (
            f"- fault: enqueue:fail\n{_BATCH}\n- expect: {{failures: 0}}",
            "expected no refusals, but there is 1 refusal in the journal (1 of 1 item: enqueue:fail)",
        ),
        ("- expect: {faults: {completed: true}}", "expected a report of the faults, but none is armed"),
        (
            "- fault: queue:down times=1\n- expect: {faults: {completed: true}}",
            "expected queue:down times=1.completed to be true, but it is false",
        ),
        (
            "- fault: queue:down route=balances.nothing",
            "refused by the server: unknown call 'balances.nothing'; similar: ",
        ),
    ],
)
def test_player_reports_an_unmet_expectation(play: Play, steps: str, sentence: str) -> None:
    _, [unmet] = play(steps)
    assert unmet.startswith(sentence)


def test_player_stops_after_the_step_with_an_unmet_expectation(play: Play) -> None:
    events, unmet = play("- expect: {lost: 1}\n- expect: {lost: 0}")
    assert len(unmet) == 1
    assert len([event for event in events if isinstance(event, StepBegins)]) == 1


def test_judge_state_reports_every_unmet_expectation(play: Play) -> None:
    _, unmet = play("- expect: {lost: 1, failures: 1, stats: {offered: 1}}")
    assert len(unmet) == 3


def test_judge_state_matches_lost_items_in_any_order_the_most_specific_first(play: Play) -> None:
    events, unmet = play(
        """
        - batch:
            - {customer_id: cus_x, feature_id: messages}
            - {customer_id: cus_y, feature_id: messages}
        - drain: 5s
        - expect:
            lost: [{reason: customer_not_found}, {item: {customer_id: cus_x}}]
        - expect:
            lost: [{item: {customer_id: cus_y}}, {item: {customer_id: cus_x}}]
        """
    )
    assert not unmet
    assert "2 lost items in the journal" in next(event.text for event in events if isinstance(event, ExpectationResult))


def test_judge_state_takes_a_hidden_balance_for_a_drained_one(play: Play) -> None:
    _, unmet = play(
        """
        - track: {customer_id: cus_456, feature_id: messages, value: 1000}
        - expect: {balance: {customer: cus_456, feature: messages, remaining: 0}}
        """
    )
    assert not unmet


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({}, {"a": 1}),
        ({"a": 1}, {"a": 1.0, "b": 2}),
        ({"a": {"b": [1, {}]}}, {"a": {"b": [1, {"c": 1}]}}),
        (None, None),
        ("x", "x"),
    ],
)
def test_differences_ignores_what_is_not_expected(expected: object, actual: object) -> None:
    assert differences(expected, actual, "it") == []


@pytest.mark.parametrize(
    ("expected", "actual", "sentence"),
    [
        ({"a": 1}, {}, "expected it.a to be 1, but it is missing"),
        ({"a": 1}, [1], 'expected it to be {"a": 1}, but it is [1]'),
        ([1], [1, 2], "expected it to be [1], but it is [1, 2]"),
        ([1, 2], [1, 3], "expected it.1 to be 2, but it is 3"),
        (True, 1, "expected it to be true, but it is 1"),
        (0, False, "expected it to be 0, but it is false"),
        ("a b", "", 'expected it to be "a b", but it is ""'),
    ],
)
def test_differences_names_the_place(expected: object, actual: object, sentence: str) -> None:
    assert differences(expected, actual, "it") == [sentence]
