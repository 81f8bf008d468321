"""How sure a finding is has two words, ``certain`` and ``probable``, wherever it is shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

import autumn_mock
from autumn_mock.docs import topics
from autumn_mock.journal.finding_filter import Level
from autumn_mock.journal.wording import doubt_mark

PACKAGE = Path(autumn_mock.__file__).parent
#: Texts that say how sure a finding is: pages, commands, the page, reports.
PLACES = {
    **{f"docs/{name}.md": topic.text for name, topic in topics().items()},
    **{
        path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8")
        for folder, pattern in (("cli", "*.py"), ("journal", "*.py"), ("testing", "*.py"), ("web/page", "**/*.js"))
        for path in sorted((PACKAGE / folder).glob(pattern))
    },
    "scenarios/report.py": (PACKAGE / "scenarios/report.py").read_text("utf-8"),
}
#: Other words for it: beside a finding, in parentheses, in quotation marks, or anywhere for one that has no other use.
_OTHER_WORDS = re.compile(
    r"\b(?:possible|likely|unsure|doubtful|suspected|sure) findings?\b|\((?:possible|likely|unsure)\)"
    r"|[\"'`](?:possible|likely|unsure)[\"'`]|\buncertain\b",
    re.IGNORECASE,
)


def test_levels() -> None:
    assert get_args(Level) == ("certain", "probable")
    assert (doubt_mark(True), doubt_mark(False)) == ("", " (probable)")


@pytest.mark.parametrize("place", PLACES)
def test_no_place_has_other_words(place: str) -> None:
    assert [match[0] for match in _OTHER_WORDS.finditer(PLACES[place])] == []
