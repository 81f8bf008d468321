"""Sizes that keep the code readable: functions, modules, lines of messages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.sources import nodes_of

ROOT = Path(__file__).parents[1]
FILES = sorted(path for name in ("autumn_mock", "tests") for path in (ROOT / name).rglob("*.py"))
MODULE_LINES = 400
FUNCTION_LINES = 60
#: Characters of a message that is raised, logged or printed: it says what is wrong, where, and what to do.
MESSAGE_LENGTH = 240


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in nodes_of(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


#: Calls whose arguments are read by people.
_SAYS = ("_log.", "log.", "logger.", "click.echo")


def messages(path: Path) -> Iterator[tuple[int, int]]:
    """(line, length) of every text that is given to an exception or to the log."""
    for node in nodes_of(path):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            call = node.exc
        elif isinstance(node, ast.Call) and ast.unparse(node.func).startswith(_SAYS):
            call = node
        else:
            continue
        for argument in call.args:
            yield (
                argument.lineno,
                sum(
                    len(part.value)
                    for part in ast.walk(argument)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                ),
            )


def test_functions_have_at_most_sixty_lines() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.name} has {length} lines"
        for path in FILES
        for node in functions(path)
        if (length := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    ]
    assert long == [], "\n".join(long)


def test_modules_have_at_most_four_hundred_lines() -> None:
    """Those of the package; a module of tests may hold a long table of cases."""
    long = [
        f"{path.relative_to(ROOT)} has {count} lines"
        for path in FILES
        if path.is_relative_to(ROOT / "autumn_mock")
        if (count := len(path.read_text("utf-8").splitlines())) > MODULE_LINES
    ]
    assert long == [], "\n".join(long)


def test_messages_are_short() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{line}: a message of {length} characters"
        for path in FILES
        for line, length in messages(path)
        if length > MESSAGE_LENGTH
    ]
    assert long == [], "\n".join(long)
