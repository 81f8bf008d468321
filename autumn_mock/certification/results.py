"""What became of the cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from autumn_mock.certification.model import LEVELS, CaseLevel, ConformanceCase
from autumn_mock.certification.usage import Meter

#: ``skipped``: the client has no such call.
Verdict = Literal["passed", "failed", "skipped"]


class StoryLine(Struct, frozen=True):
    """One line of what happened in a step."""

    #: ``ok`` and ``FAIL`` for expectations, otherwise what the line is about.
    label: str
    #: What happened.
    text: str


class Instruction(Struct, frozen=True, kw_only=True):
    """What the client was asked to do, and its answer."""

    #: ``track``, ``batch``, ``check``, ``finalize``, ``flush`` or ``close``.
    do: str
    #: The other fields of the instruction: ``item``, ``items`` or ``body``.
    fields: dict[str, Any]
    #: ``returned``, ``raised``, ``buffered`` or ``unsupported``.
    outcome: str
    #: What the client returned.
    value: Any
    #: Whether the client marks the value as its own.
    made_up: bool
    #: Of an error: its name, or empty.
    error: str
    #: Of an error: its text, or empty.
    message: str
    #: Of an error: the status of the reply, if there was one.
    status: int | None
    #: How long the answer took, in ms.
    took_ms: float


class StepStory(Struct, frozen=True, kw_only=True):
    """What happened in a step of a case."""

    number: int
    line: int
    #: What the file says about it.
    say: str
    lines: tuple[StoryLine, ...]
    #: When it began, in ms since the case did.
    at_ms: float = 0
    instructions: tuple[Instruction, ...] = ()


class CaseResult(Struct, frozen=True, kw_only=True):
    """The result of a case, with its story."""

    case: ConformanceCase
    verdict: Verdict
    #: The expectations that were not met; why a case was skipped.
    problems: tuple[str, ...]
    steps: tuple[StepStory, ...]
    #: Rows of the journal, and what the organisation had at the end.
    requests: Sequence[Mapping[str, Any]]
    charged: Mapping[Meter, float]
    findings: Sequence[Mapping[str, Any]]
    #: In ms.
    took: float
    #: What the client did with the instructions, in few words: ``returned``, ``raised 503``.
    answers: tuple[str, ...] = ()
    #: The last lines that the adapter printed on standard error.
    errors: tuple[str, ...] = ()
    #: When it began, on the organisation's clock (ms).
    began: int = 0


class ClientName(Struct, frozen=True, kw_only=True):
    """The client, as its adapter names it."""

    client: str = "unnamed client"
    version: str = ""

    def __str__(self) -> str:
        return f"{self.client} {self.version}".strip()


class Certificate(Struct, frozen=True, kw_only=True):
    """The results of a run of the suite."""

    client: ClientName
    #: The adapter's settings that the command line gave.
    settings: Mapping[str, Any]
    #: The version of autumn-mock, and the date (ISO 8601).
    version: str
    date: str
    results: tuple[CaseResult, ...]

    def counts(self, level: CaseLevel) -> Counter[Verdict]:
        """How many cases of a level have each verdict."""
        return Counter(each.verdict for each in self.results if each.case.level == level)

    def failed(self, level: CaseLevel = "may") -> list[CaseResult]:
        """The failed cases of a level and the stricter ones."""
        binding = LEVELS[: LEVELS.index(level) + 1]
        return [each for each in self.results if each.verdict == "failed" and each.case.level in binding]

    @property
    def summary(self) -> str:
        """The passed cases by level: ``must 20/21, should 9/12, may 2/2``; skipped cases are not counted."""
        parts = []
        for level in LEVELS:
            counts = self.counts(level)
            played = counts["passed"] + counts["failed"]
            if played:
                parts.append(f"{level} {counts['passed']}/{played}")
        return ", ".join(parts) or "no case was played"
