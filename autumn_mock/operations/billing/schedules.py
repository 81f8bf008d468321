"""``billing.create_schedule``: plans in phases that follow each other.

The plans of the first phase are bought at once, like those of ``billing.multi_attach``; one that the customer is on
already, sent without changes, stays. When they are paid, the plans of the later phases are scheduled. A phase ends the
plans of the one before it; other plans stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from msgspec import UNSET, Struct
from msgspec.structs import replace

from autumn_mock.domain.customer import Customer, CustomerPlan
from autumn_mock.domain.payment import Subscription
from autumn_mock.domain.plan import Plan
from autumn_mock.ids import new_id
from autumn_mock.ledger.intervals import HOUR, MINUTE, add_months
from autumn_mock.operations import plans
from autumn_mock.operations.billing import checkouts, licenses
from autumn_mock.operations.billing.attach import of_version, owner_of
from autumn_mock.operations.billing.attachments import attached_plans, cycle_end, require_payments, sent_quantities
from autumn_mock.operations.billing.customization import customized
from autumn_mock.operations.billing.grants import begin, prepaid_of
from autumn_mock.operations.billing.invoicing import card_of
from autumn_mock.operations.billing.multi_attach import multi_attach_within, refuse_rivals, single
from autumn_mock.operations.billing.purchases import Outcome, Settled
from autumn_mock.operations.billing.subscriptions import begun, drop_scheduled
from autumn_mock.operations.billing.unpaid_changes import changed_by_update, place_of, supersede
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import invalid_request
from autumn_mock.payments.cycles import Terms
from autumn_mock.store.environment import Transaction
from autumn_mock.wire.requests.billing import BillingAttach
from autumn_mock.wire.requests.multi_attach import MultiAttach, PlanToAttach
from autumn_mock.wire.requests.schedules import CreateSchedule, Phase

#: How far from now (ms) the first phase may begin to begin now.
_TOLERANCE_MS = 15 * MINUTE
#: How far from the end of a cycle (ms) a later phase may begin to begin with the next one.
_NEAR_MS = 12 * HOUR


class ScheduledPhase(Struct, frozen=True):
    """A phase that was made."""

    id: str
    starts_at: int
    attached: tuple[CustomerPlan, ...]


class Schedule(Struct, frozen=True):
    """What was made; without an id its payment is waited for."""

    outcome: Outcome
    id: str | None = None
    phases: tuple[ScheduledPhase, ...] = ()


class _Timed(Struct, frozen=True):
    """A phase and when it begins (ms)."""

    phase: Phase
    starts_at: int


def create_schedule(call: Call, params: CreateSchedule) -> Schedule:
    """Put a customer on the plans of a schedule, once those of its first phase are paid for."""
    with call.write() as transaction:
        return create_schedule_within(call, transaction, params)


def create_schedule_within(
    call: Call, transaction: Transaction, params: CreateSchedule, settled: Settled | None = None
) -> Schedule:
    """Make a schedule in a transaction; ``settled``: how its first phase was paid for."""
    asked = [single(immediate(params), each) for each in params.phases[0].plans]
    customer, _ = owner_of(call, transaction, asked[0])
    first, *later = _moved(_timed(call, params, is_settled=settled is not None), _boundary(call, customer))
    _refuse(call, params, [first, *later])
    kept = [_kept(call, customer, each) for each in asked]
    wanted = immediate(params, [each for each, held in zip(first.phase.plans, kept, strict=True) if held is None])
    held = [each for each in kept if each is not None]
    outcome = Outcome(customer_id=params.customer_id, entity_id=params.entity_id)
    changes = _changes(call, params, held, later)
    supersede(call, transaction, customer, changes, is_paid=settled is not None)
    if wanted.plans:
        if first.starts_at < call.now - _TOLERANCE_MS:
            wanted = replace(wanted, starts_at=first.starts_at)
        deferred = replace(
            checkouts.deferred("create_schedule", _priced(call, params, kept), call.now), changes=changes
        )
        outcome = multi_attach_within(call, transaction, wanted, settled, deferred)
        if not outcome.attached:
            return Schedule(outcome)
        held += outcome.attached[: len(wanted.plans) - len(params.unscheduled_plans or ())]
    ends = [each.starts_at for each in later]
    current = tuple(_until(transaction, each, ends[0] if ends else None) for each in held)
    made = [ScheduledPhase(new_id("phase"), call.now, current)]
    made += _scheduled(call, transaction, customer, params, later, made[0].attached)
    return Schedule(outcome, new_id("sched"), tuple(made))


def immediate(params: CreateSchedule, chosen: Sequence[PlanToAttach] | None = None) -> MultiAttach:
    """The purchase of the first phase: of all its plans, or of those ``chosen``."""
    return MultiAttach(
        customer_id=params.customer_id,
        entity_id=params.entity_id,
        plans=[*(params.phases[0].plans if chosen is None else chosen), *(params.unscheduled_plans or ())],
        free_trial=params.free_trial,
        invoice_mode=params.invoice_mode,
        discounts=params.discounts,
        billing_behavior=params.billing_behavior,
        billing_cycle_anchor=params.billing_cycle_anchor,
        success_url=params.success_url,
        redirect_mode=params.redirect_mode,
        enable_plan_immediately=params.enable_plan_immediately,
        no_billing_changes=params.no_billing_changes,
        customer_data=params.customer_data,
        entity_data=params.entity_data,
    )


# -- what is refused


def _timed(call: Call, params: CreateSchedule, *, is_settled: bool) -> list[_Timed]:
    """When each phase begins."""
    found: list[_Timed] = []
    for phase in params.phases:
        if phase.starting_after is not None:
            if not found:
                raise invalid_request("starting_after cannot be used on the first phase")
            after = phase.starting_after
            months = after.duration_count * (12 if after.duration_type == "year" else 1)
            starts_at = add_months(found[-1].starts_at, months)
        elif phase.starts_at == "now":
            if found:
                raise invalid_request("starts_at: 'now' can only be used on the first phase")
            starts_at = call.now
        else:
            starts_at = int(phase.starts_at or 0)
        found.append(_Timed(phase, starts_at))
    if found[0].starts_at > call.now + _TOLERANCE_MS:
        raise invalid_request("The first phase must start immediately")
    if is_settled or abs(found[0].starts_at - call.now) <= _TOLERANCE_MS:
        found[0] = replace(found[0], starts_at=call.now)
    if any(after.starts_at <= before.starts_at for before, after in pairwise(found)):
        raise invalid_request("Phase starts_at values must be strictly increasing")
    return found


def _boundary(call: Call, customer: Customer) -> int | None:
    """The end of the cycle that a subscription of a customer is in (ms); None: there is none."""
    held = call.environment.customer_plans.of(customer.internal_id).values()
    billed = (each for each in held if each.billed_by is not None and each.status == "active")
    return next((cycle_end(each, call.now) for each in billed), None)


def _moved(phases: Sequence[_Timed], boundary: int | None) -> list[_Timed]:
    """Phases with a later one that is near the end of a cycle begun there: a whole cycle is billed, and not hours."""
    found = list(phases)
    for place, each in enumerate(phases):
        if place == 0 or boundary is None or abs(each.starts_at - boundary) > _NEAR_MS:
            continue
        following = phases[place + 1].starts_at if place + 1 < len(phases) else boundary + 1
        if found[place - 1].starts_at < boundary < following:
            found[place] = replace(each, starts_at=boundary)
    return found


def _refuse(call: Call, params: CreateSchedule, phases: Sequence[_Timed]) -> None:
    trial = params.free_trial
    if trial is not UNSET and trial is not None and trial.on_end == "revert":
        raise invalid_request("Cannot use on_end: 'revert' with create_schedule.")
    for place, each in enumerate(phases):
        named = [(plans.get(call, one.plan_id, one.version), one) for one in each.phase.plans]
        scoped = [(plan, _scope(params, one)) for plan, one in named]
        unscheduled = [(plans.get(call, one.plan_id, one.version), one) for one in params.unscheduled_plans or ()]
        refuse_rivals([*scoped, *((plan, _scope(params, one)) for plan, one in unscheduled)])
        if place and any(plan.is_one_off and not plan.is_free for plan, _ in named):
            raise invalid_request(f"phases.{place}: a plan that is paid once can only be in the first phase here")
        if each.phase.billing_cycle_anchor is not None and place != 1:
            raise invalid_request(f"phases.{place}: billing_cycle_anchor is emulated for the second phase only")


def _scope(params: CreateSchedule, plan: PlanToAttach) -> str | None:
    return (params.entity_id if plan.entity_id is UNSET else plan.entity_id) or None


# -- what is made


def _changes(
    call: Call, params: CreateSchedule, held: Sequence[CustomerPlan], later: Sequence[_Timed]
) -> tuple[str, ...]:
    """What a schedule changes, besides what the purchase of its first phase does."""
    found = [name for each in held for name in changed_by_update(each)]
    for timed in later:
        named = ((plans.get(call, each.plan_id, each.version), each) for each in timed.phase.plans)
        found += [place_of(plan, _scope(params, each)) for plan, each in named if plan.is_main]
    return tuple(dict.fromkeys(found))


def _kept(call: Call, customer: Customer, asked: BillingAttach) -> CustomerPlan | None:
    """The plan that a customer is on already, if the request changes nothing of it."""
    if asked.customize or asked.version is not None or asked.feature_quantities or asked.subscription_id:
        return None
    for each in attached_plans(call, customer, asked.entity_id or None):
        if each.plan_id == asked.plan_id and each.status == "active" and each.plan.is_main:
            return each
    return None


def _priced(call: Call, params: CreateSchedule, kept: Sequence[CustomerPlan | None]) -> CreateSchedule:
    """The request for the versions that its first phase buys now."""
    first = params.phases[0]
    plans = [of_version(call, each) if held is None else each for each, held in zip(first.plans, kept, strict=True)]
    return replace(params, phases=[replace(first, plans=plans), *params.phases[1:]])


def _until(transaction: Transaction, attached: CustomerPlan, ends_at: int | None) -> CustomerPlan:
    """A plan of the first phase, which ends with it."""
    if attached.plan.is_one_off:
        return attached
    ending = replace(attached, canceled_at=None, expires_at=ends_at)
    transaction.put(ending)
    return ending


def _scheduled(
    call: Call,
    transaction: Transaction,
    customer: Customer,
    params: CreateSchedule,
    later: Sequence[_Timed],
    before: Sequence[CustomerPlan],
) -> list[ScheduledPhase]:
    """The later phases. What is paid in them is billed by the subscription of the first, or by one of their own."""
    found = (call.environment.subscriptions.get(each.billed_by or "") for each in before)
    subscription = next((each for each in found if each is not None), None)
    asked = [[single(immediate(params), each) for each in timed.phase.plans] for timed in later]
    resolved = [[(one, _plan(call, one)) for one in each] for each in asked]
    for one, plan in (pair for each in resolved for pair in each):
        if plan.is_main:
            drop_scheduled(call, transaction, customer, plan, one.entity_id or None)
    made: list[ScheduledPhase] = []
    for place, (timed, pairs) in enumerate(zip(later, resolved, strict=True)):
        if subscription is None and not params.no_billing_changes and any(not plan.is_free for _, plan in pairs):
            sends = card_of(call, customer) is None
            subscription = begun(call, customer, Terms(call.now, timed.starts_at), sends_invoices=sends)
            transaction.put(subscription)
        if timed.phase.billing_cycle_anchor is not None and subscription is not None:
            subscription = replace(subscription, next_anchor=timed.starts_at)
            transaction.put(subscription)
        ends_at = later[place + 1].starts_at if place + 1 < len(later) else None
        attached = [
            _begin(call, transaction, customer, one, plan, timed.starts_at, ends_at, subscription)
            for one, plan in pairs
        ]
        made.append(ScheduledPhase(new_id("phase"), timed.starts_at, tuple(attached)))
        _end_rivals(call, transaction, customer, attached)
    return made


def _plan(call: Call, one: BillingAttach) -> Plan:
    plan = customized(call, plans.get(call, one.plan_id, one.version), one)
    require_payments(call, plan, one)
    return plan


def _begin(
    call: Call,
    transaction: Transaction,
    customer: Customer,
    one: BillingAttach,
    plan: Plan,
    starts_at: int,
    ends_at: int | None,
    subscription: Subscription | None,
) -> CustomerPlan:
    return begin(
        call,
        transaction,
        customer,
        plan,
        status="scheduled",
        entity_id=one.entity_id or None,
        prepaid=prepaid_of(plan, sent_quantities(one), None),
        started_at=starts_at,
        trial_ends_at=None,
        expires_at=ends_at,
        subscription_id=one.subscription_id,
        license_names=licenses.names(call, plan),
        billed_by=None if subscription is None or plan.is_free else subscription.id,
    )


def _end_rivals(call: Call, transaction: Transaction, customer: Customer, attached: Sequence[CustomerPlan]) -> None:
    """A main plan that no phase names ends when another one of its group begins."""
    mains = {each.slot: each for each in attached if each.plan.is_main}
    for held in list(call.environment.customer_plans.of(customer.internal_id).values()):
        following = mains.get(held.slot)
        if following is None or held.status != "active" or not held.plan.is_main:
            continue
        if held.expires_at is None or held.expires_at > following.started_at:
            transaction.put(replace(held, canceled_at=call.now, expires_at=following.started_at))
