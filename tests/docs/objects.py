"""The reference of the fixture's objects, made from their annotations, docstrings and comments."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from typing import Literal, NamedTuple, get_args, get_origin

from autumn_mock.certification.data import CaseData, CertificateData, ChargeData, RequestData, StepData
from autumn_mock.certification.results import Instruction, StoryLine
from autumn_mock.domain.message import EnqueueFailure, LostItem
from autumn_mock.domain.payment import Checkout, Invoice
from autumn_mock.journal.finding import Finding
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.testing.clock import MockClock
from autumn_mock.testing.embedded import Emulator
from autumn_mock.testing.mock import DRAIN_TIMEOUT_S, AutumnMock, Fault
from autumn_mock.testing.payments import MockCheckouts
from autumn_mock.testing.webhooks import MockWebhooks
from autumn_mock.webhooks.journal import WebhookDelivery
from tests.docs.tables import table

#: The classes with how a test has one, in the order of the page.
CLASSES: dict[type, str] = {
    AutumnMock: "the fixture `autumn_mock`, the value of `with Emulator(...)`",
    MockClock: "`autumn_mock.clock`",
    Fault: "`autumn_mock.fault(...)`",
    RequestEntry: "`autumn_mock.requests`, `find_requests(...)`",
    LostItem: "`autumn_mock.lost`",
    EnqueueFailure: "`autumn_mock.failures`",
    Finding: "`autumn_mock.findings`",
    MockWebhooks: "`autumn_mock.webhooks`",
    WebhookDelivery: "`wait_for_webhook(...)`, the elements of `autumn_mock.webhooks`",
    MockCheckouts: "`autumn_mock.checkouts`",
    Checkout: "`checkouts.list()`, `checkouts.pay(...)`",
    Invoice: "`checkouts.invoices()`, `checkouts.pay_invoice(...)`",
    Emulator: "`Emulator(...)`, the fixture `autumn_mock_server`",
}
#: The classes of the result of ``certify``, with what they are called in JSON.
RESULT: dict[type, str] = {
    CertificateData: "The document",
    CaseData: "`cases`",
    StepData: "`steps`",
    Instruction: "`instructions`",
    StoryLine: "`lines`",
    RequestData: "`requests`",
    ChargeData: "`charged`, `charged_by_service`",
}
_ENTRY = re.compile(r"^ {4}(\w+): (.*)$")


class Member(NamedTuple):
    """One public attribute or method."""

    name: str
    #: With its parameters, if it is a method.
    written: str
    type: str
    meaning: str


def reference() -> str:
    """A table for each class."""
    parts = [f"{', '.join(f'[{cls.__name__}](#{cls.__name__.lower()})' for cls in CLASSES)}\n"]
    for cls, place in CLASSES.items():
        about = markdown(inspect.getdoc(cls) or "")
        parts.append(f"### {cls.__name__}\n\n{about} In a test: {place}.\n\n{_table(cls)}")
    values = [(f"`{name}`", " ".join(f"`{each}`" for each in texts)) for name, texts in choices().items()]
    parts.append(f"### Values\n\nTypes that are one of some texts:\n\n{table(('type', 'one of'), values)}")
    return "\n".join(parts)


def result_of_certify() -> str:
    """The objects of ``certify --json``."""
    parts = [f"**{name}**: {markdown(inspect.getdoc(cls) or '')}\n\n{_table(cls)}" for cls, name in RESULT.items()]
    return "\n".join(parts)


def _table(cls: type) -> str:
    rows = [(f"`{each.written}`", f"`{each.type}`", each.meaning) for each in members(cls)]
    return table(("name", "type", "meaning"), rows)


def choices() -> dict[str, tuple[str, ...]]:
    """The named literal types that the tables use, with their values."""
    found = {}
    for cls in CLASSES:
        names = vars(sys.modules[cls.__module__])
        for member in members(cls):
            for word in re.findall(r"\w+", f"{member.written} {member.type}"):
                if get_origin(names.get(word)) is Literal:
                    found[word] = get_args(names[word])
    return found


def members(cls: type) -> list[Member]:
    """The public attributes and methods that a class itself declares, attributes first."""
    source = textwrap.dedent(inspect.getsource(cls))
    [tree] = ast.parse(source).body
    assert isinstance(tree, ast.ClassDef)
    found = [*_attributes(cls, tree, source.splitlines())]
    return sorted(found, key=lambda each: "(" in each.written)


def _attributes(cls: type, tree: ast.ClassDef, lines: list[str]) -> Iterator[Member]:
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
            if not name.startswith("_"):
                yield Member(name, name, _type(node.annotation), _comment(lines, node.lineno))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name == "__init__":
                yield from _set_in(node, lines)
            elif not node.name.startswith("_"):
                yield _function(node, getattr(cls, node.name))


def _set_in(init: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> Iterator[Member]:
    """The public attributes that ``__init__`` sets, with an annotation or the type of a parameter or a call."""
    types = {each.arg: _type(each.annotation) for each in init.args.args if each.annotation is not None}
    for node in ast.walk(init):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(target, ast.Attribute):
            continue
        if target.attr.startswith("_"):
            continue
        if isinstance(node, ast.AnnAssign):
            type_ = _type(node.annotation)
        elif isinstance(node.value, ast.Call):
            type_ = ast.unparse(node.value.func)
        else:
            assert node.value is not None
            type_ = types[ast.unparse(node.value)]
        yield Member(target.attr, target.attr, type_, _comment(lines, node.lineno))


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, value: object) -> Member:
    assert node.returns is not None
    returns = _type(node.returns)
    if isinstance(value, property):
        return Member(node.name, node.name, returns, markdown(inspect.getdoc(value) or ""))
    arguments = ast.unparse(node.args).removeprefix("self").removeprefix(", ")
    arguments = re.sub(r"(?<=\w|\])=", " = ", arguments).replace("DRAIN_TIMEOUT_S", f"{DRAIN_TIMEOUT_S}")
    await_ = "await " if isinstance(node, ast.AsyncFunctionDef) else ""
    text = markdown(inspect.getdoc(value) or "")
    return Member(node.name, f"{await_}{node.name}({arguments})", returns, text)


def _type(annotation: ast.expr) -> str:
    """An annotation, with the integers of records as what they are."""
    return re.sub(r"\b(Instant|Count)\b", "int", ast.unparse(annotation))


def _comment(lines: list[str], number: int) -> str:
    """The comment ``#:`` above a line."""
    found: list[str] = []
    for line in reversed(lines[: number - 1]):
        if not line.strip().startswith("#:"):
            break
        found.insert(0, line.strip().removeprefix("#:").strip())
    return markdown(" ".join(found))


def markdown(text: str) -> str:
    """A docstring as one paragraph of Markdown: its text, then its arguments and errors."""
    paragraphs = [each for each in text.split("\n\n") if each != "::" and not each.startswith("    ")]
    text = "\n\n".join(paragraphs)
    lines: list[str] = []
    for line in text.splitlines():
        if line in ("Args:", "Raises:"):
            lines.append("Raises" if line == "Raises:" else "")
            continue
        entry = _ENTRY.match(line)
        lines.append(f"`{entry[1]}`: {entry[2]}" if entry else line.strip())
    text = " ".join(" ".join(lines).split())
    text = text.replace("``", "`")
    return re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"`\1`", text)
