"""The webhooks that show whole customers: of changed plans, and of thresholds that older versions reach.

A change of plans sends ``billing.updated`` (one for the customer, and one for each entity concerned), and the older
``customer.products.updated``, one for each plan: first those that were changed or ended, then those that became active.

==============================  ========================  =====================================
what happened to a plan         ``billing.updated``       ``customer.products.updated``
==============================  ========================  =====================================
a call attached it              ``activated``             ``upgrade`` over one that ended, else ``new``
it was scheduled                ``scheduled``             none
a call ended or cancelled it    ``expired``, ``updated``  ``downgrade`` if a paid one follows, else ``cancel``
a cancellation was undone       ``updated``               ``renew``
its quantities changed          ``updated``               ``update_prepaid_quantity``
its items or version changed    ``updated``               ``upgrade``
it was due to end               ``expired``               ``expired``
it was due to start             ``activated``             ``new``
its renewal was not paid        ``updated``               ``past_due``
==============================  ========================  =====================================
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from autumn_mock.domain.customer import CustomerPlan, Entity
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.version import Version
from autumn_mock.domain.webhook import CustomerPlanChange, ThresholdType, Webhook
from autumn_mock.ledger.account import Account
from autumn_mock.operations.accounts import load_account
from autumn_mock.operations.billing.attachments import is_upgrade
from autumn_mock.operations.call import Call
from autumn_mock.store.environment import Environment
from autumn_mock.wire.answer import downgraded, in_version
from autumn_mock.wire.responses.customer import customer_body, entity_body, subscription_fields
from autumn_mock.wire.responses.feature import feature_body
from autumn_mock.wire.responses.plan import listed_plan_body
from autumn_mock.wire.versions import WEBHOOK_SHAPE, traits_of
from autumn_mock.wire.versions.declaration import Json

Action = Literal["activated", "scheduled", "updated", "expired"]
Scenario = Literal["new", "upgrade", "downgrade", "cancel", "renew", "expired", "past_due", "update_prepaid_quantity"]

#: What ``previous_attributes`` may contain.
_WATCHED = ("status", "past_due", "canceled_at", "expires_at", "trial_ends_at")
#: What a plan shows besides.
_SHOWN = ("plan_id", "status", "past_due", "started_at", "canceled_at", "expires_at", "trial_ends_at")


def plans_changed(
    environment: Environment, changes: Sequence[CustomerPlanChange], now: int, *, by_time: bool
) -> list[Webhook]:
    """The webhooks of a change of one customer's plans at ``now`` (ms); ``by_time``: no call asked for it."""
    concerned = [each for each in changes if _is_reported(each)]
    customer = environment.customers.get(changes[0].attached.customer) if changes else None
    if customer is None or not concerned:
        return []
    account = load_account(Call(environment, WEBHOOK_SHAPE, now), customer)
    found = []
    for scope in dict.fromkeys(each.attached.entity_id for each in concerned):
        own = [each for each in concerned if each.attached.entity_id == scope]
        found.append(_billing_updated(account, own, scope, by_time=by_time))
    for scenario, attached in _scenarios(concerned, by_time=by_time):
        found.append(_products_updated(environment, account, scenario, attached))
    return found


def _is_reported(change: CustomerPlanChange) -> bool:
    """Whether a change is one of what customers bought: not a seat, not a scheduled plan that was dropped."""
    before, after = change.before, change.after
    if change.attached.license_parent is not None:
        return False
    if after is None:
        return before is not None and before.status == "active"
    return before is None or _visible(before) != _visible(after)


def _visible(attached: CustomerPlan) -> tuple[object, ...]:
    return (
        attached.plan,
        attached.prepaid,
        attached.quantity,
        attached.license_quantities,
        *(getattr(attached, name) for name in _WATCHED),
    )


# -- billing.updated


def _billing_updated(
    account: Account, changes: list[CustomerPlanChange], scope: str | None, *, by_time: bool
) -> Webhook:
    acted = [(_action(each), each) for each in changes]
    begun = [each.attached for action, each in acted if action == "activated"]
    ended = [each.attached for action, each in acted if action == "expired"]
    replaces = any(not each.plan.is_free or all(one.plan.is_free for one in ended) for each in begun)
    first: tuple[Action, ...] = ("activated",) if replaces and not by_time else ("updated", "expired")
    acted.sort(key=lambda each: (each[0] not in first, each[0] == "scheduled"))
    data: dict[str, Any] = {
        "object": "billing.updated",
        "customer_id": account.customer.id or account.customer.internal_id,
        **({} if scope is None else {"entity_id": scope}),
        "plan_changes": [_plan_change(action, each, account.now) for action, each in acted],
        "tags": _tags(acted, account.now) if by_time else [],
    }
    return Webhook("billing.updated", data)


def _action(change: CustomerPlanChange) -> Action:
    before, after = change.before, change.after
    if after is None:
        return "expired"
    if before is None:
        return "scheduled" if after.status == "scheduled" else "activated"
    return "activated" if before.status != "active" and after.status == "active" else "updated"


def _plan_change(action: Action, change: CustomerPlanChange, now: int) -> Json:
    attached, before = change.attached, change.before
    state = _state(attached, now, is_over=change.after is None)
    old = None
    if before is not None:
        was = {name: getattr(before, name) for name in _WATCHED}
        old = {name: value for name, value in was.items() if value != state[name]}
    if attached.plan.is_one_off:
        shown = {"purchase": {name: state[name] for name in ("plan_id", "status", "expires_at")}}
    else:
        no_period = {"current_period_start": None, "current_period_end": None}
        shown = {"subscription": {**{name: state[name] for name in _SHOWN}, **no_period}}
    return {"action": action, **shown, "previous_attributes": old, "item_changes": []}


def _state(attached: CustomerPlan, now: int, *, is_over: bool) -> Json:
    fields = subscription_fields(attached, now)
    if is_over:
        fields |= {"status": "expired", "trial_ends_at": attached.trial_ends_at}
        if attached.expires_at is None:
            fields["expires_at"] = now
    return fields


def _tags(acted: list[tuple[Action, CustomerPlanChange]], now: int) -> list[str]:
    """What was due: the end of a trial, the next phase of a subscription."""
    tags = []
    olds = [each.before for _, each in acted if each.before is not None]
    if any(each.trial_ends_at is not None and each.trial_ends_at <= now for each in olds):
        tags.append("trial_ended")
    if any(
        action == "activated" and each.before is not None and not each.attached.plan.is_free for action, each in acted
    ):
        tags.append("phase_changed")
    return tags


# -- customer.products.updated


def _scenarios(changes: list[CustomerPlanChange], *, by_time: bool) -> Iterator[tuple[Scenario, CustomerPlan]]:
    """The older words, with the plan that each is about."""
    follows = any(_action(each) == "scheduled" and not each.attached.plan.is_free for each in changes)
    for each in changes:
        if each.before is not None and each.before.status == "active":
            scenario = _changed(each.before, each.after, by_time=by_time, follows=follows)
            if scenario is not None:
                yield scenario, each.before
    ended = [each.attached for each in changes if _action(each) == "expired"]
    for each in changes:
        if _action(each) == "activated":
            plan = each.attached.plan
            replaced = [one for one in ended if one.slot == each.attached.slot and one.plan.is_main and plan.is_main]
            is_better = not by_time and any(is_upgrade(one.plan, plan) for one in replaced)
            yield "upgrade" if is_better else "new", each.attached


def _changed(before: CustomerPlan, after: CustomerPlan | None, *, by_time: bool, follows: bool) -> Scenario | None:
    if after is None and by_time:
        return "expired"
    if after is None or (before.canceled_at is None and after.canceled_at is not None):
        return "downgrade" if follows else "cancel"
    if before.canceled_at is not None and after.canceled_at is None:
        return "renew"
    if after.past_due and not before.past_due:
        return "past_due"
    if (before.prepaid, before.quantity) != (after.prepaid, after.quantity):
        return "update_prepaid_quantity"
    return "upgrade" if before.plan != after.plan else None


def _products_updated(
    environment: Environment, account: Account, scenario: Scenario, attached: CustomerPlan
) -> Webhook:
    data: dict[str, Any] = {"scenario": scenario, "customer": _customer(environment, account, WEBHOOK_SHAPE)}
    entity = account.entities.get(attached.entity_id) if attached.entity_id is not None else None
    if entity is not None:
        data["entity"] = _entity(environment, account, entity, WEBHOOK_SHAPE)
    plan = listed_plan_body(attached.plan, account.features, environment.env, expand_features=True)
    data["updated_product"] = downgraded(plan, WEBHOOK_SHAPE)
    return Webhook("customer.products.updated", data)


# -- customer.threshold_reached


def threshold_reached(
    environment: Environment, account: Account, feature: Feature, kind: ThresholdType, version: Version
) -> Webhook:
    """The webhook of a balance that has reached a threshold, in the shape of a version."""
    data = {
        "threshold_type": kind,
        "customer": _customer(environment, account, version),
        "feature": downgraded(feature_body(feature), version),
    }
    return Webhook("customer.threshold_reached", data)


def _expanded(version: Version) -> list[str]:
    """What a version shows in full; invoices are not sent."""
    return [each for each in traits_of(version).expands if each != "invoices"]


def _customer(environment: Environment, account: Account, version: Version) -> Any:
    return in_version(customer_body(account, environment.env, _expanded(version)), version)


def _entity(environment: Environment, account: Account, entity: Entity, version: Version) -> Any:
    return in_version(entity_body(account, entity, environment.env, _expanded(version)), version)
