"""What is refused of a purchase because of how it would be paid. The first rule that applies is the answer."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.customer import Customer, CustomerPlan
from autumn_mock.operations.billing.attachments import Attachment, revised
from autumn_mock.operations.billing.invoice_lines import Charges, charges_of_update
from autumn_mock.operations.billing.purchases import Purchase, adjustable_features, sends_invoice
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import invalid_request
from autumn_mock.wire.requests.billing import BillingAttach, BillingUpdate


class _Case(Struct, frozen=True):
    """A plan, and how it is paid."""

    params: BillingAttach
    decided: Attachment
    purchase: Purchase
    now: int

    @property
    def has_provider_page(self) -> bool:
        return self.purchase.page in ("payment", "subscription")

    @property
    def is_paid_recurring(self) -> bool:
        return not self.decided.plan.is_free and not self.decided.plan.is_one_off

    @property
    def intervals(self) -> set[tuple[str, int]]:
        """The intervals of what is to be paid now; what is paid once may go with any."""
        charged = {line.price_id for line in self.purchase.lines if line.subtotal > 0}
        prices = [each for each in self.decided.plan.prices if each.price_id in charged and each.interval != "one_off"]
        return {(each.interval, each.interval_count) for each in prices}

    @property
    def changes(self) -> bool:
        """Whether a subscription that exists changes now."""
        return self.purchase.subscription is not None and not self.decided.is_deferred

    @property
    def is_unprorated(self) -> bool:
        return self.params.proration_behavior == "none" and self.changes and self.params.billing_cycle_anchor != "now"

    @property
    def ends_trial(self) -> bool:
        before = self.purchase.subscription
        return (
            before is not None
            and (before.trial_ends_at or 0) > self.now
            and self.decided.trial_ends_at is None
            and self.is_paid_recurring
        )


_Rules = tuple[tuple[Callable[[_Case], bool], str], ...]

#: Checked before the other rules about attaching.
_FIRST: _Rules = (
    (
        lambda c: c.params.new_billing_subscription is False and c.is_paid_recurring and c.purchase.begins_subscription,
        "Cannot merge with an existing billing cycle because the customer has no active paid recurring subscription. "
        "Set new_billing_subscription to true to create a new cycle.",
    ),
    (
        lambda c: c.has_provider_page and len(c.intervals) > 1,
        "Cannot create Stripe checkout when there are multiple intervals that require payment upfront. Please use "
        "direct billing or separate the purchases.",
    ),
    (
        lambda c: (
            c.has_provider_page
            and bool(c.params.enable_plan_immediately)
            and bool(adjustable_features(c.params, c.decided))
        ),
        "enable_plan_immediately cannot be used with adjustable feature quantities — set adjustable_quantity to false "
        "on each option, or remove enable_plan_immediately.",
    ),
)

#: Checked after them.
_LAST: _Rules = (
    (
        lambda c: c.decided.starts_at < c.now and c.has_provider_page,
        "Past starts_at cannot be used when Stripe Checkout is required.",
    ),
    (
        lambda c: c.is_unprorated and c.ends_trial,
        "Cannot set proration_behavior to 'none' when ending a free trial",
    ),
    (
        lambda c: bool(c.params.custom_line_items) and c.purchase.is_billed and not c.changes,
        "custom_line_items can only be used when updating an existing subscription (not creating a new one)",
    ),
    (
        lambda c: bool(c.params.custom_line_items) and c.ends_trial,
        "custom_line_items cannot be used when the subscription update creates a Stripe-managed invoice "
        "(e.g. removing a trial)",
    ),
)


def _refuse(rules: _Rules, case: _Case) -> None:
    for applies, message in rules:
        if applies(case):
            raise invalid_request(message)


def refuse_page(params: BillingAttach, decided: Attachment, purchase: Purchase, now: int) -> None:
    """400 for what cannot be paid on a page, or with a subscription that does not exist."""
    _refuse(_FIRST, _Case(params, decided, purchase, now))


def refuse_purchase(params: BillingAttach, decided: Attachment, purchase: Purchase, now: int) -> None:
    """400 for what cannot be billed like this."""
    _refuse(_LAST, _Case(params, decided, purchase, now))
    if purchase.is_billed and purchase.subscription is not None:
        for each in decided.removed:
            if each.billed_by not in (None, purchase.subscription.id):
                raise invalid_request(
                    f"Plan '{each.plan_id}' is billed on a separate subscription and cannot be removed in this attach"
                )


class _Change(Struct, frozen=True):
    """A change of an attached plan; ``new`` None: it is cancelled."""

    params: BillingUpdate
    current: CustomerPlan
    new: CustomerPlan | None
    charges: Charges

    @property
    def redirects(self) -> bool:
        return self.params.redirect_mode == "always" and not self.params.no_billing_changes

    @property
    def ends_trial(self) -> bool:
        return self.new is not None and self.current.trial_ends_at is not None and self.new.trial_ends_at is None

    @property
    def adds_once(self) -> bool:
        """Whether items that are paid once are added."""
        if self.new is None:
            return False
        before = {item.feature_id for item in self.current.plan.items if item.is_bought_once}
        return any(item.is_bought_once and item.feature_id not in before for item in self.new.plan.items)


_UPDATE: tuple[tuple[Callable[[_Change], bool], str], ...] = (
    (
        lambda c: c.new is not None and c.current.plan.is_one_off and c.new.plan.prices != c.current.plan.prices,
        "For one-off products, only entitlement changes are allowed; price and billing changes are not supported",
    ),
    (
        lambda c: c.ends_trial and c.adds_once,
        "Cannot remove the free trial while adding one-off items to a paid recurring subscription",
    ),
    (
        lambda c: c.ends_trial and c.charges.subscription is not None and c.params.proration_behavior == "none",
        "Cannot set proration_behavior to 'none' when removing a free trial",
    ),
    (
        lambda c: sends_invoice(c.params) and not c.charges.lines and not c.params.no_billing_changes,
        "Cannot create an invoice for this subscription update because there are no billing changes.",
    ),
    (
        lambda c: c.redirects and c.params.cancel_action is not None,
        "Autumn checkout does not support cancel or uncancel updates",
    ),
    (
        lambda c: c.redirects and c.new == c.current and not _is_adjustable(c.params),
        "Cannot create checkout when no billing changes will happen in this update",
    ),
    (
        lambda c: (
            c.redirects
            and c.new is not None
            and c.new.prepaid == c.current.prepaid
            and c.new.plan == c.current.plan
            and not _is_adjustable(c.params)
        ),
        "Cannot create checkout when quantities are not updated or adjustable",
    ),
)


def _is_adjustable(params: BillingUpdate) -> bool:
    return any(each.adjustable for each in params.feature_quantities or ())


def refuse_billed_update(
    call: Call,
    customer: Customer,
    params: BillingUpdate,
    current: CustomerPlan,
    new: CustomerPlan | None,
    charges: Charges,
) -> None:
    """400 for a change that cannot be billed or confirmed like this; ``new`` None: the plan is cancelled."""
    case = _Change(params, current, new, charges)
    for applies, message in _UPDATE:
        if applies(case):
            raise invalid_request(message)
    if params.cancel_action == "cancel_end_of_cycle" and (params.feature_quantities or params.customize):
        otherwise = replace(params, cancel_action=None)
        if charges_of_update(call, customer, current, revised(call, current, otherwise), otherwise).lines:
            raise invalid_request("Cannot use cancel: 'end_of_cycle' when an invoice will be created")
