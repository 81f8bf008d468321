"""Control calls that show what happened: tables, the journal, findings and the audit."""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

import flask
import msgspec
from flask import Response

from autumn_mock.domain.version import Version
from autumn_mock.journal.audit import accepted_by, audit, report
from autumn_mock.journal.item_status import item_statuses
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.operations import customers
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.store.changes import ENCODER
from autumn_mock.store.environment import Environment
from autumn_mock.web.control.context import ControlCall, ControlHandler, ControlRequest
from autumn_mock.web.openapi import document
from autumn_mock.web.replies import json_reply
from autumn_mock.wire.answer import in_fixed_shape
from autumn_mock.wire.responses.customer import fixed_balances
from autumn_mock.wire.responses.usage import event_body


def show_openapi(_request: ControlRequest) -> Response:
    """The OpenAPI document of the calls under ``/v1``."""
    return json_reply(document(flask.request.host_url.rstrip("/")))


def show_failures(request: ControlRequest) -> Response:
    """The batches of which items could not be queued."""
    return _table(request, "failures")


def show_lost(request: ControlRequest) -> Response:
    """The items that were accepted and could not be deducted."""
    return _table(request, "lost")


def _table(request: ControlRequest, table: str) -> Response:
    environment = request.environment()
    environments = [environment] if environment is not None else request.engine.state.environments()
    records = [(each, record) for each in environments for record in each.tables[table].snapshot()]
    return json_reply({"list": [_of(each, msgspec.json.decode(ENCODER.encode(record))) for each, record in records]})


def _of(environment: Environment, row: dict[str, Any]) -> dict[str, Any]:
    """A row with the environment that it belongs to."""
    org, env = environment.name
    return {"org": org, "env": env, **row}


# Balances and events are here, too: reading them meets no fault and no limit, and is not journalled.


def show_balances(request: ControlRequest) -> Response:
    """The balances of a customer, with the environment that has it.

    400 when the request has no key and several environments have such a customer.
    """
    customer_id = request.path["customer_id"]
    environment = request.environment_of_customer(customer_id)
    account = customers.get(Call(environment, Version.NEWEST, environment.clock.now()), customer_id)
    return json_reply(_of(environment, {"customer_id": customer_id, "balances": fixed_balances(account)}))


def show_events(request: ControlRequest) -> Response:
    """The last ``limit`` events, of one customer or of all, oldest first."""
    rows = []
    for each in request.environments():
        owners = {customer.internal_id: customer.id for customer in each.customers}
        wanted = flask.request.args.get("customer_id")
        with each.lock:
            newest = reversed(each.events.snapshot())
            found = (event for event in newest if wanted in (None, owners.get(event.customer)))
            page = list(islice(found, request.whole_number("limit", 100)))
        rows += [_of(each, in_fixed_shape(event_body(event, owners.get(event.customer)))) for event in reversed(page)]
    return json_reply({"list": rows})


#: The query parameters of the list of requests.
_FILTERS = ("after", "limit", "status", "call", "customer", "failed")
#: More than any journal keeps.
_ALL = 10**15 - 1


def _has_status(entry: RequestEntry, wanted: str) -> bool:
    """Whether the client received a status, such as ``404``, or one of a class, such as ``4xx``."""
    status = str(entry.status or "")
    return status[:1] == wanted[:1] if wanted.endswith("xx") else status == wanted


def show_requests(request: ControlRequest) -> Response:
    """The journal, oldest first, from the entry after number ``after`` on, and at most the newest ``limit``.

    ``status`` (404 or 4xx), ``call``, ``customer`` and ``failed`` (1) select entries.
    """
    query = flask.request.args
    status = query.get("status", "")
    if not re.fullmatch(r"([1-5]([0-9]{2}|xx))?", status):
        raise invalid_request("status: must be a status like 404, or a class like 4xx")
    if query.get("failed", "1") != "1":
        raise invalid_request("failed: must be 1")
    after, limit = request.whole_number("after", 0), request.whole_number("limit", _ALL)
    found = [
        entry
        for entry in request.engine.journal.entries(request.name())
        if entry.id > after
        and (not status or _has_status(entry, status))
        and query.get("call", entry.call) == entry.call
        and query.get("customer", entry.customer_id) == entry.customer_id
        and ("failed" not in query or not entry.is_known_accepted)
    ]
    return json_reply({"list": [entry.summary() for entry in found[max(len(found) - limit, 0) :]]})


def show_request(request: ControlRequest) -> Response:
    """One entry of the journal, with the status of each of its items."""
    number = request.path["number"]
    entry = next((each for each in request.engine.journal.entries(request.name()) if each.id == number), None)
    if entry is None:
        raise ApiError(404, f"There is no request {number} in the journal", "not_found")
    body = entry.body.decode("utf-8", "replace") if entry.body is not None else None
    return json_reply({**entry.summary(), "request_body": body, "items_fate": _item_statuses(request, entry)})


def _item_statuses(request: ControlRequest, entry: RequestEntry) -> Any:
    environment = next((each for each in request.environments() if each.name == (entry.org, entry.env)), None)
    if environment is None:  # the request was not authenticated
        return []
    return msgspec.to_builtins(item_statuses(entry, environment, request.engine.deliveries))


def show_findings(request: ControlRequest) -> Response:
    """What clients did against the contract, as far back as the journal reaches."""
    found = []
    for each in request.environments():
        for finding in request.engine.findings(each):
            org, env = each.name
            found.append({**msgspec.to_builtins(finding), "org": org, "env": env})
    return json_reply({"list": found})


def show_audit(request: ControlRequest) -> Response:
    """Whether every accepted item was deducted or lost, exactly once."""
    journal = request.engine.journal
    return json_reply(report([audit(each, accepted_by(journal.entries(each.name))) for each in request.environments()]))


ROUTES: dict[str, ControlHandler] = {
    "GET /openapi.json": show_openapi,
    "GET /failures": show_failures,
    "GET /lost": show_lost,
    "GET /balances/<path:customer_id>": show_balances,
    "GET /events": ControlCall(show_events, query=("customer_id", "limit")),
    "GET /requests": ControlCall(show_requests, query=_FILTERS),
    "GET /requests/<int:number>": show_request,
    "GET /findings": show_findings,
    "GET /audit": show_audit,
}
