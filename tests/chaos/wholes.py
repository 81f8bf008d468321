"""What is made of many writes happens as a whole, or not at all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from autumn_mock.engine import Engine
from autumn_mock.store.environment import Environment
from tests.chaos.calls import WRITES, Call
from tests.chaos.harness import fresh, staged
from tests.chaos.refusals import Refusing
from tests.chaos.scripts import Effort, Figures, script
from tests.support.client import DEFAULT_KEY

#: How many records there are of each kind; their ids differ from one start to the next.
Shape = dict[str, int]
#: Starts a server on a database and does something inside the block that it is given.
Act = Callable[[Path, AbstractContextManager[None]], None]


class _Died(BaseException):
    """The process is gone: nothing that it would still have done is done."""


def _prepare(path: Path, content: bytes | None) -> None:
    """Nothing but the file of a server that was stopped, or nothing at all."""
    path.parent.mkdir(exist_ok=True)
    for each in path.parent.iterdir():
        each.unlink()
    if content is not None:
        path.write_bytes(content)


def _starts_as(path: Path) -> Shape:
    """What a server has that starts from a database."""
    emulator = Engine(db=str(path))
    try:
        tables = json.loads(emulator.snapshot())
        return {name: len(table) for name, table in tables.items() if name not in ("_autumn_mock", "books")}
    finally:
        emulator.state.close()


def _judge(path: Path, content: bytes | None, act: Act) -> int:
    """Every death has to leave what was before, or what is afterwards; how many there were."""
    _prepare(path, content)
    before = _starts_as(path)
    _prepare(path, content)
    act(path, nullcontext())
    afterwards = _starts_as(path)
    halves: dict[int, Shape] = {}
    deaths = 0
    while True:
        _prepare(path, content)
        try:
            act(path, Refusing(deaths + 1, error=_Died()).at_work())
        except _Died:
            found = _starts_as(path)
            if found not in (before, afterwards):
                halves[deaths] = found
            deaths += 1
        else:
            break
    assert not halves, (
        f"{len(halves)} of {deaths} deaths leave neither {before} nor {afterwards}; "
        f"after {min(halves)} writes there is {halves[min(halves)]}"
    )
    return deaths


@script()
def first_start(_effort: Effort, place: Path) -> Figures:
    """A server that is killed while it seeds its database starts with the whole world the next time."""

    def act(path: Path, doing: AbstractContextManager[None]) -> None:
        with doing:
            emulator = Engine(db=str(path))
        emulator.state.close()

    return {"deaths": _judge(place / "home" / "db.json", None, act)}


@script()
def control_calls(_effort: Effort, place: Path) -> Figures:
    """A server that is killed while it is reset, or while a snapshot is restored, comes back so, or as it was."""
    original = place / "original.json"
    with fresh(original) as stage:
        for name in ("batch", "track", "customers.get_or_create"):
            assert stage.call(WRITES[name]) in (200, 202)
        stage.emulator.stop()
    with staged(place / "other.json") as stage:
        for number in range(3):
            assert stage.call(Call("/v1/customers.get_or_create", {"customer_id": f"other-{number}"})) == 200
        snapshot = stage.emulator.snapshot()
    deaths: Counter[str] = Counter()
    wrong = []
    for name, do in _control_calls(snapshot).items():
        try:
            deaths[name] = _judge(place / "home" / "db.json", original.read_bytes(), _on_a_server(do))
        except AssertionError as error:
            wrong.append(f"{name}: {error}")
    assert not wrong, "\n".join(wrong)
    return {"deaths": dict(deaths)}


def _on_a_server(do: Callable[[Engine], Any]) -> Act:
    def act(path: Path, doing: AbstractContextManager[None]) -> None:
        emulator = Engine(db=str(path))
        try:
            with doing:
                do(emulator)
        finally:
            emulator.state.close()

    return act


def _control_calls(snapshot: bytes) -> dict[str, Callable[[Engine], Any]]:
    return {
        "reset": lambda emulator: emulator.reset(),
        "reset of one": lambda emulator: emulator.reset(_first(emulator)),
        "restore": lambda emulator: emulator.restore(snapshot),
        "restore of one": lambda emulator: emulator.restore(snapshot, _first(emulator)),
        "open an organisation": lambda emulator: emulator.open_organisation(None, "am_sk_test_another"),
        "close an organisation": lambda emulator: emulator.close_organisation(_first(emulator).organisation.id),
    }


def _first(emulator: Engine) -> Environment:
    """The environment of the default key."""
    key = emulator.find_key(DEFAULT_KEY)
    assert key is not None
    return emulator.state.environment(key.org_id, key.env)


@script()
def calls(_effort: Effort, place: Path) -> Figures:
    """What a call changes is one record of the log, with its idempotency keys: a kill leaves all of it or nothing."""
    records = {}
    for name, call in WRITES.items():
        disk = Refusing(float("inf"))
        with fresh(place / "db.json") as stage, disk.at_work():
            assert stage.call(call) in (200, 202), name
        records[name] = disk.seen
    many = {name: count for name, count in records.items() if count > 1}
    assert not many, many
    return {"calls": len(records), "records": sum(records.values())}
