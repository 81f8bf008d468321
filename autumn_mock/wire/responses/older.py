"""The answers to calls that only older clients send."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from autumn_mock.domain.amount import number
from autumn_mock.domain.payment import InvoiceLine
from autumn_mock.domain.plan import Plan
from autumn_mock.operations.billing.old_attach import OldAttached
from autumn_mock.operations.billing.old_checkout import OldCheckout
from autumn_mock.operations.call import Call
from autumn_mock.payments.descriptions import money
from autumn_mock.payments.lines import total_of
from autumn_mock.wire.answer import Body, Number
from autumn_mock.wire.responses.billing import BilledInvoiceBody, billed_invoice_body, checkout_url, payment_url
from autumn_mock.wire.responses.plan import plan_body
from autumn_mock.wire.versions.v2_0 import offered_product


class OldAttachedBody(Body, kw_only=True):
    """Plans have been attached; ``code`` and ``message`` say how."""

    success: bool = True
    customer_id: str
    product_ids: list[str]
    code: str
    message: str
    checkout_url: str | UnsetType = UNSET
    invoice: BilledInvoiceBody | UnsetType = UNSET


class OldLineBody(Body, kw_only=True):
    """One line of a checkout; ``item`` is that of the product."""

    description: str
    amount: Number
    item: dict[str, Any] | None


class OldCycleBody(Body, kw_only=True):
    """The next payment after a purchase."""

    starts_at: int
    total: Number


class OldCheckoutBody(Body, kw_only=True):
    """What a purchase would cost; products are as the oldest versions have them, in every version."""

    customer_id: str
    lines: list[OldLineBody]
    product: dict[str, Any]
    current_product: dict[str, Any] | None
    options: list[dict[str, Any]]
    total: Number
    currency: str = "usd"
    has_prorations: bool
    next_cycle: OldCycleBody | UnsetType = UNSET
    next_cycle_at: int | UnsetType = UNSET
    url: str | None


class OldPreviewLineBody(Body, kw_only=True):
    """One line of a preview; ``price`` is the amount as text."""

    description: str
    price: str
    amount: Number


class OldDueBody(Body, kw_only=True):
    """What is due."""

    line_items: list[OldPreviewLineBody]
    total: Number


class OldDueLaterBody(OldDueBody, kw_only=True):
    """What is due next, and when (ms)."""

    due_at: int


class OldPreviewBody(Body, kw_only=True):
    """What attaching products would do, by which branch, and what it would cost."""

    branch: str
    options: list[dict[str, Any]]
    items: list[dict[str, Any]]
    due_today: OldDueBody
    due_next_cycle: OldDueLaterBody | None
    free_trial: dict[str, Any] | None
    product: dict[str, Any]
    current_product: dict[str, Any] | None


class CancelledBody(Body, kw_only=True):
    """A plan has been cancelled."""

    success: bool = True
    customer_id: str
    product_id: str


def old_attached_body(done: OldAttached, base: str) -> OldAttachedBody:
    """Plans have been attached, or are to be paid."""
    outcome = done.outcome
    return OldAttachedBody(
        customer_id=done.customer_id,
        product_ids=done.plan_ids,
        code=done.code,
        message=done.message,
        checkout_url=payment_url(outcome.checkout, outcome.invoice, base) or UNSET,
        invoice=UNSET if outcome.invoice is None else billed_invoice_body(outcome.invoice, base),
    )


def old_checkout_body(call: Call, found: OldCheckout, base: str) -> OldCheckoutBody:
    """What a purchase would cost."""
    product = _product(call, found.plan, found.scenario)
    cycle = found.next_cycle
    return OldCheckoutBody(
        customer_id=found.customer_id,
        lines=[
            OldLineBody(description=each.description, amount=number(each.total), item=_item(product, each))
            for each in found.lines
        ],
        product=product,
        current_product=None if found.current is None else _product(call, found.current.plan, "active"),
        options=_options(found),
        total=number(total_of(found.lines)),
        has_prorations=found.has_prorations,
        next_cycle=UNSET if cycle is None else OldCycleBody(starts_at=cycle.starts_at, total=number(cycle.total)),
        next_cycle_at=UNSET if cycle is None else cycle.starts_at,
        url=None if found.checkout is None else checkout_url(found.checkout, base),
    )


def old_preview_body(call: Call, found: OldCheckout) -> OldPreviewBody:
    """What attaching products would do."""
    product, cycle = _product(call, replace(found.plan, free_trial=found.free_trial), found.scenario), found.next_cycle
    return OldPreviewBody(
        branch=found.branch,
        options=_options(found),
        items=product["items"],
        due_today=OldDueBody(line_items=_due(found.lines), total=number(total_of(found.lines))),
        due_next_cycle=None
        if cycle is None
        else OldDueLaterBody(line_items=_due(cycle.lines), total=number(cycle.total), due_at=cycle.starts_at),
        free_trial=product["free_trial"],
        product=product,
        current_product=None if found.current is None else _product(call, found.current.plan, "active"),
    )


def _due(lines: Iterable[InvoiceLine]) -> list[OldPreviewLineBody]:
    return [
        OldPreviewLineBody(description=each.description, price=money(each.total), amount=number(each.total))
        for each in lines
    ]


def _options(found: OldCheckout) -> list[dict[str, Any]]:
    return [{"feature_id": name, "quantity": number(units)} for name, units in found.prepaid.items()]


def _product(call: Call, plan: Plan, scenario: str) -> dict[str, Any]:
    body = plan_body(plan, call.environment.features.by_key, call.env, expand_features=True)
    return {**offered_product(msgspec.to_builtins(body)), "scenario": scenario}


def _item(product: dict[str, Any], line: InvoiceLine) -> dict[str, Any] | None:
    """The item of a product that a line is of."""
    items: list[dict[str, Any]] = product["items"]
    return next((each for each in items if each.get("feature_id") == line.feature_id), None)
