"""Control calls about webhooks: ``/_mock/webhooks``."""

from __future__ import annotations

from typing import Any, get_args

from flask import Response

from autumn_mock.domain.webhook import DEFAULT_SECRET, Webhook, WebhookType
from autumn_mock.input_files import guess
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.settings import read_endpoint
from autumn_mock.web.control.context import ControlCall, ControlHandler, ControlRequest
from autumn_mock.web.replies import json_reply

#: What a webhook that is triggered by hand contains besides the customer and the feature.
_EXAMPLES: dict[WebhookType, dict[str, Any]] = {
    "balances.limit_reached": {"limit_type": "included"},
    "balances.usage_alert_triggered": {"usage_alert": {"threshold": 80, "threshold_type": "usage_percentage"}},
    "billing.auto_topup_failed": {"reason": "charge_failed"},
    "billing.auto_topup_succeeded": {"quantity_granted": 100},
    "billing.updated": {"object": "billing.updated", "plan_changes": [], "tags": []},
    "customer.products.updated": {"scenario": "new"},
    "customer.threshold_reached": {"threshold_type": "limit_reached"},
}


def show_webhooks(request: ControlRequest) -> Response:
    """The webhooks that were sent, and what their receivers replied."""
    return json_reply({"list": request.engine.webhooks.journal.entries(*(request.name() or ()))})


def list_endpoints(request: ControlRequest) -> Response:
    """The endpoints, with the organisation whose webhooks they receive; without one: those of all."""
    name = request.name()
    return json_reply({"list": request.engine.webhooks.endpoints(name[0] if name is not None else None)})


def add_endpoint(request: ControlRequest) -> Response:
    """Send webhooks to ``url``, too: those of the key's organisation, or of all; signed with ``secret``.

    It is kept until the server stops, also after a reset.
    """
    given = request.fields()
    url, secret = given.get("url"), given.get("secret", DEFAULT_SECRET)
    if not isinstance(url, str) or not isinstance(secret, str):
        raise invalid_request("url, secret: must be strings; url is required")
    name = request.name()
    try:
        request.engine.add_webhook_endpoint(read_endpoint(url, secret), name[0] if name is not None else None)
    except ValueError as error:
        raise invalid_request(str(error)) from None
    return json_reply({"url": url, "org": name[0] if name is not None else None}, 201)


def resend(request: ControlRequest) -> Response:
    """Deliver a webhook again, with its ``svix-id``, to the endpoints that it was sent to."""
    count = request.engine.webhooks.resend(request.path["webhook"], *(request.name() or ()))
    if not count:
        text = f"There is no webhook {request.path['webhook']} here whose endpoint still exists"
        raise ApiError(404, text, "not_found")
    return json_reply({"resent": count})


def trigger(request: ControlRequest) -> Response:
    """Send a webhook of a ``type`` about ``customer_id`` now, whatever its balances are.

    ``feature_id`` and ``entity_id`` go into its data, as does every field of ``data``.
    """
    given = request.fields()
    kind, customer_id, more = given.get("type"), given.get("customer_id"), given.get("data", {})
    if kind not in _EXAMPLES:
        raise invalid_request(f"type: there is no webhook {kind!r}{guess(str(kind), get_args(WebhookType))}")
    if not isinstance(customer_id, str) or not isinstance(more, dict):
        raise invalid_request("customer_id: must be a string; data: must be an object")
    environment = request.environment_of_customer(customer_id)
    org_id = environment.organisation.id
    if not request.engine.webhooks.has_endpoints(org_id):
        raise invalid_request(f"{org_id} has no webhook endpoint; add one with POST /_mock/webhooks/endpoints")
    names: dict[str, Any] = {
        name: given[name] for name in ("customer_id", "feature_id", "entity_id") if given.get(name) is not None
    }
    if kind.startswith("customer."):
        names["customer"] = {"id": names.pop("customer_id")}
    elif kind != "billing.updated":
        names.setdefault("feature_id", next((each.id for each in environment.features.snapshot()), "messages"))
    webhook = Webhook(kind, {**names, **_EXAMPLES[kind], **more})
    request.engine.webhooks.publish(environment, [webhook])
    return json_reply({"type": kind, "data": webhook.data}, 202)


ROUTES: dict[str, ControlHandler] = {
    "GET /webhooks": show_webhooks,
    "GET /webhooks/endpoints": list_endpoints,
    "POST /webhooks/endpoints": ControlCall(add_endpoint, ("url", "secret")),
    "POST /webhooks/trigger": ControlCall(trigger, ("type", "customer_id", "feature_id", "entity_id", "data")),
    "POST /webhooks/<webhook>/resend": resend,
}
