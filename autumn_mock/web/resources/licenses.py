"""Licences: seats of plans for the entities of a customer."""

from __future__ import annotations

from autumn_mock.operations.billing import licenses
from autumn_mock.web.context import SUCCESS, Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.wire.answer import Listing
from autumn_mock.wire.requests.licenses import AssignmentsList, LicensesAttach, LicensesList, LicensesRelease
from autumn_mock.wire.responses.customer import LicensePoolBody, license_pool_body
from autumn_mock.wire.responses.listing import AssignmentBody, assignment_body


@endpoint("POST /v1/licenses.attach", scopes="customers:write", request=LicensesAttach)
def attach(request: RequestContext, params: LicensesAttach) -> Answer:
    licenses.attach(request.call, params)
    return SUCCESS


@endpoint("POST /v1/licenses.release", scopes="customers:write", request=LicensesRelease)
def release(request: RequestContext, params: LicensesRelease) -> Answer:
    licenses.release(request.call, params)
    return SUCCESS


@endpoint("POST /v1/licenses.list", scopes="customers:read", request=LicensesList, answers=Listing[LicensePoolBody])
def list_(request: RequestContext, params: LicensesList) -> Answer:
    return Answer(Listing(rows=[license_pool_body(each) for each in licenses.list_pools(request.call, params)]))


@endpoint(
    "POST /v1/licenses.list_assignments",
    scopes="customers:read",
    request=AssignmentsList,
    answers=Listing[AssignmentBody],
)
def list_assignments(request: RequestContext, params: AssignmentsList) -> Answer:
    return Answer(Listing(rows=[assignment_body(each) for each in licenses.list_assignments(request.call, params)]))
