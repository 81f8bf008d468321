"""Every field of every record, with every kind of wrong value, through every door: the database, a snapshot, a world.

A wrong value is refused with a sentence that names the table, the document and the field; or it is harmless: every call
that reads is answered, and what a clean stop leaves is read again.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec import inspect

from autumn_mock.engine import Engine
from autumn_mock.input_files import InputFileError
from autumn_mock.store.documents import changes_of, kinds_of_tables
from autumn_mock.store.errors import StoreError
from autumn_mock.store.tinyfile import read_snapshot
from autumn_mock.web import create_app
from tests.chaos.calls import CUSTOMER, READS, WRITES
from tests.support.client import AppClient
from tests.support.effort import examples

PATH = Path("the snapshot")
KINDS = kinds_of_tables()
#: What JSON can hold, as it is written.
HOSTILE = {
    "null": "null",
    "a list": "[]",
    "an object": "{}",
    "true": "true",
    "no number": '"NaN"',
    "a signalling NaN": '"sNaN"',
    "infinite": '"-Infinity"',
    "above any double": "1e5000",
    "below any double": "1e-999999",
    "above any exponent": "1e999999999",
    "an amount above any double": '"1e5000"',
    "less than none": "-1",
    "none": "0",
    "half": "0.5",
    "large": "1000000000000000000000000000000",
    "large and whole": "1e308",
    "too many digits": "9" * 5000,
    "too many decimals": "0." + "9" * 5000,
    "another word": '"nope"',
    "long": f'"{"x" * 100_000}"',
    "deep": "[" * 400 + "]" * 400,
    "deeper than the stack": '{"a":' * 5000 + "1" + "}" * 5000,
}
_LATER = 4_000_000_000_000
_MARK = "the wrong value"
#: Calls that use what is read.
_USES = ("track", "track for an entity", "batch", "check and lock", "balances.update", "attach")
#: The calls of the control API that only read.
_CONTROL = (
    "stats",
    "queue",
    "queue/messages",
    "failures",
    "lost",
    "events",
    f"balances/{CUSTOMER}",
    "audit",
    "requests",
)


def _filled(kind: inspect.Type) -> Any:
    """A value of a kind with a value in every field."""
    if isinstance(kind, inspect.Metadata):
        return _filled(kind.type)
    if isinstance(kind, inspect.UnionType):
        return _filled(next(each for each in kind.types if not isinstance(each, inspect.NoneType)))
    if isinstance(kind, inspect.StructType):
        return {each.encode_name: _filled(each.type) for each in kind.fields}
    if isinstance(kind, inspect.VarTupleType):
        return [_filled(kind.item_type)]
    if isinstance(kind, inspect.TupleType):
        return [_filled(each) for each in kind.item_types]
    if isinstance(kind, inspect.DictType):
        return {"seat_1": _filled(kind.value_type)}
    if isinstance(kind, inspect.LiteralType):
        return kind.values[-1]
    if isinstance(kind, inspect.AnyType):
        return {"a": [1]}
    return {inspect.BoolType: False, inspect.StrType: "new"}.get(type(kind), 1)


@cache
def _content() -> str:
    """The default world, and in each table a record that has every field."""
    with Engine() as emulator:
        tables = json.loads(emulator.snapshot())
    owner = next(each for each in tables["customers"].values() if each["id"] == CUSTOMER)
    names = {
        "customer": owner["internal_id"],
        "customer_id": CUSTOMER,
        "org_id": owner["org"],
        "feature_id": "ai_messages",
        "metered_feature_id": "messages",
        "entity_id": "seat_1",
        "entity_feature_id": "seats",
        "interval": "month",
        "paused": "closed",
        **dict.fromkeys(("next_reset_at", "expires_at", "resets_at", "releases_at", "forgotten_at"), _LATER),
    }
    for table, kind in KINDS.items():
        if table in ("books", "organisations"):
            continue
        record = _named(_filled(inspect.type_info(kind)), names)
        rows = tables.setdefault(table, {})
        rows["filled"] = {"org": owner["org"], "env": owner["env"], **record}
        if table == "closed_plans":
            rows["filled"]["id"] = rows["filled"]["attached"]["id"] = "closed"
        if table == "balances":  # one that is divided among entities, and one that is not
            whole = {key: each for key, each in rows["filled"].items() if key not in ("entity_id", "entity_feature_id")}
            rows["whole"] = {**whole, "id": "whole"}
            del rows["filled"]["entity_id"]
    return json.dumps(tables)


def _named(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: names.get(key, _named(each, names)) for key, each in value.items()}
    return [_named(each, names) for each in value] if isinstance(value, list) else value


class Mutation(NamedTuple):
    """One wrong value in a record that has every field."""

    table: str
    document: str
    path: tuple[str | int, ...]
    wrong: str

    def __str__(self) -> str:
        return f"{self.table}: {self.document}: {'.'.join(map(str, self.path))}: {self.wrong}"

    @property
    def content(self) -> bytes:
        """The snapshot with it."""
        tables = json.loads(_content())
        value: Any = tables[self.table]
        for part in (self.document, *self.path)[:-1]:
            value = value[part]
        value[self.path[-1]] = _MARK
        return json.dumps(tables).replace(f'"{_MARK}"', HOSTILE[self.wrong]).encode()


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in parts:
        yield from _paths(each, (*path, key))


@cache
def mutations() -> list[Mutation]:
    """Every wrong value in every field."""
    tables = json.loads(_content())
    return [
        Mutation(table, document, path, wrong)
        for table in tables
        for document in ("filled", "whole")
        for path in _paths(tables[table].get(document))
        for wrong in HOSTILE
    ]


def sample(count: int) -> list[Mutation]:
    """Some of them, the same each time."""
    every = mutations()
    return random.Random(count).sample(every, min(examples(count), len(every)))


def refusal(content: bytes) -> str | None:
    """What is said when a snapshot is read; None when it is taken."""
    try:
        for _ in changes_of(read_snapshot(content, PATH).tables, PATH):
            pass
    except StoreError as error:
        return str(error)
    return None


class Reader:
    """Reads everything that a server has."""

    def __init__(self, emulator: Engine) -> None:
        self.emulator = emulator
        self._client = AppClient(create_app(emulator))

    def restore(self, content: bytes) -> int:
        return self._client.request("PUT", "/_mock/snapshot", content).status

    def failures(self) -> list[str]:
        """The calls that fail. Those that use something are made, too: they read what they use."""
        calls = {**READS, **{name: WRITES[name] for name in _USES}}
        replies = {name: self._client.post(call.path, call.body) for name, call in calls.items()}
        replies |= {name: self._client.request("GET", f"/_mock/{name}") for name in _CONTROL}
        return [f"{name}: {reply.status} {reply.body}" for name, reply in replies.items() if reply.status >= 500]


def harm(reader: Reader, content: bytes) -> list[str]:
    """What goes wrong with a snapshot that is taken; nothing for one that is refused."""
    status = reader.restore(content)
    if status != 200:
        return [] if status == 400 else [f"restored: {status}"]
    wrong = reader.failures()
    said = refusal(reader.emulator.snapshot())
    return wrong + ([f"not read again: {said}"] if said else [])


def test_every_wrong_value_is_refused_with_its_place_or_taken() -> None:
    taken = 0
    for mutation in sample(4000):
        said = refusal(mutation.content)
        if said is None:
            taken += 1
        elif "nested too deep" not in said:
            field = [part for part in mutation.path if isinstance(part, str) and part != "seat_1"][-1]
            assert f"table {mutation.table}: document {mutation.document}" in said, mutation
            assert "levels deep" in said or field in said, f"{mutation}: {said}"
    assert taken


def test_what_is_taken_is_read_and_written_without_harm() -> None:
    reader = Reader(Engine(rate_limit="off"))
    assert reader.restore(_content().encode()) == 200
    for mutation in sample(600):
        if refusal(mutation.content) is None:
            assert harm(reader, mutation.content) == [], str(mutation)


#: A table, a field of the record that has all, what is wrong with it, and what is said.
_REFUSED = [
    ("balances", ("balance",), "no number", "balance is not a finite number"),
    ("balances", ("balance",), "a signalling NaN", "balance is not a finite number"),
    ("balances", ("included",), "infinite", "included is not a finite number"),
    ("balances", ("balance",), "above any double", "balance is out of range"),
    ("balances", ("balance",), "too many digits", "balance is out of range"),
    ("balances", ("next_reset_at",), "too many digits", "Integer value out of range - at `$.next_reset_at`"),
    ("balances", ("next_reset_at",), "large", "at `$.next_reset_at`"),
    ("balances", ("reset", "interval_count"), "none", "Expected `int` >= 1 - at `$.reset.interval_count`"),
    ("balances", ("rollover", "expiry_duration_length"), "less than none", "`$.rollover.expiry_duration_length`"),
    ("balances", ("price", "billing_units"), "none", "price.billing_units must not be 0"),
    ("events", ("value",), "a signalling NaN", "value is not a finite number"),
    ("events", ("deductions", 0, "value"), "no number", "deductions[].value is not a finite number"),
    ("events", ("properties", "seat_1"), "deep", "properties[] is nested more than 128 levels deep"),
    ("features", ("credit_schema", 0, "credit_cost"), "infinite", "credit_schema[].credit_cost is not"),
    ("features", ("model_markups", "seat_1", "seat_1"), "no number", "at `$.model_markups[...][...]`"),
    ("customers", ("billing_controls", "usage_limits", 0, "limit"), "no number", "usage_limits[].limit is not"),
    ("customer_plans", ("quantity",), "above any exponent", "quantity is out of range"),
    ("messages", ("item", "value"), "large and whole", None),
    ("messages", ("item", "value"), "too many digits", "at `$.item.value`"),
]


@pytest.mark.parametrize("door", ["database", "snapshot", "world"])
@pytest.mark.parametrize(("table", "path", "wrong", "said"), _REFUSED)
def test_all_doors_refuse_alike(tmp_path: Path, door: str, table: str, path: Any, wrong: str, said: str | None) -> None:
    content = Mutation(table, "filled", path, wrong).content
    file = tmp_path / "db.json"
    file.write_bytes(content)
    found = ""
    try:
        if door == "snapshot":
            Engine(world="empty").restore(content)
        elif door == "world":
            Engine(world=str(file))
        else:
            Engine(world="empty", db=str(file)).state.close()
    except (StoreError, InputFileError) as error:
        found = str(error)
    if said is None:
        assert found == ""
        return
    assert f"table {table}: document filled: " in found
    assert said in found
    assert file.read_bytes() == content


def test_a_world_that_is_a_snapshot_refuses_what_dangles(tmp_path: Path) -> None:
    tables = json.loads(_content())
    tables["balances"]["filled"]["customer"] = "gone"
    world = tmp_path / "world.json"
    world.write_text(json.dumps(tables))
    with pytest.raises(InputFileError, match="customer 'gone' is not in the table customers"):
        Engine(world=str(world))


def test_what_a_clean_stop_leaves_is_read(tmp_path: Path) -> None:
    path = tmp_path / "db.json"
    taken = 0
    for mutation in sample(150):
        path.write_bytes(mutation.content)
        try:
            Engine(db=str(path), world="empty").state.close()
        except StoreError:
            continue
        taken += 1
        for _ in range(2):
            with Engine(db=str(path), world="empty"):
                pass
    assert taken


def _first(tables: Any, table: str, **names: Any) -> Any:
    """The first document of a table that has these values."""
    return next(each for each in tables[table].values() if names.items() <= each.items())


def _twice(table: str, **edit: Any) -> Callable[[Any], None]:
    """A second document with the key of the first one."""

    def change(tables: Any) -> None:
        tables[table]["again"] = {**next(iter(tables[table].values())), **edit}

    return change


def _credits_in_a_circle(tables: Any) -> None:
    credits = _first(tables, "features", id="credits")
    other = {**credits, "id": "more", "name": "More", "credit_schema": [_cost("credits", 1)]}
    tables["features"]["more"] = other
    credits["credit_schema"].append(_cost("more", 2))


def _cost(feature: str, cost: float) -> dict[str, Any]:
    return {"metered_feature_id": feature, "credit_cost": cost}


#: Records that are valid one by one and impossible together, or that no call could have made.
_IMPOSSIBLE: dict[str, Callable[[Any], Any]] = {
    "credit systems in a circle": _credits_in_a_circle,
    "a credit system of itself": lambda tables: _first(tables, "features", id="credits")["credit_schema"].append(
        _cost("credits", 1)
    ),
    "usage that costs nothing": lambda tables: _first(tables, "features", id="credits").update(
        credit_schema=[_cost("messages", 0)]
    ),
    "usage that gives credits": lambda tables: _first(tables, "features", id="credits").update(
        credit_schema=[_cost("messages", -1)]
    ),
    "a credit system without features": lambda tables: _first(tables, "features", id="credits").update(
        credit_schema=[]
    ),
    "a negative grant": lambda tables: [each.update(included=-5, balance=-5) for each in tables["balances"].values()],
    "a name of a megabyte": lambda tables: next(iter(tables["customers"].values())).update(name="x" * 1_000_000),
    "a customer twice": _twice("customers"),
    "another customer with its id": _twice("customers", internal_id="another"),
    "a balance twice": _twice("balances", balance=7),
    "a balance of another customer, twice": _twice("balances", feature_id="ai_messages"),
    "a feature twice": _twice("features", name="Again"),
    "a plan twice": _twice("plans", name="Again"),
    "an organisation twice": _twice("organisations", name="Again"),
    "a key twice": _twice("keys"),
    "an entity twice": _twice("entities"),
}


@pytest.mark.parametrize("name", _IMPOSSIBLE)
def test_impossible_records_are_refused_or_harmless(name: str) -> None:
    tables = json.loads(Engine().snapshot())
    _IMPOSSIBLE[name](tables)
    assert harm(Reader(Engine(rate_limit="off")), json.dumps(tables).encode()) == []
