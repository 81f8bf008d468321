"""Which findings count: by how sure they are, and by their codes. The same for ``exec`` and the fixture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, get_args

from msgspec import Struct

from autumn_mock.input_files import guess
from autumn_mock.journal.finding import Finding
from autumn_mock.journal.finding_kinds import FINDING_KINDS

#: The findings that are certain; or those with another explanation, too.
Level = Literal["certain", "probable"]


class FindingFilter(Struct, frozen=True):
    """Selects findings."""

    level: Level = "certain"
    #: Of these kinds only; all if empty.
    codes: tuple[str, ...] = ()

    def select(self, findings: Iterable[Finding]) -> list[Finding]:
        """Those that count."""
        return [
            each
            for each in findings
            if (each.certain or self.level == "probable") and (not self.codes or each.code in self.codes)
        ]


def finding_filter(level: str = "certain", codes: Sequence[str] = ()) -> FindingFilter:
    """A filter. Raises :class:`ValueError` for an unknown level or code."""
    if level not in get_args(Level):
        raise ValueError(f"there is no level {level!r}; the levels are {' and '.join(get_args(Level))}")
    for code in codes:
        if code not in FINDING_KINDS:
            raise ValueError(f"there is no finding {code!r}{guess(code, FINDING_KINDS)}")
    return FindingFilter("probable" if level == "probable" else "certain", tuple(codes))


def read_finding_filter(text: str) -> FindingFilter:
    """A filter as text: a level, codes, or both, separated by commas: ``probable,hammering``."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    level = words.pop(0) if words and words[0] in get_args(Level) else "certain"
    return finding_filter(level, words)
