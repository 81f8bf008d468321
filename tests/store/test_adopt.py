"""Taking over a stage: one moment for everybody, one record of the log, and nothing at all when the disk refuses it."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from autumn_mock.clock import Clock
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.organisation import ApiKey, Organisation
from autumn_mock.engine import Engine
from autumn_mock.store import Database
from autumn_mock.store.environment import Environment
from autumn_mock.store.errors import NoSuchOrganisation
from autumn_mock.store.state import State

_OURS, _OTHER = (Organisation(id=name, name=name, slug=name, created_at=1) for name in ("ours", "other"))


def _key(org_id: str) -> ApiKey:
    return ApiKey(hash=f"hash of {org_id}", hint="am_sk", org_id=org_id, env="sandbox")


def _put(environment: Environment, *names: str) -> None:
    with environment.write() as transaction:
        for name in names:
            transaction.put(Feature(id=name, name=name, type="metered", consumable=True, created_at=1))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db.json"


@pytest.fixture
def state(path: Path) -> Iterator[State]:
    """An organisation with a feature in its sandbox, and one in its live environment."""
    state = State(Clock(), Database.open(path))
    state.add(_OURS, [_key("ours")])
    _put(state.environment("ours", "sandbox"), "old")
    _put(state.environment("ours", "live"), "live")
    yield state
    state.close()


def _replayed(state: State, path: Path) -> Any:
    """What a crash now would leave."""
    state.close()
    with Database.open(path) as database:
        return _shown(State(Clock(), database))


def _shown(state: State) -> Any:
    tables: dict[str, Any] = json.loads(b"".join(state.snapshot()))
    del tables["_autumn_mock"]
    return {name: sorted(map(str, table.values())) for name, table in tables.items() if name != "books"}


def _features(state: State, org_id: str, env: Any = "sandbox") -> list[str]:
    return [each.id for each in state.environment(org_id, env).features]


def test_environments_take_the_place_of_those_that_are_there(state: State, path: Path) -> None:
    stage = state.prepare()
    _put(stage.environment("ours", "sandbox"), "new", "newer")
    kept = state.environment("ours", "sandbox")
    records = path.with_name("db.json.wal").read_bytes().count(b"\n")
    assert state.adopt(stage)["features"] == 1
    assert path.with_name("db.json.wal").read_bytes().count(b"\n") == records + 1
    assert state.environment("ours", "sandbox") is kept
    assert _features(state, "ours") == [each.id for each in kept.features] == ["new", "newer"]
    assert _features(state, "ours", "live") == ["live"]
    _put(kept, "newest")
    shown = _shown(state)
    assert _replayed(state, path) == shown


def test_an_organisation_comes_with_its_keys(state: State, path: Path) -> None:
    stage = state.prepare()
    stage.add(_OTHER, [_key("other")])
    _put(stage.environment("other", "sandbox"), "theirs")
    state.adopt(stage)
    assert [each.id for each in state.organisations] == ["ours", "other"]
    assert [each.org_id for each in state.keys] == ["ours", "other"]
    assert _features(state, "other") == ["theirs"]
    shown = _shown(state)
    assert _replayed(state, path) == shown


def test_alone_nothing_else_stays(state: State, path: Path) -> None:
    stage = State(Clock())
    stage.add(_OURS, [])
    stage.add(_OTHER, [_key("other")])
    _put(stage.environment("ours", "sandbox"), "new")
    sandbox, live = state.environment("ours", "sandbox"), state.environment("ours", "live")
    assert state.adopt(stage, alone=True)["features"] == 2
    assert [each.id for each in sandbox.features] == ["new"]
    assert list(live.features) == []
    assert state.environment("ours", "live") is live
    assert [each.org_id for each in state.keys] == ["other"]
    shown = _shown(state)
    assert _replayed(state, path) == shown


@pytest.mark.parametrize("removed", [True, False], ids=["removed", "replaced"])
def test_nothing_can_be_written_for_an_organisation_that_is_gone(state: State, path: Path, removed: bool) -> None:
    held = state.environment("ours", "sandbox")
    if removed:
        state.remove("ours")
    else:
        state.adopt(State(Clock()), alone=True)
    assert list(held.features) == []
    with pytest.raises(NoSuchOrganisation):
        _put(held, "late")
    assert list(held.features) == []
    with pytest.raises(NoSuchOrganisation):
        state.environment("ours", "sandbox")
    assert _replayed(state, path) == {"organisations": [], "keys": []}


@pytest.mark.parametrize("alone", [True, False])
def test_a_disk_that_refuses_it_leaves_everything_as_it_was(state: State, path: Path, alone: bool) -> None:
    stage = state.prepare()
    _put(stage.environment("ours", "sandbox"), "new")
    stage.add(_OTHER, [_key("other")])
    before = _shown(state)
    full = OSError(errno.ENOSPC, "No space left on device")
    with mock.patch.object(Database, "append", side_effect=full), pytest.raises(OSError, match="No space"):
        state.adopt(stage, alone=alone)
    assert _shown(state) == before
    assert _replayed(state, path) == before


def test_an_empty_stage_changes_nothing(state: State, path: Path) -> None:
    log = path.with_name("db.json.wal").read_bytes()
    assert state.adopt(state.prepare()) == {}
    assert path.with_name("db.json.wal").read_bytes() == log


def test_a_stage_shows_the_time_of_its_state(state: State) -> None:
    state.clock_of("ours").freeze()
    state.clock_of("ours").advance(1_000_000)
    stage = state.prepare()
    assert stage.environment("ours", "sandbox").clock.now() == state.clock_of("ours").now()
    assert abs(stage.clock.now() - state.clock.now()) < 60_000


def test_what_is_gone_is_not_brought_back_by_a_reset_or_a_load() -> None:
    emulator = Engine()
    opened = emulator.open_organisation()
    environment = emulator.state.environment(opened.org, opened.env)
    content = emulator.snapshot(environment)
    emulator.close_organisation(opened.org)
    with pytest.raises(NoSuchOrganisation):
        emulator.reset(environment)
    with pytest.raises(NoSuchOrganisation):
        emulator.restore(content, environment)
    assert opened.org not in emulator.state.organisations
    assert not emulator.queue.is_paused(environment.name)
