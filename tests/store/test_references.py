"""Records that name what is not there: refused when they are loaded, whether from a database or as a snapshot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autumn_mock.engine import Engine
from autumn_mock.store.errors import DamagedFile
from tests.chaos.calls import WRITES, Call
from tests.chaos.harness import ScenarioTarget, fresh


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The default world with a lock that is held."""
    with fresh(tmp_path_factory.mktemp("home") / "db.json") as stage:
        return stage.emulator.snapshot()


_ITEM = {"entitlement_id": "ent", "feature_id": "gone"}
#: What is changed in the first record of a table, and what is said of it.
_EDITS: list[tuple[str, dict[str, Any], str]] = [
    ("balances", {"customer": "gone"}, "customer 'gone' is not in the table customers"),
    ("balances", {"feature_id": "gone"}, "feature_id 'gone' is not in the table features"),
    ("customer_plans", {"customer": "gone"}, "customer 'gone' is not in the table customers"),
    ("customer_plans", {"paused": "gone"}, "paused 'gone' is not in the table closed_plans"),
    ("entities", {"customer": "gone"}, "customer 'gone' is not in the table customers"),
    ("locks", {"customer": "gone"}, "customer 'gone' is not in the table customers"),
    ("locks", {"feature_id": "gone"}, "feature_id 'gone' is not in the table features"),
    ("plans", {"items": [_ITEM]}, "feature_id 'gone' is not in the table features"),
    ("customers", {"internal_id": "other"}, "is not in the table customers"),
    ("features", {"id": "other"}, "is not in the table features"),
]


@pytest.mark.parametrize(("table", "edit", "said"), _EDITS, ids=lambda each: each if isinstance(each, str) else "")
def test_what_dangles_is_refused(content: bytes, tmp_path: Path, table: str, edit: dict[str, Any], said: str) -> None:
    tables = json.loads(content)
    first = next(iter(tables[table].values()))
    first |= edit
    edited = json.dumps(tables).encode()
    path = tmp_path / "db.json"
    path.write_bytes(edited)
    with pytest.raises(DamagedFile, match=r"is damaged at table .*: record '.+': ") as caught:
        Engine(db=str(path))
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
    assert path.read_bytes() == edited
    emulator = Engine()
    before = emulator.snapshot()
    with pytest.raises(DamagedFile, match="the snapshot is damaged at table "):
        emulator.restore(edited)
    assert len(emulator.snapshot()) == len(before)


def test_what_the_calls_leave_is_taken(tmp_path: Path) -> None:
    """Features that are renamed or deleted while locks, entities and attached plans name them, for one."""
    path = tmp_path / "db.json"
    with fresh(path) as stage:
        for name, call in WRITES.items():
            assert stage.call(call) in (200, 202, 404), name
        _rename(stage, "ai_messages", "renamed")
        _rename(stage, "seats", "chairs")
        stage.emulator.stop()
    with Engine(db=str(path)) as emulator:
        features = {each.id for env in emulator.state.environments() for each in env.features}
    assert {"renamed", "chairs"} <= features


def _rename(stage: ScenarioTarget, old: str, new: str) -> None:
    """Give a feature another id, which takes that no customer has a balance of it."""
    for customer in {each.id for env in stage.emulator.state.environments() for each in env.customers}:
        stage.call(Call("/v1/balances.delete", {"customer_id": customer, "feature_id": old}))
    call = WRITES["features.update"]._replace(body={"feature_id": old, "new_feature_id": new})
    assert stage.call(call) == 200, stage.said
