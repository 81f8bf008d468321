"""Judges what came against what a scenario expects. Each sentence says what was expected and what is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import UNSET

from autumn_mock.scenarios.events import ExpectationResult, ReplyReceived
from autumn_mock.scenarios.matching import differences, fits, listed, shown
from autumn_mock.scenarios.model import BalanceExpectation, Outcome, ReplyExpectation, StateExpectation
from autumn_mock.scenarios.target import ScenarioTarget

Parts = int | tuple[Mapping[str, Any], ...]

#: How many rows of the journal a sentence names.
_MOST_SHOWN = 3


def judge_replies(expected: ReplyExpectation, attempts: Sequence[ReplyReceived]) -> Iterator[ExpectationResult]:
    """The requests of a step: the last one of each call, and the outcomes of all."""
    verdicts = list(_replies(expected, attempts))
    if verdicts and all(each.met for each in verdicts):
        verdicts = [ExpectationResult(True, "; ".join(each.text for each in verdicts))]
    yield from verdicts


def _replies(expected: ReplyExpectation, attempts: Sequence[ReplyReceived]) -> Iterator[ExpectationResult]:
    last = {attempt.call: attempt for attempt in attempts}.values()
    if expected.status is not None:
        yield _all(f"status {expected.status}", [_status(expected.status, each) for each in last])
    if expected.no_reply is not None:
        text = "no reply" if expected.no_reply else "a reply"
        yield _all(text, [_no_reply(expected.no_reply, each) for each in last])
    if expected.statuses is not None:
        yield _statuses(expected.statuses, [attempt.outcome for attempt in attempts])
    for name, value in expected.headers.items():
        yield _all(f"{name}: {value}", [_header(name, value, each) for each in last])
    if expected.body is not UNSET:
        found = [differences(expected.body, each.body, "body") for each in last]
        yield _all(f"body {shown(expected.body)}", ["; ".join(each) for each in found])


def judge_state(stage: ScenarioTarget, expected: StateExpectation, told: set[str]) -> Iterator[ExpectationResult]:
    """The organisation as it stands. ``told`` are the messages of findings that need not be repeated."""
    if expected.balances:
        yield from _balances(stage, expected.balances)
    if expected.stats is not None:
        sentences = differences(expected.stats, stage.stats(), "the books")
        met = ", ".join(_sum(name, value) for name, value in expected.stats.items())
        yield _verdict(met, [each.replace("the books.", "", 1) for each in sentences])
    if expected.lost is not None:
        yield _parts("lost item", expected.lost, stage.lost(), _lost)
    if expected.failures is not None:
        yield _parts("refusal", expected.failures, stage.failures(), _failure)
    if expected.faults is not None:
        yield _faults(expected.faults, stage.faults())
    if expected.findings is not None:
        yield from _findings(expected.findings, stage.findings(), told)


def _verdict(met: str, sentences: Sequence[str]) -> ExpectationResult:
    found = [each for each in sentences if each]
    return ExpectationResult(not found, "; ".join(found) or met)


def _all(met: str, sentences: Sequence[str]) -> ExpectationResult:
    """One verdict on all calls of a step: the first that is not as expected stands for all."""
    return _verdict(met, [each for each in sentences if each][:1])


# -- replies


def _status(expected: int, attempt: ReplyReceived) -> str:
    if attempt.outcome == expected:
        return ""
    received = (
        f"it was {attempt.outcome}"
        if isinstance(attempt.outcome, int)
        else f"no reply was received ({attempt.outcome})"
    )
    return f"expected status {expected}, but {received}{_because(attempt)}"


def _no_reply(expected: bool, attempt: ReplyReceived) -> str:
    if expected == (attempt.failure is not None):
        return ""
    if expected:
        return f"expected no reply, but {attempt.outcome} was received"
    return f"expected a reply, but none was received ({attempt.failure})"


def _header(name: str, value: str, attempt: ReplyReceived) -> str:
    found = attempt.headers.get(name)
    if found == value:
        return ""
    return f"expected the header {name}: {value}, but {'there is none' if found is None else f'it is {found}'}"


def _statuses(expected: tuple[Outcome, ...] | Mapping[Outcome, int], outcomes: Sequence[Outcome]) -> ExpectationResult:
    if isinstance(expected, Mapping):
        wanted, received = _tally(expected), _tally(Counter(outcomes))
    else:
        wanted, received = listed(expected), listed(outcomes)
    met = wanted if isinstance(expected, Mapping) else f"in turn {wanted}"
    return _verdict(met, [] if wanted == received else [f"expected the statuses {wanted}, but they were {received}"])


def _tally(counts: Mapping[Outcome, int]) -> str:
    ordered = sorted(counts.items(), key=lambda pair: str(pair[0]))
    return ", ".join(f"{count} x {outcome}" for outcome, count in ordered if count) or "none"


def _because(attempt: ReplyReceived) -> str:
    """What a reply said of why it was one that nobody expected."""
    message = attempt.body.get("message") if isinstance(attempt.body, dict) else attempt.body
    return f": {message}" if isinstance(message, str) and message else ""


# -- the organisation


def _balances(stage: ScenarioTarget, expected: Sequence[BalanceExpectation]) -> Iterator[ExpectationResult]:
    there = stage.balances(dict.fromkeys(each.customer for each in expected))
    for each in expected:
        balance = there.get((each.customer, each.feature))
        wanted = f"{each.customer} to have {each.remaining} {each.feature} left"
        if balance is None:
            yield ExpectationResult(False, f"expected {wanted}, but there is no such balance")
        elif balance.remaining != each.remaining:
            yield ExpectationResult(False, f"expected {wanted}, but there are {balance.remaining}")
        else:
            yield ExpectationResult(True, f"{each.customer} has {each.remaining} {each.feature} left")


def _sum(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{count} {reason}" for reason, count in value.items())
    return f"{value} {name.replace('_', ' ')}"


def _parts(
    what: str, expected: Parts, rows: Sequence[Mapping[str, Any]], describe: Callable[[Mapping[str, Any]], str]
) -> ExpectationResult:
    """What the journal lists, in any order: workers keep none."""
    there = f"{_count(len(rows), what)} in the journal{_in_brackets([describe(row) for row in rows])}"
    wanted = expected if isinstance(expected, int) else len(expected)
    if wanted != len(rows):
        return ExpectationResult(
            False, f"expected {_count(wanted, what)}, but there {'is' if len(rows) == 1 else 'are'} {there}"
        )
    if isinstance(expected, int):
        return ExpectationResult(True, there)
    left = list(rows)
    missing = []
    for part in sorted(expected, key=lambda each: -len(shown(each))):  # what says more has fewer to choose from
        found = next((row for row in left if fits(part, row)), None)
        if found is None:
            missing.append(f"expected a {what} with {shown(part)}, but there is none: {there}")
        else:
            left.remove(found)
    return _verdict(there, missing)


def _lost(row: Mapping[str, Any]) -> str:
    item = row["item"]
    name = item.get("feature_id") or item.get("event_name")
    return f"{item.get('value', 1)} {name} of {item['customer_id']}: {row['reason']}"


def _failure(row: Mapping[str, Any]) -> str:
    return f"{row['failure_count']} of {row['total_count']} items: {row['error']}"


def _count(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


def _in_brackets(words: Sequence[str]) -> str:
    more = len(words) - _MOST_SHOWN
    named = "; ".join(words[:_MOST_SHOWN]) + (f"; and {more} more" if more > 0 else "")
    return f" ({named})" if named else ""


def _faults(expected: Mapping[str, Any], reports: Sequence[Mapping[str, Any]]) -> ExpectationResult:
    if not reports:
        return ExpectationResult(False, "expected something of the faults, but none is armed")
    wanted = ", ".join(f"{name} {shown(value)}" for name, value in expected.items())
    return _verdict(
        f"the faults report {wanted}",
        [sentence for each in reports for sentence in differences(expected, each, each["rule"])],
    )


def _findings(
    expected: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]], told: set[str]
) -> Iterator[ExpectationResult]:
    wanted, received = [each["code"] for each in expected], [each["code"] for each in found]
    if wanted != received:
        yield ExpectationResult(False, f"expected {_codes(wanted)}, but there {_are(received)}")
        return
    if not found:
        yield ExpectationResult(True, "no findings")
    for part, finding in zip(expected, found, strict=True):
        code, message = finding["code"], finding["message"]
        met = f"{code}, as before" if message in told else f"{code}: {message}"
        told.add(message)
        yield _verdict(met, differences(part, finding, code))


def _codes(codes: Sequence[str]) -> str:
    if not codes:
        return "no findings"
    return f"the finding{'' if len(codes) == 1 else 's'} {', '.join(codes)}"


def _are(codes: Sequence[str]) -> str:
    return f"{'is' if len(codes) == 1 else 'are'} {_codes(codes)}"
