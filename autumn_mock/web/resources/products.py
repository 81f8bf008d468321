"""Plans, features and customers under the paths of older clients, and what is asked before a plan is changed."""

from __future__ import annotations

from autumn_mock.domain.version import Version
from autumn_mock.operations import catalog, customers, plan_update
from autumn_mock.operations import features as features_
from autumn_mock.operations import plans as plans_
from autumn_mock.web.lists import offset_page
from autumn_mock.web.request import SUCCESS, Answer, Request
from autumn_mock.web.resource import Resource
from autumn_mock.wire.changes import to_version
from autumn_mock.wire.old_plans import EXPANDED
from autumn_mock.wire.requests import CUSTOMERS_LIST_QUERY
from autumn_mock.wire.requests.catalog import (
    FEATURE_PATCH,
    PLAN_PATCH,
    PLANS_PREVIEW,
    PRODUCT_DELETE,
)
from autumn_mock.wire.responses import shapes
from autumn_mock.wire.responses.catalog import (
    HAS_CUSTOMERS,
    PLAN_CHANGE,
    USE,
    has_customers_body,
    plan_change_body,
    use_body,
)
from autumn_mock.wire.responses.customer import customer_body
from autumn_mock.wire.responses.feature import feature_body
from autumn_mock.wire.responses.plan import plan_body

resource = Resource("products")
#: Named like the changes of the same things, but for the method.
removals = Resource("removals")


@resource.operation("POST /v1/plans.has_customers", scopes="plans:read", body=PLANS_PREVIEW, answers=HAS_CUSTOMERS)
def has_customers(request: Request) -> Answer:
    return Answer(has_customers_body(catalog.preview_plan(request.call, request.params)))


@resource.operation("POST /v1/plans.preview_update", scopes="plans:read", body=PLANS_PREVIEW, answers=PLAN_CHANGE)
def preview_update(request: Request) -> Answer:
    call = request.call
    change = catalog.preview_plan(call, request.params)
    return Answer(plan_change_body(change, call.environment.features.by_key, call.env))


@resource.operation("GET /v1/products/<plan_id>/deletion_info", scopes="plans:read", answers=USE)
def deletion_info(request: Request) -> Answer:
    return Answer(use_body(catalog.use_of(request.call, request.path["plan_id"])))


@resource.operation("POST /v1/products/<plan_id>", scopes="plans:write", body=PLAN_PATCH, answers=shapes.PLAN)
def update_plan(request: Request) -> Answer:
    call = request.call
    plan = plan_update.update(call, {**request.params, "plan_id": request.path["plan_id"]})
    return Answer(plan_body(plan, call.environment.features.by_key, call.env))


@removals.operation("DELETE /v1/products/<plan_id>", scopes="plans:write", query=PRODUCT_DELETE)
def delete_plan(request: Request) -> Answer:
    plans_.delete(request.call, request.path["plan_id"], all_versions=bool(request.query.get("all_versions")))
    return SUCCESS


@resource.operation(
    "POST /v1/features/<feature_id>", scopes="features:write", body=FEATURE_PATCH, answers=shapes.FEATURE
)
def update_feature(request: Request) -> Answer:
    params = {**request.params, "feature_id": request.path["feature_id"]}
    return Answer(feature_body(features_.update(request.call, params)))


@removals.operation("DELETE /v1/features/<feature_id>", scopes="features:write")
def delete_feature(request: Request) -> Answer:
    features_.delete(request.call, request.path["feature_id"])
    return SUCCESS


@resource.operation(
    "GET /v1/customers", scopes="customers:read", query=CUSTOMERS_LIST_QUERY, answers=shapes.listing(shapes.CUSTOMER)
)
def list_customers(request: Request) -> Answer:
    call, params = request.call, request.query
    page = customers.list_customers(call, params, offset=int(params["offset"]))
    expand = [*request.expand, *(EXPANDED if call.version < Version.V2_0 else ())]
    rows = [to_version("customer", customer_body(each, call.env, expand), call.version) for each in page.rows]
    return offset_page(params, rows, page.total_count, page.filtered_count)


@removals.operation("DELETE /v1/customers/<customer_id>", scopes="customers:write")
def delete_customer(request: Request) -> Answer:
    customers.delete(request.call, request.path["customer_id"])
    return SUCCESS
