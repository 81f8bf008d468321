"""plans.*, and the catalogue as a whole."""

from __future__ import annotations

from typing import Any, Final

from msgspec import UNSET, UnsetType

from autumn_mock.wire import schema as z
from autumn_mock.wire.requests.controls import CustomerControlsParams
from autumn_mock.wire.requests.features import FeaturesCreate
from autumn_mock.wire.requests.items import LICENSES, BasePriceParams, Customize, FreeTrialParams, PlanItemParams

#: Kept as it was sent.
_CONFIG: Final = z.obj({"ignore_past_due": z.optional(z.boolean()), "anchor_to_month_start": z.optional(z.boolean())})
_MIGRATION: Final = z.obj({"draft": z.optional(z.boolean()), "include_custom": z.optional(z.boolean())})


class PlansCreate(z.Params):
    plan_id: str = z.field(z.identifier())
    group: str = z.field(z.string(), default="")
    name: str = z.field(z.string(min=1))
    description: str | None = z.field(z.nullable(z.string()), default=None)
    add_on: bool = z.field(z.boolean(), default=False)
    auto_enable: bool = z.field(z.boolean(), default=False)
    price: BasePriceParams | None = z.field(z.obj(BasePriceParams), default=None)
    items: list[PlanItemParams] | None = z.field(z.array(z.obj(PlanItemParams)), default=None)
    licenses: list[dict[str, Any]] | None = z.field(LICENSES, default=None)
    free_trial: FreeTrialParams | None = z.field(z.obj(FreeTrialParams), default=None)
    config: dict[str, Any] | None = z.field(_CONFIG, default=None)
    billing_controls: CustomerControlsParams | None = z.field(z.obj(CustomerControlsParams), default=None)
    metadata: dict[str, Any] | None = z.field(z.record(), default=None)
    create_in_stripe: bool = z.field(z.boolean(), default=True)


class PlansGet(z.Params):
    plan_id: str = z.field(z.string(min=1))
    variant_id: str | None = z.field(z.string(), default=None)
    version: float | None = z.field(z.number(), default=None)


class PlansList(z.Params):
    customer_id: str | None = z.field(z.string(), default=None)
    group: str | None = z.field(z.string(), default=None)
    entity_id: str | None = z.field(z.string(), default=None)
    include_archived: bool | None = z.field(z.boolean(), default=None)
    all_versions: bool | None = z.field(z.boolean(), default=None)


class PlansCreateVariant(z.Params):
    base_plan_id: str = z.field(z.string(min=1))
    variant_plan_id: str = z.field(z.identifier())
    name: str = z.field(z.string(min=1))


class VariantParams(z.Params):
    """A variant by how it differs from its base; it is made if it is missing and has a name."""

    variant_plan_id: str = z.field(z.string())
    customize: Customize = z.field(z.obj(Customize))
    name: str | None = z.field(z.string(), default=None)
    disable_version: bool | None = z.field(z.boolean(), default=None)
    force_version: bool | None = z.field(z.boolean(), default=None)
    migration: dict[str, Any] | None = z.field(_MIGRATION, default=None)


class PlanPatch(z.Params):
    """Changes of the plan in the path. An absent key stays as it is; null removes the price or trial."""

    group: str | None = z.field(z.string(), default=None)
    name: str | None = z.field(z.string(min=1), default=None)
    description: str | UnsetType | None = z.field(z.nullable(z.string()), default=UNSET)
    add_on: bool | None = z.field(z.boolean(), default=None)
    auto_enable: bool | None = z.field(z.boolean(), default=None)
    price: BasePriceParams | UnsetType | None = z.field(z.nullable(z.obj(BasePriceParams)), default=UNSET)
    items: list[PlanItemParams] | None = z.field(z.array(z.obj(PlanItemParams)), default=None)
    licenses: list[dict[str, Any]] | None = z.field(LICENSES, default=None)
    free_trial: FreeTrialParams | UnsetType | None = z.field(z.nullable(z.obj(FreeTrialParams)), default=UNSET)
    config: dict[str, Any] | None = z.field(_CONFIG, default=None)
    billing_controls: CustomerControlsParams | None = z.field(z.obj(CustomerControlsParams), default=None)
    metadata: dict[str, Any] | None = z.field(z.record(), default=None)
    create_in_stripe: bool | None = z.field(z.boolean(), default=None)
    version: float | None = z.field(z.number(), default=None)
    archived: bool | None = z.field(z.boolean(), default=None)
    base_plan_id: str | UnsetType | None = z.field(z.nullable(z.string()), default=UNSET)
    new_plan_id: str | None = z.field(z.identifier(), default=None)
    disable_version: bool | None = z.field(z.boolean(), default=None)
    all_versions: bool | None = z.field(z.boolean(), default=None)
    force_version: bool | None = z.field(z.boolean(), default=None)
    migration: dict[str, Any] | None = z.field(_MIGRATION, default=None)
    update_variant_ids: list[str] | None = z.field(z.array(z.string()), default=None)
    update_license_parents: list[dict[str, Any]] | None = z.field(
        z.array(z.obj({"plan_id": z.string(), "version": z.integer()})), default=None
    )
    variants: list[VariantParams] | None = z.field(z.array(z.obj(VariantParams)), default=None)
    is_default: bool | None = z.field(z.boolean(), default=None)


class PlansUpdate(PlanPatch, leading=("plan_id",)):
    plan_id: str = z.field(z.identifier())


class PlansPreview(PlansUpdate):
    """A change of a plan that is only previewed."""

    include_versions: bool | None = z.field(z.boolean(), default=None)
    include_variants: bool | None = z.field(z.boolean(), default=None)
    expand: list[str] | None = z.field(z.array(z.string()), default=None)


class PlansDelete(z.Params):
    plan_id: str = z.field(z.string(min=1))
    all_versions: bool = z.field(z.boolean(), default=False)


class ProductDelete(z.Params):
    """The query string of the deletion by path."""

    all_versions: bool | None = z.field(z.boolean(), default=None)


class Catalog(z.Params):
    """The features and plans of a whole catalogue. Absent ones are deleted only if ``skip_deletions`` is false."""

    features: list[FeaturesCreate] | None = z.field(z.array(z.obj(FeaturesCreate)), default=None)
    plans: list[PlansPreview] | None = z.field(z.array(z.obj(PlansPreview)), default=None)
    rewards: list[dict[str, Any]] | None = z.field(z.nullable(z.array(z.record())), default=None)
    referral_programs: list[dict[str, Any]] | None = z.field(z.nullable(z.array(z.record())), default=None)
    skip_deletions: bool = z.field(z.boolean(), default=True)
    skip_feature_ids: list[str] | None = z.field(z.array(z.string()), default=None)
    skip_plan_ids: list[str] | None = z.field(z.array(z.string()), default=None)
    expand: list[str] | None = z.field(z.array(z.string()), default=None)
