"""When time changes something of a customer's plans next, and the loop that makes the changes.

Every call that reads a customer asks for it; what a change does and bills is in
:mod:`autumn_mock.operations.billing.renewals`, which is loaded when the first change is due.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from msgspec.structs import replace

from autumn_mock.domain.customer import Customer, CustomerPlan
from autumn_mock.domain.payment import Invoice, Subscription
from autumn_mock.domain.plan import Interval, recurs
from autumn_mock.ledger.intervals import DAY, period_end
from autumn_mock.operations.call import Call
from autumn_mock.store.environment import Environment, Transaction

#: At how many instants one call applies what is due of a customer. Renewals beyond them are not billed.
MOST_CHANGES = 500
#: How long after an invoice its card is charged again (ms).
RETRY_AFTER = (3 * DAY, 8 * DAY, 15 * DAY)


def next_change(environment: Environment, owner: str) -> int | None:
    """When (ms) time changes something of a customer's plans next."""
    instants = plan_instants(environment, owner)
    if len(environment.checkouts) or len(environment.invoices):
        instants += waiting_until(environment, owner)
    if len(environment.subscriptions):
        subscriptions = environment.subscriptions.of(owner).values()
        if any(each.status == "past_due" for each in subscriptions):
            instants += [at for at, _ in tries_at(environment, owner)]
    return min((at for at in instants if at is not None), default=None)


def plan_instants(environment: Environment, owner: str) -> list[int | None]:
    """When (ms) each of a customer's plans begins, ends, or ends its trial next, and each subscription is billed."""
    plans = environment.customer_plans.of(owner)
    instants = [changes_at(each) for each in plans.values()]
    if len(environment.subscriptions):
        instants += [renews_at(each, plans.values()) for each in environment.subscriptions.of(owner).values()]
    return instants


def waiting_until(environment: Environment, owner: str) -> Iterator[int | None]:
    """When (ms) the payments that changes of a customer wait for are settled, or waited for no longer."""
    for session in environment.checkouts.of(owner).values():
        if session.status == "open":
            yield session.expires_at
        elif session.status == "complete" and not session.is_settled:
            yield session.settles_at
    for made in environment.invoices.of(owner).values():
        if made.is_being_paid:  # the change does not wait any longer for that
            yield made.settles_at
        elif made.status == "open" and made.deferred is not None:
            yield made.deferred.expires_at


def changes_at(attached: CustomerPlan) -> int | None:
    """When an attached plan begins, ends, or ends its trial next (ms)."""
    if attached.status == "scheduled":
        return attached.started_at
    if attached.trial_ends_at is None:
        return attached.expires_at
    return attached.trial_ends_at if attached.expires_at is None else min(attached.trial_ends_at, attached.expires_at)


def renews_at(subscription: Subscription, plans: Iterable[CustomerPlan]) -> int | None:
    """When a subscription is billed next (ms); None for one that bills no active plan."""
    if subscription.status == "canceled":
        return None
    own = [each for each in plans if each.billed_by == subscription.id and each.status == "active"]
    since, trial = subscription.billed_until, subscription.trial_ends_at
    if not own:
        return None
    if trial is not None and trial > since:
        return trial
    if subscription.anchor > since:
        return subscription.anchor
    moves_at = subscription.next_anchor
    ends = (
        _boundary(price.interval, price.interval_count, subscription.anchor, since)
        for each in own
        for price in each.plan.prices
        if recurs(price)
    )
    following = min((at for at in ends if at > since), default=None)
    if moves_at is not None and moves_at > since:
        return moves_at if following is None else min(moves_at, following)
    return following


@lru_cache(maxsize=4096)
def _boundary(interval: Interval, count: int, anchor: int, since: int) -> int:
    """The first boundary of cycles after an instant; it is asked for with every use of a customer."""
    return period_end(interval, count, anchor, since)


def tries_at(environment: Environment, owner: str) -> Iterator[tuple[int, Invoice]]:
    """When (ms) the unpaid renewals of a customer are tried again next."""
    for made in environment.invoices.of(owner).values():
        if made.status != "open" or made.is_being_paid or not made.is_renewal or made.tries >= len(RETRY_AFTER):
            continue
        subscription = environment.subscriptions.get(made.subscription or "")
        if subscription is not None and subscription.status == "past_due" and not subscription.sends_invoices:
            yield made.created_at + RETRY_AFTER[made.tries], made


def apply_plan_changes(call: Call, transaction: Transaction, customer: Customer) -> None:
    """Make all changes that are due, in the order of time, each as of its own time."""
    owner = customer.internal_id
    for _ in range(MOST_CHANGES):
        at = next_change(call.environment, owner)
        if at is None or at > call.now:
            return
        from autumn_mock.operations.billing.renewals import (
            make_due_changes,  # what is billed, loaded when something is due
        )

        transaction.describe_plans(call.now)  # what the call itself has changed so far
        due = replace(call, now=at)
        if len(call.environment.checkouts) or len(call.environment.invoices):
            from autumn_mock.operations.billing.settlement import settle_due  # it makes changes that need this module

            settle_due(due, transaction, customer)
            transaction.describe_plans(at)
        make_due_changes(due, transaction, customer)
        transaction.describe_plans(at, by_time=True)
    for each in list(call.environment.subscriptions.of(owner).values()):
        if each.status != "canceled":
            transaction.put(replace(each, billed_until=max(each.billed_until, call.now)))
