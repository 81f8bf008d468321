"""Customers and entities."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Literal

from msgspec import UNSET, UnsetType

from autumn_mock.domain.amount import number
from autumn_mock.domain.controls import TopupHistory
from autumn_mock.domain.customer import CustomerPlan, Entity
from autumn_mock.domain.organisation import Env
from autumn_mock.ledger.account import Account
from autumn_mock.ledger.limits import open_window, usage_limits
from autumn_mock.ledger.views import balance_views, flag_rows
from autumn_mock.operations.billing.attachments import current_period
from autumn_mock.operations.billing.licenses import LicensePool, pools_of
from autumn_mock.wire.answer import Body, Number, in_fixed_shape
from autumn_mock.wire.responses.balance import BalanceBody, FlagBody, Owner, balance_body, flag_body
from autumn_mock.wire.responses.billing import CustomerInvoiceBody
from autumn_mock.wire.responses.controls import ControlsBody, controls_body
from autumn_mock.wire.responses.lines import CustomerRewardsBody, InvoicePreviewBody
from autumn_mock.wire.responses.plan import PlanDetailsBody, plan_body


class SubscriptionBody(Body, kw_only=True):
    """A plan that renews."""

    id: str
    plan: PlanDetailsBody | UnsetType = UNSET
    plan_id: str
    auto_enable: bool
    add_on: bool
    status: Literal["active", "scheduled", "expired"]
    past_due: bool
    canceled_at: int | None
    expires_at: int | None
    trial_ends_at: int | None
    started_at: int
    current_period_start: int | None
    current_period_end: int | None
    quantity: Number
    scope: Owner


class PurchaseBody(Body, kw_only=True):
    """A plan that was paid once."""

    plan: PlanDetailsBody | UnsetType = UNSET
    plan_id: str
    expires_at: int | None
    started_at: int
    quantity: Number
    scope: Owner


class LicensePoolBody(Body, kw_only=True):
    """The seats of a licence."""

    license_plan_id: str
    parent_plan_id: str
    license_plan_name: str
    granted: int
    usage: int
    remaining: int
    paid_quantity: int


def license_pool_body(pool: LicensePool) -> LicensePoolBody:
    """The seats of a licence."""
    return LicensePoolBody(
        license_plan_id=pool.license.license_plan_id,
        parent_plan_id=pool.parent.plan_id,
        license_plan_name=pool.name,
        granted=pool.granted,
        usage=pool.used,
        remaining=max(pool.granted - pool.used, 0),
        paid_quantity=pool.granted - pool.license.included,
    )


class EntitySummaryBody(Body):
    """An entity, as its customer lists it."""

    id: str
    name: str | None
    customer_id: str | None
    feature_id: str
    created_at: int
    env: Env


class CustomerBody(Body, kw_only=True):
    """A customer."""

    autumn_id: str | UnsetType = UNSET
    id: str | None
    name: str | None
    email: str | None
    created_at: int
    fingerprint: str | None
    stripe_id: str | None
    env: Env
    metadata: dict[str, Any]
    send_email_receipts: bool
    billing_controls: ControlsBody
    subscriptions: list[SubscriptionBody]
    purchases: list[PurchaseBody]
    licenses: list[LicensePoolBody]
    balances: dict[str, BalanceBody]
    flags: dict[str, FlagBody]
    config: dict[str, Any]
    invoices: list[CustomerInvoiceBody] | UnsetType = UNSET
    invoice_previews: list[InvoicePreviewBody] | UnsetType = UNSET
    rewards: CustomerRewardsBody | UnsetType = UNSET
    entities: list[EntitySummaryBody] | UnsetType = UNSET
    trials_used: list[dict[str, Any]] | UnsetType = UNSET
    referrals: list[dict[str, Any]] | UnsetType = UNSET
    payment_method: dict[str, Any] | UnsetType | None = UNSET


class EntityBody(Body, kw_only=True):
    """An entity, with what it has and what it inherits. The answer to its creation has no ``feature_id``."""

    id: str
    name: str | None
    customer_id: str | None
    feature_id: str | UnsetType = UNSET
    created_at: int
    env: Env
    subscriptions: list[SubscriptionBody]
    purchases: list[PurchaseBody]
    balances: dict[str, BalanceBody]
    flags: dict[str, FlagBody]
    billing_controls: ControlsBody
    invoices: list[CustomerInvoiceBody] | UnsetType = UNSET
    payment_method: dict[str, Any] | UnsetType | None = UNSET


def customer_body(
    account: Account, env: Env, expand: Collection[str] = (), *, with_autumn_id: bool = False
) -> CustomerBody:
    """A customer with everything they have; ``expand`` names what to include in full."""
    customer = account.customer
    return CustomerBody(
        autumn_id=customer.internal_id if with_autumn_id else UNSET,
        id=customer.id,
        name=customer.name,
        email=customer.email,
        created_at=customer.created_at,
        fingerprint=customer.fingerprint,
        stripe_id=customer.stripe_id,
        env=env,
        metadata=customer.metadata,
        send_email_receipts=customer.send_email_receipts,
        billing_controls=_customer_controls(account, "billing_controls.auto_topups.purchase_limit" in expand),
        subscriptions=_subscriptions(account, None, env, expand),
        purchases=_purchases(account, None, env, expand),
        licenses=[license_pool_body(each) for each in pools_of(account.plans.values())],
        balances=_balances(account, None, "balances.feature" in expand),
        flags=_flags(account, None, "flags.feature" in expand),
        config=customer.config,
        entities=_entities(account, env) if "entities" in expand else UNSET,
        trials_used=[] if "trials_used" in expand else UNSET,
        referrals=[] if "referrals" in expand else UNSET,
    )


def _entities(account: Account, env: Env) -> list[EntitySummaryBody]:
    return [
        EntitySummaryBody(each.id, each.name, account.customer.id, each.feature_id, each.created_at, env)
        for each in account.entities.values()
    ]


def entity_body(
    account: Account, entity: Entity, env: Env, expand: Collection[str] = (), *, created: bool = False
) -> EntityBody:
    """An entity with what it has and what it inherits; ``created``: in answer to its creation."""
    return EntityBody(
        id=entity.id,
        name=entity.name,
        customer_id=account.customer.id,
        feature_id=UNSET if created else entity.feature_id,
        created_at=entity.created_at,
        env=env,
        subscriptions=_subscriptions(account, entity, env, expand),
        purchases=_purchases(account, entity, env, expand),
        balances=_balances(account, entity, "balances.feature" in expand),
        flags=_flags(account, entity, "flags.feature" in expand),
        billing_controls=_entity_controls(account, entity),
    )


def fixed_balances(account: Account, entity: Entity | None = None) -> dict[str, dict[str, Any]]:
    """The balances of a customer, or of an entity, by feature, as the control API and the fixture show them."""
    balances: dict[str, dict[str, Any]] = in_fixed_shape(_balances(account, entity, False))
    return balances


def _balances(account: Account, entity: Entity | None, expand_feature: bool) -> dict[str, BalanceBody]:
    views = balance_views(account, entity)
    return {view.feature.id: balance_body(view, expand_feature=expand_feature) for view in views}


def _flags(account: Account, entity: Entity | None, expand_feature: bool) -> dict[str, FlagBody]:
    rows = flag_rows(account, entity)
    return {id: flag_body(row, account.features[id], expand_feature=expand_feature) for id, row in rows.items()}


def _in_order(account: Account, entity: Entity | None) -> list[CustomerPlan]:
    """The plans that a caller sees: its own level first, paid before free, main plans before add-ons, newest first."""
    newest = reversed(list(account.plans.values()))
    if entity is None:
        seen = [each for each in newest if each.license_parent is None]
    else:
        seen = [each for each in newest if each.entity_id in (None, entity.id)]
    return sorted(
        seen,
        key=lambda each: (
            (each.entity_id is None) is (entity is not None),
            each.plan.is_free,
            each.plan.add_on,
            -each.created_at,
        ),
    )


def _plan(
    attached: CustomerPlan, account: Account, env: Env, expand: Collection[str], name: str
) -> PlanDetailsBody | UnsetType:
    """The plan in full, if ``expand`` names it."""
    if name not in expand:
        return UNSET
    return plan_body(attached.plan, account.features, env, expand_features="items.feature" in expand)


def _subscriptions(
    account: Account, entity: Entity | None, env: Env, expand: Collection[str]
) -> list[SubscriptionBody]:
    return [
        SubscriptionBody(
            **subscription_fields(each, account.now, account.plans.values()),
            plan=_plan(each, account, env, expand, "subscriptions.plan"),
        )
        for each in _in_order(account, entity)
        if not each.plan.is_one_off
    ]


def _purchases(account: Account, entity: Entity | None, env: Env, expand: Collection[str]) -> list[PurchaseBody]:
    return [
        PurchaseBody(**purchase_fields(each), plan=_plan(each, account, env, expand, "purchases.plan"))
        for each in _in_order(account, entity)
        if each.plan.is_one_off
    ]


def subscription_fields(attached: CustomerPlan, now: int, held: Iterable[CustomerPlan] = ()) -> dict[str, Any]:
    """The fields of :class:`SubscriptionBody` at ``now`` (ms), without the plan in full; ``held``: all plans of the
    customer, for the period of a scheduled one."""
    trial_ends_at = attached.trial_ends_at if (attached.trial_ends_at or 0) > now else None
    start, end = current_period(attached, now, held) or (None, None)
    return {
        "id": attached.subscription_id or attached.id,
        "plan_id": attached.plan_id,
        "auto_enable": attached.plan.auto_enable,
        "add_on": attached.plan.add_on,
        "status": attached.status,
        "past_due": attached.past_due,
        "canceled_at": attached.canceled_at,
        "expires_at": attached.expires_at,
        "trial_ends_at": trial_ends_at,
        "started_at": attached.started_at,
        "current_period_start": start,
        "current_period_end": end,
        "quantity": number(attached.quantity),
        "scope": "customer" if attached.entity_id is None else "entity",
    }


def purchase_fields(attached: CustomerPlan) -> dict[str, Any]:
    """The fields of :class:`PurchaseBody`, without the plan in full."""
    return {
        "plan_id": attached.plan_id,
        "expires_at": attached.expires_at,
        "started_at": attached.started_at,
        "quantity": number(attached.quantity),
        "scope": "customer" if attached.entity_id is None else "entity",
    }


def _customer_controls(account: Account, counts_topups: bool) -> ControlsBody:
    body = controls_body(account.customer.billing_controls, "customer")
    for plan in account.plans.values():
        if plan.status != "active":
            continue
        for name, entries in controls_body(plan.plan.billing_controls, "plan").items():
            known = {entry.get("feature_id") for entry in body.get(name, ())}
            fresh = [entry for entry in entries if entry.get("feature_id") not in known]
            if fresh:
                body.setdefault(name, []).extend(fresh)
    for entry in body.get("auto_topups", ()) if counts_topups else ():
        window = account.customer.topups.get(entry["feature_id"], TopupHistory()).purchases
        is_open = window.ends_at > account.now
        entry["purchase_limit"] = {
            **(entry.get("purchase_limit") or {"interval": None, "interval_count": None, "limit": None}),
            "count": window.count if is_open else 0,
            "next_reset_at": window.ends_at if is_open else None,
        }
    return _with_usage(body, account, None)


def _entity_controls(account: Account, entity: Entity) -> ControlsBody:
    return _with_usage(controls_body(entity.billing_controls), account, entity)


def _with_usage(body: ControlsBody, account: Account, entity: Entity | None) -> ControlsBody:
    """Add to each usage limit what it has counted in its window."""
    for entry in body.get("usage_limits", ()):
        entry["usage"] = _counted(account, entity, entry)
    return body


def _counted(account: Account, entity: Entity | None, entry: dict[str, Any]) -> Number:
    for scope, limit in usage_limits(account, entity, entry["feature_id"]):
        if limit.interval == entry["interval"] and limit.filter == entry.get("filter"):
            return number(open_window(account, entity, scope, limit).counted)
    return 0
