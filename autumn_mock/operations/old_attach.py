"""``attach`` of older clients: creates the customer, takes several plans, and says in words what it did.

Quantities are what is bought on top of the included amount. Attaching a plan again changes its quantities, version or
items, or undoes its cancellation; when there is nothing to change it is an error.
"""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from autumn_mock.domain.customer import Customer, CustomerPlan
from autumn_mock.domain.plan import Plan
from autumn_mock.operations import billing, plans, updates
from autumn_mock.operations.attachments import attached_plans, current_plan, is_deferred
from autumn_mock.operations.call import Call
from autumn_mock.operations.creation import get_or_create_customer, get_or_create_entity
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.operations.subjects import get_entity
from autumn_mock.wire import schema as z
from autumn_mock.wire.requests.billing import BillingAttach, BillingUpdate, FeatureQuantity
from autumn_mock.wire.requests.common import CustomerData
from autumn_mock.wire.requests.items import Customize, FreeTrialParams
from autumn_mock.wire.requests.older import OldAttach
from autumn_mock.wire.versions.product_params import plan_params, trial_params


class OldAttached(Struct, frozen=True):
    """What was done."""

    customer_id: str
    plan_ids: list[str]
    code: str
    message: str


def attach(call: Call, params: OldAttach) -> OldAttached:
    """Attach plans to a customer (or an entity); all of them, or none."""
    with call.write() as transaction:
        customer = get_or_create_customer(call, transaction, params.customer_id, params.customer_data or CustomerData())
        if params.entity_id and params.entity_data is not None:
            get_or_create_entity(call, transaction, customer, params.entity_id, params.entity_data)
        elif params.entity_id:
            get_entity(call.environment, customer, params.entity_id)
        ids = params.product_ids or [params.product_id or ""]
        wanted = [plans.get(call, each, params.version) for each in ids]
        _require_known_options(call, wanted, params)
        done = [_attach(call, customer, plan, params) for plan in wanted]
        code, message = done[0]
        if len(done) > 1:
            code, message = "new_product_attached", _attached(customer, wanted)
        return OldAttached(params.customer_id, ids, code, message)


def _require_known_options(call: Call, wanted: list[Plan], params: OldAttach) -> None:
    prepaid = {item.feature_id for plan in wanted for item in plan.items if _is_prepaid(plan, item.feature_id)}
    for option in params.options or ():
        name = option.feature_id
        if call.environment.features.get(name) is None:
            raise ApiError(404, f"Feature {name} passed into options but not found", "feature_not_found")
        if name not in prepaid:
            raise ApiError(404, f"No prepaid price found for feature {name}", "price_not_found")
        if option.quantity is None:
            raise ApiError(400, f"Pass in 'quantity' for feature {name} in options", "invalid_options")


def _is_prepaid(plan: Plan, feature_id: str) -> bool:
    return any(
        item.feature_id == feature_id and item.price is not None and item.price.billing_method == "prepaid"
        for item in plan.items
    )


def _quantities(plan: Plan, params: OldAttach) -> list[FeatureQuantity] | None:
    """The quantities with what the plan includes."""
    sent = {each.feature_id: each.quantity or 0 for each in params.options or ()}
    found = [
        FeatureQuantity(feature_id=item.feature_id, quantity=float(item.included) + sent[item.feature_id])
        for item in plan.items
        if item.feature_id in sent and _is_prepaid(plan, item.feature_id)
    ]
    return found or None


def _attach(call: Call, customer: Customer, plan: Plan, params: OldAttach) -> tuple[str, str]:
    scope = params.entity_id or None
    same = next((each for each in attached_plans(call, customer, scope) if each.plan_id == plan.id), None)
    current = current_plan(call, customer, plan, scope) if plan.is_main else None
    if same is not None and plan.is_main:
        return _again(call, same, plan, params)
    billing.attach(
        call,
        BillingAttach(
            customer_id=params.customer_id,
            entity_id=scope,
            plan_id=plan.id,
            version=params.version,
            feature_quantities=_quantities(plan, params),
            customize=_customize(params),
            free_trial=_trial(params),
            new_billing_subscription=params.new_billing_subscription,
            no_billing_changes=params.no_billing_changes,
            success_url=params.success_url,
        ),
    )
    return _done(customer, plan, current)


def _done(customer: Customer, plan: Plan, current: CustomerPlan | None) -> tuple[str, str]:
    name = _name(customer)
    if plan.is_one_off and not plan.is_free:
        return (
            "one_off_product_attached",
            f"Successfully purchased product(s) {plan.name} and attached to customer {name}",
        )
    if current is not None and not current.plan.is_free:
        if is_deferred(plan, current.plan):
            return "downgrade_scheduled", f"Successfully downgraded from {current.plan.name} to {plan.name}"
        return "upgraded_to_new_product", "Successfully updated product"
    if plan.is_free:
        return "free_product_attached", f"Successfully inserted free product {plan.name} to {name}"
    return "new_product_attached", _attached(customer, [plan])


def _attached(customer: Customer, wanted: list[Plan]) -> str:
    names = ", ".join(plan.name for plan in wanted)
    return f"Successfully created subscriptions and attached product(s) {names} to customer {_name(customer)}"


def _name(customer: Customer) -> str | None:
    return customer.name or customer.email or customer.id


def _again(call: Call, same: CustomerPlan, plan: Plan, params: OldAttach) -> tuple[str, str]:
    """Change a main plan that the customer is on already."""
    if same.status == "scheduled":
        raise invalid_request(f"Product {plan.name} is already scheduled, can't attach again")
    quantities, customize = _quantities(plan, params), _customize(params)
    changes = BillingUpdate(
        customer_id=params.customer_id,
        entity_id=params.entity_id,
        plan_id=plan.id,
        feature_quantities=quantities,
        customize=customize,
        version=plan.version if plan.version != same.plan.version else None,
        cancel_action="uncancel" if same.canceled_at is not None else None,
        no_billing_changes=True,
    )
    if changes.version is not None or customize is not None:
        code, message = "upgraded_to_new_product", "Successfully updated product"
    elif changes.cancel_action is not None:
        code, message = "renewed_product", "Successfully renewed product"
    elif quantities is not None:
        code, message = "features_updated", "Successfully updated quantity for features"
    else:
        message = f"Product {plan.name} is already attached, can't attach again"
        raise ApiError(400, message, "product_already_attached")
    updates.update(call, changes)
    return code, message


def _customize(params: OldAttach) -> Customize | None:
    if not params.is_custom or params.items is None:
        return None
    words = plan_params({"items": params.items})
    return z.parse(Customize, {name: value for name, value in words.items() if value is not None})


def _trial(params: OldAttach) -> FreeTrialParams | UnsetType | None:
    if params.free_trial is False:
        return None
    if not isinstance(params.free_trial, dict):
        return UNSET
    return z.parse(FreeTrialParams, trial_params(params.free_trial))
