"""Features."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, UnsetType

from autumn_mock.domain.amount import number
from autumn_mock.domain.feature import Feature, FeatureType
from autumn_mock.wire.answer import Body, Number


class CreditCostBody(Body):
    """What one unit of a metered feature costs in credits."""

    metered_feature_id: str
    credit_cost: Number


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
    event_names: list[str]
    archived: bool
    display: FeatureDisplayBody | UnsetType = UNSET
    default_markup: Number | UnsetType = UNSET
    provider_markups: dict[str, Any] | UnsetType = UNSET
    model_markups: dict[str, Any] | UnsetType = UNSET


def feature_body(feature: Feature) -> FeatureBody:
    """A feature as ``features.*`` shows it."""
    display = feature.display
    costs = [CreditCostBody(each.metered_feature_id, number(each.credit_cost)) for each in feature.credit_schema]
    return FeatureBody(
        id=feature.id,
        name=feature.name,
        type=feature.type,
        consumable=feature.consumable,
        credit_schema=costs if feature.type in ("credit_system", "ai_credit_system") else UNSET,
        event_names=list(feature.event_names),
        archived=feature.archived,
        display=UNSET if display is None else FeatureDisplayBody(display.singular, display.plural),
        default_markup=UNSET if feature.default_markup is None else number(feature.default_markup),
        provider_markups=UNSET if feature.provider_markups is None else feature.provider_markups,
        model_markups=UNSET if feature.model_markups is None else feature.model_markups,
    )
