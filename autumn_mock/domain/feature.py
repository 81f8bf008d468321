"""Features: metered, boolean, or credit systems."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from autumn_mock.domain.rate_card import CreditCost
from autumn_mock.domain.record import Instant, Record

#: By provider or model, the numbers that were set for it: ``markup``, ``input_cost``, ``output_cost``.
Markups = dict[str, dict[str, int | float]]
FeatureType = Literal["boolean", "metered", "credit_system", "ai_credit_system"]


#: How the grants of several plans combine: added up, or only the highest or lowest of those without a price.
Combination = Literal["sum", "max", "min"]


class Display(Record, frozen=True, kw_only=True):
    """The names of one unit and of several."""

    singular: str | None = None
    plural: str | None = None


class Feature(Record, frozen=True, kw_only=True):
    """A feature of the organisation, in the wire's own terms."""

    id: str
    name: str
    type: FeatureType
    #: False for features that are allocated, not used up (seats): they never reset.
    consumable: bool
    created_at: Instant
    event_names: tuple[str, ...] = ()
    combine: Combination = "sum"
    credit_schema: tuple[CreditCost, ...] = ()
    display: Display | None = None
    archived: bool = False
    #: Percent on top of the model's price, for AI credit systems; the most specific one wins.
    default_markup: Decimal | None = None
    provider_markups: Markups | None = None
    model_markups: Markups | None = None

    @property
    def is_boolean(self) -> bool:
        return self.type == "boolean"

    @property
    def is_credit_system(self) -> bool:
        """Whether metered features are paid from it. An AI credit system is not such a container."""
        return self.type == "credit_system"

    @property
    def is_allocated(self) -> bool:
        """Allocated, not used up: seats, storage."""
        return self.type == "metered" and not self.consumable

    def cost_of(self, feature_id: str) -> CreditCost | None:
        """The row of the rate card for ``feature_id``, or None when this system does not list it."""
        for entry in self.credit_schema:
            if entry.metered_feature_id == feature_id:
                return None if entry.is_excluded else entry
        return None


class FeatureOverride(Record, frozen=True, kw_only=True):
    """What a plan changes of a feature for the customers who are on it.

    Rows of ``credit_schema`` take the place of those of the feature, or are new; a row without a rate takes a feature
    out. ``replaces_markups``: the markups here apply, and none of the feature's own.
    """

    credit_schema: tuple[CreditCost, ...] | None = None
    replaces_markups: bool = False
    default_markup: Decimal | None = None
    provider_markups: Markups | None = None
    model_markups: Markups | None = None

    def cost_of(self, feature_id: str) -> CreditCost | None:
        """The row for ``feature_id``, or None when the feature's own applies."""
        return next((entry for entry in self.credit_schema or () if entry.metered_feature_id == feature_id), None)
