"""What ``billing.attach`` and ``billing.update`` refuse, in the order in which it is checked.

The first rule that applies is the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from autumn_mock.domain.customer import Customer, CustomerPlan
from autumn_mock.domain.plan import Plan
from autumn_mock.operations.billing.attachments import Attachment, sent_quantities
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.operations.plan_diff import diff
from autumn_mock.wire.requests.billing import BillingAttach, BillingParams, BillingUpdate, CarryOver
from autumn_mock.wire.requests.items import FreeTrialParams


class Attaching(Struct, frozen=True):
    """What a plan is attached with."""

    params: BillingAttach
    decided: Attachment
    now: int

    @property
    def plan(self) -> Plan:
        return self.decided.plan

    @property
    def is_paid_recurring(self) -> bool:
        return not self.plan.is_free and not self.plan.is_one_off

    @property
    def is_switch_later(self) -> bool:
        return self.decided.is_deferred and self.params.starts_at is None

    @property
    def anchor(self) -> int | None:
        """The requested anchor of billing cycles, if it is an instant."""
        sent = self.params.billing_cycle_anchor
        return None if sent is None or sent == "now" else int(sent)

    def starts(self, *, later: bool) -> bool:
        """Whether a start in the future, or in the past, was requested."""
        starts_at = self.params.starts_at
        return starts_at is not None and starts_at != self.now and (starts_at > self.now) is later


class Updating(Struct, frozen=True):
    """What an attached plan is changed with; ``revised`` is None for a cancellation."""

    params: BillingUpdate
    current: CustomerPlan
    revised: CustomerPlan | None
    now: int

    @property
    def has_anchor(self) -> bool:
        return self.params.billing_cycle_anchor is not None

    @property
    def ends(self) -> bool:
        return self.params.cancel_action in ("cancel_immediately", "cancel_end_of_cycle")

    @property
    def customizes(self) -> bool:
        return self.params.customize is not None or self.params.version is not None

    @property
    def tops_up(self) -> bool:
        """Whether units that are paid once are bought in addition."""
        return bool(bought_once(self.current.plan, self.params))


_TRIAL_ANCHOR = (
    "billing_cycle_anchor cannot be used together with a free trial. "
    "The trial already controls the billing cycle start."
)
_ONE_OFF_ANCHOR = (
    "billing_cycle_anchor is not supported for one-off products. "
    "One-off products do not have a recurring billing cycle."
)
_PAST_ANCHOR = (
    "billing_cycle_anchor cannot be set to a past timestamp. Use 'now' or a future Unix timestamp in milliseconds."
)

ATTACH: tuple[tuple[Callable[[Attaching], bool], str], ...] = (
    (
        lambda a: _invoices(a.params) and a.is_switch_later,
        "Cannot use invoice mode with deferred activation for downgrades. Downgrades are scheduled for end of cycle "
        "and have no immediate invoice to pay.",
    ),
    (
        lambda a: a.is_switch_later and any(value > 0 for value in bought_once(a.plan, a.params)),
        "Scheduled switch with one-off prepaid quantities is not yet supported. Either use an immediate switch, or "
        "omit the one-off prepaid quantity (it will default to 0).",
    ),
    (lambda a: a.anchor is not None and a.anchor < a.now, _PAST_ANCHOR),
    (
        lambda a: a.anchor is not None and a.starts(later=True) and a.anchor <= a.decided.starts_at,
        "billing_cycle_anchor must be after the plan starts",
    ),
    (
        lambda a: a.anchor is not None and a.params.ends_at is not None and a.anchor >= a.params.ends_at,
        "billing_cycle_anchor must be before ends_at",
    ),
    (
        lambda a: a.params.billing_cycle_anchor == "now" and a.starts(later=True),
        "billing_cycle_anchor: 'now' cannot be used before the plan starts",
    ),
    (lambda a: a.params.billing_cycle_anchor is not None and a.decided.trial_ends_at is not None, _TRIAL_ANCHOR),
    (lambda a: a.params.billing_cycle_anchor is not None and a.plan.is_one_off, _ONE_OFF_ANCHOR),
    (
        lambda a: a.params.billing_cycle_anchor == "now" and a.is_switch_later,
        "billing_cycle_anchor resets are not supported for scheduled switches. Use an immediate upgrade, or remove "
        "billing_cycle_anchor.",
    ),
    (
        lambda a: a.params.starts_at is not None and a.params.plan_schedule == "end_of_cycle",
        "starts_at cannot be used together with plan_schedule: end_of_cycle.",
    ),
    (
        lambda a: a.starts(later=False) and not a.is_paid_recurring,
        "Past starts_at is only supported for paid recurring plans.",
    ),
    (
        lambda a: a.starts(later=False) and a.plan.free_trial is not None,
        "Past starts_at cannot be used together with a free trial.",
    ),
    (
        lambda a: a.starts(later=False) and a.decided.current is not None,
        "Past starts_at is only supported for a new subscription, not when switching an existing one.",
    ),
    (
        lambda a: a.starts(later=True) and bool((a.params.invoice_mode or {}).get("enabled")),
        "Future starts_at cannot be used together with invoice mode.",
    ),
    (
        lambda a: a.starts(later=True) and not a.is_paid_recurring,
        "Future starts_at is only supported for paid recurring plans.",
    ),
    (
        lambda a: a.starts(later=True) and a.plan.free_trial is not None,
        "Future starts_at cannot be used together with a free trial.",
    ),
    (
        lambda a: a.params.ends_at is not None and a.params.ends_at <= a.now,
        "ends_at cannot be set to a past timestamp. Use a future Unix timestamp in milliseconds.",
    ),
    (
        lambda a: a.params.ends_at is not None and a.params.ends_at <= a.decided.starts_at,
        "ends_at must be after the plan start timestamp.",
    ),
    (lambda a: a.params.ends_at is not None and a.plan.is_free, "ends_at is only supported for paid plans."),
)

UPDATE: tuple[tuple[Callable[[Updating], bool], str], ...] = (
    (
        lambda u: u.params.refund_last_payment is not None and u.params.proration_behavior is not None,
        "Cannot pass both proration_behavior and refund_last_payment. Use proration_behavior for invoice "
        "credits/proration, or refund_last_payment for direct refunds.",
    ),
    (
        lambda u: u.params.refund_last_payment is not None and u.params.cancel_action != "cancel_immediately",
        "refund_last_payment requires cancel_action to be 'cancel_immediately'.",
    ),
    (
        lambda u: any(each is not None and each.on_end == "revert" for each in _trials(u.params)),
        "on_end: 'revert' can only be set when attaching a plan.",
    ),
    (
        lambda u: u.current.paused is not None and None in _trials(u.params),
        "Cannot remove a revert trial. Use cancel_action to end it and restore the previous plan.",
    ),
    (
        lambda u: u.params.cancel_action == "uncancel" and u.current.status == "scheduled",
        "Cannot uncancel a subscription that is scheduled",
    ),
    (
        lambda u: u.current.status == "scheduled" and not u.ends,
        "Subscription for '{name}' is scheduled and cannot be updated until it becomes active",
    ),
    (
        lambda u: u.tops_up and (u.customizes or u.params.cancel_action is not None or u.has_anchor),
        "A manual top-up can only change feature quantities; fields like customize, cancel_action, and "
        "billing_cycle_anchor are not allowed",
    ),
    (
        lambda u: u.tops_up and u.current.plan.is_one_off,
        "Not allowed to update feature quantity for one off items.",
    ),
    (
        lambda u: u.tops_up and len(sent_quantities(u.params)) > 1,
        "Cannot update a one-off prepaid quantity alongside other subscription changes. Update the plan first, then "
        "adjust the quantity separately.",
    ),
    (lambda u: u.has_anchor and _trial_of(u) is not None, _TRIAL_ANCHOR),
    (lambda u: u.has_anchor and u.current.plan.is_one_off, _ONE_OFF_ANCHOR),
    (
        lambda u: u.has_anchor and u.params.cancel_action is not None,
        "billing_cycle_anchor cannot be used together with a cancel action",
    ),
    (
        lambda u: u.has_anchor and bool(u.params.feature_quantities),
        "billing_cycle_anchor cannot be used together with feature_quantities",
    ),
    (
        lambda u: u.has_anchor and bool(u.params.license_quantities),
        "billing_cycle_anchor cannot be used together with license_quantities",
    ),
    (
        lambda u: (
            u.has_anchor and u.params.billing_cycle_anchor != "now" and int(u.params.billing_cycle_anchor or 0) < u.now
        ),
        _PAST_ANCHOR,
    ),
    (
        lambda u: u.revised is not None and u.current.plan.is_one_off and u.revised.plan.free_trial is not None,
        "Free trials are not available for one-off products",
    ),
    (
        lambda u: _changes_kind(u) and not u.current.plan.is_one_off,
        "Cannot update a subscription from a recurring product to a one-off product",
    ),
    (
        lambda u: _changes_kind(u) and u.current.plan.is_one_off,
        "Cannot update a subscription from a one-off product to a recurring product",
    ),
    (
        lambda u: u.params.customize is not None and u.revised is not None and _is_same(u.current, u.revised),
        "Custom plan configuration is identical to the current subscription; no update is needed",
    ),
)


def bought_once(plan: Plan, params: BillingParams) -> list[Decimal]:
    """The quantities of a request that are paid once."""
    once = {item.feature_id for item in plan.items if item.is_bought_once}
    return [value for feature_id, value in sent_quantities(params).items() if feature_id in once]


def _invoices(params: BillingParams) -> bool:
    mode = params.invoice_mode or {}
    return bool(mode.get("enabled")) and not mode.get("enable_plan_immediately")


def _trials(params: BillingParams) -> list[FreeTrialParams | None]:
    """The trials that a request sends; None: to have none."""
    sent = (params.free_trial, UNSET if params.customize is None else params.customize.free_trial)
    return [each for each in sent if not isinstance(each, UnsetType)]


def _trial_of(u: Updating) -> int | None:
    return u.current.trial_ends_at if u.revised is None else u.revised.trial_ends_at


def _changes_kind(u: Updating) -> bool:
    """Whether a subscription would become a purchase, or the other way round; a plan without prices is neither."""
    if u.revised is None or u.current.plan.is_free or u.revised.plan.is_free:
        return False
    return u.current.plan.is_one_off is not u.revised.plan.is_one_off


def _is_same(current: CustomerPlan, revised: CustomerPlan) -> bool:
    changes = diff(current.plan, revised.plan).changes_offer
    changes |= current.plan.billing_controls != revised.plan.billing_controls
    changes |= current.plan.licenses != revised.plan.licenses
    return not changes and replace(revised, plan=current.plan) == current


def refuse_attach(call: Call, customer: Customer, params: BillingAttach, decided: Attachment) -> None:
    """400 for what cannot be attached like this; 409 for an id of a subscription that is taken."""
    case = Attaching(params, decided, call.now)
    for applies, message in ATTACH:
        if applies(case):
            raise invalid_request(message)
    held = list(call.environment.customer_plans.of(customer.internal_id).values())
    if decided.reverts and not any(_is_paid(each) for each in held):
        raise invalid_request("Cannot use on_end: 'revert' without an existing paid subscription.")
    for message in _transition_problems(call, params):
        raise invalid_request(message)
    for name, setting in (
        ("carry_over_balances", params.carry_over_balances),
        ("carry_over_usages", params.carry_over_usages),
    ):
        for message in _carry_over_problems(call, name, setting, later=decided.is_deferred):
            raise invalid_request(message)
        if setting is not None and setting.enabled and len(decided.removed) > 1:
            raise invalid_request("Cannot carry over usage when removing multiple plans. Remove them one at a time.")
    if params.plan_id in (params.remove_plan_ids or ()):
        raise invalid_request(f"Cannot remove plan '{params.plan_id}' in the same attach that adds it")
    taken = params.subscription_id
    if taken is not None and any(each.subscription_id == taken for each in held):
        raise ApiError(
            409, f"subscription_id '{taken}' is already in use for this customer", "duplicate_subscription_id"
        )


def _is_paid(attached: CustomerPlan) -> bool:
    return attached.status == "active" and not attached.plan.is_free and not attached.plan.is_one_off


def _transition_problems(call: Call, params: BillingParams) -> Iterator[str]:
    rules: dict[str, Any] = params.transition_rules or {}
    for feature_id in rules.get("reset_after_trial_end") or ():
        feature = call.feature(feature_id)
        if feature.is_allocated:
            yield (
                f"reset_after_trial_end is not supported for allocated features. Feature '{feature.id}' is an "
                "allocated feature (continuous_use) and does not have a reset cycle."
            )


def _carry_over_problems(call: Call, name: str, setting: CarryOver | None, *, later: bool) -> Iterator[str]:
    if setting is None or not setting.enabled:
        return
    if later:
        yield (
            f"{name} is only supported for immediate plan switches (upgrades). It cannot be used with scheduled "
            "downgrades."
        )
    what = "balance" if name == "carry_over_balances" else "usage"
    for feature_id in setting.feature_ids or ():
        feature = call.feature(feature_id)
        kind, word = ("boolean", "boolean (static)") if feature.is_boolean else ("non-consumable", "non-consumable")
        if feature.is_boolean or feature.is_allocated:
            yield (
                f"{name} is not supported for {kind} features. Feature '{feature.id}' is a {word} feature and does not "
                f"have a consumable {what}{'' if feature.is_boolean else ' to carry over'}."
            )


def refuse_update(call: Call, params: BillingUpdate, current: CustomerPlan, revised: CustomerPlan | None) -> None:
    """400 for what cannot be done to an attached plan; ``revised`` is None for a cancellation."""
    case = Updating(params, current, revised, call.now)
    for applies, message in UPDATE:
        if applies(case):
            raise invalid_request(message.replace("{name}", current.plan.name))
