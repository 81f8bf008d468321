"""What the pretended payment provider knows: cards, subscriptions, invoices and checkout sessions.

Nothing is ever charged. Amounts are in the major unit of the currency (20 is 20.00), instants in ms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Literal

from msgspec import Struct

from autumn_mock.domain.amount import ZERO
from autumn_mock.domain.record import Count, Instant, Record

CardBehavior = Literal["ok", "declines", "needs_3ds"]
"""What happens when a card is charged."""

InvoiceStatus = Literal["draft", "open", "paid", "void", "uncollectible"]

RequiredAction = Literal["3ds_required", "payment_method_required", "payment_failed", "payment_processing"]
"""Why an invoice was not paid."""

CheckoutStatus = Literal["open", "complete", "expired"]

CheckoutMode = Literal["payment", "subscription", "setup", "autumn"]
"""A checkout session of the provider (the first three), or the service's own confirmation page."""

Occasion = Literal["purchase", "renewal", "topup", "page"]
"""When a card is charged: by a call, at the end of a period, for an auto top-up, on a payment page."""

PaymentMode = Literal["page", "accept", "decline", "off"]
"""How a customer without a card is treated: pays on a page, has a card that works, or one that is declined. ``off``:
nothing can be bought."""


class CardCharge(Struct, frozen=True, kw_only=True):
    """A charge of a card that is about to be tried."""

    occasion: Occasion
    #: As the caller names the customer.
    customer_id: str
    plan_ids: tuple[str, ...] = ()
    #: The feature of an auto top-up.
    feature_id: str | None = None


class Refusal(Struct, frozen=True):
    """Why a charge did not succeed, and what is needed for it."""

    action: RequiredAction
    reason: str
    #: In how many ms it succeeds all the same; None: it failed.
    succeeds_in: int | None = None


NO_CARD = Refusal("payment_method_required", "Payment method required")
DECLINED = Refusal("payment_failed", "Your card was declined.")
NEEDS_3DS = Refusal("3ds_required", "Additional authentication required")

#: Why a card is declined, as the provider names it.
DECLINE_REASONS = {
    "card_declined": DECLINED,
    "insufficient_funds": Refusal("payment_failed", "Your card has insufficient funds."),
    "expired_card": Refusal("payment_failed", "Your card has expired."),
    "authentication_required": NEEDS_3DS,
}


def processing(succeeds_in: int) -> Refusal:
    """A payment that succeeds in some ms."""
    return Refusal("payment_processing", "The payment is being processed", succeeds_in)


ChargeProblem = Callable[[CardCharge], "Refusal | None"]
"""Why a charge fails, whatever the card; None: the card decides."""


class Card(Record, frozen=True, kw_only=True):
    """A payment method on file."""

    id: str
    behavior: CardBehavior = "ok"
    fingerprint: str
    created_at: Instant
    brand: str = "visa"
    last4: str = "4242"


#: A call that may have to wait for a payment.
Operation = Literal["attach", "multi_attach", "update", "setup_payment", "create_schedule"]


PageAction = Literal["open", "pay", "3ds", "decline", "abandon", "settle"]
"""What happens on a payment page: what a customer does there, and when the service knows of the payment."""


class PageAct(Struct, frozen=True):
    """What happened on a payment page."""

    #: The id of a checkout session, or the provider's id of an invoice.
    page: str
    action: PageAction
    #: In seconds of a monotonic clock.
    received: float


class Deferred(Record, frozen=True, kw_only=True):
    """A change that waits for a payment, as the call that asked for it."""

    operation: Operation
    #: The body of the request, in the words of the newest version.
    body: dict[str, Any]
    #: When it is void; None: never.
    expires_at: Instant | None = None
    #: What it replaces or changes, as :mod:`autumn_mock.operations.billing.unpaid_changes` names it.
    changes: tuple[str, ...] = ()

    @property
    def plan_ids(self) -> tuple[str, ...]:
        """The plans that the request names; of a schedule those of its first phase."""
        phases: Sequence[dict[str, Any]] = self.body.get("phases") or ({},)
        named = (*(self.body.get("plans") or ()), *(phases[0].get("plans") or ()))
        return tuple(str(each) for each in (self.body.get("plan_id"), *(one["plan_id"] for one in named)) if each)


class Discount(Record, frozen=True, kw_only=True):
    """What was taken off one line."""

    amount_off: Decimal
    percent_off: Decimal | None = None
    reward_id: str | None = None
    reward_name: str | None = None


class InvoiceLine(Record, frozen=True, kw_only=True):
    """One line of an invoice or a preview: a charge, or (below zero) a credit."""

    display_name: str
    description: str
    #: Before discounts.
    subtotal: Decimal
    discounts: tuple[Discount, ...] = ()
    #: Empty for a line of the caller's own.
    plan_id: str = ""
    feature_id: str | None = None
    entity_id: str | None = None
    #: None for what is paid once.
    period_start: Instant | None = None
    period_end: Instant | None = None
    quantity: Decimal = Decimal(1)
    #: Which price it is of.
    price_id: str | None = None

    @property
    def total(self) -> Decimal:
        """After discounts."""
        return self.subtotal - sum((each.amount_off for each in self.discounts), ZERO)

    @property
    def is_credit(self) -> bool:
        """Whether it gives money back; discounts do not apply to it."""
        return self.subtotal < 0


class AppliedCoupon(Record, frozen=True, kw_only=True):
    """A coupon that reduces the invoices of a subscription for some time."""

    reward_id: str
    applied_at: Instant


class Subscription(Record, frozen=True, kw_only=True):
    """What plans of a customer are billed together. Its cycles are counted from its anchor."""

    id: str
    #: The customer's internal id.
    customer: str
    status: Literal["active", "trialing", "past_due", "canceled"] = "active"
    created_at: Instant
    anchor: Instant
    #: From then on its cycles are counted from then: the rest of the cycle under way is credited.
    next_anchor: Instant | None = None
    #: Up to here, everything was billed.
    billed_until: Instant
    trial_ends_at: Instant | None = None
    #: Whether its invoices are sent, and not charged to a card.
    sends_invoices: bool = False
    #: Coupons that last.
    coupons: tuple[AppliedCoupon, ...] = ()
    #: Lines that wait for the next invoice.
    pending: tuple[InvoiceLine, ...] = ()


class Invoice(Record, frozen=True, kw_only=True):
    """A bill. ``total`` may be below zero: the customer's credit grows by that."""

    #: The service's own id.
    id: str
    #: The provider's.
    stripe_id: str
    #: The customer's internal id.
    customer: str
    #: The entity that it is for.
    entity_id: str | None = None
    #: The id of the provider's subscription; None for what is paid once.
    subscription: str | None = None
    #: The plans that it bills.
    plan_ids: tuple[str, ...] = ()
    #: ``open`` until it is paid.
    status: InvoiceStatus
    #: Charges, and credits below zero.
    lines: tuple[InvoiceLine, ...] = ()
    #: The sum, after discounts, in the major unit of the currency.
    total: Decimal
    #: In lower case.
    currency: str = "usd"
    #: In ms.
    created_at: Instant
    #: What was paid of it, in the major unit.
    amount_paid: Decimal = ZERO
    #: What of the total the customer's credit covers.
    credit_applied: Decimal = ZERO
    #: What was paid back, in the major unit.
    refunded_amount: Decimal = ZERO
    #: Why it is open; None for one that was sent to be paid later.
    required_action: RequiredAction | None = None
    #: Whether it bills a period that a subscription renewed for.
    is_renewal: bool = False
    #: How often a card was charged again for a renewal.
    tries: Count = 0
    #: The change that is made when it is paid.
    deferred: Deferred | None = None
    #: The card that it was paid with on a page, while the service does not know of the payment.
    card: Card | None = None
    #: When the service will know of it (ms); None: when it is asked for.
    settles_at: Instant | None = None
    #: Why the change could not be made although it was paid.
    problem: str | None = None

    @property
    def is_payable(self) -> bool:
        """Whether it can still be paid."""
        return self.status in ("open", "draft")

    @property
    def is_being_paid(self) -> bool:
        """Whether it was paid on a page, and the service does not know of it yet."""
        return self.card is not None and self.is_payable

    @property
    def due(self) -> Decimal:
        """What is to be charged."""
        return max(self.total - self.credit_applied, ZERO)


class Checkout(Record, frozen=True, kw_only=True):
    """A page where a customer pays, or confirms."""

    #: The session's id.
    id: str
    #: The customer's internal id.
    customer: str
    #: The entity that it is for.
    entity_id: str | None = None
    #: Whose page it is: see :data:`CheckoutMode`.
    mode: CheckoutMode
    #: ``complete``: paid on the page; the change follows when the provider's message is processed (``is_settled``).
    status: CheckoutStatus = "open"
    #: The change that is made when it is paid.
    deferred: Deferred
    #: In ms.
    created_at: Instant
    #: In ms.
    expires_at: Instant
    #: Where the browser is sent after the payment.
    success_url: str | None = None
    #: What is paid on it, unless quantities are changed there.
    lines: tuple[InvoiceLine, ...] = ()
    #: Features whose quantity can be changed on the page.
    adjustable: tuple[str, ...] = ()
    #: Whether the change was made.
    is_settled: bool = False
    #: The card that is on file once it is settled.
    card: Card | None = None
    #: The attached plan that was made before the payment (``enable_plan_immediately``).
    attached: str | None = None
    #: When a completed one is settled automatically (ms); None: when it is asked for.
    settles_at: Instant | None = None
    #: The id of the invoice that it led to when it was settled.
    invoice: str | None = None
    #: Why the change could not be made when it was settled.
    problem: str | None = None
