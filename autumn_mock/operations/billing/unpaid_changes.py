"""Changes that wait for the payment of an invoice: of each plan one at a time.

Two changes of one plan were computed from the same plan: paid both, its rest would be credited twice, and one of the
new plans would be paid for nothing. The latest request counts: it makes the earlier change and its invoice void, as
another purchase ends an open session. While an earlier one is being paid, it is refused (423).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from autumn_mock.domain.customer import Customer, CustomerPlan
from autumn_mock.domain.plan import Plan
from autumn_mock.operations.billing import checkouts, invoicing
from autumn_mock.operations.billing.attachments import Attachment
from autumn_mock.operations.call import Call
from autumn_mock.store.environment import Transaction


def place_of(plan: Plan, entity_id: str | None) -> str:
    """Where a customer, or an entity (by its id), is on one main plan: its group."""
    return f"{plan.group or ''}@{entity_id or ''}"


def changed_by_attach(decided: Attachment, entity_id: str | None) -> tuple[str, ...]:
    """What attaching a plan replaces or ends: attached plans by their ids, and the place of a main plan."""
    ends = [each.id for each in (decided.current, *decided.removed) if each is not None]
    return (*ends, place_of(decided.plan, entity_id)) if decided.plan.is_main else tuple(ends)


def changed_by_update(current: CustomerPlan) -> tuple[str, ...]:
    """What a change of an attached plan changes."""
    return (current.id, place_of(current.plan, current.entity_id)) if current.plan.is_main else (current.id,)


def supersede(
    call: Call, transaction: Transaction, customer: Customer, changes: Iterable[str], *, is_paid: bool = False
) -> None:
    """Void the invoices of changes of the same plans; 423 while one of them is being paid, unless the new change
    ``is_paid`` itself."""
    changed = set(changes)
    rivals = [each for each in call.environment.invoices.of(customer.internal_id).values() if each.is_payable]
    for made in rivals:
        if made.deferred is None or not _meet(changed, made.deferred.changes):
            continue
        if not made.is_being_paid:
            invoicing.void(call, transaction, made)
        elif not is_paid:
            raise checkouts.being_processed()


def _meet(changed: Collection[str], others: Iterable[str]) -> bool:
    return any(each in changed for each in others)
