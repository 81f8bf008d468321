"""Billing controls as they are sent."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from autumn_mock.domain.amount import amount
from autumn_mock.domain.controls import BillingControls, UsageAlert, UsageLimit
from autumn_mock.domain.customer import Entity
from autumn_mock.domain.organisation import OrganisationConfig
from autumn_mock.ledger.account import Account
from autumn_mock.ledger.limits import filter_key, open_window, usage_limits
from autumn_mock.operations.errors import entity_not_found, feature_not_found, invalid_request
from autumn_mock.wire.requests.controls import (
    EntityControlsParams,
    EntityControlsUpdate,
    OrganisationConfigUpdate,
    UsageLimitParams,
    UsageLimitUpdate,
    UsageUpdate,
)

ControlsParams = EntityControlsParams | EntityControlsUpdate

_NONE = BillingControls()
msgspec.json.Decoder(BillingControls)  # two threads that first use a type at the same time crash in msgspec 0.22


def to_controls(sent: ControlsParams | None, old: BillingControls = _NONE) -> BillingControls:
    """Billing controls as they were sent; kinds that were not sent stay as they are.

    An entry that only sets the usage of an existing limit leaves the limits as they are (:func:`set_usage`).
    """
    if sent is None:
        return old
    new: BillingControls = msgspec.convert(replace(sent, usage_limits=None), BillingControls, from_attributes=True)
    limits = old.usage_limits
    if sent.usage_limits is not None:
        stated = [each for each in sent.usage_limits if isinstance(each, UsageLimitParams)]
        if stated or not sent.usage_limits:
            limits = tuple(msgspec.convert(each, UsageLimit, from_attributes=True) for each in stated)
    return BillingControls(
        usage_limits=limits,
        usage_alerts=old.usage_alerts if new.usage_alerts is None else new.usage_alerts,
        overage_allowed=old.overage_allowed if new.overage_allowed is None else new.overage_allowed,
        spend_limits=old.spend_limits if new.spend_limits is None else new.spend_limits,
        auto_topups=old.auto_topups if new.auto_topups is None else new.auto_topups,
        balance_allocations=old.balance_allocations if new.balance_allocations is None else new.balance_allocations,
    )


def require_allocated(account: Account) -> None:
    """404 for allocations of a feature, or to an entity, that does not exist."""
    for each in account.customer.billing_controls.balance_allocations or ():
        if each.feature_id not in account.features:
            raise feature_not_found(each.feature_id)
        for allocation in each.allocations:
            if allocation.entity_id not in account.entities:
                raise entity_not_found(allocation.entity_id)


def changed_config(config: OrganisationConfig, sent: OrganisationConfigUpdate) -> OrganisationConfig:
    """The settings of an organisation with those that were sent."""
    alerts = {name: getattr(sent, name) for name in ("usage_alerts", "sandbox_usage_alerts")}
    return replace(
        config,
        **{
            name: tuple(msgspec.convert(each, UsageAlert, from_attributes=True) for each in entries)
            for name, entries in alerts.items()
            if entries is not None
        },
    )


def set_usage(account: Account, sent: ControlsParams | None, entity: Entity | None = None) -> None:
    """Set the counters of the usage limits that were sent with a ``usage``; the account has the new limits.

    Raises :class:`ApiError`: 404 for an unknown feature, 400 for usage of a limit that does not exist.
    """
    for entry in (sent.usage_limits if sent is not None else None) or ():
        if not isinstance(entry, (UsageLimitUpdate, UsageUpdate)) or entry.usage is None:
            continue
        if entry.feature_id not in account.features:
            raise feature_not_found(entry.feature_id)
        found = [
            each
            for each in usage_limits(account, entity, entry.feature_id)
            if filter_key(each[1].filter) == filter_key(entry.filter)
        ]
        if not found and entry.usage > 0:
            raise invalid_request(f"No usage limit configured for feature {entry.feature_id}")
        for scope, limit in found:
            window = open_window(account, entity, scope, limit)
            account.put_window(replace(window, counted=amount(entry.usage)))
