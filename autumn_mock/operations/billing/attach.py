"""``billing.attach``: plans that customers begin.

Of the main plans of one group a customer is on one. An upgrade replaces it at once; a downgrade is scheduled for the
end of its billing period. Add-ons and one-off purchases are independent of it.
"""

from __future__ import annotations

from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.customer import Customer, CustomerPlan
from autumn_mock.domain.payment import CheckoutMode, Deferred, Subscription
from autumn_mock.operations import plans
from autumn_mock.operations.accounts import store
from autumn_mock.operations.billing import checkouts, invoicing, licenses, rewards
from autumn_mock.operations.billing.attachments import (
    Attachment,
    decide,
)
from autumn_mock.operations.billing.billing_rules import refuse_attach
from autumn_mock.operations.billing.carry import carry, selects
from autumn_mock.operations.billing.grants import begin, rows_of, withdraw
from autumn_mock.operations.billing.invoicing import Collected, card_of
from autumn_mock.operations.billing.pauses import give_up, pause
from autumn_mock.operations.billing.purchase_rules import refuse_page, refuse_purchase
from autumn_mock.operations.billing.purchases import (
    Outcome,
    Purchase,
    Settled,
    adjustable_features,
    collection_of,
    purchase_of,
    sends_invoice,
    waits_for_payment,
)
from autumn_mock.operations.billing.subscriptions import begun, changed, close_unused, drop_scheduled
from autumn_mock.operations.billing.topups import top_up
from autumn_mock.operations.billing.unpaid_changes import changed_by_attach, supersede
from autumn_mock.operations.call import Call
from autumn_mock.operations.creation import get_or_create_customer, get_or_create_entity
from autumn_mock.operations.subjects import get_entity, open_account
from autumn_mock.store.environment import Transaction
from autumn_mock.wire.requests.billing import BillingAttach, BillingParams, SetupPayment
from autumn_mock.wire.requests.common import CustomerData
from autumn_mock.wire.requests.multi_attach import PlanToAttach

#: The parent of seats while theirs is replaced.
_MOVING = "moving"

P = TypeVar("P", BillingAttach, SetupPayment, PlanToAttach)


class PlanPurchase(Struct, frozen=True, kw_only=True):
    """A plan that is being attached, and how it is paid."""

    params: BillingAttach
    customer: Customer
    entity_id: str | None
    decided: Attachment
    purchase: Purchase
    #: The same request, to be repeated once it is paid.
    wanted: Deferred

    @property
    def done(self) -> Outcome:
        return Outcome(customer_id=self.params.customer_id, entity_id=self.entity_id)


def attach(call: Call, params: BillingAttach) -> Outcome:
    """Attach a plan to a customer (or an entity), both created if need be, once it is paid for."""
    with call.write() as transaction:
        return attach_within(call, transaction, params)


def attach_within(
    call: Call, transaction: Transaction, params: BillingAttach, settled: Settled | None = None
) -> Outcome:
    """Attach a plan in a transaction; ``settled``: how it was paid for."""
    customer, entity_id = owner_of(call, transaction, params)
    is_new = settled is None and not params.no_billing_changes
    wanted = checkouts.deferred("attach", of_version(call, params), call.now)
    session = checkouts.find_open(call, customer, wanted) if is_new else None
    if session is not None and session.attached is not None:
        return Outcome(customer_id=params.customer_id, entity_id=entity_id, checkout=session)
    case = examine(call, customer, entity_id, params, wanted, settled)
    case = replace(case, wanted=replace(wanted, changes=changed_by_attach(case.decided, entity_id)))
    supersede(call, transaction, customer, case.wanted.changes, is_paid=settled is not None)
    if is_new and case.purchase.is_billed:
        if session is not None and session.mode == case.purchase.page:
            return replace(case.done, checkout=session)
        checkouts.end_open(call, transaction, customer)
        if case.purchase.page is not None:
            return _open_session(call, transaction, case, case.purchase.page)
    return _buy(call, transaction, case, settled)


def of_version(call: Call, params: P) -> P:
    """The request for the version of the plan that it means now: what waits for a payment keeps its price."""
    if params.plan_id is None:  # a card is entered for no plan
        return params
    return replace(params, version=plans.get(call, params.plan_id, params.version).version)


def owner_of(call: Call, transaction: Transaction, params: BillingParams) -> tuple[Customer, str | None]:
    """The customer and the entity that a plan is attached to, brought up to date; created if need be."""
    customer = get_or_create_customer(call, transaction, params.customer_id, params.customer_data or CustomerData())
    entity = None
    if params.entity_id and params.entity_data is not None:
        entity = get_or_create_entity(call, transaction, customer, params.entity_id, params.entity_data)
    elif params.entity_id:
        entity = get_entity(call.environment, customer, params.entity_id)
    account = open_account(call, transaction, customer)
    return account.customer, None if entity is None else entity.id


def examine(
    call: Call,
    customer: Customer,
    entity_id: str | None,
    params: BillingAttach,
    wanted: Deferred,
    settled: Settled | None = None,
) -> PlanPurchase:
    """What attaching a plan does and costs. Raises :class:`ApiError` for what is refused."""
    decided = decide(call, customer, entity_id, params)
    purchase = purchase_of(call, customer, params, decided)
    if settled is None:
        refuse_page(params, decided, purchase, call.now)
    refuse_attach(call, customer, params, decided)
    licenses.refuse_attach(call, customer, params, decided.plan, None if decided.is_deferred else decided.current)
    if settled is None:
        refuse_purchase(params, decided, purchase, call.now)
    return PlanPurchase(
        params=params, customer=customer, entity_id=entity_id, decided=decided, purchase=purchase, wanted=wanted
    )


def _open_session(call: Call, transaction: Transaction, case: PlanPurchase, page: CheckoutMode) -> Outcome:
    """Have it paid on a page. With ``enable_plan_immediately`` the plan is attached meanwhile, without being billed."""
    params = case.params
    session = checkouts.open_session(
        call,
        transaction,
        case.customer,
        checkouts.Session(
            mode=page,
            deferred=case.wanted,
            entity_id=case.entity_id,
            success_url=params.success_url,
            lines=case.purchase.lines,
            adjustable=adjustable_features(params, case.decided),
            is_long_lived=bool(params.long_lived_checkout),
        ),
    )
    if not waits_for_payment(params) and page != "autumn":
        attached = perform(call, transaction, case, None)
        session = replace(session, attached=attached.id)
        transaction.put(session)
    return replace(case.done, checkout=session)


def _buy(call: Call, transaction: Transaction, case: PlanPurchase, settled: Settled | None) -> Outcome:
    """Invoice it, and attach the plan unless that waits for the payment of the invoice."""
    purchase, done, billed = case.purchase, case.done, None
    subscription = subscription_after(call, case)
    if settled is not None and settled.invoice is not None:
        billed = Collected(settled.invoice)
    elif not case.decided.is_deferred and (purchase.lines or purchase.begins_subscription):
        billed = _invoice(call, transaction, case, subscription, settled)
    if billed is not None:
        done = replace(done, invoice=billed.invoice, refusal=billed.refusal)
        if billed.invoice.is_payable and waits_for_payment(case.params):
            return done
        if subscription is not None and billed.invoice.subscription != subscription.id:
            transaction.put(replace(billed.invoice, subscription=subscription.id))
    perform(call, transaction, case, subscription)
    return done


def subscription_after(call: Call, case: PlanPurchase) -> Subscription | None:
    """The subscription that bills the plan, or that the plan which it replaces is billed by."""
    purchase = case.purchase
    if purchase.subscription is not None:
        after = purchase.subscription if purchase.terms is None else changed(purchase.subscription, purchase.terms)
        return replace(after, coupons=purchase.applied)
    if not purchase.is_billed or purchase.terms is None:
        return None
    sends = sends_invoice(case.params) or (case.decided.is_deferred and card_of(call, case.customer) is None)
    return replace(begun(call, case.customer, purchase.terms, sends_invoices=sends), coupons=purchase.applied)


def _invoice(
    call: Call,
    transaction: Transaction,
    case: PlanPurchase,
    subscription: Subscription | None,
    settled: Settled | None,
) -> Collected:
    collection = collection_of(case.params, settled)
    waiting = case.wanted if collection == "charge" else replace(case.wanted, expires_at=None)
    exists = case.purchase.subscription is not None
    return invoicing.invoice(
        call,
        transaction,
        case.customer,
        invoicing.Bill(
            lines=case.purchase.lines,
            plan_ids=(case.decided.plan.id,),
            entity_id=case.entity_id,
            subscription=subscription.id if subscription is not None and exists else None,
            deferred=waiting if waits_for_payment(case.params) else None,
            collection=collection,
        ),
    )


def perform(
    call: Call, transaction: Transaction, case: PlanPurchase, subscription: Subscription | None
) -> CustomerPlan:
    """Attach the plan, and end or schedule the end of what it replaces."""
    params, customer, entity_id, decided = case.params, case.customer, case.entity_id, case.decided
    waits, current = decided.is_deferred, decided.current
    if subscription is not None:
        transaction.put(subscription)
    rewards.redeem(call, transaction, case.purchase.coupons)
    old = [row for each in decided.removed for row in withdraw(call, transaction, each)]
    if decided.plan.is_main:
        drop_scheduled(call, transaction, customer, decided.plan, entity_id)
    if current is not None and waits:
        transaction.put(replace(current, canceled_at=call.now, expires_at=decided.starts_at))
    elif current is not None:
        licenses.move_seats(call, transaction, customer, current.id, _MOVING)
        take = pause if decided.reverts else withdraw
        old += take(call, transaction, current)
        if current.paused is not None and not decided.reverts:
            give_up(call, transaction, current.paused)
    recurs = not decided.plan.is_free and not decided.plan.is_one_off
    attached = begin(
        call,
        transaction,
        customer,
        decided.plan,
        status="scheduled" if waits else "active",
        entity_id=entity_id,
        prepaid=decided.prepaid,
        started_at=decided.starts_at,
        anchor=decided.anchor,
        trial_ends_at=decided.trial_ends_at,
        expires_at=params.ends_at,
        subscription_id=params.subscription_id,
        license_quantities=licenses.quantities(params),
        license_names=licenses.names(call, decided.plan),
        billed_by=subscription.id if subscription is not None and recurs else None,
        paused=current.id if current is not None and decided.reverts else None,
    )
    licenses.move_seats(call, transaction, customer, _MOVING, attached.id)
    usages, balances = params.carry_over_usages, params.carry_over_balances
    if old:
        new = rows_of(call, attached)
        carry(call, transaction, customer, old, new, selects(usages), selects(balances))
    close_unused(call, transaction, customer)
    account = open_account(call, transaction, customer)
    top_up(call, transaction, account)
    store(transaction, account)
    return attached
