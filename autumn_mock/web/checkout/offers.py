"""What a checkout session sells: plans, lines, quantities, and the next invoice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.amount import amount
from autumn_mock.domain.payment import Checkout, InvoiceLine
from autumn_mock.operations.billing.preview import preview_deferred
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError
from autumn_mock.wire.schema import ValidationFailed


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
    names = _plan_names(call, checkout.deferred.plan_ids)
    shown = _quantities(call, checkout, quantities)
    if checkout.status != "open" or checkout.deferred.operation == "setup_payment":
        return Offer(plans=names, lines=checkout.lines, quantities=shown)
    sent = [dict(each) for each in body.get("feature_quantities") or ()]
    for each in sent:
        if each["feature_id"] in quantities:
            each["quantity"] = quantities[each["feature_id"]]
    if sent:
        body["feature_quantities"] = sent
    try:
        preview = preview_deferred(call, replace(checkout.deferred, body=body))
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


def _plan_names(call: Call, ids: Iterable[str]) -> tuple[str, ...]:
    plans = {each.id: each.name for each in call.environment.plans.snapshot()}
    return tuple(plans.get(each, each) for each in ids)


def _quantities(call: Call, checkout: Checkout, chosen: Mapping[str, float]) -> tuple[OfferedQuantity, ...]:
    found = []
    for each in checkout.deferred.body.get("feature_quantities") or ():
        feature = call.environment.features.get(each["feature_id"])
        quantity = chosen.get(each["feature_id"], each.get("quantity") or 0)
        name = each["feature_id"] if feature is None else feature.name
        is_adjustable = each["feature_id"] in checkout.adjustable
        found.append(OfferedQuantity(each["feature_id"], name, amount(quantity), is_adjustable))
    return tuple(found)
