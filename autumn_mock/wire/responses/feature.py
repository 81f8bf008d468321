"""Features."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from autumn_mock.domain.amount import number
from autumn_mock.domain.feature import Combination, Feature, FeatureOverride, FeatureType
from autumn_mock.domain.rate_card import CreditCost
from autumn_mock.store.changes import ENCODER
from autumn_mock.wire.answer import Body, Number


class CreditCostBody(Body):
    """What a metered feature costs in credits."""

    metered_feature_id: str
    credit_cost: Number | UnsetType = UNSET
    billing_units: Number | UnsetType = UNSET
    dimensions: dict[str, dict[str, Any]] | UnsetType = UNSET
    multipliers: dict[str, dict[str, Any]] | UnsetType = UNSET
    excluded: Literal[True] | UnsetType = UNSET


class MarkupsBody(Body, kw_only=True):
    """The markups of a plan, which apply instead of those of the feature."""

    default_markup: Number | UnsetType = UNSET
    provider_markups: dict[str, Any] | UnsetType = UNSET
    model_markups: dict[str, Any] | UnsetType = UNSET


class FeatureOverrideBody(Body, kw_only=True):
    """What a plan changes of a feature for its customers."""

    credit_schema: list[CreditCostBody] | UnsetType = UNSET
    markups: MarkupsBody | UnsetType = UNSET


class FeatureDisplayBody(Body):
    """The words for one and for several units."""

    singular: str | None
    plural: str | None


class FeatureBody(Body, kw_only=True):
    """A feature as ``features.*`` shows it."""

    id: str
    name: str
    type: FeatureType
    consumable: bool
    credit_schema: list[CreditCostBody] | UnsetType = UNSET
    combine: Combination | UnsetType = UNSET
    event_names: list[str]
    archived: bool
    display: FeatureDisplayBody | UnsetType = UNSET
    default_markup: Number | UnsetType = UNSET
    provider_markups: dict[str, Any] | UnsetType = UNSET
    model_markups: dict[str, Any] | UnsetType = UNSET


def _cost_body(cost: CreditCost) -> CreditCostBody:
    fields: dict[str, Any] = msgspec.json.decode(ENCODER.encode(cost))
    own = {"excluded": True} if cost.credit_cost is None else {"credit_cost": number(cost.credit_cost)}
    return CreditCostBody(**{**fields, **own})


def override_body(override: FeatureOverride) -> FeatureOverrideBody:
    """What a plan changes of a feature."""
    schema = override.credit_schema
    return FeatureOverrideBody(
        credit_schema=UNSET if schema is None else [_cost_body(each) for each in schema],
        markups=MarkupsBody(**_markups(override)) if override.replaces_markups else UNSET,
    )


def _markups(of: Feature | FeatureOverride) -> dict[str, Any]:
    return {
        "default_markup": UNSET if of.default_markup is None else number(of.default_markup),
        "provider_markups": UNSET if of.provider_markups is None else of.provider_markups,
        "model_markups": UNSET if of.model_markups is None else of.model_markups,
    }


def feature_body(feature: Feature) -> FeatureBody:
    """A feature as ``features.*`` shows it."""
    display = feature.display
    return FeatureBody(
        id=feature.id,
        name=feature.name,
        type=feature.type,
        consumable=feature.consumable,
        credit_schema=[_cost_body(each) for each in feature.credit_schema]
        if feature.type in ("credit_system", "ai_credit_system")
        else UNSET,
        combine=UNSET if feature.combine == "sum" else feature.combine,
        event_names=list(feature.event_names),
        archived=feature.archived,
        display=UNSET if display is None else FeatureDisplayBody(display.singular, display.plural),
        **_markups(feature),
    )
