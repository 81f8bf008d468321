"""Clocks in the database: after a stop, after a crash, and what moves them besides."""

from __future__ import annotations

import errno
import json
import logging
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from autumn_mock.clock import Clock
from autumn_mock.engine import Engine
from autumn_mock.store.clocks import Clocks
from autumn_mock.store.database import Database
from autumn_mock.store.errors import DamagedFile

DAY = 86_400_000
ORG = "org_autumn_mock"
#: The machine may be busy between two readings.
NEAR = 60_000


def moved(db: Path, **settings: Any) -> Engine:
    """An engine whose server is a day ahead, and its organisation two more days."""
    engine = Engine(db=str(db), **settings)
    engine.state.clock.advance(DAY)
    engine.state.clock_of(ORG).advance(2 * DAY)
    return engine


def offsets(engine: Engine) -> tuple[float, float]:
    """How many days the server is ahead of the machine, and the organisation of the server."""
    return round(engine.state.clock.offset / DAY, 3), round(engine.state.clock_of(ORG).offset / DAY, 3)


def crashed(db: Path, folder: Path) -> Path:
    """The files of a database as a crash would leave them, in another folder."""
    folder.mkdir()
    for each in db.parent.glob(f"{db.name}*"):
        if each.is_file() and not each.name.endswith(".lock"):
            shutil.copy(each, folder)
    return folder / db.name


def test_clocks_are_kept_by_a_stop_and_by_a_crash(tmp_path: Path) -> None:
    db = tmp_path / "state.json"
    engine = moved(db)
    with Engine(db=str(crashed(db, tmp_path / "crash"))) as after:
        assert offsets(after) == (1, 2)
    engine.stop()
    assert json.loads(db.read_text())["clocks"].keys() == {"1", "2"}
    for _ in range(2):
        with Engine(db=str(db)) as after:
            assert offsets(after) == (1, 2)


def test_a_frozen_clock_stands_still_over_a_restart(tmp_path: Path) -> None:
    db = tmp_path / "state.json"
    with Engine(db=str(db)) as engine:
        engine.state.clock_of(ORG).freeze()
        instant = engine.state.clock_of(ORG).now()
    with Engine(db=str(db)) as engine:
        clock = engine.state.clock_of(ORG)
        assert (clock.now(), clock.frozen, engine.state.clock.frozen) == (instant, True, False)
        clock.unfreeze()
        clock.reset()
    assert "clocks" not in json.loads(db.read_text())


@pytest.mark.parametrize(
    ("settings", "is_as_set"),
    [
        ({"now": 1_900_000_000_000}, lambda clock: abs(clock.now() - 1_900_000_000_000) < NEAR),
        ({"frozen": True}, lambda clock: clock.frozen and abs(clock.offset) < NEAR),
    ],
    ids=["now", "frozen"],
)
def test_settings_of_the_clock_come_before_the_file(
    tmp_path: Path, settings: Mapping[str, Any], is_as_set: Callable[[Clock], bool]
) -> None:
    db = tmp_path / "state.json"
    moved(db).stop()
    with Engine(db=str(db), **settings) as engine:
        assert is_as_set(engine.state.clock)
        assert offsets(engine)[1] == 2
        with Engine(db=str(crashed(db, tmp_path / "crash"))) as after:
            assert is_as_set(after.state.clock)


def test_a_reset_returns_the_clocks_in_the_file_too(tmp_path: Path) -> None:
    db = tmp_path / "state.json"
    engine = moved(db)
    engine.reset()
    with Engine(db=str(crashed(db, tmp_path / "crash"))) as after:
        assert offsets(after) == (0, 0)
    engine.stop()


def test_a_closed_organisation_leaves_no_clock(tmp_path: Path) -> None:
    db = tmp_path / "state.json"
    engine = Engine(db=str(db))
    opened = engine.open_organisation(key="am_sk_test_other", now=DAY, frozen=True)
    engine.close_organisation(opened.org)
    engine.open_organisation(key="am_sk_test_other")
    with Engine(db=str(crashed(db, tmp_path / "crash"))) as after:
        assert not after.state.clock_of(opened.org).frozen
    engine.stop()
    assert "clocks" not in json.loads(db.read_text())


def test_snapshots_and_worlds_have_no_clocks(tmp_path: Path) -> None:
    db = tmp_path / "state.json"
    engine = moved(db)
    assert "clocks" not in json.loads(engine.snapshot())
    engine.stop()
    with Engine(world=str(db)) as other:
        assert offsets(other) == (0, 0)


def test_a_clock_that_is_moved_during_a_checkpoint_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db = tmp_path / "state.json"
    engine = Engine(db=str(db))
    begin, finish = Database.begin_checkpoint, Database.finish_checkpoint

    def move_and_begin(self: Database) -> None:
        engine.state.clock.advance(DAY)  # in the log that the checkpoint replaces
        begin(self)

    def move_and_finish(self: Database, tables: Any) -> None:
        engine.state.clock_of(ORG).advance(2 * DAY)  # in the next log
        finish(self, tables)

    monkeypatch.setattr(Database, "begin_checkpoint", move_and_begin)
    monkeypatch.setattr(Database, "finish_checkpoint", move_and_finish)
    engine.state.checkpoint()
    monkeypatch.undo()
    with Engine(db=str(crashed(db, tmp_path / "crash"))) as after:
        assert offsets(after) == (1, 2)
    engine.stop()


def test_a_clock_is_moved_on_a_full_disk_and_kept_by_the_next_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    db = tmp_path / "state.json"
    engine = Engine(db=str(db))

    def full(_self: Database, _payload: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Database, "append", full)
    with caplog.at_level(logging.WARNING, "autumn_mock"):
        engine.state.clock.advance(DAY)
    assert "a clock was moved, which the file has from its next checkpoint on" in caplog.text
    monkeypatch.undo()
    engine.stop()
    with Engine(db=str(db)) as after:
        assert offsets(after) == (1, 0)


@pytest.mark.parametrize("record", [{"org": "", "offset": 1e30}, {"org": "", "frozen_at": -1}, {"offset": 1}])
def test_an_invalid_record_is_refused_with_its_place(tmp_path: Path, record: dict[str, Any]) -> None:
    db = tmp_path / "state.json"
    moved(db).stop()
    content = json.loads(db.read_text())
    content["clocks"]["1"] = record
    db.write_text(json.dumps(content))
    with pytest.raises(DamagedFile, match="table clocks: document 1"):
        Engine(db=str(db))


def test_a_clock_without_a_database_has_no_further_listener() -> None:
    class Counting(Clock):
        listeners = 0

        def on_move(self, listener: Callable[[], None]) -> None:
            self.listeners += 1
            super().on_move(listener)

    server = Counting()
    clocks = Clocks(server, None)
    clocks.of("org").advance(DAY)
    assert server.listeners == 0
    assert [each.org for each in clocks.states()] == ["org"]
