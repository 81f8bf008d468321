"""All time is the clock's: nothing but ``clock.py`` asks the machine what time it is."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import autumn_mock
from tests.support.sources import nodes_of

PACKAGE = Path(autumn_mock.__file__).parent
#: What reads the time, by module. ``time.sleep`` would only pass it, but nothing here may sleep either.
READS_TIME = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "localtime", "gmtime"},
    "datetime": {"now", "utcnow", "today"},
}
#: The only source, and the two that pass time or show it to a person.
ALLOWED = {
    "clock.py": "the source",
    "cli/output.py": "shows the time of day, and waits between two readings",
    "cli/demo.py": "pauses for the reader",
    "data/public_client.py": "waits as the client of another server does",
    "scenarios/target.py": "waits as the client of a story does",
}


def asks(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The names in a module that ask for the time."""
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.Attribute):
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if owner == "time" and (node.attr in READS_TIME["time"] or node.attr == "sleep"):
                yield f"time.{node.attr}"
            if owner in ("datetime", "date") and node.attr in READS_TIME["datetime"]:
                yield f"{owner}.{node.attr}"


def test_nothing_else_asks_for_the_time() -> None:
    found = {
        str(path.relative_to(PACKAGE).as_posix()): names
        for path in sorted(PACKAGE.rglob("*.py"))
        if (names := sorted(set(asks(nodes_of(path)))))
    }
    assert {name: names for name, names in found.items() if name not in ALLOWED} == {}
    assert "clock.py" in found


def test_search_finds_each_way_to_read_the_time() -> None:
    source = "import time, datetime\nfrom time import monotonic\ntime.time()\ndatetime.datetime.now()\ntime.sleep(1)\n"
    assert sorted(asks(ast.walk(ast.parse(source)))) == ["datetime.now", "monotonic", "time.sleep", "time.time"]
