"""Checks references between the records of a file, which may have been edited: a dangling one would fail much later."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from autumn_mock.domain.customer import CustomerPlan
from autumn_mock.domain.plan import Plan
from autumn_mock.store.environment import Environment
from autumn_mock.store.errors import DamagedFile


def _items(plan: Plan) -> list[str]:
    return [item.feature_id for item in plan.items]


def _paused(attached: CustomerPlan) -> tuple[str, ...]:
    return () if attached.paused is None else (attached.paused,)


#: A table, a field whose value names records of another table, the values of a record, and that table.
_REFERENCES: tuple[tuple[str, str, Callable[[Any], Iterable[str]], str], ...] = (
    ("balances", "customer", lambda row: (row.customer,), "customers"),
    ("balances", "feature_id", lambda row: (row.feature_id,), "features"),
    ("customer_plans", "customer", lambda attached: (attached.customer,), "customers"),
    ("customer_plans", "feature_id", lambda attached: _items(attached.plan), "features"),
    ("customer_plans", "paused", _paused, "closed_plans"),
    ("closed_plans", "customer", lambda closed: (closed.customer,), "customers"),
    ("closed_plans", "feature_id", lambda closed: closed.feature_ids, "features"),
    ("closed_plans", "paused", lambda closed: _paused(closed.attached), "closed_plans"),
    ("checkouts", "customer", lambda checkout: (checkout.customer,), "customers"),
    ("entities", "customer", lambda entity: (entity.customer,), "customers"),
    ("invoices", "customer", lambda invoice: (invoice.customer,), "customers"),
    ("locks", "customer", lambda lock: (lock.customer,), "customers"),
    ("locks", "feature_id", lambda lock: (lock.feature_id,), "features"),
    ("plans", "feature_id", _items, "features"),
    ("subscriptions", "customer", lambda subscription: (subscription.customer,), "customers"),
    ("windows", "customer", lambda window: (window.customer,), "customers"),
)


def check_references(environment: Environment, path: Path) -> None:
    """Raise :class:`DamagedFile`, which names ``path``, for the first record that refers to a missing record.

    Only references that every operation preserves are checked. Entities may refer to a deleted feature, and events to a
    deleted customer.
    """
    for name, field, values_of, other in _REFERENCES:
        known = environment.tables[other].by_key.keys()
        for key, record in environment.tables[name].by_key.items():
            for value in values_of(record):
                if value not in known:
                    why = f"record {key!r}: {field} {value!r} is not in the table {other}"
                    raise DamagedFile(path, f"table {name}", why)
