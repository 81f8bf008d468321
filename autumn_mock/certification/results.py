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
    text: str


class StepStory(Struct, frozen=True, kw_only=True):
    """What happened in a step of a case."""

    number: int
    line: int
    #: What the file says about it.
    say: str
    lines: tuple[StoryLine, ...]


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
