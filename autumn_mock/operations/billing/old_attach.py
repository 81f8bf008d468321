"""``attach`` of older clients: creates the customer, takes several plans, and says in words what it did.

Quantities are what is bought on top of the included amount. Attaching a plan again changes its quantities, version or
items, or undoes its cancellation; when there is nothing to change it is an error.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from autumn_mock.domain.customer import Customer, CustomerPlan
from autumn_mock.domain.plan import Plan
from autumn_mock.operations import plans
from autumn_mock.operations.billing.attach import attach_within
from autumn_mock.operations.billing.attachments import attached_plans, current_plan, is_deferred, scheduled
from autumn_mock.operations.billing.invoicing import card_of
from autumn_mock.operations.billing.multi_attach import multi_attach_within
from autumn_mock.operations.billing.purchases import Outcome
from autumn_mock.operations.billing.update import update_within
from autumn_mock.operations.call import Call
from autumn_mock.operations.creation import get_or_create_customer, get_or_create_entity
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.operations.subjects import get_entity, open_account
from autumn_mock.store.environment import Transaction
from autumn_mock.wire import schema as z
from autumn_mock.wire.requests.billing import BillingAttach, BillingUpdate, FeatureQuantity
from autumn_mock.wire.requests.common import CustomerData
from autumn_mock.wire.requests.items import Customize, FreeTrialParams
from autumn_mock.wire.requests.multi_attach import MultiAttach, PlanToAttach
from autumn_mock.wire.requests.older import OldAttach
from autumn_mock.wire.versions.product_params import plan_params, trial_params


class OldAttached(Struct, frozen=True):
    """What was done, or what is to be paid first."""

    customer_id: str
    plan_ids: list[str]
    code: str
    message: str
    outcome: Outcome


def attach(call: Call, params: OldAttach) -> OldAttached:
    """Attach plans to a customer (or an entity); all of them, or none."""
    with call.write() as transaction:
        customer, wanted = opened(call, transaction, params)
        if len(wanted) > 1:
            outcome = multi_attach_within(call, transaction, several(params, wanted))
            done = "new_product_attached", _attached(customer, wanted)
        else:
            outcome, done = _attach(call, transaction, customer, wanted[0], params)
        code, message = _said(customer, wanted, params, outcome, done)
        return OldAttached(params.customer_id, [each.id for each in wanted], code, message, outcome)


def opened(call: Call, transaction: Transaction, params: OldAttach) -> tuple[Customer, list[Plan]]:
    """The customer, created if need be, and the plans. Raises :class:`ApiError` for what is refused."""
    customer = get_or_create_customer(call, transaction, params.customer_id, params.customer_data or CustomerData())
    if params.entity_id and params.entity_data is not None:
        get_or_create_entity(call, transaction, customer, params.entity_id, params.entity_data)
    elif params.entity_id:
        get_entity(call.environment, customer, params.entity_id)
    customer = open_account(call, transaction, customer).customer
    ids = params.product_ids or [params.product_id or ""]
    wanted = [plans.get(call, each, params.version) for each in ids]
    _require_known_options(call, wanted, params)
    if not params.no_billing_changes:
        _require_payable(call, customer, wanted, params)
    return customer, wanted


def _require_payable(call: Call, customer: Customer, wanted: list[Plan], params: OldAttach) -> None:
    """400 for what can be bought by newer calls only, or in another way."""
    entity_id = params.entity_id or None
    forced = "publishable key" if call.publishable else "force_checkout" if params.force_checkout else None
    sent = {each.feature_id: each.quantity for each in params.options or ()}
    for plan in wanted:
        prices = [item.price for item in plan.items if item.price is not None and item.price.is_prepaid]
        if any(each.tier_behavior == "volume" for each in prices):
            raise invalid_request(
                "Volume pricing is not supported on attach V1. Please upgrade to V2 of the Autumn API to use prepaid "
                "volume tiers"
            )
        if len(plan.prices) == len(prices) == 1 and 0 in sent.values():
            message = "When attaching a single prepaid price, quantity must be greater than 0"
            raise ApiError(400, message, "invalid_options")
        current = current_plan(call, customer, plan, entity_id) if plan.is_main else None
        if forced is not None:
            _require_checkout(plan, current, forced)
        direct = forced is None and not params.invoice and card_of(call, customer) is not None
        missing = [item.feature_id for item in plan.items if item.is_prepaid and item.feature_id not in sent]
        if direct and missing and (current is None or current.plan_id != plan.id):
            raise ApiError(400, f"Pass in 'quantity' for feature {missing[0]} in options", "invalid_options")
        if len(wanted) > 1 and current is not None and not current.plan.is_free:
            if scheduled(call, customer, plan, entity_id):
                raise invalid_request(
                    "Can't attach multiple products when a scheduled product change is already pending"
                )
            raise invalid_request(
                f"Can't perform upgrade/downgrade to {plan.name} when attaching multiple products simultaneously"
            )


def _require_checkout(plan: Plan, current: CustomerPlan | None, forced: str) -> None:
    if not plan.prices:
        raise invalid_request(f"Product {plan.name} has no prices, can't create checkout")
    if current is not None and current.plan_id == plan.id:
        raise invalid_request(f"Not allowed to update current product when using {forced}")
    if current is not None and not current.plan.is_free:
        raise invalid_request(f"Not allowed to perform upgrade or downgrade when using {forced}")


def _said(
    customer: Customer, wanted: list[Plan], params: OldAttach, outcome: Outcome, done: tuple[str, str]
) -> tuple[str, str]:
    """The code and the message of what waits for a payment, else of what was ``done``."""
    names = ", ".join(plan.name for plan in wanted)
    if outcome.checkout is not None:
        return "checkout_created", f"Successfully created checkout for customer {customer.id}, product(s) {names}"
    if params.invoice and not params.enable_product_immediately and outcome.invoice is not None:
        message = f"Successfully created invoice checkout for customer {customer.id}, product(s) {names}"
        return "checkout_created", message
    if outcome.refusal is not None and done[0] in ("new_product_attached", "one_off_product_attached"):
        return "invoice_action_required", "Payment action required"
    return done


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


def _invoice_mode(params: OldAttach) -> dict[str, Any] | None:
    if not params.invoice:
        return None
    return {
        "enabled": True,
        "enable_plan_immediately": bool(params.enable_product_immediately),
        "finalize": params.finalize_invoice is not False,
    }


def _discounts(params: OldAttach) -> list[dict[str, Any]] | None:
    rewards = [params.reward] if isinstance(params.reward, str) else params.reward
    return None if rewards is None else [{"reward_id": each} for each in rewards]


def request_of(call: Call, plan: Plan, params: OldAttach) -> BillingAttach:
    """The request of today for one plan."""
    return BillingAttach(
        customer_id=params.customer_id,
        entity_id=params.entity_id or None,
        plan_id=plan.id,
        version=params.version,
        feature_quantities=_quantities(plan, params),
        customize=_customize(params),
        free_trial=_trial(params),
        invoice_mode=_invoice_mode(params),
        discounts=_discounts(params),
        redirect_mode="always" if params.force_checkout or call.publishable else "if_required",
        new_billing_subscription=params.new_billing_subscription,
        no_billing_changes=params.no_billing_changes,
        success_url=params.success_url,
    )


def several(params: OldAttach, wanted: list[Plan]) -> MultiAttach:
    """The request of today for several plans."""
    return MultiAttach(
        customer_id=params.customer_id,
        entity_id=params.entity_id or None,
        plans=[PlanToAttach(plan_id=each.id, feature_quantities=_quantities(each, params)) for each in wanted],
        free_trial=_trial(params),
        invoice_mode=_invoice_mode(params),
        discounts=_discounts(params),
        new_billing_subscription=params.new_billing_subscription,
        no_billing_changes=params.no_billing_changes,
        success_url=params.success_url,
    )


def _attach(
    call: Call, transaction: Transaction, customer: Customer, plan: Plan, params: OldAttach
) -> tuple[Outcome, tuple[str, str]]:
    entity_id = params.entity_id or None
    current = current_plan(call, customer, plan, entity_id) if plan.is_main else None
    changes = changes_of(call, customer, plan, params)
    if changes is not None:
        return update_within(call, transaction, changes), _changed(changes)
    return attach_within(call, transaction, request_of(call, plan, params)), _done(customer, plan, current)


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


def changes_of(call: Call, customer: Customer, plan: Plan, params: OldAttach) -> BillingUpdate | None:
    """How a main plan is changed that the customer is on already; None for another plan."""
    held = attached_plans(call, customer, params.entity_id or None)
    same = next((each for each in held if each.plan_id == plan.id), None)
    if same is None or not plan.is_main:
        return None
    if same.status == "scheduled":
        raise invalid_request(f"Product {plan.name} is already scheduled, can't attach again")
    version = plan.version if plan.version != same.plan.version else None
    changes = BillingUpdate(
        customer_id=params.customer_id,
        entity_id=params.entity_id,
        plan_id=plan.id,
        feature_quantities=_quantities(plan, params),
        customize=_customize(params),
        version=version,
        cancel_action="uncancel" if same.canceled_at is not None else None,
        no_billing_changes=params.no_billing_changes or version is not None or None,
    )
    if not any((changes.version, changes.customize, changes.cancel_action, changes.feature_quantities)):
        message = f"Product {plan.name} is already attached, can't attach again"
        raise ApiError(400, message, "product_already_attached")
    return changes


def _changed(changes: BillingUpdate) -> tuple[str, str]:
    if changes.version is not None or changes.customize is not None:
        return "upgraded_to_new_product", "Successfully updated product"
    if changes.cancel_action is not None:
        return "renewed_product", "Successfully renewed product"
    return "features_updated", "Successfully updated quantity for features"


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
