"""Findings around purchases: payment pages that no customer is sent to, purchases made twice, payments that failed."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from datetime import datetime, timezone
from decimal import Decimal

from autumn_mock.counting import count_of
from autumn_mock.domain.customer import CustomerPlan
from autumn_mock.domain.payment import Invoice
from autumn_mock.journal import wording as w
from autumn_mock.journal.bodies import TRACK_CALLS
from autumn_mock.journal.detectors.loops import LOOP
from autumn_mock.journal.finding import Finding, detects_in_state, finding
from autumn_mock.journal.finding_state import FindingState
from autumn_mock.journal.purchases import (
    CARD_PAGES,
    PURCHASE_CALLS,
    PurchaseCall,
    acts_by_page,
    fields_of,
    is_about,
    money,
    purchases,
    reads_between,
    shows_plans,
)
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.ledger.intervals import DAY
from autumn_mock.store.environment import Environment


@detects_in_state("payment_url_asked_for_again")
def urls_asked_for_again(entries: Sequence[RequestEntry], state: FindingState) -> Iterator[Finding]:
    """One for each row of at least :data:`LOOP` equal purchases whose payment pages were not opened in between,
    and neither was one where a card is changed."""
    bought = [each for each in purchases(entries) if each.page is not None]
    if len(bought) < LOOP:
        return
    acts = acts_by_page(state.environment)
    elsewhere = [each for each in entries if each.call in CARD_PAGES]
    rows: dict[Hashable, list[list[PurchaseCall]]] = {}
    for purchase in bought:
        own = rows.setdefault(purchase.subject, [[]])
        if own[-1]:
            earlier = own[-1][-1]
            seen = acts.get(earlier.page or "", ())
            moments = [*(act.received for act in seen), *(each.received for each in elsewhere)]
            is_used = any(earlier.entry.received <= each <= purchase.entry.received for each in moments)
            if is_used or not purchase.entry.follows(earlier.entry):
                own.append([])
        own[-1].append(purchase)
    for row in (row for own in rows.values() for row in own if len(row) >= LOOP):
        first = row[0]
        yield finding(
            "payment_url_asked_for_again",
            [each.entry for each in row],
            f"{w.what(first.entry)} of {first.plans} by {first.entry.customer_id} was sent {w.times(len(row))}, and "
            f"answered each time with {_answers(row)}",
            items=None,
            doubt="the customer may have asked for it each time, and not gone on",
        )


def _answers(row: Sequence[PurchaseCall]) -> str:
    pages = list(dict.fromkeys(each.page or "" for each in row))
    reason = "" if row[-1].refusal is None else f" and the action {row[-1].refusal}"
    if len(pages) == 1:
        return f"the same payment URL{reason}; its page {pages[0]} was not opened in between"
    shown = f"{', '.join(pages[:3])}{' …' if len(pages) > 3 else ''}"
    return f"another payment URL{reason}; none of the pages was opened before the next request ({shown})"


# -- bought twice


@detects_in_state("bought_again_after_lost_reply")
def bought_twice(entries: Sequence[RequestEntry], state: FindingState) -> Iterator[Finding]:
    """One for each purchase that was charged, whose reply was lost, and that was sent again and charged again."""
    made = purchases(entries)
    if all(each.entry.is_known_accepted for each in made):
        return
    rows: dict[Hashable, list[PurchaseCall]] = {}
    for purchase in made:
        row = rows.get(purchase.subject)
        if row is not None and _is_blind(entries, row[-1], purchase, state):
            row.append(purchase)
        else:
            if row is not None and len(row) > 1:
                yield from _charged_twice(row, state.environment)
            rows[purchase.subject] = [purchase]
    for row in rows.values():
        yield from _charged_twice(row, state.environment)


def _is_blind(entries: Sequence[RequestEntry], first: PurchaseCall, again: PurchaseCall, state: FindingState) -> bool:
    """Whether a purchase was sent again by a client that did not know of the first, and had not asked."""
    entry = first.entry
    return (
        not entry.is_known_accepted
        and again.entry.follows(entry)
        and not reads_between(entries, entry.customer_id, entry, again.entry)
        and not any(each.cause == entry.request_id for each in state.delivered())
    )


def _charged_twice(row: Sequence[PurchaseCall], environment: Environment) -> Iterator[Finding]:
    first, moments = row[0], {each.entry.at for each in row}
    paid = [
        each
        for each in _invoices(environment, first.entry.customer_id)
        if each.status == "paid" and each.amount_paid > 0 and each.created_at in moments and not each.is_renewal
        if not first.plan_ids or set(each.plan_ids) == set(first.plan_ids)
    ]
    extra = sorted(paid, key=lambda each: each.created_at)[1 : len(row)]
    if not extra:
        return
    total = sum((each.amount_paid for each in extra), Decimal(0))
    yield finding(
        "bought_again_after_lost_reply",
        [each.entry for each in row],
        f"{w.what(first.entry)} of {first.plans} by {first.entry.customer_id} was made and charged, "
        f"{w.outcome(first.entry)}, and was sent again {w.times(len(row) - 1)}: the customer paid "
        f"{money(total, extra[0].currency)} more ({', '.join(each.stripe_id for each in extra)}), and the client "
        f"had not read in between what the customer has",
        items=None,
        amounts={extra[0].currency: float(total)},
        doubt="the customer may have wanted it more than once",
    )


# -- canceled plans


@detects_in_state("canceled_plan_attached")
def canceled_plans_attached(entries: Sequence[RequestEntry], state: FindingState) -> Iterator[Finding]:
    """One for each customer whose canceled plan was attached again, which is refused, and that stayed canceled."""
    rows: dict[tuple[str, str, str], list[RequestEntry]] = {}
    for entry in entries:
        if entry.call in ("billing.update", "billing.multi_update", "cancel") and entry.is_accepted:
            for name in [name for name in rows if name[0] == entry.customer_id]:
                del rows[name]
        elif entry.call == "billing.attach" and entry.service_status == entry.status == 409 and entry.is_answered:
            plan_id = fields_of(entry.body).get("plan_id") or fields_of(entry.body).get("product_id")
            rows.setdefault((entry.customer_id, entry.entity_id, str(plan_id)), []).append(entry)
    for (customer_id, entity_id, plan_id), row in rows.items():
        attached = _canceled(state.environment, customer_id, entity_id, plan_id, row[-1].at)
        if attached is None or attached.canceled_at is None:
            continue
        ends_at = attached.expires_at
        until = "ended" if ends_at is None else "ended" if ends_at <= state.now else f"ends at {_day(ends_at)}"
        yield finding(
            "canceled_plan_attached",
            row,
            f"{plan_id} of {customer_id} was canceled at {_day(attached.canceled_at)}, and a {row[0].call} of it was "
            f"refused with 409 {w.times(len(row))}: that does not take the cancellation back, and no billing.update "
            f"did; the plan {until}",
            items=None,
            doubt="the client may have shown the refusal to its customer",
        )


def _canceled(environment: Environment, customer_id: str, entity_id: str, plan_id: str, at: int) -> CustomerPlan | None:
    """A customer's plan that had been canceled before an instant (ms), and was not given up before it."""
    for customer in environment.customers.of(customer_id).values():
        closed = [
            each.attached
            for each in environment.closed_plans.of(customer.internal_id).values()
            if each.ended_at is None or each.ended_at > at
        ]
        for each in (*environment.customer_plans.of(customer.internal_id).values(), *closed):
            if (each.plan_id, each.entity_id or "") == (plan_id, entity_id) and (each.canceled_at or at + 1) <= at:
                return each
    return None


def _day(instant: int) -> str:
    return f"{datetime.fromtimestamp(instant / 1000, timezone.utc):%Y-%m-%d %H:%M} UTC"


# -- past due


@detects_in_state("past_due_not_noticed")
def past_due_unread(entries: Sequence[RequestEntry], state: FindingState) -> Iterator[Finding]:
    """One for each failed renewal of a plan that was used for more than a day since, by a client that never asked what
    the customer has."""
    environment = state.environment
    failed = [each for each in environment.invoices.snapshot() if _is_unpaid_renewal(each)]
    if not failed:
        return
    acts, used = acts_by_page(environment), _uses_by_customer(entries)
    for invoice in failed:
        customer = environment.customers.get(invoice.customer)
        if customer is None or customer.id is None:
            continue
        uses = [each for each in used.get(customer.id, ()) if each.at >= invoice.created_at]
        days = (uses[-1].at - uses[0].at) // DAY if uses else 0
        if not days or invoice.stripe_id in acts or _is_announced(state, invoice):
            continue
        if any(each.at >= invoice.created_at and _concerns(each, customer.id) for each in entries):
            continue
        yield finding(
            "past_due_not_noticed",
            uses,
            f"The renewal of {', '.join(invoice.plan_ids)} by {customer.id} failed at {_day(invoice.created_at)} "
            f"({invoice.required_action}; {money(invoice.due, invoice.currency)} are due, {invoice.stripe_id}); the "
            f"client recorded usage for {count_of(days, 'day')} more, in {count_of(len(uses), 'request')}, "
            f"and read neither the customer nor its invoices",
            items=None,
            doubt="the payment provider may be the one that asks for the payment",
        )


def _concerns(entry: RequestEntry, customer_id: str) -> bool:
    """Whether it shows that a renewal has failed, or changes the customer's plans."""
    bills = entry.call in PURCHASE_CALLS and entry.customer_id == customer_id
    return bills or shows_plans(entry, customer_id)


def _is_unpaid_renewal(invoice: Invoice) -> bool:
    is_failed = invoice.is_renewal and invoice.required_action is not None
    return is_failed and invoice.status in ("open", "uncollectible")


def _uses_by_customer(entries: Sequence[RequestEntry]) -> dict[str, list[RequestEntry]]:
    """The requests that recorded usage, by customer."""
    found: dict[str, list[RequestEntry]] = {}
    for entry in entries:
        if entry.call in TRACK_CALLS and entry.is_accepted:
            for customer_id in {item.customer_id for item in entry.sent}:
                found.setdefault(customer_id, []).append(entry)
    return found


def _is_announced(state: FindingState, invoice: Invoice) -> bool:
    """Whether a webhook of the customer was accepted since."""
    since = (each for each in state.delivered() if each.at >= invoice.created_at)
    return any(is_about(each, invoice.customer, state.environment) for each in since)


def _invoices(environment: Environment, customer_id: str) -> list[Invoice]:
    owners = [each.internal_id for each in environment.customers.of(customer_id).values()]
    return [each for owner in owners for each in environment.invoices.of(owner).values()]
