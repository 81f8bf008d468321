"""``billing.multi_attach``: several plans with one payment. All are attached, or none."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import UNSET, Struct
from msgspec.structs import replace

from autumn_mock.domain.customer import Customer
from autumn_mock.domain.payment import CheckoutMode, Deferred, InvoiceLine, Subscription
from autumn_mock.domain.plan import Plan
from autumn_mock.operations.billing import checkouts, invoicing, rewards
from autumn_mock.operations.billing.attach import (
    PlanPurchase,
    examine,
    of_version,
    owner_of,
    perform,
    subscription_after,
)
from autumn_mock.operations.billing.purchases import Outcome, Settled, collection_of, waits_for_payment
from autumn_mock.operations.billing.unpaid_changes import changed_by_attach, supersede
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.payments.discounts import discounted
from autumn_mock.store.environment import Transaction
from autumn_mock.wire.requests.billing import BillingAttach
from autumn_mock.wire.requests.multi_attach import MultiAttach, PlanToAttach


class Basket(Struct, frozen=True, kw_only=True):
    """Several plans that are being attached."""

    params: MultiAttach
    customer: Customer
    entity_id: str | None
    cases: list[PlanPurchase]
    coupons: tuple[rewards.GivenCoupon, ...]
    wanted: Deferred

    @property
    def lines(self) -> tuple[InvoiceLine, ...]:
        """What all of them cost."""
        lines = (line for each in self.cases for line in each.purchase.lines)
        return discounted(lines, [each.coupon for each in self.coupons])

    @property
    def page(self) -> CheckoutMode | None:
        """The page where they are paid: that of a subscription if one begins there."""
        pages = {each.purchase.page for each in self.cases}
        order: tuple[CheckoutMode, ...] = ("subscription", "payment", "autumn")
        return next((each for each in order if each in pages), None)

    @property
    def first(self) -> BillingAttach:
        return self.cases[0].params


def multi_attach(call: Call, params: MultiAttach) -> Outcome:
    """Attach plans to a customer (or to entities), created if need be, once they are paid for."""
    with call.write() as transaction:
        return multi_attach_within(call, transaction, params)


def multi_attach_within(
    call: Call,
    transaction: Transaction,
    params: MultiAttach,
    settled: Settled | None = None,
    wanted: Deferred | None = None,
) -> Outcome:
    """Attach plans in a transaction; ``settled``: how they were paid for. ``wanted``: what is made once they are paid,
    if that is more."""
    basket = fill(call, transaction, params, settled)
    changes = [name for each in basket.cases for name in changed_by_attach(each.decided, each.entity_id)]
    wanted = basket.wanted if wanted is None else wanted
    basket = replace(basket, wanted=replace(wanted, changes=tuple(dict.fromkeys((*wanted.changes, *changes)))))
    supersede(call, transaction, basket.customer, basket.wanted.changes, is_paid=settled is not None)
    done = Outcome(customer_id=params.customer_id, entity_id=basket.entity_id)
    if settled is None and any(each.purchase.is_billed for each in basket.cases):
        session = checkouts.find_open(call, basket.customer, basket.wanted)
        if session is not None and session.mode == basket.page:
            return replace(done, checkout=session)
        checkouts.end_open(call, transaction, basket.customer)
        if basket.page is not None:
            opened = checkouts.Session(
                mode=basket.page,
                deferred=basket.wanted,
                entity_id=basket.entity_id,
                success_url=params.success_url,
                lines=basket.lines,
            )
            return replace(done, checkout=checkouts.open_session(call, transaction, basket.customer, opened))
    return _buy(call, transaction, basket, done, settled)


def fill(call: Call, transaction: Transaction, params: MultiAttach, settled: Settled | None = None) -> Basket:
    """What attaching the plans does and costs. Raises :class:`ApiError` for what is refused."""
    if params.starts_at is not None and params.starts_at > call.now:
        raise invalid_request("Multi-attach starts_at only supports past timestamps.")
    ids = [each.subscription_id for each in params.plans if each.subscription_id is not None]
    for name in ids:
        if ids.count(name) > 1:
            raise ApiError(400, f"Duplicate subscription_id '{name}' in the same request", "duplicate_subscription_id")
    priced = replace(params, plans=[of_version(call, each) for each in params.plans])
    wanted = checkouts.deferred("multi_attach", priced, call.now)
    cases: list[PlanPurchase] = []
    for plan in params.plans:
        one = single(params, plan)
        customer, entity_id = owner_of(call, transaction, one)
        case = examine(call, customer, entity_id, replace(one, billing_cycle_anchor=None), wanted, settled)
        if params.billing_cycle_anchor is not None and not case.decided.plan.is_one_off:
            case = examine(call, customer, entity_id, one, wanted, settled)
        cases.append(case)
    if params.billing_cycle_anchor is not None and all(each.decided.plan.is_one_off for each in cases):
        raise invalid_request(
            "billing_cycle_anchor is not supported when every plan is one-off. One-off plans do not have a recurring "
            "billing cycle."
        )
    refuse_rivals((case.decided.plan, case.entity_id) for case in cases)
    if params.redirect_mode == "always" and any(each.purchase.subscription is not None for each in cases):
        raise ApiError(
            400,
            'redirect_mode cannot be "always" if customer has an existing Stripe subscription. Pass '
            "new_billing_subscription: true to create a new subscription.",
            "invalid_redirect_mode",
        )
    discounted_params = replace(cases[0].params, discounts=params.discounts)
    coupons = rewards.given(call, cases[0].customer, discounted_params, [each.decided.plan.id for each in cases])
    return Basket(
        params=params,
        customer=cases[0].customer,
        entity_id=params.entity_id,
        cases=cases,
        coupons=coupons,
        wanted=wanted,
    )


def refuse_rivals(attached: Iterable[tuple[Plan, str | None]]) -> None:
    """400 for two main plans of one group: a customer, or an entity (by its id), is on one of them."""
    found: dict[tuple[str, str | None], str] = {}
    for plan, entity_id in attached:
        place = (plan.group or "", entity_id)
        if plan.is_main and place in found:
            raise invalid_request(
                f"Plans '{found[place]}' and '{plan.id}' cannot be attached together: only one main plan of a group "
                "can be active. Attach one of them, or give them different groups."
            )
        if plan.is_main:
            found[place] = plan.id


def single(params: MultiAttach, plan: PlanToAttach) -> BillingAttach:
    """The request that attaches one of the plans."""
    return BillingAttach(
        customer_id=params.customer_id,
        customer_data=params.customer_data,
        entity_id=params.entity_id if plan.entity_id is UNSET else plan.entity_id,
        entity_data=params.entity_data,
        plan_id=plan.plan_id,
        feature_quantities=plan.feature_quantities,
        version=plan.version,
        customize=plan.customize,
        subscription_id=plan.subscription_id,
        free_trial=params.free_trial,
        starts_at=params.starts_at,
        invoice_mode=params.invoice_mode,
        proration_behavior=params.billing_behavior,
        billing_cycle_anchor=params.billing_cycle_anchor,
        success_url=params.success_url,
        redirect_mode=params.redirect_mode,
        new_billing_subscription=params.new_billing_subscription,
        enable_plan_immediately=params.enable_plan_immediately,
        no_billing_changes=params.no_billing_changes,
    )


def _buy(call: Call, transaction: Transaction, basket: Basket, done: Outcome, settled: Settled | None) -> Outcome:
    """One invoice for all plans, and one subscription for those that begin one."""
    fresh: Subscription | None = None
    after: list[Subscription | None] = []
    for case in basket.cases:
        subscription = subscription_after(call, case)
        if case.purchase.begins_subscription:
            if fresh is None and subscription is not None:
                applied = rewards.applied_after(call, None, basket.first, basket.coupons)
                fresh = replace(subscription, coupons=applied)
            subscription = fresh
        after.append(subscription)
    lines = basket.lines
    invoice = None if settled is None else settled.invoice
    if invoice is None and (lines or fresh is not None):
        collection = collection_of(basket.first, settled)
        waiting = basket.wanted if collection == "charge" else replace(basket.wanted, expires_at=None)
        bill = invoicing.Bill(
            lines=lines,
            plan_ids=tuple(dict.fromkeys(each.decided.plan.id for each in basket.cases)),
            entity_id=basket.entity_id,
            deferred=waiting if waits_for_payment(basket.first) else None,
            collection=collection,
        )
        collected = invoicing.invoice(call, transaction, basket.customer, bill)
        invoice = collected.invoice
        done = replace(done, invoice=invoice, refusal=collected.refusal)
        if invoice.is_payable and waits_for_payment(basket.first):
            return done
    billed_by = next((each for each in after if each is not None), None)
    if invoice is not None:
        done = replace(done, invoice=invoice)
        if billed_by is not None:
            transaction.put(replace(invoice, subscription=billed_by.id))
    rewards.redeem(call, transaction, basket.coupons)
    made = [
        perform(call, transaction, case, subscription) for case, subscription in zip(basket.cases, after, strict=True)
    ]
    return replace(done, attached=tuple(made))
