"""features.*: the characters of a feature id are not checked either."""

from __future__ import annotations

from typing import Any, Final, Literal

from autumn_mock.domain.feature import Display, FeatureType
from autumn_mock.wire.schema import (
    Params,
    Schema,
    array,
    boolean,
    enum,
    field,
    integer,
    literal,
    nullable,
    number,
    obj,
    optional,
    record,
    rule,
    string,
    union,
)

_TIERS = array(obj({"to": union(number(), literal("inf")), "credit_cost": number()}))
_MATCH = record(union(string(), number(), boolean()))
_DIMENSIONS = record(
    obj(
        {
            "match": _MATCH,
            "credit_cost": optional(number()),
            "tiers": optional(_TIERS),
            "tier_behavior": optional(enum("graduated")),
            "priority": optional(integer()),
        }
    )
)
_MULTIPLIERS = record(obj({"match": _MATCH, "factor": optional(number()), "add": optional(number())}))


class CreditCostParams(Params):
    """What one unit of a feature costs in credits: a number, or (newer clients) tiers instead of one.

    Only the number is emulated.
    """

    metered_feature_id: str = field(string())
    credit_cost: float | None = field(number(), default=None)
    tiers: list[dict[str, Any]] | None = field(_TIERS, default=None)
    tier_behavior: str | None = field(enum("graduated"), default=None)
    billing_units: float | None = field(number(), default=None)
    dimensions: dict[str, dict[str, Any]] | None = field(_DIMENSIONS, default=None)
    multipliers: dict[str, dict[str, Any]] | None = field(_MULTIPLIERS, default=None)
    excluded: bool | None = field(literal(True), default=None)

    @rule("must be a number (received undefined)", ("credit_cost",))
    def _has_a_cost(self) -> bool:
        return self.credit_cost is not None or self.tiers is not None or self.excluded is not None


MODEL_MARKUPS: Final = record(
    obj({"markup": optional(number()), "input_cost": optional(number()), "output_cost": optional(number())})
)
PROVIDER_MARKUPS: Final = record(obj({"markup": number()}))
#: In percent.
DEFAULT_MARKUP: Final = number(min=-100)

_TYPE: Schema[FeatureType] = enum("boolean", "metered", "credit_system", "ai_credit_system")


class FeatureSettings(Params):
    consumable: bool | None = field(boolean(), default=None)
    combine: Literal["sum", "max", "min"] | None = field(enum("sum", "max", "min"), default=None)
    display: Display | None = field(obj({"singular": string(), "plural": string()}, Display), default=None)
    credit_schema: list[CreditCostParams] | None = field(array(obj(CreditCostParams)), default=None)
    model_markups: dict[str, dict[str, Any]] | None = field(nullable(MODEL_MARKUPS), default=None)
    default_markup: float | None = field(DEFAULT_MARKUP, default=None)
    provider_markups: dict[str, dict[str, Any]] | None = field(nullable(PROVIDER_MARKUPS), default=None)
    event_names: list[str] | None = field(array(string()), default=None)


class FeaturesCreate(FeatureSettings, leading=("name", "type")):
    """The measured order of refusals: the name, the type, the id."""

    name: str = field(string())
    type: FeatureType = field(_TYPE)
    feature_id: str = field(string())

    @rule("Please specify the credit schema for the feature.", ("credit_schema",))
    def _has_a_credit_schema(self) -> bool:
        return self.type != "credit_system" or self.credit_schema is not None

    @rule("Credit system features must be consumable.", ("consumable",))
    def _is_consumable(self) -> bool:
        return self.type != "credit_system" or self.consumable is not False


class FeaturesGet(Params):
    feature_id: str = field(string())


class FeatureChanges(FeatureSettings, leading=("name", "type")):
    """What of a feature can be changed. An absent key stays as it is."""

    name: str | None = field(string(min=1), default=None)
    type: FeatureType | None = field(_TYPE, default=None)
    archived: bool | None = field(boolean(), default=None)


class FeaturePatch(FeatureChanges):
    """Changes of the feature in the path."""

    new_feature_id: str | None = field(string(), default=None)


class FeaturesUpdate(FeatureChanges):
    feature_id: str = field(string())
    new_feature_id: str | None = field(string(), default=None)


class FeaturesDelete(Params):
    feature_id: str = field(string())
