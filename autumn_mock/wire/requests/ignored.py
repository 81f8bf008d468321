"""The fields of requests that are accepted, as the real service accepts them, and that have no effect here.

A request that sends one gets a note in the journal and the log, so that no client relies on it unknowingly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple, get_args

import msgspec
from msgspec import UNSET

from autumn_mock.wire.requests.common import CustomerData

_PAYMENTS = "payments are not emulated"
_PROCESSOR = "there is no payment processor"
_CACHE = "there is no cache"
_CURRENCY = "amounts are in one currency"

#: Class of parameters to field to the reason. A class has the entries of its base classes, too.
IGNORED: Mapping[str, Mapping[str, str]] = {
    "BasePriceParams": {
        "entitlement_id": "ids are given by the server",
        "stripe_price_id": _PROCESSOR,
    },
    "AttachParams": {
        "checkout_session_params": _PROCESSOR,
        "metadata": _PAYMENTS,
        "tax": _PAYMENTS,
        "tax_rate_id": _PAYMENTS,
        "billing_details": _PAYMENTS,
        "currency": _CURRENCY,
    },
    "BillingParams": {
        "processor_subscription_id": _PROCESSOR,
    },
    "BillingUpdate": {"subscription_params": _PROCESSOR},
    "CheckQuery": {"skip_cache": _CACHE},
    "CustomerCreation": {"billing_details": _PAYMENTS},
    "CustomerData": {
        "create_in_stripe": _PROCESSOR,
        "currency": _CURRENCY,
        "processors": _PROCESSOR,
    },
    "CustomersDelete": {"delete_in_stripe": _PROCESSOR},
    "CustomersQuery": {"skip_cache": _CACHE},
    "CustomerChanges": {
        "currency": _CURRENCY,
        "processors": _PROCESSOR,
        "billing_details": _PAYMENTS,
        "internal_options": "it is about new customers",
    },
    "FeatureQuantity": {"stripe_price_id": _PROCESSOR},
    "ListFilters": {"processors": _PROCESSOR},
    "BoughtTogether": {"checkout_session_params": _PROCESSOR, "currency": _CURRENCY},
    "CreateSchedule": {"preserve_add_ons": "active plans that no phase names always stay, as in the real service"},
    "MultiUpdate": {"subscription_params": _PROCESSOR},
    "OpenPortal": {"configuration_id": _PROCESSOR},
    "OldPortal": {"configuration_id": _PROCESSOR},
    "OldSetupPayment": {"checkout_session_params": _PROCESSOR},
    "OldAttach": {
        "checkout_session_params": _PROCESSOR,
        "metadata": _PAYMENTS,
    },
    "PlanItemParams": {
        "entitlement_id": "ids are given by the server",
    },
    "PlanPatch": {
        "migration": "customers are migrated by updates of their plans",
        "update_license_parents": "a licence has the newest version of its plan",
        "create_in_stripe": _PROCESSOR,
    },
    "PlansCreate": {"create_in_stripe": _PROCESSOR},
    "SpendLimitParams": {"skip_overage_billing": _PAYMENTS},
    "TrackQuery": {"skip_cache": _CACHE},
    "VariantParams": {"migration": "customers are migrated by updates of their plans"},
}


#: Fields that keep an object as it was sent, checked as one of this class.
_AS_SENT = {"customer_data": CustomerData}


class _IgnoredField(NamedTuple):
    """A field that is ignored, or that has such fields within it."""

    name: str
    key: str
    default: Any
    reason: str | None


def ignored_in(params: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The path (``customize.add_items[].proration``) and the reason of each field that was sent and has no effect."""
    if isinstance(params, list):
        for each in params:
            yield from ignored_in(each, f"{path}[]")
        return
    kind: type = type(params)
    for name, key, default, reason in _fields(kind):
        value = getattr(params, name)
        if value is None or value is UNSET or value == default:
            continue
        inner = f"{path}.{key}" if path else key
        if reason is not None:
            yield inner, reason
        elif isinstance(value, dict):
            reasons = reasons_of(_AS_SENT[name])
            yield from ((f"{inner}.{each}", reasons[each]) for each in value.keys() & reasons)
        else:
            yield from ignored_in(value, inner)


@cache
def _fields(kind: type) -> tuple[_IgnoredField, ...]:
    """The fields of a class that :func:`ignored_in` visits; none of what is not a class of parameters."""
    if not issubclass(kind, msgspec.Struct):
        return ()
    reasons = reasons_of(kind)
    found = []
    for each in msgspec.structs.fields(kind):
        reason = reasons.get(each.name)
        is_inside = any(_fields(inner) for inner in _classes(each.type) if inner is not kind)
        if reason is not None or is_inside or each.name in _AS_SENT:
            found.append(_IgnoredField(each.name, each.encode_name, each.default, reason))
    return tuple(found)


def reasons_of(kind: type) -> dict[str, str]:
    """The ignored fields of a class of parameters, with the reasons."""
    found: dict[str, str] = {}
    for base in kind.__mro__:
        found = {**IGNORED.get(base.__name__, {}), **found}
    return found


def _classes(kind: Any) -> Iterator[type]:
    """The structs that a value of a type may hold."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
    for part in get_args(kind):
        yield from _classes(part)
