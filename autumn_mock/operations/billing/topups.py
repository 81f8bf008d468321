"""Auto top-ups: units that buy themselves when a balance runs low, with a pretended charge and an invoice.

After a use or a check of a feature, and when a configuration is switched on, the balance of the feature and those of
the credit systems that list it are compared with ``auto_topups``: the customer's, else that of the plan attached last
which has one for the feature. It needs an item that is bought once in advance, without volume tiers: of the plan that
has the configuration, or of the plan attached last that has such an item.

Units are bought in whole packs. They first lift the customer's overdrawn rows to zero, and the rest is added to the row
of the item. The first of these that applies decides:

=====================================================  ==============================  =================
what                                                   webhook, once in its window     counts as
=====================================================  ==============================  =================
``purchase_limit`` top-ups in its window               purchase_limit_reached          --
3 failures in a row, until ``auto_topups`` are set     suspended_after_failures        --
a failure within an hour                               failed_attempt_limit_reached    --
2 attempts within 10 minutes                           attempt_limit_reached           --
no card, without ``invoice_mode``                      missing_payment_method          --
the charge fails, without ``invoice_mode``             charge_failed                   attempt, failure
else                                                   succeeded                       attempt, purchase
=====================================================  ==============================  =================

Example: a threshold of 20, a quantity of 100. A use of 85 out of 100 leaves 15, and then there are 115.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.amount import ZERO, money, number
from autumn_mock.domain.controls import AutoTopup, CountWindow, TopupHistory
from autumn_mock.domain.customer import Customer, CustomerPlan
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.payment import CardCharge, Invoice, InvoiceLine
from autumn_mock.domain.plan import PlanItem
from autumn_mock.domain.webhook import Webhook, WebhookType
from autumn_mock.ids import new_id
from autumn_mock.ledger.account import Account
from autumn_mock.ledger.intervals import DAY, HOUR, MINUTE, add_interval
from autumn_mock.ledger.views import BalanceView, balance_view
from autumn_mock.operations.billing.grants import packs, purchase, rows_of
from autumn_mock.operations.billing.pools import grown, is_bought
from autumn_mock.operations.call import Call
from autumn_mock.store.environment import Transaction
from autumn_mock.wire.requests.controls import CustomerControlsUpdate

_MOST_ATTEMPTS, _ATTEMPTS_MS = 2, 10 * MINUTE
_MOST_FAILURES_IN_A_ROW = 3
#: What the provider says of a card that it declines.
_DECLINED = {
    "code": "card_declined",
    "message": "Your card was declined.",
    "type": "card_error",
    "decline_code": "generic_decline",
}


class _Topup(Struct, frozen=True):
    """A top-up that is due."""

    config: AutoTopup
    attached: CustomerPlan
    item: PlanItem
    quantity: Decimal
    view: BalanceView


def has_topups(account: Account) -> bool:
    """Whether a customer, or a plan of theirs, has a configuration."""
    if account.customer.billing_controls.auto_topups:
        return True
    return any(each.plan.billing_controls.auto_topups for each in account.plans.values())


def top_up(call: Call, transaction: Transaction, account: Account, features: Iterable[Feature] | None = None) -> None:
    """Top up the balances that are low of those that uses of ``features`` take from; without features, the first of
    all. Changed rows stay in the account for the caller to store."""
    if not has_topups(account):
        return
    wanted = None
    if features is not None:
        wanted = {each.id for feature in features for each in account.relevant_features(feature)}
    for config, carrier in _configurations(account):
        if wanted is not None and config.feature_id not in wanted:
            continue
        due = _due(account, config, carrier)
        if due is not None:
            _attempt(call, transaction, account, due)
            if wanted is None:
                return


def _newest_plans(account: Account) -> list[CustomerPlan]:
    """The active plans of the customer itself, attached last first."""
    plans = [each for each in account.plans.values() if each.status == "active" and each.entity_id is None]
    plans.sort(key=lambda each: each.created_at)
    return plans[::-1]


def _configurations(account: Account) -> list[tuple[AutoTopup, CustomerPlan | None]]:
    """The configuration of each feature that has one, and the plan that carries it; None: the customer does."""
    found: dict[str, tuple[AutoTopup, CustomerPlan | None]] = {}
    for config in account.customer.billing_controls.auto_topups or ():
        found.setdefault(config.feature_id, (config, None))
    for attached in _newest_plans(account):
        for config in attached.plan.billing_controls.auto_topups or ():
            found.setdefault(config.feature_id, (config, attached))
    return list(found.values())


def _due(account: Account, config: AutoTopup, carrier: CustomerPlan | None) -> _Topup | None:
    """The top-up that a balance calls for."""
    feature = account.features.get(config.feature_id)
    if not config.enabled or feature is None:
        return None
    view = balance_view(account, feature, None)
    if view is None or view.unlimited or view.remaining > config.threshold:
        return None
    for attached in _newest_plans(account) if carrier is None else [carrier]:
        for item in attached.plan.items:
            if item.feature_id == feature.id and _is_bought_alone(item):
                return _Topup(config, attached, item, packs(item, config.quantity), view)
    return None


def _is_bought_alone(item: PlanItem) -> bool:
    return item.is_bought_once and item.price is not None and item.price.tier_behavior != "volume"


def _attempt(call: Call, transaction: Transaction, account: Account, due: _Topup) -> None:
    customer, feature_id = account.customer, due.config.feature_id
    history = customer.topups.get(feature_id, TopupHistory())
    blocked = _block(call, history, due.config)
    if blocked is not None:
        reason, window = blocked
        _send_failure(call, transaction, account, due, reason, f"{_name(customer)}:{feature_id}:{reason}:{window}")
        return
    problem = None if due.config.invoice_mode else _problem(call, customer, due)
    if problem == "missing_payment_method":
        _send_failure(call, transaction, account, due, problem)
        return
    history = replace(history, attempts=_counted(history.attempts, call.now, call.now + _ATTEMPTS_MS))
    if problem is not None:
        failures = _counted(history.failures, call.now, call.now + HOUR)
        history = replace(history, failures=failures, failed_in_a_row=history.failed_in_a_row + 1)
        _send_failure(call, transaction, account, due, problem)
    else:
        limit = due.config.purchase_limit
        if limit is not None:
            ends_at = add_interval(call.now, limit.interval, int(limit.interval_count))
            history = replace(history, purchases=_counted(history.purchases, call.now, ends_at))
        history = replace(history, failed_in_a_row=0)
        _grant(call, transaction, account, due)
        _send_success(call, transaction, account, due, _bill(call, transaction, customer, due))
    stored = call.environment.customers.get(customer.internal_id) or customer  # plans may have ended since it was read
    account.customer = replace(stored, topups={**stored.topups, feature_id: history})
    transaction.put(account.customer)


def _problem(call: Call, customer: Customer, due: _Topup) -> str | None:
    """Why the charge fails, in the words of the webhook."""
    from autumn_mock.operations.billing.invoicing import refusal_of  # what is charged is loaded at the first charge

    refusal = refusal_of(
        call,
        customer,
        CardCharge(
            occasion="topup",
            customer_id=_name(customer),
            plan_ids=(due.attached.plan_id,),
            feature_id=due.config.feature_id,
        ),
    )
    if refusal is None:
        return None
    return "missing_payment_method" if refusal.action == "payment_method_required" else "charge_failed"


def _bill(call: Call, transaction: Transaction, customer: Customer, due: _Topup) -> Invoice:
    """The invoice of a top-up: paid, or sent to be paid later."""
    from autumn_mock.operations.billing.invoicing import Bill, invoice  # as above
    from autumn_mock.payments.descriptions import described

    price, plan, feature = due.item.price, due.attached.plan, due.view.feature
    line = InvoiceLine(
        display_name=feature.name,
        description=described(plan, feature, due.quantity, None, None),
        subtotal=money(ZERO if price is None else price.total(due.quantity)),
        plan_id=plan.id,
        feature_id=feature.id,
        quantity=due.quantity,
        price_id=None if price is None else price.price_id,
    )
    collection = "send" if due.config.invoice_mode else "paid"
    bill = Bill(lines=(line,), plan_ids=(plan.id,), feature_id=feature.id, occasion="topup", collection=collection)
    return invoice(call, transaction, customer, bill).invoice


def _block(call: Call, history: TopupHistory, config: AutoTopup) -> tuple[str, int] | None:
    """Why there is no attempt now, and what identifies the window of that."""
    now, limit = call.now, config.purchase_limit
    if limit is not None and history.purchases.ends_at > now and history.purchases.count >= limit.limit:
        return "purchase_limit_reached", history.purchases.ends_at
    if history.failed_in_a_row >= _MOST_FAILURES_IN_A_ROW:
        return "suspended_after_failures", now // DAY
    if history.failures.ends_at > now:
        return "failed_attempt_limit_reached", history.failures.ends_at
    if history.attempts.ends_at > now and history.attempts.count >= _MOST_ATTEMPTS:
        return "attempt_limit_reached", history.attempts.ends_at
    return None


def _counted(window: CountWindow, now: int, ends_at: int) -> CountWindow:
    """One more in a window, or the first of one that ends at ``ends_at``."""
    if window.ends_at > now:
        return replace(window, count=window.count + 1)
    return CountWindow(count=1, ends_at=ends_at)


def _grant(call: Call, transaction: Transaction, account: Account, due: _Topup) -> None:
    feature_id, left = due.config.feature_id, due.quantity
    rows = [row for row in account.rows.values() if row.feature_id == feature_id and not row.is_entity_level]
    for row in sorted(rows, key=lambda row: (not row.usage_allowed, row.created_at)):
        lifted = min(left, -row.balance)
        if lifted > 0 and not account.is_expired(row):
            account.put(replace(row, balance=row.balance + lifted))
            left -= lifted
    if due.item.expiry is not None:
        bought_now = purchase(call, due.attached, due.item, due.quantity)
        account.put(replace(bought_now, balance=left))
        account.spending_order.clear()
    for row in rows_of(call, due.attached) if due.item.expiry is None else ():
        if row.feature_id == feature_id and is_bought(row, due.attached):
            row = account.rows[row.id]
            account.put(replace(grown(row, due.attached, due.quantity), balance=row.balance + left))
            break
    prepaid = due.attached.prepaid
    bought = {**prepaid, feature_id: prepaid.get(feature_id, Decimal(0)) + due.quantity}
    transaction.put(replace(due.attached, prepaid=bought))


# -- counters that are set


def with_counts(customer: Customer, sent: CustomerControlsUpdate | None, now: int) -> Customer:
    """The customer with the ``count`` of each purchase limit that was sent with one. Setting ``auto_topups`` also ends
    the suspension after failures, as another card does at the real service."""
    if sent is None or sent.auto_topups is None:
        return customer
    histories = {name: replace(each, failed_in_a_row=0) for name, each in customer.topups.items()}
    for each in sent.auto_topups:
        limit = each.purchase_limit
        if limit is not None and limit.count is not None:
            history = histories.get(each.feature_id, TopupHistory())
            ends_at = history.purchases.ends_at
            if ends_at <= now:
                ends_at = add_interval(now, limit.interval, int(limit.interval_count))
            histories[each.feature_id] = replace(
                history, purchases=CountWindow(count=int(limit.count), ends_at=ends_at)
            )
    return replace(customer, topups=histories)


# -- webhooks


def _name(customer: Customer) -> str:
    return customer.id or customer.internal_id


def _send_success(call: Call, transaction: Transaction, account: Account, due: _Topup, billed: Invoice) -> None:
    """``total`` is in cents, as in the real one."""
    after = balance_view(account, due.view.feature, None)
    shown = {
        "stripe_id": billed.stripe_id,
        "status": billed.status,
        "total": number((billed.total * 100).to_integral_value()),
        "currency": billed.currency,
        "hosted_invoice_url": None,
    }
    data = {
        "quantity_granted": number(due.quantity),
        "threshold": number(due.config.threshold),
        "balance_after": None if after is None else number(after.remaining),
        "invoice_mode": bool(due.config.invoice_mode),
        "invoice": shown,
    }
    _send(call, transaction, account, due, "billing.auto_topup_succeeded", data)


def _send_failure(
    call: Call, transaction: Transaction, account: Account, due: _Topup, reason: str, key: str | None = None
) -> None:
    data: dict[str, Any] = {
        "reason": reason,
        "quantity": number(due.quantity),
        "threshold": number(due.config.threshold),
        "balance": number(due.view.remaining),
        "invoice_mode": bool(due.config.invoice_mode),
    }
    if reason == "charge_failed":
        data["error"] = _DECLINED
    _send(call, transaction, account, due, "billing.auto_topup_failed", data, key)


def _send(
    call: Call,
    transaction: Transaction,
    account: Account,
    due: _Topup,
    type: WebhookType,
    data: dict[str, Any],
    key: str | None = None,
) -> None:
    if transaction.is_watched:
        prefix = "evt_auto_topup" if type.endswith("succeeded") else "evt_auto_topup_failed"
        whose = {"customer_id": _name(account.customer), "feature_id": due.config.feature_id}
        envelope = {"id": new_id(prefix), "occurred_at": call.now}
        transaction.queue_webhooks([Webhook(type, {**whose, **data}, key, envelope=envelope)])
