"""Every field of a request is read somewhere, or listed with the reason; a request that sends one is noted."""

from __future__ import annotations

import ast
import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

import autumn_mock
from autumn_mock.docs import topics
from autumn_mock.engine import Engine
from autumn_mock.web import create_app
from autumn_mock.wire import requests
from autumn_mock.wire.requests.ignored import IGNORED, _classes, _fields, reasons_of
from tests.support.client import AppClient
from tests.support.sources import nodes_of

PACKAGE = Path(autumn_mock.__file__).parent


@cache
def classes() -> dict[str, type[msgspec.Struct]]:
    """Every class of parameters by its name."""
    found: dict[str, type[msgspec.Struct]] = {}
    for module in pkgutil.iter_modules(requests.__path__, f"{requests.__name__}."):
        for name, value in vars(import_module(module.name)).items():
            if isinstance(value, type) and issubclass(value, msgspec.Struct) and value.__module__ == module.name:
                found[name] = value
    return found


@cache
def modules() -> dict[str, tuple[set[str], set[str]]]:
    """Outside of the declarations, by module: what is imported, and the attributes and texts that are read."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith(("wire/requests/", "wire/schema/")):
            found[name] = _names(nodes_of(path))
    return found


def _names(nodes: Any) -> tuple[set[str], set[str]]:
    imported: set[str] = set()
    read: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            imported |= {each.name for each in node.names}
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            read.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            read.add(node.value)
    return imported, read


def fields() -> Iterator[tuple[str, str]]:
    """Every class of parameters and each of its fields."""
    for name, kind in classes().items():
        yield from ((name, each.name) for each in msgspec.structs.fields(kind))


#: Classes that are converted as they are to records of the same fields, which may be read anywhere.
CONVERTED = {"AllocationParams", "CreditCostParams", "EntityAllocation", "SpendLimitParams", "UsageAlertParams"}
#: Fields whose names records have that the same modules read.
SHARED = {"currency"}
#: Fields that are read through a protocol.
PROTOCOLS = {"start_cursor"}


def contained(kind: type[msgspec.Struct]) -> set[str]:
    """A class, its base classes, and all that objects of it may hold."""
    found: set[type[msgspec.Struct]] = set()
    left = [kind]
    while left:
        each = left.pop()
        if each not in found:
            found.add(each)
            left += [base for base in each.__mro__ if base.__module__.startswith(requests.__name__)]
            left += [inner for field in msgspec.structs.fields(each) for inner in _classes(field.type)]
    return {each.__name__ for each in found}


@cache
def read_by_class() -> dict[str, set[str]]:
    """What the modules read that import a class, or one that holds it."""
    found: dict[str, set[str]] = {name: set() for name in classes()}
    parts = {name: contained(kind) for name, kind in classes().items()}
    for imported, read in modules().values():
        for name in {each for known in imported & parts.keys() for each in parts[known]} & found.keys():
            found[name] |= read
    return found


def declaring(kind: type[msgspec.Struct], field: str) -> type[msgspec.Struct]:
    """The first class that has a field."""
    return next(base for base in reversed(kind.__mro__) if field in getattr(base, "__annotations__", {}))


def is_read(name: str, field: str) -> bool:
    """Whether a module that may hold an object of a class reads a field of it."""
    first = declaring(classes()[name], field)
    family = {each for each, kind in classes().items() if issubclass(kind, first)}
    if family & CONVERTED or field in PROTOCOLS:
        return any(field in read for _, read in modules().values())
    return any(field in read_by_class()[each] for each in family)


def test_every_field_is_read_or_listed() -> None:
    found = [
        f"{name}.{field}"
        for name, field in fields()
        if field not in reasons_of(classes()[name]) and not is_read(name, field)
    ]
    assert found == []


def test_what_is_listed_exists_and_is_not_read() -> None:
    for name, reasons in IGNORED.items():
        kind = classes()[name]
        family = {each for each, other in classes().items() if issubclass(other, kind)} | {name}
        read = set().union(*(names for imported, names in modules().values() if imported & family))
        assert reasons.keys() <= {each.name for each in msgspec.structs.fields(kind)}, name
        assert (reasons.keys() - SHARED) & read == set(), name


def test_the_documentation_lists_them() -> None:
    text = topics()["differences"].text
    assert [each for reasons in IGNORED.values() for each in reasons if f"`{each}`" not in text] == []


_USER = {"customer_id": "cus_456", "feature_id": "messages"}


@pytest.mark.parametrize(
    ("path", "body", "noted"),
    [
        ("balances.track", _USER, None),
        ("balances.batch_track", [_USER], None),
        (
            "balances.track",
            {**_USER, "customer_data": {"create_in_stripe": True, "name": "Ada"}},
            "customer_data.create_in_stripe (there is no payment processor)",
        ),
        (
            "balances.batch_track",
            [_USER, {**_USER, "customer_data": {"create_in_stripe": True}}],
            "[].customer_data.create_in_stripe (there is no payment processor)",
        ),
        ("balances.check?skip_cache=true", _USER, "skip_cache (there is no cache)"),
        (
            "customers.update",
            {
                "customer_id": "cus_456",
                "billing_controls": {
                    "usage_limits": [{"feature_id": "messages", "limit": 1, "interval": "day"}],
                    "spend_limits": [{"feature_id": "messages", "enabled": True, "skip_overage_billing": True}],
                },
            },
            "billing_controls.spend_limits[].skip_overage_billing (payments are not emulated)",
        ),
        (
            "billing.attach",
            {
                "customer_id": "cus_456",
                "plan_id": "free",
                "metadata": {"a": "b"},
                "customize": {
                    "items": [
                        {
                            "feature_id": "messages",
                            "included": 5,
                            "reset": {"interval": "month"},
                            "entitlement_id": "ent_1",
                        }
                    ]
                },
            },
            "customize.items[].entitlement_id (ids are given by the server), metadata (payments are not emulated)",
        ),
    ],
)
def test_a_request_that_sends_one_is_noted(path: str, body: Any, noted: str | None) -> None:
    with Engine(rate_limit="off") as engine:
        client = AppClient(create_app(engine))
        assert client.post(f"/v1/{path}", body).status in (200, 202)
        (row,) = client.get("/_mock/requests").body["list"]
    assert row.get("note") == (noted and f"without effect here: {noted}")


@pytest.mark.parametrize("name", classes())
def test_the_fields_of_every_class_can_be_visited(name: str) -> None:
    assert {each.name for each in _fields(classes()[name]) if each.reason} <= reasons_of(classes()[name]).keys()
