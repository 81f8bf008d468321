"""Licences: seats of a plan that another plan of the customer offers to its entities.

The parent grants as many as it includes or, if that is more, as were bought. A seat is the licence's plan, attached to
the entity: the entity has its balances, the customer does not see them. A released seat keeps its usage for the next
holder. With the parent all its seats end; a plan that replaces the parent at once takes them over.

Example: 2 included and 5 bought: 5 granted, 3 of them paid for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.customer import RELEASED, Customer, CustomerPlan, Entity
from autumn_mock.domain.plan import Plan, PlanLicense
from autumn_mock.operations import plans
from autumn_mock.operations.billing.customization import changed
from autumn_mock.operations.billing.grants import begin, rows_of
from autumn_mock.operations.call import Call
from autumn_mock.operations.creation import get_or_create_entity
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.operations.subjects import find_entity, get_customer, open_account
from autumn_mock.store.environment import Transaction
from autumn_mock.wire.requests.billing import BillingAttach, BillingParams, BillingUpdate
from autumn_mock.wire.requests.common import EntityData
from autumn_mock.wire.requests.items import Customize
from autumn_mock.wire.requests.licenses import AssignmentsList, LicensesAttach, LicensesList, LicensesRelease
from autumn_mock.wire.schema import parse


class LicensePool(Struct, frozen=True):
    """The seats of one licence of one attached plan."""

    parent: CustomerPlan
    license: PlanLicense
    used: int

    @property
    def granted(self) -> int:
        return granted(self.parent, self.license)

    @property
    def name(self) -> str:
        return self.parent.license_names.get(self.license.license_plan_id, self.license.license_plan_id)


def granted(parent: CustomerPlan, license: PlanLicense) -> int:
    """How many seats an attached plan has."""
    return max(license.included, parent.license_quantities.get(license.license_plan_id, 0))


def pools_of(attached: Iterable[CustomerPlan]) -> list[LicensePool]:
    """The licences that the active plans of a customer offer."""
    every = list(attached)
    return [
        LicensePool(parent, each, len(_seats(every, parent.id, each.license_plan_id)))
        for parent in every
        if parent.status == "active" and parent.entity_id is None
        for each in parent.plan.licenses
    ]


def _seats(attached: Iterable[CustomerPlan], parent_id: str, plan_id: str) -> list[CustomerPlan]:
    """The seats that are held."""
    return [
        each
        for each in attached
        if each.license_parent == parent_id and each.plan_id == plan_id and each.entity_id != RELEASED
    ]


def _attached(call: Call, customer: Customer) -> list[CustomerPlan]:
    return list(call.environment.customer_plans.of(customer.internal_id).values())


# -- the calls


def attach(call: Call, params: LicensesAttach) -> None:
    """``licenses.attach``: give seats to entities; those that have one are skipped."""
    _refuse_twice((each.entity_id for each in params.entities), "entities")
    with call.write() as transaction:
        customer = get_customer(call.environment, params.customer_id)
        open_account(call, transaction, customer)
        plan = plans.get(call, params.plan_id)
        if plan.archived:
            raise invalid_request(f"License plan {plan.id} is archived and cannot be assigned.")
        pools = [each for each in pools_of(_attached(call, customer)) if each.license.license_plan_id == plan.id]
        if len(pools) != 1:
            problem = f"Multiple plans offer license {plan.id}." if pools else None
            raise invalid_request(problem or f"No plan on this customer offers license {plan.id}.")
        pool = pools[0]
        holders = {each.entity_id for each in _seats(_attached(call, customer), pool.parent.id, plan.id)}
        wanted = []
        for each in params.entities:
            entity = find_entity(call.environment, customer, each.entity_id)
            if entity is None and each.feature_id is None:
                raise invalid_request(f"Entity {each.entity_id} does not exist. Pass feature_id to create it.")
            if entity is None or entity.id not in holders:
                wanted.append(each)
        if pool.used + len(wanted) > pool.granted:
            raise invalid_request("No available licenses for this plan.")
        for each in wanted:
            data = None if each.feature_id is None else EntityData(feature_id=each.feature_id, name=each.name)
            entity = get_or_create_entity(call, transaction, customer, each.entity_id, data)
            _give(call, transaction, customer, pool, plan, entity)


def _give(
    call: Call, transaction: Transaction, customer: Customer, pool: LicensePool, plan: Plan, entity: Entity
) -> None:
    """Give an entity a seat: a released one with its usage, else a new one."""
    for each in _attached(call, customer):
        if each.license_parent == pool.parent.id and each.plan_id == plan.id and each.entity_id == RELEASED:
            _hold(call, transaction, each, entity.id)
            return
    if pool.license.customize is not None:
        plan = changed(call, plan, replace(parse(Customize, pool.license.customize), items=None))
    begin(call, transaction, customer, plan, entity_id=entity.id, license_parent=pool.parent.id, trial_ends_at=None)


def _hold(call: Call, transaction: Transaction, seat: CustomerPlan, entity_id: str) -> None:
    """Another holder, or none, for a seat and its balances."""
    for row in rows_of(call, seat):
        transaction.put(replace(row, entity_id=entity_id))
    transaction.put(replace(seat, entity_id=entity_id))


def release(call: Call, params: LicensesRelease) -> None:
    """``licenses.release``: take seats from entities."""
    _refuse_twice(params.entity_ids, "entity_ids")
    with call.write() as transaction:
        customer = get_customer(call.environment, params.customer_id)
        open_account(call, transaction, customer)
        wanted = params.license_plan_id
        seats = []
        for entity_id in params.entity_ids:
            held = [each for each in _attached(call, customer) if each.license_parent and each.entity_id == entity_id]
            found = [each for each in held if wanted in (None, each.plan_id)]
            if not found:
                which = "license" if wanted is None else f"license {wanted}"
                raise invalid_request(f"Entity {entity_id} has no {which} to release.")
            if len(found) > 1:
                raise invalid_request(f"Entity {entity_id} holds multiple licenses. Provide license_plan_id.")
            seats += found
        for seat in seats:
            _hold(call, transaction, seat, RELEASED)


def _refuse_twice(ids: Iterable[str], where: str) -> None:
    known: set[str] = set()
    for entity_id in ids:
        if entity_id in known:
            raise invalid_request(f"Duplicate entity {entity_id} in {where}.")
        known.add(entity_id)


def list_pools(call: Call, params: LicensesList) -> list[LicensePool]:
    """``licenses.list``: of a customer; with an entity those of which it holds a seat."""
    with call.write() as transaction:
        customer = get_customer(call.environment, params.customer_id)
        attached = list(open_account(call, transaction, customer).plans.values())
    held = {(each.license_parent, each.plan_id) for each in attached if each.entity_id == params.entity_id}
    pools = pools_of(attached)
    if params.entity_id is None:
        return pools
    return [each for each in pools if (each.parent.id, each.license.license_plan_id) in held]


def list_assignments(call: Call, params: AssignmentsList) -> list[CustomerPlan]:
    """``licenses.list_assignments``: seats that are held, and released ones; ``active`` selects either."""
    with call.write() as transaction:
        customer = get_customer(call.environment, params.customer_id)
        attached = list(open_account(call, transaction, customer).plans.values())
    return [
        each
        for each in attached
        if each.license_parent is not None
        and params.entity_id in (None, each.entity_id)
        and params.plan_id in (None, each.plan_id)
        and params.active in (None, each.entity_id != RELEASED)
    ]


# -- plans that offer licences


def quantities(params: BillingParams) -> dict[str, int]:
    """The seats that a request buys."""
    return {each["license_plan_id"]: int(each["quantity"]) for each in params.license_quantities or ()}


def names(call: Call, plan: Plan) -> dict[str, str]:
    """The names of the plans of licences."""
    known = {each.license_plan_id: plans.latest_plan(call.environment, each.license_plan_id) for each in plan.licenses}
    return {plan_id: each.name for plan_id, each in known.items() if each is not None}


def refuse_attach(
    call: Call, customer: Customer, params: BillingAttach, plan: Plan, current: CustomerPlan | None
) -> None:
    """400 for a plan that licences forbid to attach, and for seats that would be left without a grant."""
    attached, entity_id = _attached(call, customer), params.entity_id
    offered = {each.license_plan_id for each in plan.licenses}
    for plan_id in quantities(params):
        if plan_id not in offered:
            raise invalid_request(f"Plan does not offer license {plan_id}.")
    if entity_id and plan.licenses:
        raise invalid_request(
            f"Plan {plan.id} offers licenses, so it can only be attached to the customer — not to entity {entity_id}."
        )
    for pool in pools_of(attached):
        if pool.license.license_plan_id == plan.id:
            raise invalid_request(
                f"Plan {plan.id} is a license under {pool.parent.plan_id}, which this customer is on. "
                "Assign seats with licenses.attach instead of attaching it directly."
            )
    held = next((each for each in attached if entity_id and each.license_parent and each.entity_id == entity_id), None)
    if held is not None:
        raise invalid_request(
            f"Entity {entity_id} holds a license ({held.plan_id}) — its plan is managed through the license. "
            "Release it first via licenses.release."
        )
    if current is not None:
        _refuse_conflict(attached, current.id, plan, quantities(params))


def refuse_update(
    call: Call, customer: Customer, params: BillingUpdate, current: CustomerPlan, new: CustomerPlan
) -> None:
    """400 for quantities of licences that cannot be changed like this."""
    attached, sent = _attached(call, customer), quantities(params)
    offered = {each.license_plan_id for each in new.plan.licenses}
    if sent and params.feature_quantities:
        raise invalid_request("license_quantities cannot be combined with feature_quantities in one update.")
    if sent and current.status == "scheduled":
        raise invalid_request("License changes are not supported on scheduled plans.")
    for plan_id, quantity in sent.items():
        if plan_id not in offered:
            raise invalid_request(f"Customer has no license pool for {plan_id} on this plan.")
        count = len(_seats(attached, current.id, plan_id))
        if quantity < count:
            raise invalid_request(
                f"license_quantities for {plan_id} is below its {count} active assignments. Release licenses first."
            )
    _refuse_conflict(attached, current.id, new.plan, new.license_quantities)


def _refuse_conflict(attached: list[CustomerPlan], parent_id: str, plan: Plan, bought: Mapping[str, int]) -> None:
    grants = {each.license_plan_id: max(each.included, bought.get(each.license_plan_id, 0)) for each in plan.licenses}
    held = [each for each in attached if each.license_parent == parent_id and each.entity_id != RELEASED]
    for plan_id in dict.fromkeys(each.plan_id for each in held):
        count, grant = len(_seats(held, parent_id, plan_id)), grants.get(plan_id, 0)
        if count > grant:
            raise ApiError(
                400,
                f"License changes conflict with active license assignments: {count} assigned, but the incoming plan "
                f"grants {grant}. Release licenses first.",
                "invalid_request",
            )


def move_seats(call: Call, transaction: Transaction, customer: Customer, old: str, new: str) -> None:
    """Let the seats of one attached plan be those of another, by their ids."""
    for each in _attached(call, customer):
        if each.license_parent == old:
            transaction.put(replace(each, license_parent=new))
