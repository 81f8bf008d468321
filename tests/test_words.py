"""The language of the project: plain terms of the field, and none of the words that replaced them once.

Names, docstrings, comments and messages of the package and its tests are searched, and the documents for people. Run as
a program it prints every place: ``python -m tests.test_words [PATH ...]``.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sources import nodes_of

ROOT = Path(__file__).parents[1]
CODE = ("autumn_mock", "tests")
DOCUMENTS = ("*.md", ".github/**/*.md", ".github/**/*.yml", ".ci/run", "autumn_mock/**/*.md", "fixtures/*/*.yaml")
#: Words that no text may contain, and what to write.
BANNED = {
    r"told|tells?|telling": "reported, returned, passed; report, return, pass",
    r"struck|strikes?|striking": "matched, triggered; apply, trigger",
    r"nobody|somebody|whoever|anybody": "the role: client, caller, reader, thread",
    r"came|went": "arrived, was received, returned; was sent, ended",
    r"look|looks|looked|looking": "read, inspect, check, search",
    r"handfuls?": "batch",
    r"patience": "time-out, waiting",
    r"rooms": "packages",
    r"lasts|lasted|lasting": "is durable, is committed, is kept",
    r"(?<!there\s)is no(?! longer)|it is none|that is none": "is not a, invalid",
    r"so many": "the count, by its name",
    r"the way of": "how, like",
    r"by itself": "alone, on its own, automatically",
    r"worth its while|is worth": "useful, justified",
}
_PATTERN = re.compile(
    "|".join(rf"(?P<w{number}>\b(?:{word})\b)".replace(" ", r"\s+") for number, word in enumerate(BANNED)),
    re.IGNORECASE,
)
_INSTEAD = list(BANNED.values())


def found_in(text: str) -> Iterator[tuple[int, str, str]]:
    """(line offset, word, what to write) of every banned word of a text."""
    for match in _PATTERN.finditer(text):
        yield text.count("\n", 0, match.start()), match[0], _INSTEAD[int((match.lastgroup or "w0")[1:])]


def words_of(name: str) -> str:
    """An identifier as words."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name.replace("_", " "))


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of everything in a module that is written for readers: names, comments, docstrings, messages."""
    source = path.read_text("utf-8")
    yield 1, words_of(path.stem)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in nodes_of(path):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield node.lineno, node.value
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, words_of(node.name)
        elif isinstance(node, ast.arg):
            yield node.lineno, words_of(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, words_of(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, words_of(node.attr)


def problems(path: Path) -> Iterator[str]:
    """``file:line: word (what to write)`` for every banned word of a file."""
    if path == Path(__file__):
        return
    is_code = path.suffix == ".py"
    for line, text in texts(path) if is_code else enumerate(path.read_text("utf-8").splitlines(), start=1):
        for offset, word, instead in found_in(text):
            yield f"{path.relative_to(ROOT)}:{line + offset}: {word!r} (write: {instead})"


def files() -> list[Path]:
    """Every file that is searched."""
    code = [path for name in CODE for path in (ROOT / name).rglob("*.py")]
    return sorted({*code, *(path for pattern in DOCUMENTS for path in ROOT.glob(pattern))})


@pytest.mark.parametrize("folder", sorted({path.relative_to(ROOT).parts[0] for path in files()}))
def test_texts_have_no_banned_words(folder: str) -> None:
    found = [each for path in files() if path.relative_to(ROOT).parts[0] == folder for each in problems(path)]
    assert found == [], "\n".join(found)


def test_a_class_name_means_one_thing() -> None:
    places = Counter(
        node.name
        for path in (ROOT / "autumn_mock").rglob("*.py")
        for node in nodes_of(path)
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in places.items() if count > 1] == []


def test_search_finds_words_in_names_and_across_lines() -> None:
    assert [(line, word) for line, word, _ in found_in("It is\n    no rule")] == [(0, "is\n    no")]
    assert [word for _, word, _ in found_in(words_of("_told_to_stop"))] == ["told"]
    assert [word for _, word, _ in found_in(words_of("LookAgain"))] == ["Look"]
    assert [word for _, word, _ in found_in("a lookup, a look-alike")] == ["look"]
    assert list(found_in("a lookup of a toll")) == []


def main() -> None:
    """Print all problems below the given paths, or counts by folder."""
    wanted = [Path(each).resolve() for each in sys.argv[1:]]
    searched = [path for path in files() if not wanted or any(path.is_relative_to(each) for each in wanted)]
    found = [each for path in searched for each in problems(path)]
    if wanted:
        print("\n".join(found))
    for folder, count in sorted(Counter("/".join(each.split(":")[0].split("/")[:2]) for each in found).items()):
        print(f"{count:6} {folder}")


if __name__ == "__main__":
    main()
