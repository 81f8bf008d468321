"""The lines of an invoice, for each kind of change.

=====================  ==========================================================================================
:func:`starting`       a plan with a subscription of its own: each price in full
:func:`switching`      the rest of the cycle of the plans that end is credited, that of the new one is charged;
                       usage of the ended ones is billed in full
:func:`requantified`   as a switch, as far as an item's proration says so; else on the next invoice
:func:`cancelling`     the rest of the cycle is credited
:func:`renewing`       each price whose cycle begins now, and the usage of those whose cycle ends
:func:`ending`         the usage of a plan that ends with its cycle
=====================  ==========================================================================================

A trial charges nothing that recurs. What is bought once is charged in full and never credited.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.amount import ZERO, money
from autumn_mock.domain.balance import Balance
from autumn_mock.domain.customer import CustomerPlan
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.payment import InvoiceLine
from autumn_mock.domain.plan import BasePrice, Interval, ItemPrice, Plan, PlanItem, Proration, recurs
from autumn_mock.payments.cycles import Cycle, Terms
from autumn_mock.payments.descriptions import described
from autumn_mock.payments.prices import cost, whole_packs

Features = Mapping[str, Feature]
#: A price of a plan, whatever the plan's version: its feature and its interval.
PriceKey = tuple["str | None", Interval]


class Billed(Struct, frozen=True):
    """A plan as it is billed to one customer."""

    plan: Plan
    #: Units bought in advance, by feature, the included ones not counted.
    prepaid: Mapping[str, Decimal] = {}
    #: Units used beyond what is included, by the id of the price that bills them.
    overage: Mapping[str, Decimal] = {}
    quantity: Decimal = Decimal(1)
    entity_id: str | None = None
    #: How its entity is called on lines: the name, else the id.
    entity_name: str | None = None

    @classmethod
    def of(
        cls, attached: CustomerPlan, overage: Mapping[str, Decimal] | None = None, entity_name: str | None = None
    ) -> Billed:
        """An attached plan; ``overage`` if its usage is to be billed."""
        return cls(
            attached.plan,
            attached.prepaid,
            overage or {},
            attached.quantity,
            attached.entity_id,
            entity_name or attached.entity_id,
        )


class Charge(NamedTuple):
    """What one price of a plan costs in one cycle."""

    price: BasePrice | ItemPrice
    item: PlanItem | None
    amount: Decimal
    #: What the line counts: units with the included ones; 1 for a base price.
    quantity: Decimal


class Requantified(NamedTuple):
    """The lines of a change of quantities: due now, and added to the next invoice."""

    now: tuple[InvoiceLine, ...]
    later: tuple[InvoiceLine, ...]


def overage_of(rows: Iterable[Balance], *, seats: bool, due: int | None = None) -> dict[str, Decimal]:
    """Units used beyond what is included, by price, of the rows of a plan.

    ``seats``: with those of allocated features, which are billed by renewals alone. ``due``: only of rows that are to
    be reset by then (ms).
    """
    found: dict[str, Decimal] = {}
    for row in rows:
        if row.price is None or row.price.is_prepaid or row.unlimited:
            continue
        if row.reset is None:
            if not seats:
                continue
        elif due is not None and row.next_reset_at is not None and row.next_reset_at > due:
            continue
        held = [share.balance for share in row.shares.values()] if row.is_per_entity else [row.balance]
        used = sum((max(-balance, ZERO) for balance in held), ZERO)
        found[row.price.price_id] = found.get(row.price.price_id, ZERO) + used
    return found


def starting(billed: Billed, terms: Terms, features: Features) -> tuple[InvoiceLine, ...]:
    """A plan with a subscription of its own: of one that started in the past all cycles that have begun."""
    lines = []
    for charge in _advance(billed):
        if not recurs(charge.price):
            lines.append(_line(billed, charge, None, features))
        elif not terms.is_trialing and not terms.waits:
            due = money(charge.amount * terms.cycles_begun(charge.price))
            lines.append(_line(billed, charge, _rest(terms, charge), features, due))
    return _non_zero(lines)


def switching(
    outgoing: Sequence[Billed],
    incoming: Billed | None,
    terms: Terms,
    features: Features,
    *,
    before: Terms | None = None,
    same_plan: bool = False,
) -> tuple[InvoiceLine, ...]:
    """A switch at once; without ``outgoing`` plans, one that joins a subscription.

    ``before``: the subscription as it billed the outgoing plans, if its cycles change.
    Prices that go on as they were leave no lines. ``same_plan``: a plan is changed, and what was bought once of it
    is not bought again.
    """
    old = terms if before is None else before
    credits_ = [line for each in outgoing for line in _credits(each, old, features)]
    kept = {_key(charge): charge for each in outgoing if same_plan for charge in _advance(each)}
    charges = [] if incoming is None else _charges(incoming, terms, features, kept)
    used = [line for each in outgoing for line in _arrears(each, old, features)]
    return _non_zero((*_without_pairs(credits_, charges), *used))


def cancelling(billed: Billed, terms: Terms, features: Features) -> tuple[InvoiceLine, ...]:
    """A plan that ends at once: the rest of its cycle is credited, its usage is not billed."""
    return _non_zero(_credits(billed, terms, features))


def requantified(before: Billed, after: Billed, terms: Terms, features: Features) -> Requantified:
    """Other quantities of the same plan, as the proration of each item has it.

    ======================================  ===================================================
    more: ``bill_immediately``              the whole difference now
    ``prorate_immediately`` (default)       prorated now
    ``prorate_next_cycle``                  prorated on the next invoice
    ``bill_next_cycle``                     nothing before the renewal
    less: ``none``, ``no_prorations``       nothing before the renewal
    others                                  as for more
    ======================================  ===================================================

    What is bought once is charged for what was added.
    """
    now: list[InvoiceLine] = []
    later: list[InvoiceLine] = []
    old = {charge.price.price_id: charge for charge in _advance(before)}
    for charge in _advance(after):
        was = old.get(charge.price.price_id)
        if charge.item is None or was is None or was.quantity == charge.quantity:
            continue
        if not recurs(charge.price):
            now.append(_line(after, _added(charge, was), None, features))
            continue
        proration = charge.item.proration or Proration()
        how = proration.on_increase if charge.quantity > was.quantity else proration.on_decrease
        if how in ("bill_next_cycle", "none", "no_prorations") or terms.is_trialing:
            continue
        pair = [
            _prorated(before, was, terms, features, is_credit=True, whole=how == "bill_immediately"),
            _prorated(after, charge, terms, features, whole=how == "bill_immediately"),
        ]
        (later if how == "prorate_next_cycle" else now).extend(pair)
    return Requantified(_non_zero(now), _non_zero(later))


def renewing(
    plans: Iterable[Billed], terms: Terms, features: Features, *, ended: Iterable[Billed] = ()
) -> tuple[InvoiceLine, ...]:
    """The renewal at ``terms.now``: advance prices whose cycle begins, then usage of those whose cycle ends.

    Usage during a trial is free. What was not billed before a new anchor (``terms.billed_until``) is added. ``ended``:
    plans that end now, of which usage alone is billed.
    """
    plans = tuple(plans)
    lines = [line for each in plans for line in _renewed(each, terms, features)]
    if terms.trial_ends_at != terms.now:
        lines += [line for each in plans for line in _arrears(each, terms, features, at_end=True)]
    return (*_non_zero(lines), *(line for each in ended for line in ending(each, terms, features)))


def reanchored(
    staying: Iterable[Billed],
    before: Terms,
    features: Features,
    *,
    begun: Iterable[Billed] = (),
    ended: Iterable[Billed] = (),
) -> tuple[InvoiceLine, ...]:
    """What is due at ``before.now`` as the cycles begin anew: the rest of those under way is credited, the first of the
    new ones charged, and all usage. ``begun`` and ``ended``: plans that begin or end now."""
    staying, terms = tuple(staying), replace(before, anchor=before.now, next_anchor=None)
    old = (*staying, *ended)
    lines = [
        _prorated(billed, charge, before, features, is_credit=True)
        for billed in old
        for charge in _advance(billed)
        if recurs(charge.price) and before.ended_cycle(charge.price) is None
    ]
    lines += [
        _line(billed, charge, terms.cycle(charge.price), features)
        for billed in (*staying, *begun)
        for charge in _advance(billed)
        if recurs(charge.price)
    ]
    lines += [line for billed in old for line in _arrears(billed, before, features)]
    return _non_zero(lines)


def ending(billed: Billed, terms: Terms, features: Features) -> tuple[InvoiceLine, ...]:
    """A plan that ends with its cycle: its usage in full, unless that was free as part of a trial."""
    if terms.trial_ends_at == terms.now:
        return ()
    return _non_zero(_arrears(billed, terms, features))


def total_of(lines: Iterable[InvoiceLine]) -> Decimal:
    """The total of an invoice, in the major unit with two decimals."""
    return money(sum((line.total for line in lines), ZERO))


def subtotal_of(lines: Iterable[InvoiceLine]) -> Decimal:
    """The total of an invoice before discounts."""
    return money(sum((line.subtotal for line in lines), ZERO))


def _advance(billed: Billed) -> Iterator[Charge]:
    """What is paid in advance: the base price, then the prepaid items."""
    plan = billed.plan
    if plan.price is not None:
        yield Charge(plan.price, None, plan.price.amount * billed.quantity, billed.quantity)
    for item in plan.items:
        if item.price is not None and item.price.is_prepaid:
            bought = whole_packs(item.price, billed.prepaid.get(item.feature_id, ZERO))
            yield Charge(item.price, item, cost(item, bought), item.included + bought)


def _key(charge: Charge) -> PriceKey:
    return charge.item.feature_id if charge.item is not None else None, charge.price.interval


def _added(charge: Charge, was: Charge) -> Charge:
    """What a charge has more than an earlier one, if anything."""
    if charge.quantity <= was.quantity:
        return charge._replace(amount=ZERO)
    return charge._replace(amount=charge.amount - was.amount, quantity=charge.quantity - was.quantity)


def _charges(billed: Billed, terms: Terms, features: Features, bought: Mapping[PriceKey, Charge]) -> list[InvoiceLine]:
    lines = []
    for charge in _advance(billed):
        if not recurs(charge.price):
            was = bought.get(_key(charge))
            lines.append(_line(billed, charge if was is None else _added(charge, was), None, features))
        elif not terms.is_trialing and not terms.waits:
            lines.append(_prorated(billed, charge, terms, features))
    return lines


def _credits(billed: Billed, terms: Terms, features: Features) -> list[InvoiceLine]:
    if terms.is_trialing:
        return []
    recurring = [charge for charge in _advance(billed) if recurs(charge.price)]
    return [_prorated(billed, charge, terms, features, is_credit=True) for charge in recurring]


def _prorated(
    billed: Billed, charge: Charge, terms: Terms, features: Features, *, is_credit: bool = False, whole: bool = False
) -> InvoiceLine:
    part = charge.amount if whole else charge.amount * terms.cycle(charge.price).left(terms.now)
    return _line(billed, charge, _rest(terms, charge), features, money(-part if is_credit else part), unused=is_credit)


def _rest(terms: Terms, charge: Charge) -> Cycle:
    """What is left of the cycle of a price."""
    return Cycle(terms.now, terms.cycle(charge.price).end)


def _renewed(billed: Billed, terms: Terms, features: Features) -> Iterator[InvoiceLine]:
    for charge in _advance(billed):
        if not recurs(charge.price):
            continue
        yield from _stub(billed, charge, terms, features)
        cycle = terms.cycle(charge.price)
        if cycle.start == terms.now:
            yield _line(billed, charge, cycle, features)


def _stub(billed: Billed, charge: Charge, terms: Terms, features: Features) -> Iterator[InvoiceLine]:
    """From what was billed to the anchor that a new cycle begins at; a credit if the anchor is before that."""
    billed_until = terms.now if terms.billed_until is None else terms.billed_until
    if billed_until == terms.now or terms.anchor != terms.now:
        return
    price = charge.price
    full = replace(terms, created_at=None, trial_ends_at=None).cycle(price, terms.now - 1)
    part = Decimal(terms.now - billed_until) / Decimal(full.end - full.start)
    unused = part < 0
    period = Cycle(terms.now, billed_until) if unused else Cycle(billed_until, terms.now)
    yield _line(billed, charge, period, features, money(charge.amount * part), unused=unused)


def _arrears(billed: Billed, terms: Terms, features: Features, *, at_end: bool = False) -> Iterator[InvoiceLine]:
    """The usage beyond what is included; ``at_end``: of prices whose cycle ends now."""
    for item in billed.plan.items:
        price = item.price
        if price is None or price.is_prepaid:
            continue
        used = billed.overage.get(price.price_id, ZERO)
        period = None
        if recurs(price):
            ended = terms.ended_cycle(price)
            if at_end and ended is None:
                continue
            period = ended or Cycle(terms.cycle(price).start, terms.now)
        if used > 0:
            units = whole_packs(price, used)
            yield _line(billed, Charge(price, item, cost(item, units), item.included + units), period, features)


def _line(
    billed: Billed,
    charge: Charge,
    period: Cycle | None,
    features: Features,
    subtotal: Decimal | None = None,
    *,
    unused: bool = False,
) -> InvoiceLine:
    feature = None if charge.item is None else features[charge.item.feature_id]
    return InvoiceLine(
        display_name=billed.plan.name if feature is None else feature.name,
        description=described(billed.plan, feature, charge.quantity, period, billed.entity_name, unused=unused),
        subtotal=money(charge.amount) if subtotal is None else subtotal,
        plan_id=billed.plan.id,
        feature_id=None if feature is None else feature.id,
        entity_id=billed.entity_id,
        period_start=None if period is None else period.start,
        period_end=None if period is None else period.end,
        quantity=charge.quantity,
        price_id=charge.price.price_id,
    )


def _without_pairs(credits_: list[InvoiceLine], charges: list[InvoiceLine]) -> Iterator[InvoiceLine]:
    """Credits and charges without those of the same price that cancel each other out."""
    left = list(charges)
    for credit in credits_:
        same = (each for each in left if each.price_id == credit.price_id and each.subtotal == -credit.subtotal)
        pair = next(same, None)
        if pair is None:
            yield credit
        else:
            left.remove(pair)
    yield from left


def _non_zero(lines: Iterable[InvoiceLine]) -> tuple[InvoiceLine, ...]:
    return tuple(line for line in lines if line.subtotal)
