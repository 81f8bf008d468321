"""Instructions of a case as messages, and the judgement of the answers to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from msgspec import UNSET

from autumn_mock.certification.adapter import TimedAnswer
from autumn_mock.certification.model import (
    AnswerExpectation,
    Instruct,
    InstructBatch,
    InstructCheck,
    InstructClose,
    InstructFinalize,
    InstructFlush,
    InstructTrack,
)
from autumn_mock.scenarios.events import ExpectationResult
from autumn_mock.scenarios.expectations import differences
from autumn_mock.scenarios.template import fill

#: How much of an instruction a story shows, in characters.
_MOST_SHOWN = 160


def instruction_of(action: Instruct, now: int, number: int) -> tuple[str, dict[str, Any]]:
    """The name and the fields of a copy of an instruction."""
    match action:
        case InstructTrack(track=item):
            return "track", {"item": fill(item, now, number)}
        case InstructBatch(batch=items, repeat=repeat):
            first = (number - 1) * repeat + 1
            return "batch", {
                "items": [each for copy in range(first, first + repeat) for each in fill(items, now, copy)]
            }
        case InstructCheck(check=body):
            return "check", {"body": fill(body, now, number)}
        case InstructFinalize(finalize=body):
            return "finalize", {"body": fill(body, now, number)}
        case InstructFlush():
            return "flush", {}
        case InstructClose():
            return "close", {}
    raise AssertionError(action)


def answer_story(
    asked: Sequence[tuple[str, Mapping[str, Any]]], answers: Sequence[TimedAnswer]
) -> Iterator[tuple[str, str]]:
    """The lines of a story: the first instruction, the answers (equal ones in a row once), the longest time."""
    do, fields = asked[0]
    yield do, f"{len(asked)} times, the first: {_content(fields)}" if len(asked) > 1 else _content(fields)
    for text, group in groupby(timed.answer.sentence for timed in answers):
        count = len(list(group))
        yield "answer", f"{text} ({count} times)" if count > 1 else text
    yield "took", f"{max(each.took for each in answers):g} ms"


def _content(fields: Mapping[str, Any]) -> str:
    if "items" in fields:
        items = fields["items"]
        if len(items) == 1:
            return f"1 item: {_short(items[0])}"
        return f"{len(items)} items, the first {_short(items[0])}" if items else "no items"
    return _short(next(iter(fields.values()))) if fields else ""


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def judge_answers(expected: AnswerExpectation, answers: Sequence[TimedAnswer]) -> Iterator[ExpectationResult]:
    """Each expectation of the answers to one instruction: the first answer that does not meet it."""

    def result(wanted: str, errors: Sequence[str]) -> ExpectationResult:
        found = [error for error in errors if error]
        return ExpectationResult(not found, found[0] if found else wanted)

    if expected.outcomes:
        wanted = " or ".join(expected.outcomes)
        errors = [
            "" if each.outcome in expected.outcomes else f"expected the client to have {wanted}, but it {each.sentence}"
            for each, _ in answers
        ]
        yield result(wanted, errors)
    if expected.status is not None:
        raised = [each for each, _ in answers if each.outcome == "raised"]
        text = f"expected an error with status {expected.status}, but the client"
        yield result(
            f"status {expected.status}",
            ["" if each.status == expected.status else f"{text} {each.sentence}" for each in raised],
        )
    if expected.value is not UNSET:
        returned = [each for each, _ in answers if each.outcome == "returned"]
        yield result("the value", ["; ".join(differences(expected.value, each.value, "value")) for each in returned])
    if expected.made_up is not None:
        marked = [each for each, _ in answers if each.outcome == "returned"]
        word = "marked as made up" if expected.made_up else "from the service"
        text = f"expected the value to be {word}"
        yield result(word, ["" if each.made_up == expected.made_up else text for each in marked])
    if expected.within is not None:
        late = [took for _, took in answers if took > expected.within]
        text = f"expected an answer within {expected.within / 1000:g} s, but it took {max(late, default=0) / 1000:g} s"
        yield result(f"within {expected.within / 1000:g} s", [text] if late else [])
