"""The service's own checkout page: public calls, without a key. The id of a session is secret enough."""

from __future__ import annotations

from autumn_mock.operations.billing import confirmations
from autumn_mock.web.context import Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.wire.requests.checkouts import ConfirmCheckout
from autumn_mock.wire.responses.billing import checkout_url
from autumn_mock.wire.responses.checkouts import CheckoutBody, ConfirmedBody, checkout_body, confirmed_body
from autumn_mock.wire.responses.preview import AttachPreviewBody, UpdatePreviewBody

_SHOWN = CheckoutBody[AttachPreviewBody] | CheckoutBody[UpdatePreviewBody]


@endpoint("GET /checkouts/<checkout_id>", scopes=(), answers=_SHOWN, limit="checkouts", keyless=True)
def get_checkout(request: RequestContext) -> Answer:
    found = confirmations.offered(request.call, request.path["checkout_id"])
    return Answer(checkout_body(request.call, found, request.base_url))


@endpoint(
    "POST /checkouts/<checkout_id>/preview",
    scopes=(),
    request=ConfirmCheckout,
    answers=_SHOWN,
    limit="checkouts",
    keyless=True,
)
def preview_checkout(request: RequestContext, params: ConfirmCheckout) -> Answer:
    found = confirmations.offered(request.call, request.path["checkout_id"], params)
    return Answer(checkout_body(request.call, found, request.base_url))


@endpoint(
    "POST /checkouts/<checkout_id>/confirm",
    scopes=(),
    request=ConfirmCheckout,
    answers=ConfirmedBody,
    limit="checkouts",
    keyless=True,
)
def confirm_checkout(request: RequestContext, params: ConfirmCheckout) -> Answer:
    session, outcome = confirmations.confirm(request.call, request.path["checkout_id"], params)
    return Answer(confirmed_body(session, outcome, request.base_url))


@endpoint("GET /checkouts/<checkout_id>/start", scopes=(), answers={303: None}, limit="checkouts", keyless=True)
def start_checkout(request: RequestContext) -> Answer:
    session = confirmations.started(request.call, request.path["checkout_id"])
    return Answer(location=checkout_url(session, request.base_url))
