"""Whatever turns a check off says why: on its line, or in the message of a skipped test."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import autumn_mock

_ROOT = Path(autumn_mock.__file__).parents[1]
SOURCES = sorted(path for folder in ("autumn_mock", "tests") for path in (_ROOT / folder).rglob("*.py"))
#: A comment that turns a check off, and what follows it.
_IGNORE = re.compile(
    r"#\s*(?:type:\s*ignore(?:\[[\w, -]*\])?|noqa(?::\s*[A-Z0-9, ]+)?|fmt:\s*(?:skip|off)|pragma:\s*no\s?\w+|"
    r"mypy:\s*\S+)"
    r"(?P<rest>[^#]*)(?P<reason>#.*)?"
)
_SKIPS = re.compile(r"pytest\.(?:mark\.)?(?:skip|xfail|importorskip)")


def unexplained(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each comment and each skip that does not say why."""
    if _IGNORE.search(source):  # most files have none, and reading tokens is slow
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            found = _IGNORE.match(token.string) if token.type == tokenize.COMMENT else None
            if found is not None and not re.search(r"\w", found["rest"] + (found["reason"] or "")):
                yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)) if _SKIPS.search(source) else ():
        if isinstance(node, ast.Call) and (name := _skip(node)) and not _says_why(node, name):
            yield node.lineno, name


def _skip(call: ast.Call) -> str:
    """``skip`` for a call of ``pytest.skip``, ``pytest.mark.skipif`` and so on; empty for all others."""
    attribute = call.func
    if not isinstance(attribute, ast.Attribute) or attribute.attr not in ("skip", "skipif", "xfail", "importorskip"):
        return ""
    return attribute.attr if ast.unparse(attribute.value) in ("pytest", "pytest.mark") else ""


def _says_why(call: ast.Call, name: str) -> bool:
    reasons = [each.value for each in call.keywords if each.arg == "reason"]
    if name == "skip" and call.args:
        reasons.append(call.args[0])
    # A text that is computed is a reason, too.
    return any(not isinstance(each, ast.Constant) or bool(each.value) for each in reasons)


def test_every_check_that_is_turned_off_is_explained() -> None:
    found = [
        f"{path.relative_to(_ROOT)}:{line}: {text}"
        for path in SOURCES
        for line, text in unexplained(path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "x = 1  # type: ignore[misc]",
        "x = 1  # noqa: E501",
        "x = 1  # fmt: skip",
        "x = 1  # pragma: no cover",
        "pytest.skip()",
        "@pytest.mark.xfail()\ndef test(): ...",
        "pytestmark = pytest.mark.skipif(True)",
    ],
)
def test_an_unexplained_one_is_found(source: str) -> None:
    assert [line for line, _ in unexplained(source)] == [1]


@pytest.mark.parametrize(
    "source",
    [
        "x = 1  # type: ignore[misc]  # the stubs lack it",
        "x = 1  # noqa: E501 a table is read line by line",
        "pytest.skip('there is no such disk')",
        "pytest.skip(what)",
        "pytestmark = pytest.mark.skipif(True, reason='needs Linux')",
        "text = '# type: ignore'",
        "# fmt: on",
    ],
)
def test_an_explained_one_is_not_found(source: str) -> None:
    assert list(unexplained(source)) == []
