"""What time does to the plans of a customer, instant by instant: they begin, end, end their trials and renew.

Applied before a customer is read, and by a sweep; the result does not depend on how often. At one instant, in this
order:

1. unpaid renewals are tried again
2. plans that are over end; when an unpaid trial is over, all plans of its subscription end
3. scheduled plans begin
4. the balances of the plans that renew are reset: usage, units bought in advance, rollovers
5. each subscription is billed: its pending lines, the prices whose cycle begins, the usage of those whose cycle ends
6. the default plan follows plans that ended

What is used during a trial, and with a plan that no subscription bills, is free.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.balance import Balance
from autumn_mock.domain.customer import Customer, CustomerPlan
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.payment import InvoiceLine, Subscription
from autumn_mock.ids import new_id
from autumn_mock.ledger.intervals import first_reset
from autumn_mock.ledger.resets import refresh, renewed
from autumn_mock.operations.accounts import load_account, store
from autumn_mock.operations.billing import invoicing
from autumn_mock.operations.billing.attachments import fallback
from autumn_mock.operations.billing.carry import carry
from autumn_mock.operations.billing.due_changes import renews_at
from autumn_mock.operations.billing.grants import begin, grant, rows_of, withdraw
from autumn_mock.operations.billing.past_due import settle_renewal, try_again
from autumn_mock.operations.billing.pauses import resume
from autumn_mock.operations.billing.rewards import live
from autumn_mock.operations.billing.subscriptions import close_unused
from autumn_mock.operations.call import Call
from autumn_mock.payments.cycles import Terms
from autumn_mock.payments.discounts import discounted
from autumn_mock.payments.lines import Billed, ending, overage_of, reanchored, renewing, starting, switching
from autumn_mock.store.environment import Transaction


def make_due_changes(call: Call, transaction: Transaction, customer: Customer) -> None:
    """Make what is due at the instant of the call."""
    try_again(call, transaction, customer)
    _reset_account(call, transaction, customer)
    _DueChanges(call, transaction, customer).apply()


def _reset_account(call: Call, transaction: Transaction, customer: Customer) -> None:
    """Apply the resets that are due to a customer's balances."""
    account = load_account(call, customer)
    refresh(account, new_id)
    store(transaction, account)


class _Renewal(Struct):
    """A subscription that is billed at this instant."""

    subscription: Subscription
    lines: tuple[InvoiceLine, ...]
    #: The plans that the invoice names.
    plan_ids: tuple[str, ...]
    #: Whether plans of it go on.
    goes_on: bool


class _DueChanges:
    """The changes of a customer's plans that are due at the time of the call, found before any of them is made."""

    def __init__(self, call: Call, transaction: Transaction, customer: Customer) -> None:
        self.call = call
        self.now = call.now
        self.transaction = transaction
        self.customer = customer
        plans = list(call.environment.customer_plans.of(customer.internal_id).values())
        self.subscriptions = [
            each
            for each in call.environment.subscriptions.of(customer.internal_id).values()
            if each.status != "canceled"
        ]
        #: Those that are billed now.
        self.due = {each.id for each in self.subscriptions if self._is_reached(renews_at(each, plans))}
        #: Those that end, because no card pays for them.
        self.unpaid = {each.id for each in self.subscriptions if self._is_unpaid(each, plans)}
        active = [each for each in plans if each.status == "active"]
        self.ended = [each for each in active if each.billed_by in self.unpaid or self._has_ended(each)]
        self.begun = [each for each in plans if each.status == "scheduled" and each.started_at <= self.now]
        self.staying = [each for each in active if each not in self.ended]

    def apply(self) -> None:
        """Make the changes."""
        # First: the usage that is billed is that of the balances before they are reset, or end with their plan.
        renewals = [self._renewal(each) for each in self.subscriptions if each.id not in self.unpaid]
        rows = self._end()
        self._begin(rows)
        self._move_cycles()
        for each in self.staying:
            if each.billed_by in self.due:
                self._reset_rows(each)
        for renewal in renewals:
            if renewal is not None:
                self._bill(renewal)
        self._replace_ended()
        if self.subscriptions:
            close_unused(self.call, self.transaction, self.customer)

    # -- which plans are over

    def _is_reached(self, at: int | None) -> bool:
        return at is not None and at <= self.now

    def _is_unpaid(self, subscription: Subscription, plans: list[CustomerPlan]) -> bool:
        """Whether a trial that needed no card is over without one."""
        if not self._is_reached(subscription.trial_ends_at) or subscription.sends_invoices:
            return False
        customer = self.call.environment.customers.get(self.customer.internal_id) or self.customer
        if invoicing.card_of(self.call, customer) is not None:
            return False
        trials = [each.plan.free_trial for each in plans if each.billed_by == subscription.id]
        return not any(each is not None and each.card_required for each in trials)

    def _has_ended(self, attached: CustomerPlan) -> bool:
        """Whether a plan is over; without billing, the trial of a free plan, or one without a card, ends its plan."""
        if attached.expires_at is not None and attached.expires_at <= self.now:
            return True
        if attached.billed_by is not None or not self._is_reached(attached.trial_ends_at):
            return False
        trial = attached.plan.free_trial
        return attached.plan.is_free or (trial is not None and (not trial.card_required or trial.on_end == "revert"))

    # -- what is billed

    def _renewal(self, subscription: Subscription) -> _Renewal | None:
        """What a subscription bills now; None when nothing of it changes. The balances are those before."""

        def own(plans: list[CustomerPlan]) -> list[CustomerPlan]:
            return [each for each in plans if each.billed_by == subscription.id]

        ended, begun, staying = own(self.ended), own(self.begun), own(self.staying)
        if subscription.id not in self.due and not ended and not begun:
            return None
        terms, features = self._terms(subscription, begun), self.call.environment.features.by_key
        over = [self._billed(each, self._overage(each, is_over=True)) for each in ended]
        fresh = [self._billed(each, {}) for each in begun]
        if self._moves(subscription):
            going = [self._billed(each, self._overage(each, is_over=True)) for each in staying]
            lines = reanchored(going, terms, features, begun=fresh, ended=over if fresh else ())
            lines += () if fresh else tuple(line for each in over for line in ending(each, terms, features))
        elif subscription.id in self.due:
            going = [*(self._billed(each, self._overage(each)) for each in staying), *fresh]
            lines = renewing(going, terms, features, ended=over)
        elif fresh and (over or staying):
            lines = switching(over, fresh[0], terms, features)
            lines += tuple(line for each in fresh[1:] for line in switching((), each, terms, features))
        elif fresh:
            lines = tuple(line for each in fresh for line in starting(each, terms, features))
        else:
            lines = tuple(line for each in over for line in ending(each, terms, features))
        named = [*staying, *begun] or ended
        every = discounted((*subscription.pending, *lines), live(self.call, subscription.coupons, self.now))
        return _Renewal(
            subscription=subscription,
            lines=every,
            plan_ids=tuple(dict.fromkeys(each.plan_id for each in named)),
            goes_on=bool(staying or begun),
        )

    def _moves(self, subscription: Subscription) -> bool:
        """Whether the cycles of a subscription begin anew now."""
        return subscription.next_anchor is not None and subscription.next_anchor <= self.now

    def _terms(self, subscription: Subscription, begun: list[CustomerPlan]) -> Terms:
        terms = Terms(
            self.now,
            subscription.anchor,
            subscription.created_at,
            subscription.trial_ends_at,
            subscription.billed_until,
        )
        if self._is_reached(subscription.trial_ends_at):
            return replace(terms, anchor=self.now, billed_until=self.now)
        return replace(terms, billed_until=self.now) if begun or subscription.anchor != self.now else terms

    def _billed(self, attached: CustomerPlan, overage: Mapping[str, Decimal]) -> Billed:
        entities = self.call.environment.entities.of(attached.customer).values()
        name = next((each.name for each in entities if each.id == attached.entity_id), None)
        return Billed.of(attached, overage, name)

    def _overage(self, attached: CustomerPlan, *, is_over: bool = False) -> Mapping[str, Decimal]:
        """What a plan is overdrawn by: in rows whose period ends now, or in all if the plan ``is_over``."""
        config = self.call.environment.organisation.config
        if attached.trial_ends_at is not None or config.disable_overage_billing:
            return {}
        return overage_of(rows_of(self.call, attached), seats=True, due=None if is_over else self.now)

    def _bill(self, renewal: _Renewal) -> None:
        """Invoice a subscription. One whose plans all ended leaves an open invoice at worst."""
        call, subscription = self.call, renewal.subscription
        is_over = self._is_reached(subscription.trial_ends_at)
        subscription = replace(
            subscription,
            pending=(),
            billed_until=self.now,
            anchor=self.now if is_over or self._moves(subscription) else subscription.anchor,
            next_anchor=None if self._moves(subscription) else subscription.next_anchor,
            trial_ends_at=None if is_over else subscription.trial_ends_at,
            status="active" if is_over else subscription.status,
        )
        self.transaction.put(subscription)
        if not renewal.lines:
            return
        bill = invoicing.Bill(
            lines=renewal.lines,
            plan_ids=renewal.plan_ids,
            occasion="renewal",
            subscription=subscription.id,
            collection="send" if subscription.sends_invoices else "charge",
            is_renewal=renewal.goes_on,
        )
        billed = invoicing.invoice(call, self.transaction, self.customer, bill)
        if renewal.goes_on:
            settle_renewal(call, self.transaction, self.customer, subscription, billed)

    # -- what becomes of plans and balances

    def _end(self) -> dict[tuple[str, str | None], list[Balance]]:
        """End plans and trials; returns the rows of the main plans that ended, by their slot."""
        rows: dict[tuple[str, str | None], list[Balance]] = {}
        for each in self.ended:
            withdrawn = withdraw(self.call, self.transaction, each)
            if each.plan.is_main:
                rows.setdefault(each.slot, []).extend(withdrawn)
        for place, each in enumerate(self.staying):
            if self._is_reached(each.trial_ends_at):
                anchor = each.anchor if each.billed_by is None else self.now
                self.staying[place] = replace(each, trial_ends_at=None, anchor=anchor)
                self.transaction.put(self.staying[place])
        return rows

    def _begin(self, rows: dict[tuple[str, str | None], list[Balance]]) -> None:
        """Begin scheduled plans; one that a subscription bills has its cycles."""
        call = self.call
        for each in self.begun:
            subscription = call.environment.subscriptions.get(each.billed_by or "")
            anchor = each.anchor if subscription is None else subscription.anchor
            if subscription is not None and (self._is_reached(subscription.trial_ends_at) or self._moves(subscription)):
                anchor = self.now
            begun = replace(each, status="active", anchor=anchor)
            self.transaction.put(begun)
            granted = grant(call, self.transaction, begun)
            old = rows.get(each.slot, []) if each.plan.is_main else []
            carry(call, self.transaction, self.customer, old, granted, _nothing, _nothing)

    def _move_cycles(self) -> None:
        """Give the plans that stay the new anchor of their subscription."""
        moving = {each.id for each in self.subscriptions if self._moves(each)}
        self.staying = [replace(each, anchor=self.now) if each.billed_by in moving else each for each in self.staying]
        self.transaction.put_all([each for each in self.staying if each.billed_by in moving])

    def _replace_ended(self) -> None:
        """Begin what follows the plans that ended: the one that each had paused, or a default plan."""
        for each in self.ended:
            if each.paused is not None:
                resume(self.call, self.transaction, each.paused)
                continue
            plan = fallback(self.call, each)
            if plan is not None:
                begin(self.call, self.transaction, self.customer, plan, trial_ends_at=None)

    def _reset_rows(self, attached: CustomerPlan) -> None:
        """Reset what is due of a plan that renews. What it was overdrawn by is billed."""
        keeps_debt = self.call.environment.organisation.config.persist_free_overage
        for row in rows_of(self.call, attached):
            if row.reset is None or row.next_reset_at is None or row.next_reset_at > self.now:
                continue
            fresh = renewed(row, self.now, new_id, keep_debt=keeps_debt and row.price is None)
            next_reset_at = first_reset(row.reset, attached.cycle_anchor, self.now)
            self.transaction.put(replace(fresh, next_reset_at=next_reset_at))


def _nothing(_: Feature) -> bool:
    return False
