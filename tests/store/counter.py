"""A state that shows what was lost and what was done twice: the numbers 1, 2, ... n, counted one by one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from autumn_mock.store import Database


def entry(number: int) -> bytes:
    return b'{"number":%d}' % number


def tables(last: int) -> dict[str, list[bytes]]:
    """The state at rest after counting to ``last``; one document, however far that is."""
    return {"counters": [b'{"last":%d}' % last]}


def counted(database: Database) -> int:
    """How far the database has counted, according to the file and the log."""
    (document,) = database.tables.get("counters", {"1": {"last": 0}}).values()
    last: int = document["last"]
    for payload in database.entries:
        last += 1
        assert payload == entry(last), f"{payload!r} instead of {entry(last)!r}"
    return last


def counted_at(path: Path) -> int:
    with Database.open(path) as database:
        return counted(database)


def checkpoint(database: Database, last: int) -> None:
    """Write the file of a state that has counted to ``last``."""
    database.begin_checkpoint()
    database.finish_checkpoint(tables(last))


def run_script(script: Path, *arguments: object) -> subprocess.Popen[str]:
    """Start a Python script that can import what the tests can import."""
    return subprocess.Popen(
        [sys.executable, str(script), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
