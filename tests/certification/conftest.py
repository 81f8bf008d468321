"""A server for the suite, and adapters that a test writes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from autumn_mock.testing.embedded import Emulator

#: Writes a program; returns the command that runs it.
WriteAdapter = Callable[[str], list[str]]

#: An adapter whose answers are what ``answer(do, instruction)`` returns.
LOOP = """
import json, os, sys, time

def answer(do, instruction):
    return {"outcome": "returned"}

{body}

for line in sys.stdin:
    instruction = json.loads(line)
    found = answer(instruction["do"], instruction)
    print(json.dumps({"id": instruction["id"], **found}), flush=True)
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The URL of a server."""
    logging.getLogger("waitress").addHandler(logging.NullHandler())
    with Emulator() as mock:
        yield mock.url


@pytest.fixture
def write_adapter(tmp_path: Path) -> WriteAdapter:
    """Write a Python adapter: the body of the program above."""

    def write(body: str) -> list[str]:
        path = tmp_path / "adapter.py"
        path.write_text(LOOP.replace("{body}", dedent(body)), "utf-8")
        return [sys.executable, str(path)]

    return write
