"""A plan as one customer has it: with other items, another price, trial or controls than in the catalogue."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from autumn_mock.domain.amount import amount
from autumn_mock.domain.plan import Plan, PlanItem, Reset
from autumn_mock.operations import plans
from autumn_mock.operations.call import Call
from autumn_mock.operations.controls import to_controls
from autumn_mock.operations.errors import ApiError
from autumn_mock.wire.requests.billing import BillingParams
from autumn_mock.wire.requests.items import Customize, ItemFilter, ItemUpdate


def customized(call: Call, plan: Plan, params: BillingParams) -> Plan:
    """The plan with the changes of a request."""
    custom = params.customize or Customize()
    if params.free_trial is not UNSET:
        custom = replace(custom, free_trial=params.free_trial)
    return changed(call, plan, custom)


def changed(call: Call, plan: Plan, custom: Customize) -> Plan:
    """The plan with other items, price, trial or controls."""
    changes: dict[str, Any] = {}
    if custom.items is not None:
        changes["items"] = plans.to_items(call, custom.items)
    elif custom.patches:
        changes["items"] = _patched(call, plan, custom)
    if custom.price is not UNSET:
        changes["price"] = plans.to_base_price(custom.price, plan.price)
    if custom.free_trial is not UNSET:
        changes["free_trial"] = plans.to_trial(custom.free_trial)
    if custom.billing_controls is not None:
        changes["billing_controls"] = to_controls(custom.billing_controls, plan.billing_controls)
    if custom.upsert_licenses is not None or custom.remove_licenses is not None:
        gone = {each["license_plan_id"] for each in (*(custom.upsert_licenses or ()), *(custom.remove_licenses or ()))}
        kept = [each for each in plan.licenses if each.license_plan_id not in gone]
        changes["licenses"] = (*kept, *plans.to_licenses(custom.upsert_licenses))
    return replace(plan, **changes) if changes else plan


def _patched(call: Call, plan: Plan, custom: Customize) -> tuple[PlanItem, ...]:
    """The items of a plan after removing, changing and adding some, in this order."""
    removed = custom.remove_items or ()
    kept = [item for item in plan.items if not any(matches(item, each) for each in removed)]
    for update in custom.update_items or ():
        kept = [_updated(item, update) if matches(item, update.filter) else item for item in kept]
    items = (*kept, *(plans.to_item(call, item) for item in custom.add_items or ()))
    plans.refuse_repetitions(call, items)
    return items


def matches(item: PlanItem, wanted: ItemFilter) -> bool:
    """Whether an item has every value of a filter; its interval is that of its price, else of its reset."""
    every = item.price or item.reset
    included = wanted.included
    return (
        wanted.feature_id in (None, item.feature_id)
        and wanted.billing_method in (None, item.price and item.price.billing_method)
        and wanted.interval in (None, every and every.interval)
        and wanted.interval_count in (None, every.interval_count if every else 1)
        and (included is None or (item.included == included if isinstance(included, (int, float)) else item.unlimited))
    )


def _updated(item: PlanItem, update: ItemUpdate) -> PlanItem:
    if update.interval is not None and item.price is not None:
        raise ApiError(
            400,
            "update_items cannot change intervals for paid items. Use remove_items and add_items instead.",
            "invalid_product_item",
        )
    return replace(
        item,
        included=item.included if update.included is None else amount(update.included),
        reset=item.reset if update.interval is None else Reset(interval=update.interval),
    )
