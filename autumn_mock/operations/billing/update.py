"""``billing.update``: changing and cancelling plans that are attached.

A change that costs something is charged first; one that cannot be paid leaves everything as it is, and is made once its
invoice is paid.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.amount import ZERO
from autumn_mock.domain.balance import Balance
from autumn_mock.domain.customer import Customer, CustomerPlan
from autumn_mock.domain.payment import Deferred, InvoiceLine, Subscription
from autumn_mock.operations.billing import checkouts, invoicing, licenses, rewards
from autumn_mock.operations.billing.attachments import (
    current_plan,
    ending,
    fallback,
    find_attached,
    revised,
    sent_quantities,
)
from autumn_mock.operations.billing.billing_rules import bought_once, refuse_update
from autumn_mock.operations.billing.carry import carry, recalculate, selects
from autumn_mock.operations.billing.grants import begin, grant, requantify, withdraw, withdraw_rows
from autumn_mock.operations.billing.invoice_lines import Charges, charges_of_update, refund_of
from autumn_mock.operations.billing.invoicing import card_of
from autumn_mock.operations.billing.past_due import ends_at_once, void_open
from autumn_mock.operations.billing.pauses import resume
from autumn_mock.operations.billing.purchase_rules import refuse_billed_update
from autumn_mock.operations.billing.purchases import Outcome, Settled, collection_of, sends_invoice, waits_for_payment
from autumn_mock.operations.billing.subscriptions import (
    begun,
    changed,
    close_unused,
    drop_scheduled,
    drop_scheduled_add_ons,
)
from autumn_mock.operations.billing.unpaid_changes import changed_by_update, supersede
from autumn_mock.operations.call import Call
from autumn_mock.operations.subjects import get_customer, open_account
from autumn_mock.store.environment import Transaction
from autumn_mock.wire.requests.billing import BillingUpdate, MultiUpdate


class _Updating(Struct, frozen=True, kw_only=True):
    """An attached plan that is being changed; ``new`` None: it is cancelled."""

    params: BillingUpdate
    customer: Customer
    current: CustomerPlan
    new: CustomerPlan | None
    charges: Charges
    #: What of the customer it changes.
    changes: tuple[str, ...]

    @property
    def done(self) -> Outcome:
        return Outcome(customer_id=self.params.customer_id, entity_id=self.params.entity_id or None)

    def wanted(self, now: int) -> Deferred:
        """The same change, to be made later."""
        return replace(checkouts.deferred("update", self.params, now), changes=self.changes)


def update(call: Call, params: BillingUpdate) -> Outcome:
    """Change an attached plan (quantities, items, version, trial, cycle), cancel it, or undo a cancellation."""
    with call.write() as transaction:
        return update_within(call, transaction, params)


def update_within(
    call: Call,
    transaction: Transaction,
    params: BillingUpdate,
    settled: Settled | None = None,
    gathered: list[InvoiceLine] | None = None,
) -> Outcome:
    """Change an attached plan in a transaction; ``settled``: how it was paid for.

    ``gathered`` receives the lines for an invoice that the caller makes.
    """
    customer = get_customer(call.environment, params.customer_id)
    open_account(call, transaction, customer)
    current = find_attached(call, customer, params.entity_id or None, params)
    cancels = params.cancel_action not in (None, "uncancel")
    if cancels and ends_at_once(call, current):
        params = replace(params, cancel_action="cancel_immediately", proration_behavior="none")
    new = None if cancels else revised(call, current, params)
    refuse_update(call, params, current, new)
    if new is not None:
        licenses.refuse_update(call, customer, params, current, new)
        new = replace(new, license_names=licenses.names(call, new.plan))
    charges = charges_of_update(call, customer, current, new, params)
    changes = () if bought_once(current.plan, params) else changed_by_update(current)
    case = _Updating(params=params, customer=customer, current=current, new=new, charges=charges, changes=changes)
    if settled is None:
        refuse_billed_update(call, customer, params, current, new, charges)
    supersede(call, transaction, customer, changes, is_paid=settled is not None)
    if settled is None and params.redirect_mode == "always" and not params.no_billing_changes:
        return _open_session(call, transaction, case)
    if gathered is not None:
        gathered.extend(charges.lines)
        _perform(call, transaction, case, _subscription_after(call, case))
        return case.done
    return _make(call, transaction, case, settled)


def _open_session(call: Call, transaction: Transaction, case: _Updating) -> Outcome:
    """Have the change confirmed on a page."""
    params = case.params
    wanted = case.wanted(call.now)
    session = checkouts.find_open(call, case.customer, wanted)
    if session is None:
        checkouts.end_open(call, transaction, case.customer)
        adjustable = tuple(each.feature_id for each in params.feature_quantities or () if each.adjustable)
        session = checkouts.open_session(
            call,
            transaction,
            case.customer,
            checkouts.Session(
                mode="autumn",
                deferred=wanted,
                entity_id=case.done.entity_id,
                lines=case.charges.lines,
                adjustable=adjustable,
            ),
        )
    return replace(case.done, checkout=session)


def _make(call: Call, transaction: Transaction, case: _Updating, settled: Settled | None) -> Outcome:
    """Invoice the change, and make it unless that waits for the payment of the invoice."""
    params, done = case.params, case.done
    subscription = _subscription_after(call, case)
    if settled is not None and settled.invoice is not None:
        done = replace(done, invoice=settled.invoice)
    elif case.charges.lines or (subscription is not None and case.charges.subscription is None):
        collection = collection_of(params, settled)
        wanted = case.wanted(call.now)
        waiting = wanted if collection == "charge" else replace(wanted, expires_at=None)
        exists = case.charges.subscription
        collected = invoicing.invoice(
            call,
            transaction,
            case.customer,
            invoicing.Bill(
                lines=case.charges.lines,
                plan_ids=(case.current.plan_id,),
                entity_id=case.current.entity_id,
                subscription=None if exists is None else exists.id,
                deferred=waiting if waits_for_payment(params) else None,
                collection=collection,
            ),
        )
        done = replace(done, invoice=collected.invoice, refusal=collected.refusal)
        if collected.invoice.is_payable and waits_for_payment(params):
            return done
    if done.invoice is not None and subscription is not None and done.invoice.subscription is None:
        transaction.put(replace(done.invoice, subscription=subscription.id))
    _perform(call, transaction, case, subscription)
    return done


def _subscription_after(call: Call, case: _Updating) -> Subscription | None:
    """The subscription that bills the plan afterwards."""
    charges, new = case.charges, case.new
    if charges.subscription is not None:
        after = charges.subscription if charges.terms is None else changed(charges.subscription, charges.terms)
        return replace(after, coupons=charges.applied, pending=(*after.pending, *charges.later))
    if new is None or charges.terms is None or new.plan.is_free or new.plan.is_one_off or not case.current.plan.is_free:
        return None
    sends = sends_invoice(case.params) or card_of(call, case.customer) is None
    return replace(begun(call, case.customer, charges.terms, sends_invoices=sends), coupons=charges.applied)


def _perform(call: Call, transaction: Transaction, case: _Updating, subscription: Subscription | None) -> None:
    params, customer, current, new = case.params, case.customer, case.current, case.new
    if subscription is not None:
        transaction.put(subscription)
    rewards.redeem(call, transaction, case.charges.coupons)
    if new is None:
        _cancel(call, transaction, customer, current, params)
        if subscription is not None and ends_at_once(call, current):
            void_open(call, transaction, subscription)
        close_unused(call, transaction, customer)
        return
    if params.cancel_action == "uncancel" and current.canceled_at is not None:
        drop_scheduled(call, transaction, customer, current.plan, current.entity_id)
        new = replace(new, canceled_at=None, expires_at=None)
    if subscription is not None:
        new = replace(new, billed_by=None if new.plan.is_free else subscription.id)
    if params.status == "expired":
        withdraw(call, transaction, current)
        close_unused(call, transaction, customer)
        return
    transaction.put(new)
    if (new.plan, new.trial_ends_at, new.anchor) == (current.plan, current.trial_ends_at, current.anchor):
        requantify(call, transaction, new)
        if (params.recalculate_balances or {}).get("enabled"):
            recalculate(call, transaction, customer, new, sent_quantities(params))
    else:
        _regrant(call, transaction, customer, current, new, params)
    if subscription is not None and new.trial_ends_at != current.trial_ends_at:
        _move_others(call, transaction, customer, new, params)
    close_unused(call, transaction, customer)


def _move_others(
    call: Call, transaction: Transaction, customer: Customer, new: CustomerPlan, params: BillingUpdate
) -> None:
    """The other plans of a subscription begin, or end, their trial with it."""
    for each in list(call.environment.customer_plans.of(customer.internal_id).values()):
        if each.id != new.id and each.billed_by == new.billed_by and each.status == "active":
            moved = replace(each, trial_ends_at=new.trial_ends_at, anchor=new.anchor)
            transaction.put(moved)
            _regrant(call, transaction, customer, each, moved, params)


def _cancel(
    call: Call, transaction: Transaction, customer: Customer, current: CustomerPlan, params: BillingUpdate
) -> None:
    """End a plan now or at the end of its period; its group falls back to its default plan.

    A scheduled plan is deleted, and the one that was to end for it goes on.
    """
    entity_id, plan = current.entity_id, current.plan
    if current.status == "scheduled":
        transaction.delete(current)
        before = current_plan(call, customer, plan, entity_id) if plan.is_main else None
        if before is not None and before.canceled_at is not None:
            transaction.put(replace(before, canceled_at=None, expires_at=None))
        return
    if current.paused is not None:
        withdraw(call, transaction, current)
        resume(call, transaction, current.paused)
        return
    following = fallback(call, current)
    refund = refund_of(call, customer, current, params)
    if refund is not None and refund.amount > ZERO:
        transaction.put(replace(refund.invoice, refunded_amount=refund.invoice.refunded_amount + refund.amount))
    if plan.is_main:
        drop_scheduled(call, transaction, customer, plan, entity_id)
    if params.cancel_action == "cancel_immediately":
        if plan.is_main:
            drop_scheduled_add_ons(call, transaction, customer, entity_id)
        checkouts.end_of_plan(call, transaction, current)
        withdraw(call, transaction, current)
        if following is not None:
            begin(call, transaction, customer, following, trial_ends_at=None)
        return
    ended = ending(call, current)
    transaction.put(ended)
    if following is not None and ended.expires_at is not None:
        terms = {"status": "scheduled", "started_at": ended.expires_at, "trial_ends_at": None}
        begin(call, transaction, customer, following, **terms)


def _regrant(
    call: Call,
    transaction: Transaction,
    customer: Customer,
    current: CustomerPlan,
    new: CustomerPlan,
    params: BillingUpdate,
) -> None:
    """Replace the rows of a plan that has changed. Usage goes along unless a fresh period begins.

    A row that continues another keeps its id and, in the same cycle, its next reset.
    """
    old = withdraw_rows(call, transaction, current)
    same_cycle = (new.anchor, new.trial_ends_at) == (current.anchor, current.trial_ends_at)
    rows, left = [], list(old)
    for row in grant(call, transaction, new):
        before = None if row.pool else _counterpart(row, left)
        if before is not None:
            transaction.delete(row)
            keeps_reset = same_cycle and before.reset == row.reset
            next_reset_at = before.next_reset_at if keeps_reset else row.next_reset_at
            expires_at = None if row.expires_at is None else before.expires_at
            row = replace(row, id=before.id, created_at=before.created_at)
            row = replace(row, next_reset_at=next_reset_at, expires_at=expires_at)
            transaction.put(row)
        rows.append(row)
    fresh = params.billing_cycle_anchor == "now"
    carry(call, transaction, customer, old, rows, selects(params.carry_over_usages, default=not fresh))


def _counterpart(row: Balance, old_rows: list[Balance]) -> Balance | None:
    """The old row that a new one continues, removed from ``old_rows``: same feature, if possible billed alike."""
    same = [each for each in old_rows if each.feature_id == row.feature_id]
    found = next((each for each in same if each.usage_allowed == row.usage_allowed), next(iter(same), None))
    if found is not None:
        old_rows.remove(found)
    return found


def single_updates(params: MultiUpdate) -> list[BillingUpdate]:
    """The updates of several plans, one by one."""
    return [
        BillingUpdate(
            customer_id=params.customer_id,
            entity_id=each.entity_id or params.entity_id,
            plan_id=each.plan_id,
            subscription_id=each.subscription_id,
            cancel_action=each.cancel_action,
            proration_behavior=each.proration_behavior,
            refund_last_payment=params.refund_last_payment,
        )
        for each in params.updates
    ]


def multi_update(call: Call, params: MultiUpdate) -> Outcome:
    """Cancel several plans, or undo their cancellation, with one invoice of what is credited: all, or none."""
    with call.write() as transaction:
        done = Outcome(customer_id=params.customer_id, entity_id=params.entity_id)
        lines: list[InvoiceLine] = []
        changed_plans: list[str] = []
        for one in single_updates(params):
            customer = get_customer(call.environment, params.customer_id)
            current = find_attached(call, customer, one.entity_id, one)
            update_within(call, transaction, one, gathered=lines)
            changed_plans.append(current.plan_id)
        if lines:
            customer = get_customer(call.environment, params.customer_id)
            bill = invoicing.Bill(
                lines=tuple(lines), plan_ids=tuple(dict.fromkeys(changed_plans)), entity_id=params.entity_id
            )
            collected = invoicing.invoice(call, transaction, customer, bill)
            done = replace(done, invoice=collected.invoice, refusal=collected.refusal)
        return done
