"""Checks references between the records of a file, which may have been edited: a dangling one would fail much later."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from pathlib import Path
from typing import Any

from autumn_mock.domain.customer import CustomerPlan
from autumn_mock.domain.plan import Plan
from autumn_mock.store.environment import Environment
from autumn_mock.store.errors import DamagedFile


def _items(plan: Plan) -> list[str]:
    return [item.feature_id for item in plan.items]


def _items_attached(attached: CustomerPlan) -> list[str]:
    return _items(attached.plan)


#: A table, a field that names one record of another table, and that table.
_SINGLE: tuple[tuple[str, str, str], ...] = (
    ("balances", "customer", "customers"),
    ("balances", "feature_id", "features"),
    ("customer_plans", "customer", "customers"),
    ("entities", "customer", "customers"),
    ("locks", "customer", "customers"),
    ("locks", "feature_id", "features"),
    ("windows", "customer", "customers"),
)
#: A table whose records name several features: those of a plan's items.
_SEVERAL: tuple[tuple[str, Callable[[Any], Iterable[str]]], ...] = (
    ("plans", _items),
    ("customer_plans", _items_attached),
)


def check_references(environment: Environment, path: Path) -> None:
    """Raise :class:`DamagedFile`, which names ``path``, for a record that refers to a missing record.

    Only references that every operation preserves are checked. Entities may refer to a deleted feature, and events to a
    deleted customer.
    """
    for name, field, other in _SINGLE:
        named: set[str] = set(map(attrgetter(field), environment.tables[name]))
        _require(environment, path, name, field, named, other)
    for name, features_of in _SEVERAL:
        named = {each for record in environment.tables[name] for each in features_of(record)}
        _require(environment, path, name, "feature_id", named, "features")


def _require(environment: Environment, path: Path, name: str, field: str, named: set[str], other: str) -> None:
    missing = named - environment.tables[other].by_key.keys()
    if missing:
        raise DamagedFile(
            path, f"table {name}", f"a record has the {field} {min(missing)!r}, and the table {other} does not"
        )
