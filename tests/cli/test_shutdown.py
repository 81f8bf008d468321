"""A full disk when a server starts or stops: a message and exit code 1."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from unittest import mock

import click
import pytest
from click.testing import CliRunner

from autumn_mock.cli import main
from autumn_mock.cli.shutdown import stop
from autumn_mock.engine import Engine
from autumn_mock.store import Database

_FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("words", [["serve"], ["exec", "--", "true"]], ids=["serve", "exec"])
def test_start_errors_reports_a_full_disk(words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "db.json"
    command, *rest = words
    with mock.patch.object(Database, "append", side_effect=_FULL):
        result = CliRunner().invoke(main, [command, "--port", "0", "--db", str(path), *rest])
    assert result.exit_code == 1
    assert result.output == f"Error: the database {path} cannot be written: No space left on device\n"
    assert os.listdir(tmp_path) == []


def test_stop_reports_a_full_disk_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "db.json"
    emulator = Engine(db=str(path))
    emulator.start()
    content = emulator.snapshot()
    with (
        mock.patch.object(os, "replace", side_effect=_FULL),
        pytest.raises(click.ClickException, match="could not be written: No space left on device; nothing is lost"),
    ):
        stop(emulator)
    stop(emulator)
    with Engine(db=str(path)) as again:
        assert len(again.snapshot()) == len(content)
