"""``plans.*``: the plans of the catalogue, with their versions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from autumn_mock.domain.amount import amount
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.plan import (
    BasePrice,
    Expiry,
    FreeTrial,
    ItemPrice,
    Plan,
    PlanItem,
    PlanLicense,
    Proration,
    Reset,
    RolloverConfig,
)
from autumn_mock.domain.record import length
from autumn_mock.ids import new_id
from autumn_mock.operations.call import Call
from autumn_mock.operations.controls import to_controls
from autumn_mock.operations.errors import ApiError, invalid_request, plan_not_found
from autumn_mock.operations.features import to_override
from autumn_mock.store.environment import Environment
from autumn_mock.wire.requests.common import ResetParams
from autumn_mock.wire.requests.items import BasePriceParams, FreeTrialParams, ItemPriceParams, PlanItemParams
from autumn_mock.wire.requests.plans import PlansCreate

msgspec.json.Decoder(PlanLicense)  # two threads that first use a type at the same time crash in msgspec 0.22


def latest_plan(environment: Environment, plan_id: str) -> Plan | None:
    """The newest version of a plan."""
    return max(environment.plans.of(plan_id).values(), key=lambda plan: plan.version, default=None)


def find(environment: Environment, plan_id: str, version: float | None = None) -> Plan | None:
    """A plan, its newest version unless one is named."""
    if version is None:
        return latest_plan(environment, plan_id)
    return next((plan for plan in environment.plans.of(plan_id).values() if plan.version == version), None)


def get(call: Call, plan_id: str, version: float | None = None) -> Plan:
    """A plan, its newest version unless one is named; 404 when there is none."""
    plan = find(call.environment, plan_id, version)
    if plan is None:
        raise plan_not_found(plan_id, version)
    return plan


def in_order(plans: list[Plan]) -> list[Plan]:
    """Plans as lists show them: by group, main plans before add-ons, then free ones, paid once, paid by use,
    and the others by price; of equals the newest first."""
    newest_first = plans[::-1]
    return sorted(newest_first, key=_place)


def _place(plan: Plan) -> tuple[str, bool, int, Decimal, int]:
    methods = {item.price.billing_method for item in plan.items if item.price is not None}
    rank = 3
    if plan.is_free:
        rank = 0
    elif plan.is_one_off:
        rank = 1
    elif plan.price is None and methods == {"usage_based"}:
        rank = 2
    price = plan.price.amount if plan.price is not None and rank == 3 else Decimal(0)
    return plan.group or "", plan.add_on, rank, price, -plan.created_at


def latest_plans(environment: Environment, *, include_archived: bool = False) -> list[Plan]:
    """The newest version of every plan, in the order of their first."""
    plans = [latest_plan(environment, plan_id) for plan_id in dict.fromkeys(plan.id for plan in environment.plans)]
    return [plan for plan in plans if plan is not None and (include_archived or not plan.archived)]


def auto_enabled_plans(environment: Environment) -> list[Plan]:
    """The plans that new customers may be attached to: main plans first, of those trials before paid before free."""
    plans = [plan for plan in latest_plans(environment) if plan.auto_enable]
    return sorted(plans, key=lambda plan: (plan.add_on, not plan.is_default_trial, plan.is_free))


def default_plans(environment: Environment) -> list[Plan]:
    """The plans that new customers are attached to: of each group the first main plan, and all add-ons."""
    chosen: dict[object, Plan] = {}
    for plan in auto_enabled_plans(environment):
        chosen.setdefault(plan.id if plan.add_on else (plan.group,), plan)
    return list(chosen.values())


def customers_on(environment: Environment, plan_id: str, version: int | None = None, *, ended: bool = False) -> int:
    """How many customers have a plan, active or scheduled, in any version or in one; ``ended``: or had it once."""
    found = {
        each.customer
        for each in environment.customer_plans
        if each.plan_id == plan_id and version in (None, each.plan.version)
    }
    if ended:
        for customer in environment.customers:
            versions = customer.ended_plans.get(plan_id, ())
            if versions and (version is None or version in versions):
                found.add(customer.internal_id)
    return len(found)


def create(call: Call, params: PlansCreate) -> Plan:
    """A new plan; 400 when the id is taken."""
    environment = call.environment
    with call.write() as transaction:
        refuse_taken(environment, params.plan_id)
        plan = Plan(
            id=params.plan_id,
            name=params.name,
            version=1,
            created_at=call.now,
            description=params.description,
            group=params.group or None,
            add_on=params.add_on,
            auto_enable=params.auto_enable,
            price=to_base_price(params.price),
            items=to_items(call, params.items or ()),
            free_trial=to_trial(params.free_trial),
            config=params.config or {},
            billing_controls=to_controls(params.billing_controls),
            metadata=params.metadata or {},
            licenses=to_licenses(params.licenses),
        )
        check_auto_enable(environment, plan)
        transaction.put(plan)
        return plan


def refuse_taken(environment: Environment, plan_id: str) -> None:
    """400 when there is a plan of this id."""
    if latest_plan(environment, plan_id) is not None:
        raise ApiError(400, f"Product {plan_id} already exists", "product_already_exists")


def check_auto_enable(environment: Environment, plan: Plan) -> None:
    """400 for an auto-enabled plan with a price and no trial without a card, or beside another one of its kind: a group
    may have a free default plan and a default trial."""
    if not plan.auto_enable:
        return
    trial = plan.is_default_trial
    if not plan.is_free and not trial:
        raise invalid_request("Cannot make a plan auto-enable if it has prices on it.")
    if plan.add_on:
        return
    for other in auto_enabled_plans(environment):
        same = not other.add_on and other.group == plan.group and other.is_default_trial is trial
        if same and other.id != plan.id:
            kind = f"trial product in this group ({other.id})" if trial else f"product ({other.id})"
            raise invalid_request(f"You have another default {kind}. Please remove default from that product first.")


def to_base_price(sent: BasePriceParams | None, old: BasePrice | None = None) -> BasePrice | None:
    """The base price of a plan as it was sent; the ``old`` one if it is the same."""
    if sent is None:
        return None
    price = BasePrice(
        amount=amount(sent.amount),
        interval=sent.interval,
        interval_count=length(sent.interval_count),
        price_id=new_id("pr") if old is None else old.price_id,
        additional_currencies=_currencies(sent.additional_currencies),
    )
    return price if old is None or price == old else replace(price, price_id=new_id("pr"))


def to_trial(sent: FreeTrialParams | None) -> FreeTrial | None:
    """The trial of a plan as it was sent."""
    if sent is None:
        return None
    return FreeTrial(
        duration_length=length(sent.duration_length),
        duration_type=sent.duration_type,
        card_required=sent.card_required,
        on_end=sent.on_end,
    )


def _currencies(sent: list[dict[str, Any]] | None) -> tuple[dict[str, Any], ...] | None:
    return tuple(sent) if sent else None


def to_items(call: Call, sent: Iterable[PlanItemParams]) -> tuple[PlanItem, ...]:
    """The items of a plan as they were sent; 400 for two that say the same thing twice."""
    items = tuple(to_item(call, item) for item in sent)
    refuse_repetitions(call, items)
    return items


def refuse_repetitions(call: Call, items: Sequence[PlanItem]) -> None:
    """400 for two items that say the same thing twice."""
    for number, item in enumerate(items):
        for other in items[:number]:
            if (item.feature_id, item.entity_feature_id) == (other.feature_id, other.entity_feature_id):
                text = _repetition(call, item, other)
                if text is not None:
                    raise ApiError(400, text, "invalid_inputs")


def _repetition(call: Call, item: PlanItem, other: PlanItem) -> str | None:
    """What is wrong with two items of a feature. They may differ in the interval, or in how they are billed."""
    name, feature = item.feature_id, call.feature(item.feature_id)
    if feature.is_boolean:
        return f"Feature {name} is duplicated"
    if item.reset != other.reset or item.unlimited != other.unlimited:
        return None
    if item.price is None and other.price is None:
        return (
            f"You're trying to create two items for the same feature ({name}) with the same interval. "
            "Please make them into one item."
        )
    if item.price is None or other.price is None or item.price.billing_method != other.price.billing_method:
        return None
    return (
        f"You're trying to add the same feature ({name}), with the same reset interval. "
        "You should either change the reset interval of one of the items, or make one of them a prepaid quantity"
    )


def to_item(call: Call, sent: PlanItemParams) -> PlanItem:
    """A plan item as it was sent; a priced item without a reset is reset when its price is due."""
    feature = call.feature(sent.feature_id)
    price = _item_price(sent.price)
    rollover = sent.rollover
    if sent.pooled:
        _check_pooled(feature, sent, price)
    reset = None
    if feature.is_boolean or feature.is_allocated:
        pass
    elif sent.reset is not None:
        reset = to_reset(sent.reset)
    elif price is not None:
        reset = Reset(interval=price.interval, interval_count=price.interval_count)
    else:
        reset = Reset(interval="one_off")
    return PlanItem(
        feature_id=feature.id,
        entitlement_id=new_id("ent"),
        included=amount(sent.included or 0),
        unlimited=bool(sent.unlimited),
        pooled=bool(sent.pooled),
        reset=reset,
        price=price,
        rollover=None
        if rollover is None
        else to_rollover(
            rollover.max, rollover.max_percentage, rollover.expiry_duration_type, rollover.expiry_duration_length
        ),
        expiry=_to_expiry(sent, price, feature),
        feature_override=to_override(call, feature, sent.feature_override),
        entity_feature_id=sent.entity_feature_id,
        proration=None if sent.proration is None else Proration(**sent.proration),
        threshold=_amount((sent.threshold_billing or {}).get("threshold")),
    )


def _check_pooled(feature: Feature, sent: PlanItemParams, price: ItemPrice | None) -> None:
    """400 for a pooled item that no pool can hold."""
    amounts = (sent.included, sent.unlimited, sent.reset, sent.rollover, price)
    message = None
    if feature.is_boolean and any(amounts):
        message = "Pooled boolean items cannot include balance or pricing fields"
    elif sent.unlimited and price is not None:
        message = "Pooled unlimited items cannot include pricing"
    elif price is not None and not price.is_prepaid:
        message = "Pooled items cannot use usage-based pricing"
    if message is not None:
        raise ApiError(400, message, "invalid_product_item")


def _to_expiry(sent: PlanItemParams, price: ItemPrice | None, feature: Feature) -> Expiry | None:
    if sent.expiry is None:
        return None
    if price is None or not price.is_bought_once or not feature.consumable:
        raise invalid_request("expiry is only for one-off prepaid items of consumable features")
    return Expiry(duration=sent.expiry.duration, length=length(sent.expiry.length))


def to_licenses(sent: list[dict[str, Any]] | None) -> tuple[PlanLicense, ...]:
    """The licences of a plan as they were sent."""
    return tuple(msgspec.convert({**each, "included": each.get("included") or 0}, PlanLicense) for each in sent or ())


def to_reset(sent: ResetParams) -> Reset:
    """How often a grant is renewed."""
    return Reset(interval=sent.interval, interval_count=length(sent.interval_count))


def _item_price(sent: ItemPriceParams | None) -> ItemPrice | None:
    if sent is None:
        return None
    return ItemPrice(
        amount=_amount(sent.amount),
        tiers=tuple(sent.tiers) if sent.tiers else None,
        tier_behavior=sent.tier_behavior or ("graduated" if sent.tiers else None),
        interval=sent.interval,
        interval_count=length(sent.interval_count),
        billing_units=amount(sent.billing_units or 1),
        billing_method=sent.billing_method,
        max_purchase=_amount(sent.max_purchase),
        price_id=new_id("pr"),
        additional_currencies=_currencies(sent.additional_currencies),
    )


def to_rollover(
    most: float | None, most_percent: float | None, duration: Literal["month", "forever"], months: float | None
) -> RolloverConfig:
    """A rollover setting, of a plan item or of a loose balance. It is kept for ``months``."""
    if most == 0:
        raise invalid_request("Rollover maximum amount must be greater than 0")
    return RolloverConfig(
        max=_amount(most),
        max_percentage=_amount(most_percent),
        expiry_duration_type=duration,
        expiry_duration_length=length(months) if months is not None else None,
    )


def _amount(sent: float | None) -> Decimal | None:
    return None if sent is None else amount(sent)


def delete(call: Call, plan_id: str, *, all_versions: bool = False) -> None:
    """Delete a plan without customers: its newest version, or all."""
    environment = call.environment
    with call.write() as transaction:
        plan = get(call, plan_id)
        count = customers_on(environment, plan_id, ended=True)
        if count:
            raise invalid_request(
                f"Product {plan_id} has {count} customers (expired or active) on it and therefore cannot be deleted"
            )
        for each in list(environment.plans.of(plan_id).values()) if all_versions else [plan]:
            transaction.delete(each)
