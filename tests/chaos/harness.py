"""A server inside this process: the application without its socket, and without workers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autumn_mock.clock import Clock
from autumn_mock.engine import Engine
from autumn_mock.store import Database
from autumn_mock.store.state import State
from autumn_mock.web import create_app
from tests.chaos.calls import CUSTOMER, Call
from tests.support.client import AppClient

#: Table name to the JSON of its records, sorted: what was deleted and comes back is last in its table.
Records = dict[str, list[str]]


class ScenarioTarget:
    """The default world on a database, or what is in it already. Its time stands still."""

    def __init__(self, path: Path) -> None:
        world = "empty" if path.exists() else "default"  # which is faster to read, and not used
        self.emulator = Engine(db=str(path), world=world, rate_limit="off")
        self.emulator.clock.freeze()
        self._client = AppClient(create_app(self.emulator))
        self.said = ""

    def call(self, call: Call) -> int:
        """The status that a call is answered with."""
        status, _, body = self._client.post(call.path, call.body, **call.headers)
        self.said = str(body)
        return status

    def hold(self) -> None:
        """Take the lock ``held``, for the call that finalizes it."""
        held = {"customer_id": CUSTOMER, "feature_id": "ai_messages", "required_balance": 3}
        body = {**held, "lock": {"lock_id": "held", "enabled": True}}
        assert self.call(Call("/v1/balances.check", body)) == 200

    def records(self) -> Records:
        """Everything, as it stands in memory."""
        return _records(self.emulator.snapshot())


@contextmanager
def staged(path: Path) -> Iterator[ScenarioTarget]:
    """A stage for the block. Afterwards the database is as a crash leaves it."""
    stage = ScenarioTarget(path)
    try:
        yield stage
    finally:
        stage.emulator.state.close()


def put_at_rest(path: Path) -> bytes:
    """A new database with a lock that is held, as a clean stop leaves it; the content of its file."""
    _remove(path)
    with staged(path) as stage:
        stage.hold()
        stage.emulator.stop()
    return path.read_bytes()


@contextmanager
def fresh(path: Path) -> Iterator[ScenarioTarget]:
    """A stage with a lock that is held and nothing else that a client has done, whatever was there before."""
    template = path.with_name("template.json")
    content = template.read_bytes() if template.exists() else put_at_rest(template)
    _remove(path)
    path.write_bytes(content)
    with staged(path) as stage:
        yield stage


def _remove(path: Path) -> None:
    """Take a database away, with all that lies beside it."""
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()


def loaded(path: Path) -> tuple[Records, str | None]:
    """What a server would start from, and what was recovered. The file and the log stay, but for what is torn."""
    with Database.open(path) as database:
        return _records(b"".join(State(Clock(), database).snapshot())), database.recovered


def _records(snapshot: bytes) -> Records:
    tables: dict[str, dict[str, Any]] = json.loads(snapshot)
    del tables["_autumn_mock"]
    return {name: sorted(map(json.dumps, table.values())) for name, table in tables.items()}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Which tables are not what they were."""
    return ", ".join(sorted(name for name in {**before, **after} if before.get(name) != after.get(name)))
