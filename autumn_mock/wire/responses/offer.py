"""What a customer is offered whom a check has denied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from autumn_mock.domain.feature import Feature
from autumn_mock.domain.organisation import Env
from autumn_mock.domain.plan import Plan
from autumn_mock.wire.answer import Body

if TYPE_CHECKING:
    from autumn_mock.operations.upgrade_options import UpgradeOption

Features = Mapping[str, Feature]


class OfferBody(Body, kw_only=True):
    """What a denied customer is offered; the plans are products in every version."""

    title: str
    message: str
    scenario: Literal["usage_limit", "feature_flag"]
    feature_id: str
    feature_name: str
    products: list[dict[str, Any]]
    upgrade_product_id: str | None


def offer_body(offer: UpgradeOption | None, features: Features, env: Env) -> OfferBody | None:
    """What a denied customer is offered; None for one who was not denied."""
    if offer is None:
        return None
    plans = (*offer.upgrades, *offer.add_ons)
    return OfferBody(
        title=_title(plans[0]) if plans else "Feature Unavailable",
        message=_message(offer) if plans else _contact(offer),
        scenario="usage_limit" if offer.is_used_up else "feature_flag",
        feature_id=offer.feature.id,
        feature_name=offer.feature.name,
        products=[_offered(each, features, env) for each in plans],
        upgrade_product_id=plans[0].id if plans else None,
    )


def _offered(plan: Plan, features: Features, env: Env) -> dict[str, Any]:
    from autumn_mock.wire.responses.plan import plan_body  # a server that denies nothing does without them
    from autumn_mock.wire.versions.v2_0 import offered_product

    return offered_product(msgspec.to_builtins(plan_body(plan, features, env, expand_features=True)))


def _contact(offer: UpgradeOption) -> str:
    name = offer.feature.name
    if offer.is_used_up:
        return f"You have reached the usage limit for {name}. Please contact us to increase your limit."
    return f"{name} is not available for your account. Please contact us to enable it."


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
