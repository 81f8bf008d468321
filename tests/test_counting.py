"""Counts in messages: the noun and the verb agree with the number, wherever a message has one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import autumn_mock
from autumn_mock.counting import are, count_in, count_of, were
from tests.support.sources import nodes_of

PACKAGE = Path(autumn_mock.__file__).parent
_NOUNS = (
    "accepted items|balances|customers|deliveries|entities|events|features|findings|items|keys|lines|organisations|"
    "pages|plans|requests|rows|rules|steps|webhooks"
)
#: A plural, or a verb of a plural, directly behind a number.
_AFTER_NUMBER = re.compile(rf" (?:{_NOUNS}|too many (?:were|are)|were|are)\b")
#: Where the number cannot be 1, does not count what follows, or the text is of the real service.
_OTHERS = {
    "cli/options.py": "len(slugs)",
    "certification/instructions.py": "len(items)",
    "certification/requests.py": "len(set(found))",
    "journal/detectors/replies.py": "count",
    "lifecycle.py": "len(there)",
    "operations/plans.py": "count",
    "parking.py": "waiting",
    "store/errors.py": "path",
    "store/recovery.py": "log.torn.offset",
    "web/server.py": "free",
}
#: Figures: constants of more than one, amounts, names, and what a ``repr`` shows.
_FIGURES = re.compile(r"_?MAX_\w+|_MOST_\w+|.*>> 20|(?:len\()?self\b.*|_amount\(.*|money\(.*|timeout|wanted|kind")


def _counts(path: Path) -> Iterator[str]:
    """The places of a file at which a plural follows a number as it stands."""
    name = path.relative_to(PACKAGE).as_posix()
    for node in nodes_of(path):
        if isinstance(node, ast.JoinedStr):
            for value, after in zip(node.values, node.values[1:], strict=False):
                if not isinstance(value, ast.FormattedValue) or not isinstance(after, ast.Constant):
                    continue
                source = ast.unparse(value.value)
                if source == _OTHERS.get(name):
                    continue
                if _AFTER_NUMBER.match(str(after.value)) and not _FIGURES.fullmatch(source):
                    yield f"{name}:{node.lineno}: {{{source}}}{str(after.value)[:30]}"


def test_no_message_has_a_plural_for_every_number() -> None:
    assert [each for path in sorted(PACKAGE.rglob("*.py")) for each in _counts(path)] == []


def test_no_text_of_the_page_has_a_plural_for_every_number() -> None:
    scripts = sorted((PACKAGE / "web/page/static").glob("*.js"))
    assert scripts
    plural = re.compile(rf"\}} (?:{_NOUNS})\b")
    assert [
        f"{each.name}: {line}"
        for each in scripts
        for line in each.read_text("utf-8").splitlines()
        if plural.search(line)
    ] == []


@pytest.mark.parametrize(("count", "text"), [(0, "0 items were"), (1, "1 item was"), (2, "2 items were")])
def test_noun_and_verb_agree(count: int, text: str) -> None:
    assert f"{count_of(count, 'item')} {were(count)}" == text
    assert are(count) == ("is" if count == 1 else "are")


@pytest.mark.parametrize(
    ("count", "listed", "text"),
    [(1, "entities", "1 entity"), (2, "entities", "2 entities"), (1, "closed_plans", "1 closed plan")],
)
def test_names_of_lists(count: int, listed: str, text: str) -> None:
    assert count_in(count, listed) == text
