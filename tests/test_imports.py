"""The direction of imports: a package imports only from those below it, and nothing from those above."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import autumn_mock
from autumn_mock import wire
from tests.support.sources import nodes_of

PACKAGE = Path(autumn_mock.__file__).parent
#: Packages and modules of ``autumn_mock/``, from the lowest to the highest. Those of one line do not import each other.
#: Of ``wire``, what requests are parsed to is below the operations, and the answers are above them; its docstring lists
#: its parts in this order.
LAYERS = (
    ("domain", "locks", "wire"),  # of wire, its docstring
    ("clock", "counting", "docs", "durations", "nesting", "interpreter", "input_files", "control_client"),
    ("ids", "ledger", "parking", "repeated_errors"),
    ("store", "payments", "wire.body", "wire.schema", "wire.versions"),
    ("wire.requests", "wire.answer"),
    ("faults", "operations", "webhooks", "wire.batch"),
    ("settings", "settings_keywords", "wire.cursor", "wire.responses", "input_schema"),
    ("wire.webhooks",),
    ("journal",),
    ("ingest", "worlds"),
    ("barrier", "last_use", "organisation_log"),
    ("lifecycle", "maintenance"),
    ("engine",),
    ("scenarios",),  # plays over HTTP against any server; the page of a server plays them on itself
    ("web",),
    ("testing",),
    ("fidelity",),
    ("certification", "data"),  # plays over HTTP, as scenarios do, and asks programs
    ("cli",),
    ("__main__",),
)
#: The root of the package: its version, and names that are loaded when they are used.
ROOT = "__init__"
LEVELS = {name: level for level, names in enumerate(LAYERS) for name in names}

#: What the ledger must not know: the web, files, threads, the time of day. Calendar arithmetic may use ``datetime``.
NOT_FOR_THE_LEDGER = {"flask", "tinydb", "threading", "time", "queue", "os", "pathlib", "random", "secrets"}


def unit_of(path: Path) -> str:
    """The unit of :data:`LAYERS` that a file belongs to."""
    return _unit(*path.relative_to(PACKAGE).with_suffix("").parts)


def _unit(first: str, second: str = "", *_: str) -> str:
    return f"{first}.{second}" if f"{first}.{second}" in LEVELS else first


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything that a file imports, wherever in the file."""
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            assert node.module is not None
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def own_imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, unit) of what a file imports from other parts of ``autumn_mock``."""
    for line, name in imports(path):
        first, *rest = name.split(".")
        unit = _unit(*rest) if rest else ""
        if first == "autumn_mock" and unit in LEVELS and unit != unit_of(path):
            yield line, unit


FILES = sorted(PACKAGE.rglob("*.py"))


def test_layers_name_every_package_and_module() -> None:
    assert {unit_of(path) for path in FILES} - {ROOT} == set(LEVELS)


def test_imports_point_to_lower_layers() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE.parent)}:{line}: {unit_of(path)} imports {unit}, which is not below it"
        for path in FILES
        if unit_of(path) != ROOT
        for line, unit in own_imports(path)
        if LEVELS[unit] >= LEVELS[unit_of(path)]
    ]
    assert wrong == [], "\n".join(wrong)


def test_the_docstring_of_wire_lists_its_parts_in_their_order() -> None:
    listed = re.findall(r"^``(\w+)``", wire.__doc__ or "", re.MULTILINE)
    levels = [LEVELS[f"wire.{name}"] for name in listed]
    assert levels == sorted(levels)
    assert sorted(listed) == sorted({name.partition(".")[2] for name in LEVELS if name.startswith("wire.")})


def test_domain_imports_no_other_part() -> None:
    assert [f"{path}:{line}" for path in FILES if unit_of(path) == "domain" for line, _ in own_imports(path)] == []


def test_ledger_imports_no_input_output_threads_or_time() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE.parent)}:{line}: {name}"
        for path in FILES
        if unit_of(path) == "ledger"
        for line, name in imports(path)
        if name.partition(".")[0] in NOT_FOR_THE_LEDGER
    ]
    assert wrong == []
    assert {unit for path in FILES if unit_of(path) == "ledger" for _, unit in own_imports(path)} == {"domain"}
