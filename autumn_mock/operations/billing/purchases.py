"""What attaching a plan costs, and how it is paid, computed without changing anything.

A payment page is needed when there is no card and nothing that is billed already goes on. The first that applies:

==========================================================  =============================
what                                                        page
==========================================================  =============================
nothing is billed; a start in the future; an invoice sent   none
no card: a purchase that is paid once                       payment
no card: a subscription of its own, unless its trial needs  subscription
none
``redirect_mode: always``: the same with a card             payment, subscription
``redirect_mode: always``: anything else                    autumn: the service's own page
==========================================================  =============================

``redirect_mode: never`` leads to no page.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.customer import Customer, CustomerPlan
from autumn_mock.domain.payment import (
    AppliedCoupon,
    Checkout,
    CheckoutMode,
    Invoice,
    InvoiceLine,
    Refusal,
    Subscription,
)
from autumn_mock.operations.billing.attachments import Attachment
from autumn_mock.operations.billing.invoice_lines import charges_of_attach
from autumn_mock.operations.billing.invoicing import card_of
from autumn_mock.operations.billing.rewards import GivenCoupon
from autumn_mock.operations.call import Call
from autumn_mock.payments.cycles import Terms
from autumn_mock.wire.requests.billing import BillingAttach, BillingParams


class Purchase(Struct, frozen=True, kw_only=True):
    """What attaching a plan costs, and how it is paid."""

    #: Whether the provider has to know of it.
    is_billed: bool
    lines: tuple[InvoiceLine, ...] = ()
    #: The subscription that it changes or joins.
    subscription: Subscription | None = None
    #: Its subscription as it bills afterwards; None: nothing recurs, or it stays as it is.
    terms: Terms | None = None
    #: What the request gives, already taken off the lines, and what its subscription has afterwards.
    coupons: tuple[GivenCoupon, ...] = ()
    applied: tuple[AppliedCoupon, ...] = ()
    #: The page where it is paid first.
    page: CheckoutMode | None = None

    @property
    def begins_subscription(self) -> bool:
        """Whether it has a subscription of its own."""
        return self.is_billed and self.subscription is None and self.terms is not None


class Outcome(Struct, frozen=True, kw_only=True):
    """What a call about billing did. With a ``checkout``, or a ``refusal``, the change waits for a payment."""

    customer_id: str
    entity_id: str | None = None
    invoice: Invoice | None = None
    checkout: Checkout | None = None
    refusal: Refusal | None = None
    #: What several plans together were attached as; empty: they wait.
    attached: tuple[CustomerPlan, ...] = ()


class Settled(Struct, frozen=True):
    """How a change was paid for: by an invoice that was made before, or on a page."""

    invoice: Invoice | None = None
    checkout: Checkout | None = None


def collection_of(params: BillingParams, settled: Settled | None) -> str:
    """How an invoice is collected, as :class:`~autumn_mock.operations.billing.invoicing.Bill` has it."""
    if settled is not None and settled.checkout is not None and settled.checkout.mode != "autumn":
        return "paid"
    if not sends_invoice(params):
        return "charge"
    mode = params.invoice_mode or {}
    return "draft" if mode.get("finalize") is False or mode.get("issue_method") == "draft" else "send"


def purchase_of(call: Call, customer: Customer, params: BillingAttach, decided: Attachment) -> Purchase:
    """What attaching a plan to a customer costs, and how it is paid."""
    plan = decided.plan
    if params.no_billing_changes or decided.reverts:
        return Purchase(is_billed=False)
    charges = charges_of_attach(call, customer, decided, params)
    subscription, terms = charges.subscription, None
    if plan.is_free and subscription is None:
        asks = params.redirect_mode == "always"
        return Purchase(is_billed=asks, page="autumn" if asks else None)
    if not plan.is_free and not plan.is_one_off:
        terms = charges.terms
        if terms is None and subscription is None:  # it starts later
            anchor = decided.starts_at if decided.anchor is None else decided.anchor
            terms = Terms(call.now, anchor, call.now, decided.trial_ends_at)
    purchase = Purchase(
        is_billed=True,
        lines=charges.lines,
        subscription=subscription,
        terms=terms,
        coupons=charges.coupons,
        applied=charges.applied,
    )
    return replace(purchase, page=_page(call, customer, params, decided, purchase))


def _page(
    call: Call, customer: Customer, params: BillingAttach, decided: Attachment, purchase: Purchase
) -> CheckoutMode | None:
    starts_later = params.starts_at is not None and decided.is_deferred
    if params.redirect_mode == "never" or sends_invoice(params) or starts_later:
        return None
    plan, always = decided.plan, params.redirect_mode == "always"
    if card_of(call, customer) is not None and not always:
        return None
    if plan.is_one_off and not plan.is_free:
        return "payment"
    if not plan.is_free and purchase.subscription is None:
        trial = plan.free_trial if decided.trial_ends_at is not None else None
        if always or trial is None or trial.card_required:
            return "subscription"
    return "autumn" if always else None


def sends_invoice(params: BillingParams) -> bool:
    """Whether an invoice is sent instead of charging a card."""
    return bool((params.invoice_mode or {}).get("enabled"))


def waits_for_payment(params: BillingParams) -> bool:
    """Whether the change is made after the payment only."""
    if isinstance(params, BillingAttach) and params.enable_plan_immediately:
        return False
    return not (params.invoice_mode or {}).get("enable_plan_immediately")


def adjustable_features(params: BillingAttach, decided: Attachment) -> tuple[str, ...]:
    """The features whose quantity can be changed on the page: those that say so, and those without a quantity."""
    sent = {each.feature_id: each for each in params.feature_quantities or ()}
    found = []
    for item in decided.plan.items:
        if item.is_prepaid:
            option = sent.get(item.feature_id)
            if option is not None and (option.adjustable or (option.quantity is None and option.adjustable is None)):
                found.append(item.feature_id)
    return tuple(dict.fromkeys(found))
