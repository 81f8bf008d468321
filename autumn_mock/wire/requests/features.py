"""features.*: the characters of a feature id are not checked either."""

from __future__ import annotations

from typing import Any, Final, Literal

from autumn_mock.domain.feature import Display, FeatureType
from autumn_mock.wire import schema as z

_TIERS = z.array(z.obj({"to": z.union(z.number(), z.literal("inf")), "credit_cost": z.number()}))
_MATCH = z.record(z.union(z.string(), z.number(), z.boolean()))
_DIMENSIONS = z.record(
    z.obj(
        {
            "match": _MATCH,
            "credit_cost": z.optional(z.number()),
            "tiers": z.optional(_TIERS),
            "tier_behavior": z.optional(z.enum("graduated")),
            "priority": z.optional(z.integer()),
        }
    )
)
_MULTIPLIERS = z.record(z.obj({"match": _MATCH, "factor": z.optional(z.number()), "add": z.optional(z.number())}))


class CreditCostParams(z.Params):
    """A row of a rate card (:mod:`autumn_mock.domain.rate_card`). Tiers are not emulated."""

    metered_feature_id: str = z.field(z.string())
    credit_cost: float | None = z.field(z.number(), default=None)
    tiers: list[dict[str, Any]] | None = z.field(_TIERS, default=None)
    tier_behavior: str | None = z.field(z.enum("graduated"), default=None)
    billing_units: float | None = z.field(
        z.number().refine(lambda units: units > 0, "billing_units must be greater than 0"), default=None
    )
    dimensions: dict[str, dict[str, Any]] | None = z.field(_DIMENSIONS, default=None)
    multipliers: dict[str, dict[str, Any]] | None = z.field(_MULTIPLIERS, default=None)
    excluded: bool | None = z.field(z.literal(True), default=None)

    @z.rule("must be a number (received undefined)", ("credit_cost",))
    def _has_a_cost(self) -> bool:
        return self.credit_cost is not None or self.tiers is not None or self.excluded is not None

    @z.rule("excluded cannot be combined with a rate", ("excluded",))
    def _is_priced_or_excluded(self) -> bool:
        rates = (self.credit_cost, self.tiers, self.billing_units, self.dimensions, self.multipliers)
        return self.excluded is None or all(each is None for each in rates)


_MODEL_MARKUPS: Final = z.record(
    z.obj(
        {"markup": z.optional(z.number()), "input_cost": z.optional(z.number()), "output_cost": z.optional(z.number())}
    )
)
_PROVIDER_MARKUPS: Final = z.record(z.obj({"markup": z.number()}))
#: In percent.
_DEFAULT_MARKUP: Final = z.number(min=-100)


class MarkupParams(z.Params):
    default_markup: float | None = z.field(_DEFAULT_MARKUP, default=None)
    provider_markups: dict[str, Any] | None = z.field(z.nullable(_PROVIDER_MARKUPS), default=None)
    model_markups: dict[str, Any] | None = z.field(z.nullable(_MODEL_MARKUPS), default=None)


class FeatureOverrideParams(z.Params):
    """What a plan changes of a feature for its customers."""

    credit_schema: list[CreditCostParams] | None = z.field(z.array(z.obj(CreditCostParams)), default=None)
    markups: MarkupParams | None = z.field(z.obj(MarkupParams), default=None)


_TYPE: z.Schema[FeatureType] = z.enum("boolean", "metered", "credit_system", "ai_credit_system")


class FeatureSettings(z.Params):
    consumable: bool | None = z.field(z.boolean(), default=None)
    combine: Literal["sum", "max", "min"] | None = z.field(z.enum("sum", "max", "min"), default=None)
    display: Display | None = z.field(z.obj({"singular": z.string(), "plural": z.string()}, Display), default=None)
    credit_schema: list[CreditCostParams] | None = z.field(z.array(z.obj(CreditCostParams)), default=None)
    model_markups: dict[str, dict[str, Any]] | None = z.field(z.nullable(_MODEL_MARKUPS), default=None)
    default_markup: float | None = z.field(_DEFAULT_MARKUP, default=None)
    provider_markups: dict[str, dict[str, Any]] | None = z.field(z.nullable(_PROVIDER_MARKUPS), default=None)
    event_names: list[str] | None = z.field(z.array(z.string()), default=None)


class FeaturesCreate(FeatureSettings, leading=("name", "type")):
    """The measured order of refusals: the name, the type, the id."""

    name: str = z.field(z.string())
    type: FeatureType = z.field(_TYPE)
    feature_id: str = z.field(z.string())

    @z.rule("Please specify the credit schema for the feature.", ("credit_schema",))
    def _has_a_credit_schema(self) -> bool:
        return self.type != "credit_system" or self.credit_schema is not None

    @z.rule("Credit system features must be consumable.", ("consumable",))
    def _is_consumable(self) -> bool:
        return self.type != "credit_system" or self.consumable is not False


class FeatureId(z.Params):
    feature_id: str = z.field(z.string())


class FeatureChanges(FeatureSettings, leading=("name", "type")):
    """What of a feature can be changed. An absent key stays as it is."""

    name: str | None = z.field(z.string(min=1), default=None)
    type: FeatureType | None = z.field(_TYPE, default=None)
    archived: bool | None = z.field(z.boolean(), default=None)


class FeaturePatch(FeatureChanges):
    """Changes of the feature in the path."""

    new_feature_id: str | None = z.field(z.string(), default=None)


class FeaturesUpdate(FeatureChanges):
    feature_id: str = z.field(z.string())
    new_feature_id: str | None = z.field(z.string(), default=None)
