"""Previews: what an attachment or update would do, and what a denied customer is offered."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, get_args

from autumn_mock.domain.amount import ZERO
from autumn_mock.domain.amount import number as plain
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.plan import Plan
from autumn_mock.operations.preview import Intent, PlanPreviewChange, Preview
from autumn_mock.operations.upgrade_options import UpgradeOption
from autumn_mock.wire.old_products import offered_product
from autumn_mock.wire.responses.plan import plan_body
from autumn_mock.wire.responses.shapes import PLAN
from autumn_mock.wire.schema import (
    anything,
    array,
    boolean,
    enum,
    nullable,
    number,
    obj,
    optional,
    record,
    string,
)

Json = dict[str, Any]
Features = Mapping[str, Feature]


def preview_body(
    customer_id: str, preview: Preview, features: Features, env: str, expand: Collection[str] = ()
) -> Json:
    """What would come and go, and that nothing would be charged."""
    return {
        "customer_id": customer_id,
        "line_items": [],
        "subtotal": 0,
        "total": 0,
        "currency": "usd",
        "incoming": [_change(each, features, env, "incoming.plan" in expand) for each in preview.incoming],
        "outgoing": [_change(each, features, env, "outgoing.plan" in expand) for each in preview.outgoing],
    }


def attach_preview_body(body: Json) -> Json:
    """The preview of an attachment, which never leads to a checkout page."""
    return {**body, "redirect_to_checkout": False, "checkout_type": None}


def _change(change: PlanPreviewChange, features: Features, env: str, expand_plan: bool) -> Json:
    body: Json = {"plan_id": change.plan.id}
    if expand_plan:
        body["plan"] = plan_body(change.plan, features, env)
    return body | {
        "feature_quantities": [
            {"feature_id": feature_id, "quantity": plain(units + _included(change.plan, feature_id))}
            for feature_id, units in change.prepaid.items()
        ],
        "effective_at": change.effective_at,
        "canceled_at": change.canceled_at,
        "expires_at": change.expires_at,
    }


def _included(plan: Plan, feature_id: str) -> Decimal:
    """What a prepaid item includes: a quantity is the total."""
    for item in plan.items:
        if item.feature_id == feature_id and item.price is not None and item.price.billing_method == "prepaid":
            return item.included
    return ZERO


def offer_body(offer: UpgradeOption | None, features: Features, env: str) -> Json | None:
    """What a denied customer is offered, in words and as plans; None for one who was not denied."""
    if offer is None:
        return None
    feature = offer.feature
    scenario = "usage_limit" if offer.is_used_up else "feature_flag"
    named = {"feature_id": feature.id, "feature_name": feature.name}
    plans = (*offer.upgrades, *offer.add_ons)
    if not plans:
        message = (
            f"You have reached the usage limit for {feature.name}. Please contact us to increase your limit."
            if offer.is_used_up
            else f"{feature.name} is not available for your account. Please contact us to enable it."
        )
        title = "Feature Unavailable"
        return {
            "scenario": scenario,
            "title": title,
            **named,
            "message": message,
            "products": [],
            "upgrade_product_id": None,
        }
    return {
        "title": _title(plans[0]),
        "message": _message(offer),
        "scenario": scenario,
        **named,
        "products": [offered_product(plan_body(each, features, env, expand_features=True)) for each in plans],
        "upgrade_product_id": plans[0].id,
    }


def _title(plan: Plan) -> str:
    if plan.free_trial is not None:
        return f"Start trial for {plan.name}"
    return f"Purchase {plan.name}" if plan.add_on else f"Upgrade to {plan.name}"


def _message(offer: UpgradeOption) -> str:
    if offer.is_used_up:
        why = f"You have reached the usage limit for {offer.feature.name.lower()}."
        purpose = "to continue using this feature."
    else:
        why = f"Your current plan does not include the {offer.feature.name} feature."
        purpose = "to use this feature."
    if not offer.upgrades:
        return f"{why} Please purchase the {offer.add_ons[0].name} add on {purpose}"
    message = f"{why} Please upgrade to {offer.upgrades[0].name} {purpose}"
    if offer.add_ons:
        message += f" Alternatively, you can purchase the {offer.add_ons[0].name} add on."
    return message


# -- shapes

_CHANGE = obj(
    {
        "plan_id": string(),
        "plan": optional(PLAN),
        "feature_quantities": array(obj({"feature_id": string(), "quantity": number()})),
        "effective_at": nullable(number()),
        "canceled_at": nullable(number()),
        "expires_at": nullable(number()),
    }
)
_PREVIEW = obj(
    {
        "customer_id": string(),
        "line_items": array(record(anything())),
        "subtotal": number(),
        "total": number(),
        "currency": string(),
        "incoming": array(_CHANGE),
        "outgoing": array(_CHANGE),
    }
)
ATTACH_PREVIEW = _PREVIEW.extend({"redirect_to_checkout": boolean(), "checkout_type": nullable(string())})
UPDATE_PREVIEW = _PREVIEW.extend({"intent": enum(*get_args(Intent))})
