"""Plans, previews of their changes, and the older paths that call them products."""

from __future__ import annotations

from msgspec.structs import asdict

from autumn_mock.domain.plan import Plan
from autumn_mock.operations import plan_update, plans, variants
from autumn_mock.operations.billing.eligibility import Eligibility, eligibility
from autumn_mock.operations.call import Call
from autumn_mock.operations.catalogue.preview import plan_usage, preview_plan
from autumn_mock.operations.subjects import get_customer
from autumn_mock.web.context import SUCCESS, Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.wire.answer import Listing
from autumn_mock.wire.requests.plans import (
    PlanPatch,
    PlansCreate,
    PlansCreateVariant,
    PlansDelete,
    PlansGet,
    PlansList,
    PlansPreview,
    PlansUpdate,
    ProductDelete,
)
from autumn_mock.wire.responses.catalog import (
    HasCustomersBody,
    PlanChangeBody,
    PlanUsageBody,
    has_customers_body,
    plan_change_body,
    plan_usage_body,
)
from autumn_mock.wire.responses.plan import PlanBody, PlanDetailsBody, listed_plan_body, plan_body
from autumn_mock.wire.responses.variants import with_variants


def _body(call: Call, plan: Plan) -> PlanDetailsBody:
    body = plan_body(plan, call.environment.features.by_key, call.env)
    return with_variants(body, plan, call.environment)


def listed(call: Call, plan: Plan, eligibility: Eligibility | None = None) -> PlanBody:
    """A plan as lists show it, which old clients know as a product."""
    expand = "items.feature" in call.traits.expands
    features = call.environment.features.by_key
    body = listed_plan_body(plan, features, call.env, expand_features=expand, eligibility=eligibility, now=call.now)
    return with_variants(body, plan, call.environment)


@endpoint("POST /v1/plans.create", "POST /v1/plans", scopes="plans:write", request=PlansCreate, answers=PlanDetailsBody)
def create(request: RequestContext, params: PlansCreate) -> Answer:
    return Answer(_body(request.call, plans.create(request.call, params)))


@endpoint("POST /v1/plans.create_variant", scopes="plans:write", request=PlansCreateVariant, answers=PlanDetailsBody)
def create_variant(request: RequestContext, params: PlansCreateVariant) -> Answer:
    return Answer(_body(request.call, variants.create(request.call, params)))


@endpoint(
    "POST /v1/plans.list",
    "GET /v1/plans",
    "GET /v1/products",
    "GET /v1/products_beta",
    scopes="plans:read",
    request=PlansList,
    query=PlansList,
    answers=Listing[PlanBody],
    public=("GET /v1/products",),
)
def list_(request: RequestContext, params: PlansList) -> Answer:
    call, query = request.call, request.parsed_query
    given = {name: value for each in (query, params) for name, value in asdict(each).items() if value is not None}
    params = PlansList(**given)
    archived = bool(params.include_archived)
    if params.all_versions:  # in the order they were made
        shown = [plan for plan in call.environment.plans if archived or not plan.archived]
    else:
        shown = plans.in_order(plans.latest_plans(call.environment, include_archived=archived))
    if params.group is not None:
        shown = [plan for plan in shown if (plan.group or "") == params.group]
    customer = get_customer(call.environment, params.customer_id) if params.customer_id else None
    entity_id = params.entity_id or None
    bodies = [
        listed(call, plan, None if customer is None else eligibility(call, customer, entity_id, plan)) for plan in shown
    ]
    return Answer(Listing(rows=bodies))


@endpoint("POST /v1/plans.get", scopes="plans:read", request=PlansGet, answers=PlanDetailsBody)
def get(request: RequestContext, params: PlansGet) -> Answer:
    call = request.call
    if params.variant_id is not None:
        return Answer(_body(call, variants.get(call, params.plan_id, params.variant_id, params.version)))
    return Answer(_body(call, plans.get(call, params.plan_id, params.version)))


@endpoint("GET /v1/plans/<plan_id>", "GET /v1/products/<plan_id>", scopes="plans:read", answers=PlanBody)
def get_by_path(request: RequestContext) -> Answer:
    plan = plans.get(request.call, request.path["plan_id"])
    return Answer(listed(request.call, plan))


@endpoint("POST /v1/plans.has_customers", scopes="plans:read", request=PlansPreview, answers=HasCustomersBody)
def has_customers(request: RequestContext, params: PlansPreview) -> Answer:
    return Answer(has_customers_body(preview_plan(request.call, params)))


@endpoint("POST /v1/plans.preview_update", scopes="plans:read", request=PlansPreview, answers=PlanChangeBody)
def preview_update(request: RequestContext, params: PlansPreview) -> Answer:
    call = request.call
    change = preview_plan(call, params)
    expanded = "plan" in request.expand
    return Answer(plan_change_body(change, call.environment.features.by_key, call.env, expanded=expanded))


@endpoint("POST /v1/plans.update", scopes="plans:write", request=PlansUpdate, answers=PlanDetailsBody)
def update(request: RequestContext, params: PlansUpdate) -> Answer:
    return Answer(_body(request.call, plan_update.update(request.call, params.plan_id, params)))


@endpoint(
    "POST /v1/products/<plan_id>",
    "PATCH /v1/products/<plan_id>",
    "POST /v1/plans/<plan_id>",
    "PATCH /v1/plans/<plan_id>",
    scopes="plans:write",
    request=PlanPatch,
    answers=PlanBody,
)
def update_by_path(request: RequestContext, params: PlanPatch) -> Answer:
    plan = plan_update.update(request.call, request.path["plan_id"], params)
    return Answer(listed(request.call, plan))


@endpoint(
    "POST /v1/products/<plan_id>/has_customers",
    "GET /v1/products/<plan_id>/has_customers",
    "POST /v1/plans/<plan_id>/has_customers",
    "GET /v1/plans/<plan_id>/has_customers",
    scopes="plans:read",
    request=PlanPatch,
    answers=HasCustomersBody,
)
def has_customers_by_path(request: RequestContext, params: PlanPatch) -> Answer:
    changed = PlansPreview(plan_id=request.path["plan_id"], **asdict(params))
    return Answer(has_customers_body(preview_plan(request.call, changed)))


@endpoint(
    "GET /v1/products/<plan_id>/deletion_info",
    "GET /v1/plans/<plan_id>/deletion_info",
    scopes="plans:read",
    answers=PlanUsageBody,
)
def deletion_info(request: RequestContext) -> Answer:
    return Answer(plan_usage_body(plan_usage(request.call, request.path["plan_id"])))


@endpoint("POST /v1/plans.delete", scopes="plans:write", request=PlansDelete)
def delete(request: RequestContext, params: PlansDelete) -> Answer:
    plans.delete(request.call, params.plan_id, all_versions=params.all_versions)
    return SUCCESS


@endpoint("DELETE /v1/products/<plan_id>", "DELETE /v1/plans/<plan_id>", scopes="plans:write", query=ProductDelete)
def delete_by_path(request: RequestContext, query: ProductDelete) -> Answer:
    plans.delete(request.call, request.path["plan_id"], all_versions=bool(query.all_versions))
    return SUCCESS
