"""plans.*, and the catalogue as a whole."""

from __future__ import annotations

from typing import Any, Final

from msgspec import UNSET, UnsetType

from autumn_mock.wire.requests.controls import CustomerControlsParams
from autumn_mock.wire.requests.features import FeaturesCreate
from autumn_mock.wire.requests.items import LICENSES, BasePriceParams, FreeTrialParams, PlanItemParams
from autumn_mock.wire.schema import (
    Params,
    array,
    boolean,
    field,
    identifier,
    integer,
    nullable,
    number,
    obj,
    optional,
    record,
    string,
)

#: Kept as it was sent.
_CONFIG: Final = obj({"ignore_past_due": optional(boolean()), "anchor_to_month_start": optional(boolean())})
_MIGRATION: Final = obj({"draft": optional(boolean()), "include_custom": optional(boolean())})


class PlansCreate(Params):
    plan_id: str = field(identifier())
    group: str = field(string(), default="")
    name: str = field(string(min=1))
    description: str | None = field(nullable(string()), default=None)
    add_on: bool = field(boolean(), default=False)
    auto_enable: bool = field(boolean(), default=False)
    price: BasePriceParams | None = field(obj(BasePriceParams), default=None)
    items: list[PlanItemParams] | None = field(array(obj(PlanItemParams)), default=None)
    licenses: list[dict[str, Any]] | None = field(LICENSES, default=None)
    free_trial: FreeTrialParams | None = field(obj(FreeTrialParams), default=None)
    config: dict[str, Any] | None = field(_CONFIG, default=None)
    billing_controls: CustomerControlsParams | None = field(obj(CustomerControlsParams), default=None)
    metadata: dict[str, Any] | None = field(record(), default=None)
    create_in_stripe: bool = field(boolean(), default=True)


class PlansGet(Params):
    plan_id: str = field(string(min=1))
    variant_id: str | None = field(string(), default=None)
    version: float | None = field(number(), default=None)


class PlansList(Params):
    customer_id: str | None = field(string(), default=None)
    group: str | None = field(string(), default=None)
    entity_id: str | None = field(string(), default=None)
    include_archived: bool | None = field(boolean(), default=None)
    all_versions: bool | None = field(boolean(), default=None)


_VARIANT = obj(
    {
        "variant_plan_id": string(),
        "customize": record(),
        "name": optional(string()),
        "disable_version": optional(boolean()),
        "force_version": optional(boolean()),
        "migration": optional(_MIGRATION),
    }
)


class PlanPatch(Params):
    """Changes of the plan in the path. An absent key stays as it is; null removes the price or trial."""

    group: str | None = field(string(), default=None)
    name: str | None = field(string(min=1), default=None)
    description: str | UnsetType | None = field(nullable(string()), default=UNSET)
    add_on: bool | None = field(boolean(), default=None)
    auto_enable: bool | None = field(boolean(), default=None)
    price: BasePriceParams | UnsetType | None = field(nullable(obj(BasePriceParams)), default=UNSET)
    items: list[PlanItemParams] | None = field(array(obj(PlanItemParams)), default=None)
    licenses: list[dict[str, Any]] | None = field(LICENSES, default=None)
    free_trial: FreeTrialParams | UnsetType | None = field(nullable(obj(FreeTrialParams)), default=UNSET)
    config: dict[str, Any] | None = field(_CONFIG, default=None)
    billing_controls: CustomerControlsParams | None = field(obj(CustomerControlsParams), default=None)
    metadata: dict[str, Any] | None = field(record(), default=None)
    create_in_stripe: bool | None = field(boolean(), default=None)
    version: float | None = field(number(), default=None)
    archived: bool | None = field(boolean(), default=None)
    base_plan_id: str | None = field(nullable(string()), default=None)
    new_plan_id: str | None = field(identifier(), default=None)
    disable_version: bool | None = field(boolean(), default=None)
    all_versions: bool | None = field(boolean(), default=None)
    force_version: bool | None = field(boolean(), default=None)
    migration: dict[str, Any] | None = field(_MIGRATION, default=None)
    update_variant_ids: list[str] | None = field(array(string()), default=None)
    update_license_parents: list[dict[str, Any]] | None = field(
        array(obj({"plan_id": string(), "version": integer()})), default=None
    )
    variants: list[dict[str, Any]] | None = field(array(_VARIANT), default=None)
    is_default: bool | None = field(boolean(), default=None)


class PlansUpdate(PlanPatch, leading=("plan_id",)):
    plan_id: str = field(identifier())


class PlansPreview(PlansUpdate):
    """A change of a plan that is only previewed."""

    include_versions: bool | None = field(boolean(), default=None)
    include_variants: bool | None = field(boolean(), default=None)
    expand: list[str] | None = field(array(string()), default=None)


class PlansDelete(Params):
    plan_id: str = field(string(min=1))
    all_versions: bool = field(boolean(), default=False)


class ProductDelete(Params):
    """The query string of the deletion by path."""

    all_versions: bool | None = field(boolean(), default=None)


class Catalog(Params):
    """The features and plans of a whole catalogue. Absent ones are deleted only if ``skip_deletions`` is false."""

    features: list[FeaturesCreate] | None = field(array(obj(FeaturesCreate)), default=None)
    plans: list[PlansPreview] | None = field(array(obj(PlansPreview)), default=None)
    rewards: list[dict[str, Any]] | None = field(nullable(array(record())), default=None)
    referral_programs: list[dict[str, Any]] | None = field(nullable(array(record())), default=None)
    skip_deletions: bool = field(boolean(), default=True)
    skip_feature_ids: list[str] | None = field(array(string()), default=None)
    skip_plan_ids: list[str] | None = field(array(string()), default=None)
    expand: list[str] | None = field(array(string()), default=None)
