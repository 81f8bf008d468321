"""Compares replies and state with what a scenario expects.

Expectations are partial: keys that they do not name may have any value. Each result is a sentence with the expected
and the actual value.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import UNSET

from autumn_mock.counting import count_of
from autumn_mock.scenarios.events import ExpectationResult, ReplyReceived
from autumn_mock.scenarios.model import BalanceExpectation, ReplyExpectation, Rows, StateExpectation
from autumn_mock.scenarios.target import ScenarioTarget
from autumn_mock.scenarios.values import Outcome

#: How many rows a sentence lists.
_MAX_SHOWN = 3


def _result(met: str, errors: Sequence[str]) -> ExpectationResult:
    return ExpectationResult(not errors, "; ".join(errors) or met)


def _first(met: str, errors: Sequence[Sequence[str]]) -> ExpectationResult:
    """The result for all calls of a step: the errors of the first call that has any."""
    return _result(met, next(filter(None, errors), ()))


# -- replies


def judge_replies(expected: ReplyExpectation, attempts: Sequence[ReplyReceived]) -> Iterator[ExpectationResult]:
    """The requests of a step: the last reply to each call, and the outcomes of all. If all is met: one result."""
    results = list(_replies(expected, attempts))
    if results and all(each.met for each in results):
        results = [ExpectationResult(True, "; ".join(each.text for each in results))]
    yield from results


def _replies(expected: ReplyExpectation, attempts: Sequence[ReplyReceived]) -> Iterator[ExpectationResult]:
    last = {attempt.call: attempt for attempt in attempts}.values()
    if expected.status is not None:
        yield _first(f"status {expected.status}", [_status(expected.status, each) for each in last])
    if expected.no_reply is not None:
        text = "no reply" if expected.no_reply else "a reply"
        yield _first(text, [_no_reply(expected.no_reply, each) for each in last])
    if expected.statuses is not None:
        yield _statuses(expected.statuses, [attempt.outcome for attempt in attempts])
    for name, value in expected.headers.items():
        yield _first(f"{name.lower()}: {value}", [_header(name.lower(), str(value), each) for each in last])
    if expected.body is not UNSET:
        found = [differences(expected.body, each.body, "body") for each in last]
        yield _first(f"body {shown(expected.body)}", found)


def _status(expected: int, attempt: ReplyReceived) -> list[str]:
    if attempt.outcome == expected:
        return []
    actual = f"it was {attempt.outcome}"
    if not isinstance(attempt.outcome, int):
        actual = f"no reply was received ({attempt.outcome})"
    message = attempt.body.get("message") if isinstance(attempt.body, dict) else attempt.body
    because = f": {message}" if isinstance(message, str) and message else ""
    return [f"expected status {expected}, but {actual}{because}"]


def _no_reply(expected: bool, attempt: ReplyReceived) -> list[str]:
    if expected == (attempt.failure is not None):
        return []
    if expected:
        return [f"expected no reply, but {attempt.outcome} was received"]
    return [f"expected a reply, but none was received ({attempt.failure})"]


def _header(name: str, value: str, attempt: ReplyReceived) -> list[str]:
    found = attempt.headers.get(name)
    if found == value:
        return []
    return [f"expected the header {name}: {value}, but {'there is none' if found is None else f'it is {found}'}"]


def _statuses(expected: list[Outcome] | dict[Outcome, int], outcomes: Sequence[Outcome]) -> ExpectationResult:
    if isinstance(expected, dict):
        wanted, received = _tally(expected), _tally(Counter(outcomes))
        met = wanted
    else:
        wanted, received = (", ".join(map(shown, each)) for each in (expected, outcomes))
        met = f"in turn {wanted}"
    return _result(met, [] if wanted == received else [f"expected the statuses {wanted}, but they were {received}"])


def _tally(counts: Mapping[Outcome, int]) -> str:
    ordered = sorted(counts.items(), key=lambda pair: str(pair[0]))
    return ", ".join(f"{count} x {outcome}" for outcome, count in ordered if count) or "none"


# -- the organisation


def judge_state(
    target: ScenarioTarget, expected: StateExpectation, shown_before: set[str]
) -> Iterator[ExpectationResult]:
    """The state of the organisation. ``shown_before``: messages of findings that are not repeated; updated."""
    if expected.balances:
        yield from _balances(target, expected.balances)
    if expected.stats is not None:
        errors = differences(expected.stats, target.control.get("/stats"), "")
        yield _result(", ".join(_counter(name, value) for name, value in expected.stats.items()), errors)
    if expected.lost is not None:
        yield _rows("lost item", expected.lost, target.control.rows("/lost"), _lost)
    if expected.failures is not None:
        yield _rows("refusal", expected.failures, target.control.rows("/failures"), _failure)
    if expected.faults is not None:
        yield _faults(expected.faults, target.faults())
    if expected.findings is not None:
        yield from _findings(expected.findings, target.control.rows("/findings"), shown_before)


def _balances(target: ScenarioTarget, expected: Sequence[BalanceExpectation]) -> Iterator[ExpectationResult]:
    actual = target.balances(dict.fromkeys(each.customer for each in expected))
    for each in expected:
        balance = actual.get((each.customer, each.feature))
        wanted = f"{each.customer} to have {each.remaining} {each.feature} left"
        if balance is None:
            yield ExpectationResult(False, f"expected {wanted}, but there is no such balance")
        elif balance.remaining != each.remaining:
            yield ExpectationResult(False, f"expected {wanted}, but there are {balance.remaining}")
        else:
            yield ExpectationResult(True, f"{each.customer} has {each.remaining} {each.feature} left")


def _counter(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{count} {reason}" for reason, count in value.items())
    return f"{value} {name.replace('_', ' ')}"


def _rows(
    what: str, expected: Rows, rows: Sequence[Mapping[str, Any]], describe: Callable[[Mapping[str, Any]], str]
) -> ExpectationResult:
    """The number of rows, or parts of them in any order: workers keep none."""
    listed = [describe(row) for row in rows[:_MAX_SHOWN]]
    if len(rows) > _MAX_SHOWN:
        listed.append(f"and {len(rows) - _MAX_SHOWN} more")
    actual = f"{_count(len(rows), what)} in the journal" + (f" ({'; '.join(listed)})" if listed else "")
    wanted = expected if isinstance(expected, int) else len(expected)
    if wanted != len(rows):
        is_one = len(rows) == 1
        return _result("", [f"expected {_count(wanted, what)}, but there {'is' if is_one else 'are'} {actual}"])
    left, errors = list(rows), []
    parts = [] if isinstance(expected, int) else expected
    for part in sorted(parts, key=lambda each: -len(shown(each))):  # the most specific part chooses first
        found = next((row for row in left if not differences(part, row, "")), None)
        if found is None:
            errors.append(f"expected a {what} with {shown(part)}, but there is none: {actual}")
        else:
            left.remove(found)
    return _result(actual, errors)


def _lost(row: Mapping[str, Any]) -> str:
    item = row["item"]
    name = item.get("feature_id") or item.get("event_name")
    return f"{item.get('value', 1)} {name} of {item['customer_id']}: {row['reason']}"


def _failure(row: Mapping[str, Any]) -> str:
    return f"{row['failure_count']} of {count_of(row['total_count'], 'item')}: {row['error']}"


def _count(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


def _faults(expected: Mapping[str, Any], reports: Sequence[Mapping[str, Any]]) -> ExpectationResult:
    if not reports:
        return _result("", ["expected a report of the faults, but none is armed"])
    wanted = ", ".join(f"{name} {shown(value)}" for name, value in expected.items())
    errors = [error for each in reports for error in differences(expected, each, each["rule"])]
    return _result(f"the faults report {wanted}", errors)


def _findings(
    expected: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]], shown_before: set[str]
) -> Iterator[ExpectationResult]:
    wanted, actual = [each["code"] for each in expected], [each["code"] for each in found]
    if wanted != actual:
        is_one = len(actual) == 1
        yield _result("", [f"expected {_codes(wanted)}, but there {'is' if is_one else 'are'} {_codes(actual)}"])
        return
    if not found:
        yield ExpectationResult(True, "no findings")
    for part, finding in zip(expected, found, strict=True):
        code, message = finding["code"], finding["message"]
        met = f"{code}, as before" if message in shown_before else f"{code}: {message}"
        shown_before.add(message)
        yield _result(met, differences(part, finding, code))


def _codes(codes: Sequence[str]) -> str:
    if not codes:
        return "no findings"
    return f"the finding{'' if len(codes) == 1 else 's'} {', '.join(codes)}"


# -- comparing


def differences(expected: Any, actual: Any, name: str) -> list[str]:
    """Where a value differs from the expected one, a sentence for each place.

    Of a map only the expected keys are compared, a list must have the expected length, and 1 equals 1.0.
    """

    def inner(key: object) -> str:
        return f"{name}.{key}" if name else str(key)

    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return [
            error
            for key, value in expected.items()
            for error in (
                differences(value, actual[key], inner(key))
                if key in actual
                else [f"expected {inner(key)} to be {shown(value)}, but it is missing"]
            )
        ]
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return [error for index, (value, other) in pairs for error in differences(value, other, inner(index))]
    if expected == actual and isinstance(expected, bool) == isinstance(actual, bool):
        return []
    return [f"expected {name} to be {shown(expected)}, but it is {shown(actual)}"]


def shown(value: Any) -> str:
    """A value as JSON; a text that is a single word without quotes."""
    if isinstance(value, str) and value.isprintable() and value and " " not in value:
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
