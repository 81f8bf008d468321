"""``balances.check``: whether a use is allowed; optionally records or holds it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.amount import ONE, amount
from autumn_mock.domain.balance import Balance
from autumn_mock.domain.customer import Entity
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.record import instant
from autumn_mock.domain.track import LockRequest, OverageBehavior, TrackItem
from autumn_mock.ledger.account import Account
from autumn_mock.ledger.deduction import spendable_rows
from autumn_mock.ledger.intervals import DAY
from autumn_mock.ledger.views import BalanceView, allows, balance_view, flag_rows
from autumn_mock.operations.accounts import store
from autumn_mock.operations.billing.topups import top_up
from autumn_mock.operations.call import Call
from autumn_mock.operations.creation import get_or_create_customer
from autumn_mock.operations.errors import ApiError, insufficient_balance, invalid_request, plan_not_found
from autumn_mock.operations.plans import latest_plan
from autumn_mock.operations.subjects import open_account
from autumn_mock.operations.track import customer_data_of, subject_of, usage_views
from autumn_mock.operations.usage import use
from autumn_mock.store.environment import Transaction
from autumn_mock.wire.requests.balances import Check


class CheckResult(Struct, frozen=True):
    """The result of a check. ``required`` is in units of ``feature``, credits when credits would pay."""

    customer_id: str
    entity_id: str | None
    feature: Feature
    allowed: bool
    required: Decimal
    balance: BalanceView | None
    flag: Balance | None
    balances: dict[str, BalanceView | None] | None = None


class _Answer(Struct, frozen=True):
    """The feature that answers a check."""

    feature: Feature
    required: Decimal
    view: BalanceView | None
    allowed: bool

    @property
    def is_owned(self) -> bool:
        """Whether the caller has a row of it, not only the sum of what entities own."""
        return self.view is not None and bool(self.view.breakdown)


def usage_of(call: Call, params: Check) -> TrackItem:
    """The usage that a check would record."""
    required = params.required_quantity if params.required_balance is None else params.required_balance
    behaviour: OverageBehavior = "reject"
    lock = params.lock
    if lock is not None and lock.overage_behavior is not None and call.traits.locks_choose_overage:
        behaviour = lock.overage_behavior
    return TrackItem(
        customer_id=params.customer_id,
        feature_id=params.feature_id,
        entity_id=params.entity_id,
        value=1 if required is None else required,
        properties=params.properties,
        overage_behavior=behaviour,
        customer_data=params.customer_data,
        entity_data=params.entity_data,
        skip_event=bool(params.skip_event),
        lock=None
        if lock is None
        else LockRequest(
            lock_id=lock.lock_id, enabled=lock.enabled, hashed_key=lock.hashed_key, expires_at=lock.expires_at
        ),
    )


def check(call: Call, params: Check) -> CheckResult:
    """Whether ``required_balance`` of a feature may be used; with ``send_event`` or a lock, use or hold it too."""
    item = usage_of(call, params)
    uses = bool(params.send_event) or item.lock is not None
    if uses and call.publishable:
        raise invalid_request("Can't use send_event: true with a publishable key. Use your secret API key instead.")
    feature = call.feature(item.feature_id or "")
    if item.lock is not None:
        _require_lockable(call, item)
    with call.write() as transaction:
        customer, entity = subject_of(call, transaction, item)
        account = open_account(call, transaction, customer)
        if uses and feature.is_boolean:
            raise invalid_request(
                "send_event cannot be used with boolean features, which are flags rather than usage-tracked."
            )
        if item.lock is not None and feature.is_allocated:
            raise invalid_request("Lock is not supported for allocated features")
        answer = _answer(account, feature, entity, amount(item.value), item.properties)
        flag = flag_rows(account, entity).get(feature.id) if feature.is_boolean else None
        result = CheckResult(
            customer_id=item.customer_id,
            entity_id=item.entity_id,
            feature=answer.feature,
            allowed=flag is not None or answer.allowed,
            required=answer.required,
            balance=answer.view,
            flag=flag,
        )
        if not uses:
            _top_up(call, transaction, account, feature)
            return result
        if answer.view is None and answer.required > 0:
            return replace(result, required=amount(item.value))  # no balance would pay, so the amount is not converted
        releases_at = instant(item.lock.expires_at) if item.lock is not None and item.lock.expires_at else None
        try:
            usage = use(call, transaction, account, entity, [feature], item, releases_at=releases_at)
        except ApiError as error:
            if error.code != insufficient_balance(0, "").code:
                raise
            _top_up(call, transaction, account, feature)
            return replace(result, allowed=False)
        views = usage_views(usage)
        store(transaction, account)
        _top_up(call, transaction, account, feature)
        return replace(
            result,
            allowed=True,
            balance=views.get(answer.feature.id),
            balances=views if len(views) > 1 else None,
        )


def _top_up(call: Call, transaction: Transaction, account: Account, feature: Feature) -> None:
    """Top up what is low; the answer shows the balance before it."""
    top_up(call, transaction, account, [feature])
    store(transaction, account)


def _require_lockable(call: Call, item: TrackItem) -> None:
    assert item.lock is not None
    if item.lock.expires_at is not None and item.lock.expires_at > call.now + DAY:
        raise invalid_request("Lock expires_at cannot be more than 1 day from now")


def _answer(
    account: Account,
    feature: Feature,
    entity: Entity | None,
    required: Decimal,
    properties: Mapping[str, Any] | None = None,
) -> _Answer:
    """Which balance answers: the feature's own if it suffices; else the first credit system that does; else the first
    credit system the customer owns; else its own; else the first credit system."""

    def answer_of(candidate: Feature) -> _Answer:
        rows, listed = None, None if candidate is feature else candidate.cost_of(feature.id)
        if candidate is not feature and account.has_overrides:
            rows = [row for row in spendable_rows(account, feature, entity) if row.feature_id == candidate.id]
            listed = account.cost_of(rows[0], feature.id) if rows else listed
        cost = ONE if listed is None else listed.rate(properties)
        view = None if candidate.is_boolean else balance_view(account, candidate, entity, rows)
        needed = required * cost
        return _Answer(candidate, needed, view, allows(account, view, entity, feature, required, cost))

    own = answer_of(feature)
    if own.allowed:
        return own
    systems = [answer_of(system) for system in account.credit_systems(feature)]
    for chosen in (
        [each for each in systems if each.allowed],
        [each for each in systems if each.is_owned],
        [own] if own.is_owned else systems,
    ):
        if chosen:
            return chosen[0]
    return own


class PlanCheckResult(Struct, frozen=True):
    """The result of a check of a plan; ``status`` is None when it is not attached."""

    customer_id: str
    plan_id: str
    status: Literal["active", "scheduled"] | None


def check_plan(call: Call, params: Check, plan_id: str) -> PlanCheckResult:
    """Whether a customer is on a plan; creates the customer when there is none, in every version."""
    if latest_plan(call.environment, plan_id) is None:
        raise plan_not_found(plan_id)
    with call.write() as transaction:
        customer = get_or_create_customer(call, transaction, params.customer_id, customer_data_of(params.customer_data))
        account = open_account(call, transaction, customer)
        status = next(
            (
                plan.status
                for plan in account.plans.values()
                if plan.plan_id == plan_id and plan.entity_id in (None, params.entity_id)
            ),
            None,
        )
        return PlanCheckResult(params.customer_id, plan_id, status)
