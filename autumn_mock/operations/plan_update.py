"""``plans.update``, and what the catalogue shares with it.

A change makes a new version, and leaves the old one to its customers, if customers are on the version that changes and
would get something different, or other billing controls. Other changes, of a name for example, are made in place.
``force_version`` always makes a version; ``disable_version`` and ``all_versions`` never do, and the latter changes the
other versions, too.

Example: customers are on version 1 of a plan with 10 messages. Another name stays version 1, 20 messages are version 2,
the same 10 messages are no change.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from autumn_mock.domain.plan import Plan
from autumn_mock.operations import plans
from autumn_mock.operations.call import Call
from autumn_mock.operations.controls import to_controls
from autumn_mock.operations.errors import invalid_request
from autumn_mock.operations.plan_diff import PlanDiff, carry_over, diff
from autumn_mock.operations.variants import refuse_variants, update_variants
from autumn_mock.store.environment import Environment, Transaction
from autumn_mock.wire.requests.plans import PlanPatch


def propose(call: Call, current: Plan, params: PlanPatch) -> Plan:
    """A plan with the changes of a request. What the request leaves out, or sends unchanged, stays the same record."""
    sent = {
        "id": params.new_plan_id or None,
        "name": params.name,
        "add_on": params.add_on,
        "auto_enable": params.is_default if params.auto_enable is None else params.auto_enable,
        "archived": params.archived,
        "metadata": params.metadata,
    }
    changes: dict[str, Any] = {name: value for name, value in sent.items() if value is not None}
    if params.description is not UNSET:
        changes["description"] = params.description
    if params.group is not None:
        changes["group"] = params.group or None
    if params.config is not None:
        config = {"ignore_past_due": False, **params.config}
        changes["config"] = current.config if config == {"ignore_past_due": False, **current.config} else config
    if params.billing_controls is not None:
        changes["billing_controls"] = to_controls(params.billing_controls)
    if params.price is not UNSET:
        changes["price"] = plans.to_base_price(params.price, current.price)
    if params.free_trial is not UNSET:
        changes["free_trial"] = plans.to_trial(params.free_trial)
    if params.base_plan_id is not UNSET:
        changes["base_variant_id"] = params.base_plan_id
    if params.licenses is not None:
        changes["licenses"] = plans.to_licenses(params.licenses)
    if params.items is not None:
        items = plans.to_items(call, params.items)
        changes["items"] = items if diff(current, replace(current, items=items)).changes_items else current.items
    return replace(current, **changes)


def makes_version(change: PlanDiff, params: PlanPatch, customers: int) -> bool:
    """Whether a change is a new version, with this number of ``customers`` on the version that changes."""
    if params.force_version:
        return True
    in_place = params.disable_version or params.all_versions
    before, after = change.current, change.proposed
    changes_more = (before.billing_controls, before.licenses) != (after.billing_controls, after.licenses)
    return customers > 0 and not in_place and (change.changes_offer or changes_more)


def update(call: Call, plan_id: str, params: PlanPatch) -> Plan:
    """Change a plan, or make a new version of it. Returns the version that was changed or made.

    Raises :class:`ApiError`: 404 for an unknown plan or version; 400 if the new id is taken, or if the plan may not be
    enabled automatically.
    """
    environment = call.environment
    with call.write() as transaction:
        current = plans.get(call, plan_id, params.version)
        if params.new_plan_id and params.new_plan_id != current.id:
            _rename(environment, transaction, current.id, params.new_plan_id)
            current = plans.get(call, params.new_plan_id, params.version)
        change = diff(current, propose(call, current, params))
        proposed = change.proposed
        plans.check_auto_enable(environment, proposed)
        if params.is_default and proposed.base_variant_id is not None:
            raise invalid_request("is_default cannot be true on a variant")
        refuse_variants(call, current, params)
        versions = list(environment.plans.of(current.id).values())
        if makes_version(change, params, plans.customers_on(environment, current.id, current.version)):
            newest = max(each.version for each in versions)
            proposed = replace(proposed, version=newest + 1, created_at=call.now)
            transaction.put(proposed)
            update_variants(call, transaction, change, proposed, params, made_version=True)
            return proposed
        _put(transaction, current, proposed)
        update_variants(call, transaction, change, proposed, params, made_version=False)
        if params.all_versions:
            for other in versions:
                if other.version != current.version:
                    _put(transaction, other, carry_over(change, other))
        return proposed


def _rename(environment: Environment, transaction: Transaction, old: str, new: str) -> None:
    """Name a plan anew where it is named: its versions, its variants, and plans that offer licences of it.

    400 if the id is taken, or if a customer is or was on the plan.
    """
    plans.refuse_taken(environment, new)
    if plans.customers_on(environment, old, ended=True):
        raise invalid_request("Cannot change product ID because it has existing customers")
    for plan in list(environment.plans):
        base = new if plan.base_variant_id == old else plan.base_variant_id
        renamed = replace(_with_licenses_of(plan, old, new), id=new if plan.id == old else plan.id)
        _put(transaction, plan, replace(renamed, base_variant_id=base))
    for attached in list(environment.customer_plans):
        plan = _with_licenses_of(attached.plan, old, new)
        if plan is not attached.plan:
            quantities = {new if key == old else key: value for key, value in attached.license_quantities.items()}
            names = {new if key == old else key: value for key, value in attached.license_names.items()}
            transaction.put(replace(attached, plan=plan, license_quantities=quantities, license_names=names))


def _with_licenses_of(plan: Plan, old: str, new: str) -> Plan:
    """The plan with another id for a plan that it offers licences of; itself when it offers none."""
    if all(each.license_plan_id != old for each in plan.licenses):
        return plan
    renamed = (replace(each, license_plan_id=new) if each.license_plan_id == old else each for each in plan.licenses)
    return replace(plan, licenses=tuple(renamed))


def _put(transaction: Transaction, before: Plan, after: Plan) -> None:
    """Replace a version, perhaps under another id."""
    if after.id != before.id:
        transaction.delete(before)
    if after != before:
        transaction.put(after)
