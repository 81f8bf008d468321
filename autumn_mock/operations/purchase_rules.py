"""What is refused of a purchase because of how it would be paid. The first rule that applies is the answer."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from autumn_mock.operations.attachments import Attachment
from autumn_mock.operations.errors import invalid_request
from autumn_mock.operations.purchases import Purchase, adjustable_features
from autumn_mock.wire.requests.billing import BillingAttach


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
