"""Plan variants: plans that began as copies of a base plan, and are linked to it.

A variant is a plan like any other, with versions, customers and prices of its own. What ``plans.update`` does to it:

===================================  ===========================================================================
the update of its base               the variant
===================================  ===========================================================================
names it in ``update_variant_ids``   follows: the items that this update changes, and the price and other fields
                                     where it was like the base; never the name. What it had dropped returns.
has it in ``variants``               becomes the base, as it is then, with ``customize``; it is made if missing
``base_plan_id``                     is linked to another base, or (null) to none
else                                 stays
===================================  ===========================================================================

It gets a new version if its base did or it has customers, in place with ``disable_version``.
"""

from __future__ import annotations

from msgspec import UNSET
from msgspec.structs import replace

from autumn_mock.domain.plan import Plan, PlanItem
from autumn_mock.ids import new_id
from autumn_mock.operations import plans
from autumn_mock.operations.billing.customization import changed
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError, plan_not_found
from autumn_mock.operations.plan_diff import PlanDiff, carry_over, diff
from autumn_mock.store.environment import Environment, Transaction
from autumn_mock.wire.requests.plans import PlanPatch, PlansCreateVariant, VariantParams

_MAX_VARIANTS = 20
#: What a variant never takes over from a change of its base.
_OWN = ("id", "name", "auto_enable", "archived", "base_variant_id")


def variants_of(environment: Environment, base_id: str) -> list[Plan]:
    """The variants of a plan, the newest version of each, without archived ones."""
    ids = dict.fromkeys(each.id for each in environment.plans if each.base_variant_id == base_id)
    newest = [plans.latest_plan(environment, plan_id) for plan_id in ids]
    return [each for each in newest if each is not None and not each.archived and each.base_variant_id == base_id]


def get(call: Call, base_id: str, variant_id: str, version: float | None) -> Plan:
    """A variant of a plan, its newest version or a certain one; 404 when it is not a variant of that plan."""
    variant = plans.get(call, variant_id, version)
    if variant.base_variant_id != plans.get(call, base_id).id:
        raise plan_not_found(variant_id)
    return variant


def create(call: Call, params: PlansCreateVariant) -> Plan:
    """A new variant: a copy of its base that is not enabled automatically."""
    with call.write() as transaction:
        base = plans.get(call, params.base_plan_id)
        _require_base(call, base)
        if base.archived:
            raise ApiError(400, "Cannot fork an archived base plan.", "cannot_fork_archived_base")
        if plans.latest_plan(call.environment, params.variant_plan_id) is not None:
            message = f"Product {params.variant_plan_id} already exists."
            raise ApiError(409, message, "product_id_already_exists")
        variant = _copy(call, base, params.variant_plan_id, params.name)
        transaction.put(variant)
        return variant


def base_of(environment: Environment, plan: Plan) -> Plan | None:
    """The plan that a variant is linked to, unless it was deleted."""
    return None if plan.base_variant_id is None else plans.latest_plan(environment, plan.base_variant_id)


def _require_base(call: Call, plan: Plan) -> None:
    """400 for a plan that is a variant and therefore has none."""
    if base_of(call.environment, plan) is not None:
        raise ApiError(400, "Cannot create a variant from another variant.", "nested_variant_not_allowed")


def _copy(call: Call, base: Plan, plan_id: str, name: str) -> Plan:
    return replace(
        base,
        id=plan_id,
        name=name,
        version=1,
        created_at=call.now,
        auto_enable=False,
        base_variant_id=base.id,
        price=None if base.price is None else replace(base.price, price_id=new_id("pr")),
        items=tuple(_copied(item) for item in base.items),
    )


def _copied(item: PlanItem) -> PlanItem:
    price = None if item.price is None else replace(item.price, price_id=new_id("pr"))
    return replace(item, entitlement_id=new_id("ent"), price=price)


def refuse_variants(call: Call, base: Plan, params: PlanPatch) -> None:
    """400 for variants of an update that cannot follow it."""
    named = params.update_variant_ids or []
    if len(named) > _MAX_VARIANTS:
        raise ApiError(400, f"Cannot propagate to more than {_MAX_VARIANTS} variants", "too_many_variants")
    for each in params.variants or ():
        if each.force_version and each.disable_version:
            message = "Cannot use both force_version and disable_version"
            raise ApiError(400, message, "conflicting_version_flags")
    if params.variants:
        _require_base(call, base)
    for plan_id in (*named, *(each.variant_plan_id for each in params.variants or ())):
        known = plans.latest_plan(call.environment, plan_id)
        if known.base_variant_id != base.id if known is not None else plan_id in named:
            raise ApiError(400, f"Invalid propagation target: {plan_id}", "invalid_propagation_target")
    if params.base_plan_id is not UNSET and params.base_plan_id is not None:
        wanted = plans.get(call, params.base_plan_id)
        if wanted.id == base.id or variants_of(call.environment, base.id):
            raise ApiError(400, "Cannot create a variant from another variant.", "nested_variant_not_allowed")
        _require_base(call, wanted)


def followed(change: PlanDiff, variant: Plan) -> Plan:
    """A variant after the change of its base."""
    new = carry_over(change, variant)
    kept = {name: getattr(variant, name) for name in _OWN}
    if change.changes_price and not is_priced_alike(change.current, variant):
        kept["price"] = variant.price
    return replace(new, **kept)


def is_priced_alike(base: Plan, variant: Plan) -> bool:
    """Whether both have base prices of the same interval, or none."""
    if base.price is None or variant.price is None:
        return base.price is variant.price
    return (base.price.interval, base.price.interval_count) == (variant.price.interval, variant.price.interval_count)


def proposed_variant(call: Call, base: Plan, sent: VariantParams) -> Plan:
    """A variant as ``variants`` of its base describes it: new, or its newest version with what changes."""
    known = plans.latest_plan(call.environment, sent.variant_plan_id)
    if known is None:
        if sent.name is None:
            raise plan_not_found(sent.variant_plan_id)
        return changed(call, _copy(call, base, sent.variant_plan_id, sent.name), replace(sent.customize, items=None))
    wanted = changed(call, _copy(call, base, known.id, sent.name or known.name), replace(sent.customize, items=None))
    own = {name: getattr(known, name) for name in ("version", "created_at", "auto_enable", "archived")}
    wanted = replace(wanted, **own)
    found = diff(known, wanted)
    price = wanted.price
    if price is not None and known.price is not None and replace(price, price_id=known.price.price_id) == known.price:
        wanted = replace(wanted, price=known.price)
    return wanted if found.changes_items else replace(wanted, items=known.items)


def update_variants(
    call: Call, transaction: Transaction, change: PlanDiff, base: Plan, params: PlanPatch, *, made_version: bool
) -> None:
    """Let variants follow an update of their base, which is ``base`` now."""
    environment = call.environment
    described = {each.variant_plan_id for each in params.variants or ()}
    for plan_id in dict.fromkeys(params.update_variant_ids or ()):
        variant = plans.latest_plan(environment, plan_id)
        if variant is not None and not variant.archived and plan_id not in described:
            in_place = bool(params.disable_version or params.all_versions)
            _put(call, transaction, variant, followed(change, variant), new=made_version, in_place=in_place)
    for each in params.variants or ():
        before = plans.latest_plan(environment, each.variant_plan_id)
        after = proposed_variant(call, base, each)
        if before is None:
            transaction.put(after)
        else:
            new, in_place = made_version or bool(each.force_version), bool(each.disable_version)
            _put(call, transaction, before, after, new=new, in_place=in_place, always=bool(each.force_version))


def _put(
    call: Call, transaction: Transaction, before: Plan, after: Plan, *, new: bool, in_place: bool, always: bool = False
) -> None:
    """Change a variant in place, or make its next version."""
    environment = call.environment
    if after == before and not always:
        return
    new = new or plans.customers_on(environment, before.id, before.version) > 0
    offers = diff(before, after).changes_offer or before.billing_controls != after.billing_controls
    if new and (offers or always) and not in_place:
        after = replace(after, version=before.version + 1, created_at=call.now)
    transaction.put(after)
