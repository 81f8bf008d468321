"""Databases of every released version are read by this one; see :mod:`tests.store.released`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autumn_mock import __version__
from autumn_mock.journal.audit import audit_file
from tests.store.released.databases import FOLDER, HOLDS, STATE, read, write

VERSIONS = sorted(each.parent.name for each in FOLDER.glob(f"*/{HOLDS}"))


def test_there_is_one_of_the_present_version() -> None:
    assert __version__ in VERSIONS, "write it with: python -m tests.store.released"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_database_of_a_released_version_is_read(tmp_path: Path, version: str) -> None:
    holds = json.loads((FOLDER / version / HOLDS).read_text("utf-8"))
    assert json.loads(json.dumps(read(FOLDER / version / STATE, tmp_path / "copy"))) == holds
    assert [each.problems for each in audit_file(tmp_path / "copy" / STATE) if not each.balanced] == []


def test_a_database_that_is_written_now_holds_everything(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    write(tmp_path / "now", scratch)
    holds = json.loads((tmp_path / "now" / HOLDS).read_text("utf-8"))
    records = holds["records"]["org_autumn_mock/sandbox"]
    wanted = {"customers", "balances", "events", "locks", "entities", "checkouts", "invoices", "claims"}
    assert wanted - set(records) == set()
    assert holds["stats"]["deducted"] == 2
    assert (holds["keys"], holds["frozen"]) == ([200] * 4, True)
