"""What a checkout session sells: plans, lines, quantities, and the next invoice."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

from autumn_mock.domain.amount import amount
from autumn_mock.domain.payment import Checkout, InvoiceLine
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError
from autumn_mock.operations.preview import Preview, preview_attach, preview_multi_attach, preview_update
from autumn_mock.wire.requests.billing import BillingAttach, BillingUpdate
from autumn_mock.wire.requests.multi_attach import MultiAttach
from autumn_mock.wire.schema import ValidationFailed, parse


class OfferedQuantity(Struct, frozen=True):
    """How much of a feature is bought, the included amount counted."""

    feature_id: str
    name: str
    quantity: Decimal
    is_adjustable: bool


class Offer(Struct, frozen=True, kw_only=True):
    """What a session sells, with the quantities of the page."""

    plans: tuple[str, ...]
    lines: tuple[InvoiceLine, ...]
    quantities: tuple[OfferedQuantity, ...] = ()
    #: When the next invoice is due (ms), and its total without usage; None: nothing recurs, or it is not known.
    next_at: int | None = None
    next_total: Decimal = Decimal(0)
    trial_ends_at: int | None = None
    #: Why it cannot be bought any more.
    problem: str | None = None


def offer_of(call: Call, checkout: Checkout, quantities: Mapping[str, float]) -> Offer:
    """What a session sells; ``quantities`` are those that the customer has chosen, by feature."""
    body = {**checkout.deferred.body}
    names = _plan_names(call, body)
    shown = _quantities(call, checkout, quantities)
    if checkout.status != "open" or checkout.deferred.operation not in ("attach", "multi_attach", "update"):
        return Offer(plans=names, lines=checkout.lines, quantities=shown)
    sent = [dict(each) for each in body.get("feature_quantities") or ()]
    for each in sent:
        if each["feature_id"] in quantities:
            each["quantity"] = quantities[each["feature_id"]]
    if sent:
        body["feature_quantities"] = sent
    try:
        preview = _preview(call, checkout.deferred.operation, body)
    except ApiError as error:
        return Offer(plans=names, lines=checkout.lines, quantities=shown, problem=error.message)
    except ValidationFailed as error:
        return Offer(plans=names, lines=checkout.lines, quantities=shown, problem=str(error))
    cycle = preview.next_cycle
    return Offer(
        plans=names,
        lines=preview.charges.lines,
        quantities=shown,
        next_at=None if cycle is None else cycle.starts_at,
        next_total=Decimal(0) if cycle is None else cycle.total,
        trial_ends_at=None if preview.charges.terms is None else preview.charges.terms.trial_ends_at,
    )


def _preview(call: Call, operation: str, body: dict[str, Any]) -> Preview:
    if operation == "multi_attach":
        return preview_multi_attach(call, parse(MultiAttach, body, now_ms=call.now))
    if operation == "update":
        return preview_update(call, parse(BillingUpdate, body, now_ms=call.now))
    return preview_attach(call, parse(BillingAttach, body, now_ms=call.now))


def _plan_names(call: Call, body: Mapping[str, Any]) -> tuple[str, ...]:
    ids = [body.get("plan_id"), *(each.get("plan_id") for each in body.get("plans") or ())]
    plans = {each.id: each.name for each in call.environment.plans.snapshot()}
    return tuple(plans.get(each, each) for each in ids if each)


def _quantities(call: Call, checkout: Checkout, chosen: Mapping[str, float]) -> tuple[OfferedQuantity, ...]:
    found = []
    for each in checkout.deferred.body.get("feature_quantities") or ():
        feature = call.environment.features.get(each["feature_id"])
        quantity = chosen.get(each["feature_id"], each.get("quantity") or 0)
        name = each["feature_id"] if feature is None else feature.name
        is_adjustable = each["feature_id"] in checkout.adjustable
        found.append(OfferedQuantity(each["feature_id"], name, amount(quantity), is_adjustable))
    return tuple(found)
