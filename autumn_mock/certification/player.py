"""Plays one case: a new organisation, a new adapter process, the steps, the judgement."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from autumn_mock.certification.adapter import Adapter, AdapterFailed, TimedAnswer
from autumn_mock.certification.instructions import answer_story, instruction_of, judge_answers
from autumn_mock.certification.model import (
    CaseExpectation,
    ConformanceCase,
    ExpectOfCase,
    Instruct,
    InstructClose,
    RealWait,
)
from autumn_mock.certification.protocol import AdapterAnswer
from autumn_mock.certification.requests import JournalRow, judge_requests
from autumn_mock.certification.results import CaseResult, Instruction, StepStory, StoryLine
from autumn_mock.certification.usage import Meter, Use, charged_in, judge_usage, uses_of
from autumn_mock.clock import pause, stopwatch
from autumn_mock.control_client import CallRefused, ControlClient
from autumn_mock.scenarios.arranging import arrange
from autumn_mock.scenarios.events import Done, ExpectationResult
from autumn_mock.scenarios.expectations import judge_state
from autumn_mock.scenarios.model import Action, Step
from autumn_mock.scenarios.target import ScenarioTarget

#: Seconds after which requests that a client gave up on are in the journal, and between two readings of it.
_SETTLE_S, _READING_S = 2.0, 0.1
#: Seconds after which an answer that is too late is not awaited any longer.
_LATE_S = 5.0
#: More events than a case makes.
_ALL_EVENTS = 1_000_000


class CasePlayer:
    """Plays a case once on an organisation, with an adapter that has been started."""

    def __init__(self, case: ConformanceCase, target: ScenarioTarget, adapter: Adapter) -> None:
        self._case = case
        self._target = target
        self._adapter = adapter
        #: A key that opens nothing. The journal shows its beginning, by which its requests are found.
        self._wrong_key = f"am_sk_test_{secrets.token_hex(2)}_wrong"
        self._now = target.now()
        #: When the case began, on the organisation's clock (ms).
        self.began = self._now
        self._started = stopwatch()
        self._before = charged_in(self._events())
        #: The usage that the client reported as recorded, that it raised an error for, and that it keeps.
        self._certain: list[Use] = []
        self._uncertain: list[Use] = []
        self._buffered: list[Use] = []
        self._unsupported: list[str] = []
        self._instructed = 0
        #: What the client did, in the words of :attr:`AdapterAnswer.label`, without repetitions.
        self.answers: dict[str, None] = {}
        self._closed = False
        self.problems: list[str] = []
        self.steps: list[StepStory] = []

    def play(self, settings: Mapping[str, Any]) -> None:
        """Configure the client and play the steps. What goes wrong is in :attr:`problems`."""
        try:
            self._configure(settings)
            for step in self._case.steps:
                self._step(step)
        except AdapterFailed as error:
            self.problems.append(str(error))
            self.answers[error.label] = None
            if self.steps:
                last = self.steps.pop()
                self.steps.append(_with_line(last, StoryLine("FAIL", str(error))))

    @property
    def skipped(self) -> str:
        """Why nothing of the case was played; empty if something was."""
        if self.problems or not self._unsupported or self._instructed:
            return ""
        return f"the client has no {' or '.join(dict.fromkeys(self._unsupported))}"

    def charged(self) -> dict[Meter, float]:
        """What the case has charged."""
        return {meter: float(amount) for meter, amount in self._charged().items() if amount}

    def journal(self) -> Sequence[JournalRow]:
        """The client's requests, once those that it gave up on have ended."""
        rows, until = self._rows(), stopwatch() + _SETTLE_S
        while stopwatch() < until:
            pause(_READING_S)
            earlier, rows = rows, self._rows()
            if len(rows) == len(earlier):
                break
        return rows

    # -- the client

    def _configure(self, settings: Mapping[str, Any]) -> None:
        wanted, control = self._case.configure, self._target.control
        key = self._wrong_key if wanted.key == "wrong" else control.key
        url = control.url if wanted.url == "server" else f"http://127.0.0.1:{_unused_port()}"
        self._adapter.ask("hello", protocol=1)
        answer = self._adapter.ask(
            "configure",
            base_url=url,
            secret_key=key,
            api_version=wanted.version,
            timeout_ms=wanted.timeout,
            settings=dict(settings),
        ).answer
        if answer.outcome != "returned":
            raise AdapterFailed(f"the client could not be configured: {answer.sentence}")

    def _instruct(self, action: Instruct) -> Iterator[Done | ExpectationResult]:
        if self._closed:
            raise AdapterFailed("the case gives an instruction after close")
        asked = [instruction_of(action, self._now, number) for number in range(1, action.count + 1)]
        groups = [asked] if action.together else [[each] for each in asked]
        answers: list[TimedAnswer] = []
        within = action.expect.within
        for group in groups:
            answers += self._adapter.ask_all(group, within / 1000 + _LATE_S if within is not None else None)
        for (do, fields), timed in zip(asked, answers, strict=True):
            self._count(do, fields, timed.answer)
        done = [_record(do, fields, timed) for (do, fields), timed in zip(asked, answers, strict=True)]
        self.steps[-1] = replace(self.steps[-1], instructions=(*self.steps[-1].instructions, *done))
        self._closed = isinstance(action, InstructClose)
        for what, text in answer_story(asked, answers):
            yield Done(what, text)
        supported = [each for each in answers if each.answer.outcome != "unsupported"]
        if supported:
            yield from judge_answers(action.expect, supported)

    def _count(self, do: str, fields: Mapping[str, Any], answer: AdapterAnswer) -> None:
        """Add the usage of an instruction to what was reported, what failed, or what is kept."""
        if answer.outcome == "unsupported":
            self._unsupported.append(do)
            return
        if do in ("track", "batch", "check", "finalize"):
            self._instructed += 1
            self.answers[answer.label] = None
        if do in ("flush", "close"):
            (self._certain if answer.outcome == "returned" else self._uncertain).extend(self._buffered)
            self._buffered.clear()
        elif do in ("track", "batch"):
            uses = uses_of(fields["items"] if do == "batch" else [fields["item"]])
            kept = {"returned": self._certain, "raised": self._uncertain, "buffered": self._buffered}
            kept[answer.outcome].extend(uses)

    # -- the steps

    def _step(self, step: Step) -> None:
        lines: list[StoryLine] = []
        began = round((stopwatch() - self._started) * 1000, 3)
        self.steps.append(StepStory(number=step.number, line=step.line, say=step.say, lines=(), at_ms=began))
        try:
            for happening in self._do(step.action):
                if isinstance(happening, Done):
                    lines.append(StoryLine(happening.what, happening.text))
                    continue
                lines.append(StoryLine("ok" if happening.met else "FAIL", happening.text))
                if not happening.met:
                    self.problems.append(happening.text)
        except CallRefused as error:
            self.problems.append(f"refused by the server: {error}")
            lines.append(StoryLine("FAIL", self.problems[-1]))
        finally:
            self.steps[-1] = _with_line(self.steps[-1], *lines)

    def _do(self, action: Action) -> Iterator[Done | ExpectationResult]:
        if isinstance(action, Instruct):
            yield from self._instruct(action)
        elif isinstance(action, RealWait):
            pause(action.wait / 1000)
            yield Done("wait", f"{action.wait / 1000:g} s")
        elif isinstance(action, ExpectOfCase):
            yield from self._judge(action.expect)
        else:
            yield from arrange(self._target, action)
            self._now = self._target.now()

    def _judge(self, expected: CaseExpectation) -> Iterator[ExpectationResult]:
        yield from judge_state(self._target, expected, set())
        if expected.usage is not None:
            charged = self._charged()
            yield from judge_usage(expected.usage, [*self._certain, *self._buffered], self._uncertain, charged)
        if expected.without:
            found = [each for each in self._target.control.rows("/findings") if each["code"] in expected.without]
            for each in found:
                yield ExpectationResult(False, f"{each['code']}: {each['message']}")
            if not found:
                yield ExpectationResult(True, f"no finding {' or '.join(expected.without)}")
        if expected.request_rules:
            journal = self.journal()
            for rule in expected.request_rules:
                yield from judge_requests(rule, journal, self._now)

    # -- the server

    def _rows(self) -> Sequence[JournalRow]:
        if self._case.configure.key == "right":
            return self._target.control.rows("/requests", bodies=1)
        with ControlClient(self._target.control.url) as control:
            start = self._wrong_key[: len("am_sk_test_") + 4]
            return [row for row in control.rows("/requests", bodies=1) if start in str(row["request_headers"])]

    def _events(self) -> list[dict[str, Any]]:
        return self._target.control.rows("/events", limit=_ALL_EVENTS)

    def _charged(self) -> dict[Meter, Decimal]:
        now = charged_in(self._events())
        return {meter: amount - self._before.get(meter, Decimal(0)) for meter, amount in now.items()}


def play_case(
    case: ConformanceCase, url: str, command: Sequence[str], settings: Mapping[str, Any], **process: Any
) -> CaseResult:
    """Play a case on a server, with a process of its own.

    ``process``: keywords of :class:`~autumn_mock.certification.adapter.Adapter`. Raises
    :class:`~autumn_mock.control_client.ControlError` when the server fails.
    """
    started = stopwatch()
    adapter = Adapter(command, **process)
    with ScenarioTarget(url, case.source) as target:
        with adapter:
            player = CasePlayer(case, target, adapter)
            player.play(settings)
            requests, charged = player.journal(), player.charged()
            findings = target.control.rows("/findings")
        problems = player.problems or ([player.skipped] if player.skipped else [])
        return CaseResult(
            case=case,
            verdict="failed" if player.problems else "skipped" if player.skipped else "passed",
            problems=tuple(problems),
            steps=tuple(player.steps),
            requests=requests,
            charged=charged,
            findings=findings,
            took=round((stopwatch() - started) * 1000),
            answers=tuple(player.answers),
            errors=tuple(adapter.errors),
            began=player.began,
        )


def _with_line(step: StepStory, *lines: StoryLine) -> StepStory:
    return replace(step, lines=(*step.lines, *lines))


def _record(do: str, fields: Mapping[str, Any], timed: TimedAnswer) -> Instruction:
    answer = timed.answer
    return Instruction(
        do=do,
        fields=dict(fields),
        outcome=answer.outcome,
        value=answer.value,
        made_up=answer.made_up,
        error=answer.error,
        message=answer.message,
        status=answer.status,
        took_ms=round(timed.took, 3),
    )


def _unused_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
