"""The path of a batch, as ``docs/internals.md`` names it, is the one that a batch takes."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import autumn_mock
from autumn_mock.docs import topics
from autumn_mock.testing.embedded import Emulator
from tests.support.client import BATCH, Client

PACKAGE = Path(autumn_mock.__file__).parent
#: The most files that a reader opens to follow a batch.
MOST = 25


@contextmanager
def entered_files() -> Iterator[set[str]]:
    """The files of the package of which a function is called, on threads that are started meanwhile, too."""
    entered: set[str] = set()

    def record(frame: FrameType, event: str, _: Any) -> None:
        path = frame.f_code.co_filename
        if event == "call" and path.startswith(str(PACKAGE)):
            entered.add(Path(path).relative_to(PACKAGE).as_posix())

    threading.setprofile(record)
    sys.setprofile(record)
    try:
        yield entered
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def named_files() -> list[str]:
    """The files that the page names as the path, in order."""
    section = re.search(
        r"^## The path of a batch\n(.*?)^What these use", topics()["internals"].text, re.DOTALL | re.MULTILINE
    )
    assert section is not None
    return re.findall(r"`([\w/]+\.py)`", section[1])


def test_a_batch_passes_the_files_that_the_page_names(tmp_path: Path) -> None:
    with entered_files() as entered, Emulator(db=str(tmp_path / "db.json")) as mock:
        client = Client(mock.url, mock.key)
        client.grant("cus_123", 100)
        mock.drain()
        entered.clear()
        item = {"customer_id": "cus_123", "feature_id": "messages"}
        assert client.post(BATCH, [item], Idempotency_Key="once").status == 202
        mock.drain()
        found = set(entered)
    named = named_files()
    assert len(named) == len(set(named)) <= MOST
    assert set(named) - found == set()
