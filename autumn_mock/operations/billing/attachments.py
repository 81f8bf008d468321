"""The effects of attaching a plan and of changing an attached one, computed without changing anything.

Previews return them, :mod:`autumn_mock.operations.billing.attach` applies them.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import UNSET, Struct
from msgspec.structs import replace

from autumn_mock.domain.amount import ZERO, amount
from autumn_mock.domain.customer import Customer, CustomerPlan
from autumn_mock.domain.plan import BasePrice, Interval, ItemPrice, Plan
from autumn_mock.ledger.intervals import period_end, period_start
from autumn_mock.operations import plans
from autumn_mock.operations.billing.customization import customized
from autumn_mock.operations.billing.grants import prepaid_of, trial_end
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.wire.requests.billing import BillingAttach, BillingParams, BillingUpdate

#: By which prices of several intervals are compared. A price that is paid once is not divided.
MONTHS: dict[Interval, Decimal] = {
    "week": Decimal("0.25"),
    "month": Decimal(1),
    "quarter": Decimal(3),
    "semi_annual": Decimal(6),
    "year": Decimal(12),
}


class Attachment(Struct, frozen=True):
    """The effect of attaching a plan; instants in ms."""

    plan: Plan
    prepaid: dict[str, Decimal]
    #: The main plan of the same group that it replaces.
    current: CustomerPlan | None
    #: The paid plan whose subscription it joins, as an add-on or a plan of an entity.
    joined: CustomerPlan | None
    #: Other plans that end at once, as requested.
    removed: tuple[CustomerPlan, ...]
    #: In the past, if the customer already pays elsewhere; in the future for a plan that is scheduled.
    starts_at: int
    #: Whether it is made later: at the end of the cycle, or once it is paid.
    is_deferred: bool
    #: From when cycles are counted; None: from its start.
    anchor: int | None
    trial_ends_at: int | None

    @property
    def reverts(self) -> bool:
        """Whether it is a trial that the present plan follows again."""
        return self.trial_ends_at is not None and _reverts(self.plan)


def decide(call: Call, customer: Customer, entity_id: str | None, params: BillingAttach) -> Attachment:
    """The effect of attaching a plan to a customer (or an entity, by its id)."""
    known = plans.get(call, params.plan_id, params.version)
    if not trial_available(call, customer, entity_id, known):
        known = replace(known, free_trial=None)
    plan = customized(call, known, params)
    require_payments(call, plan, params)
    current = current_plan(call, customer, plan, entity_id) if plan.is_main else None
    if current is not None and current.plan_id == plan.id:
        raise ApiError(
            409,
            f"Cannot attach because the customer's current product '{plan.id}' "
            "is the same as the product being attached",
            "plan_already_attached",
        )
    starts_at = call.now
    if params.starts_at is not None:
        starts_at = params.starts_at
    elif current is not None and not _reverts(plan) and is_deferred(plan, current.plan, params.plan_schedule):
        starts_at = cycle_end(current, call.now)
    elif current is None and params.plan_schedule == "end_of_cycle" and not params.new_billing_subscription:
        host = _joined(call, customer, plan, entity_id, starts_at)
        starts_at = call.now if host is None else cycle_end(host, call.now)
    waits = starts_at > call.now
    trial = None if waits else trial_end(plan.free_trial, call.now)
    before = None if waits else current
    joined = None if params.new_billing_subscription else _joined(call, customer, plan, entity_id, starts_at)
    if before is None and joined is not None:
        trial, before = joined.trial_ends_at, joined
    if before is not None and before.billed_by is None and not plan.is_free and not params.no_billing_changes:
        before = None  # it begins a subscription of its own
    return Attachment(
        plan=plan,
        prepaid=prepaid_of(plan, sent_quantities(params), current),
        current=current,
        joined=joined,
        removed=tuple(_removed(call, customer, each) for each in params.remove_plan_ids or ()),
        starts_at=starts_at,
        is_deferred=waits,
        anchor=_anchor(call, plan, before, params.billing_cycle_anchor, trial),
        trial_ends_at=trial,
    )


def _reverts(plan: Plan) -> bool:
    return plan.free_trial is not None and plan.free_trial.on_end == "revert"


def trial_available(call: Call, customer: Customer, entity_id: str | None, plan: Plan) -> bool:
    """Whether a plan has a trial that a customer (or an entity) may begin.

    One who is or was on the plan may not, nor may a customer with the fingerprint of one; unless the organisation
    allows ``multiple_trials``.
    """
    if plan.free_trial is None:
        return False
    environment = call.environment
    if environment.organisation.config.multiple_trials:
        return True
    if plan.id in customer.ended_plans or any(
        each.plan_id == plan.id for each in attached_plans(call, customer, entity_id)
    ):
        return False
    if not customer.fingerprint:
        return True
    others = [each for each in environment.customers if each.fingerprint == customer.fingerprint]
    return not any(_has_had(call, each, plan) for each in others if each.internal_id != customer.internal_id)


def _has_had(call: Call, customer: Customer, plan: Plan) -> bool:
    held = call.environment.customer_plans.of(customer.internal_id).values()
    return plan.id in customer.ended_plans or any(each.plan_id == plan.id for each in held)


def require_payments(call: Call, plan: Plan, params: BillingParams) -> None:
    """400 for a plan that has to be paid while payments are off."""
    trial = plan.free_trial
    needs_card = trial is None or (trial.card_required and trial.on_end != "revert")
    if call.environment.payments == "off" and not plan.is_free and needs_card and not params.no_billing_changes:
        raise invalid_request(
            f"Plan '{plan.id}' has a price, and payments are off (the real service would ask Stripe). "
            "Pass no_billing_changes: true to attach it without billing, use a free plan, or serve with "
            "--payments page."
        )


def _removed(call: Call, customer: Customer, plan_id: str) -> CustomerPlan:
    for each in call.environment.customer_plans.of(customer.internal_id).values():
        if each.status == "active" and each.plan_id == plan_id:
            return each
    raise ApiError(404, f"No active plan '{plan_id}' found on the customer to remove", "product_not_found")


def _joined(call: Call, customer: Customer, plan: Plan, entity_id: str | None, starts_at: int) -> CustomerPlan | None:
    """The paid plan whose subscription an add-on, or a plan of an entity, joins at once: its cycle and its trial."""
    if plan.is_free or plan.is_one_off or starts_at != call.now or not (plan.add_on or entity_id is not None):
        return None
    every = call.environment.customer_plans.of(customer.internal_id).values()
    paid = [each for each in every if each.status == "active" and not each.plan.is_free and not each.plan.is_one_off]
    return min(paid, key=lambda each: (each.entity_id is not None, each.plan.add_on), default=None)


def _anchor(
    call: Call, plan: Plan, current: CustomerPlan | None, requested: str | int | None, trial_ends_at: int | None
) -> int | None:
    """From when the cycles of a plan are counted; ``current`` is what it replaces or joins. The first that applies.

    ==================================  ===================
    requested                           as requested
    the plan begins with a trial        the trial's end
    there is no current plan            its start
    that was on trial                   its start
    free to paid, or paid to free       its start
    free to free, or paid to paid       as before
    ==================================  ===================
    """
    if requested is not None:
        return call.now if requested == "now" else int(requested)
    if trial_ends_at is not None:
        return trial_ends_at
    if current is None or current.trial_ends_at is not None or current.plan.is_free != plan.is_free:
        return None
    return current.cycle_anchor


def sent_quantities(params: BillingParams) -> dict[str, Decimal]:
    """The quantities of a request, by feature."""
    sent = params.feature_quantities or ()
    return {each.feature_id: amount(each.quantity) for each in sent if each.quantity is not None}


def attached_plans(call: Call, customer: Customer, entity_id: str | None) -> list[CustomerPlan]:
    """The active and scheduled plans of a customer (or an entity, by its id)."""
    plans_ = call.environment.customer_plans.of(customer.internal_id).values()
    return [each for each in plans_ if each.entity_id == entity_id]


def current_plan(call: Call, customer: Customer, plan: Plan, entity_id: str | None) -> CustomerPlan | None:
    """The active main plan of the same group."""
    for each in attached_plans(call, customer, entity_id):
        if each.plan.is_main and each.status == "active" and each.plan.group == plan.group:
            return each
    return None


def scheduled(call: Call, customer: Customer, plan: Plan, entity_id: str | None) -> list[CustomerPlan]:
    """The scheduled main plans of the same group."""
    plans_ = attached_plans(call, customer, entity_id)
    return [
        each for each in plans_ if each.status == "scheduled" and each.plan.is_main and each.plan.group == plan.group
    ]


def _months(price: BasePrice | ItemPrice) -> Decimal:
    return MONTHS.get(price.interval, Decimal(1)) * price.interval_count


def _by_use(price: BasePrice | ItemPrice) -> bool:
    return isinstance(price, ItemPrice) and price.billing_method == "usage_based"


def monthly_price(plan: Plan) -> Decimal:
    """The prices of a plan for one month, without those of use; of tiers the first counts."""
    prices = [each for each in plan.prices if not _by_use(each)]
    amounts = (each.amount if isinstance(each, BasePrice) else each.unit_amount for each in prices)
    return sum((value / _months(each) for each, value in zip(prices, amounts, strict=True)), ZERO)


def longest_price(plan: Plan) -> BasePrice | ItemPrice | None:
    """The price of a plan with the longest interval."""
    return max((each for each in plan.prices if each.interval != "one_off"), key=_months, default=None)


def _interval(plan: Plan) -> Decimal:
    longest = longest_price(plan)
    return ZERO if longest is None else _months(longest)


def is_upgrade(current: Plan, plan: Plan) -> bool:
    """Whether a switch is an upgrade. The first that applies decides.

    ==================================  ===================
    free to paid, paid to free          yes, no
    one of them is paid once            yes
    both have prices of use only        yes
    a longer interval                   yes
    other                               not cheaper a month
    ==================================  ===================
    """
    if current.is_free != plan.is_free:
        return current.is_free
    if current.is_one_off or plan.is_one_off:
        return True
    if plan.prices and all(_by_use(each) for each in (*current.prices, *plan.prices)):
        return True
    return _interval(plan) > _interval(current) or monthly_price(current) <= monthly_price(plan)


def is_deferred(plan: Plan, current: Plan, schedule: str | None = None) -> bool:
    """Whether a switch waits for the end of the period: a downgrade, or a ``schedule`` of ``end_of_cycle``."""
    return not is_upgrade(current, plan) if schedule is None else schedule == "end_of_cycle"


def cycle_end(attached: CustomerPlan, now: int) -> int:
    """The end of the period of an attached plan (ms): of its trial, else of its longest billing interval."""
    if attached.trial_ends_at is not None:
        return attached.trial_ends_at
    longest = longest_price(attached.plan)
    if longest is None:
        return period_end("month", 1, attached.cycle_anchor, now)
    return period_end(longest.interval, longest.interval_count, attached.cycle_anchor, now)


def current_period(attached: CustomerPlan, now: int, held: Iterable[CustomerPlan] = ()) -> tuple[int, int] | None:
    """The start and the end (ms, whole seconds) of the period that a plan on trial, or one that is billed, is in.

    A scheduled plan is in the period of the plan of ``held`` that its subscription bills until then; None: there is
    none.
    """
    if attached.status == "scheduled":
        billed = [each for each in held if each.billed_by == attached.billed_by and each.status == "active"]
        before = next((each for each in billed if each.slot == attached.slot), next(iter(billed), None))
        return None if before is None or before.billed_by is None else current_period(before, now)
    trial = attached.trial_ends_at
    if trial is not None and trial > now:
        return (attached.started_at, trial)
    longest = longest_price(attached.plan)
    if attached.billed_by is None or longest is None:
        return None
    end = period_end(longest.interval, longest.interval_count, attached.cycle_anchor, now)
    start = period_start(longest.interval, longest.interval_count, attached.cycle_anchor, end)
    if attached.cycle_anchor > now:
        start = max(start, attached.started_at)  # the anchor ends the first period
    return (start // 1000 * 1000, end // 1000 * 1000)


def find_attached(call: Call, customer: Customer, entity_id: str | None, params: BillingUpdate) -> CustomerPlan:
    """The plan that an update is about: the one named, else the most important; 404 when there is none."""
    found = attached_plans(call, customer, entity_id)
    named, which = params.customer_product_id or params.subscription_id, ""
    if named is not None:
        found = [each for each in found if named in (each.id, each.subscription_id)]
        which = f" with subscription_id '{named}'"
    elif params.plan_id is not None:
        found = [each for each in found if each.plan_id == params.plan_id]
        which = f" for plan '{params.plan_id}'"
    wanted = sent_quantities(params).keys()
    found.sort(key=lambda each: (each.status == "scheduled", not wanted <= _prepaid_features(each.plan), *_rank(each)))
    if found:
        return found[0]
    whom = "for" if named is not None or not which else "on"
    raise ApiError(
        404, f"No active subscription found{which} {whom} customer '{params.customer_id}'", "cus_product_not_found"
    )


def _prepaid_features(plan: Plan) -> set[str]:
    return {item.feature_id for item in plan.items if item.is_prepaid}


def _rank(attached: CustomerPlan) -> tuple[bool, bool, bool, int]:
    plan = attached.plan
    return plan.is_one_off, plan.add_on, plan.is_free, -attached.created_at


def ending(call: Call, current: CustomerPlan) -> CustomerPlan:
    """An attached plan cancelled to the end of its period; 400 for one that has none."""
    for applies, kind in ((current.plan.is_free, "Free"), (current.plan.is_one_off, "One-off")):
        if applies:
            raise invalid_request(f"{kind} products do not have billing cycles; use cancel: 'immediately' instead.")
    return replace(current, canceled_at=call.now, expires_at=cycle_end(current, call.now))


def fallback(call: Call, ended: CustomerPlan) -> Plan | None:
    """The plan that follows a main plan of a customer: the free default plan of its group, unless it is that plan,
    another main plan goes on, or an entity is on a paid one of the group."""
    if not ended.plan.is_main or ended.entity_id is not None:
        return None
    for each in call.environment.customer_plans.of(ended.customer).values():
        if each.id == ended.id or each.status != "active" or not each.plan.is_main:
            continue
        if each.slot == ended.slot or (each.plan.group == ended.plan.group and not each.plan.is_free):
            return None
    for plan in plans.auto_enabled_plans(call.environment):
        if plan.is_main and plan.is_free and plan.group == ended.plan.group and plan.id != ended.plan_id:
            return plan
    return None


def revised(call: Call, current: CustomerPlan, params: BillingUpdate) -> CustomerPlan:
    """An attached plan with the items, quantities, version, trial or cycle of an update."""
    plan = current.plan
    if params.version is not None:
        plan = plans.get(call, plan.id, params.version)
    plan = customized(call, plan, params)
    trial, anchor = current.trial_ends_at, current.anchor
    custom = params.customize.free_trial if params.customize is not None else UNSET
    if params.free_trial is not UNSET or custom is not UNSET:
        trial = trial_end(plan.free_trial, call.now)
        anchor = trial if trial is not None or current.trial_ends_at is None else call.now
    elif params.billing_cycle_anchor is not None or plan.is_free != current.plan.is_free:
        anchor = _anchor(call, plan, current, params.billing_cycle_anchor, None) or call.now
    prepaid = prepaid_of(plan, sent_quantities(params), current, adds=True)
    seats = {each["license_plan_id"]: int(each["quantity"]) for each in params.license_quantities or ()}
    return replace(
        current,
        plan=plan,
        prepaid=prepaid,
        trial_ends_at=trial,
        anchor=anchor,
        license_quantities={**current.license_quantities, **seats},
        past_due=current.past_due if params.status is None else params.status == "past_due",
    )
