"""Control calls that show what happened: tables, the journal, findings and the audit."""

from __future__ import annotations

from itertools import islice
from typing import Any

import flask
import msgspec
from flask import Response
from msgspec.structs import asdict

from autumn_mock.journal.audit import accepted_by, audit, report
from autumn_mock.journal.effects import Effects, effects_of
from autumn_mock.journal.item_status import item_statuses
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.journal.selection import select
from autumn_mock.operations import customers
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.store.changes import ENCODER
from autumn_mock.store.environment import Environment
from autumn_mock.web.context import server_url
from autumn_mock.web.control.context import ControlCall, ControlHandler, ControlRequest
from autumn_mock.web.openapi import document
from autumn_mock.web.replies import json_reply
from autumn_mock.wire.answer import in_fixed_shape
from autumn_mock.wire.responses.customer import fixed_balances
from autumn_mock.wire.responses.usage import event_body


def show_openapi(_request: ControlRequest) -> Response:
    """The OpenAPI document of the calls under ``/v1``."""
    return json_reply(document(server_url(flask.request)))


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
    account = customers.get(request.engine.call_in(environment), customer_id)
    return json_reply(_of(environment, {"customer_id": customer_id, "balances": fixed_balances(account)}))


def show_events(request: ControlRequest) -> Response:
    """The last ``limit`` events, of one customer or of all, oldest first.

    Each with the id of the message that it was made from: the request's id, and the index of an item of a batch.
    """
    rows = []
    for each in request.environments():
        owners = {customer.internal_id: customer.id for customer in each.customers}
        wanted = flask.request.args.get("customer_id")
        with each.lock:
            newest = reversed(each.events.snapshot())
            found = (event for event in newest if wanted in (None, owners.get(event.customer)))
            page = list(islice(found, request.whole_number("limit", 100)))
        for event in reversed(page):
            body = in_fixed_shape(event_body(event, owners.get(event.customer)))
            rows.append(_of(each, {**body, "message_id": event.message_id}))
    return json_reply({"list": rows})


#: The query parameters of the list of requests.
_FILTERS = ("after", "limit", "status", "call", "customer", "since", "failed", "bodies")
#: More than any journal keeps.
_ALL = 10**15 - 1


def show_requests(request: ControlRequest) -> Response:
    """The journal, oldest first, from the entry after number ``after`` on, and at most the newest ``limit``.

    ``status`` (404, 4xx or none), ``call``, ``customer``, ``since`` (5m, or an instant) and ``failed`` (1) select
    entries. ``bodies`` (1): with headers, bodies, deductions and webhooks. Beside the list: the masked keys that open
    no organisation, and how many requests used them.
    """
    engine, query = request.engine, flask.request.args
    after, limit = request.whole_number("after", 0), request.whole_number("limit", _ALL)
    journal = [each for each in engine.journal.entries(request.name()) if each.id > after]
    filters = {name: query.get(name, "") for name in ("status", "customer", "since")}
    try:
        call = engine.call_named(query["call"]) if query.get("call") else ""
        found = select(journal, **filters, call=call, failed=request.switch("failed"))
    except ValueError as error:
        raise invalid_request(str(error)) from None
    found = found[max(len(found) - limit, 0) :]
    rows = _whole(request, found) if request.switch("bodies") else [entry.summary() for entry in found]
    return json_reply({"list": rows, "unknown_keys": engine.journal.unknown_keys()})


def show_request(request: ControlRequest) -> Response:
    """One entry of the journal: headers, bodies, what it led to, and the status of each of its items."""
    number = request.path["number"]
    entry = next((each for each in request.engine.journal.entries(request.name()) if each.id == number), None)
    if entry is None:
        raise ApiError(404, f"There is no request {number} in the journal", "not_found")
    environment = _environments(request).get((entry.org, entry.env))
    fates = item_statuses(entry, environment, request.engine.message_journal) if environment is not None else []
    return json_reply({**_whole(request, [entry])[0], "items_fate": msgspec.to_builtins(fates)})


def _whole(request: ControlRequest, entries: list[RequestEntry]) -> list[dict[str, Any]]:
    """Entries with headers, bodies and effects."""
    effects: dict[int, Effects] = {}
    environments = _environments(request)
    for name in dict.fromkeys((entry.org, entry.env) for entry in entries):
        own = [entry for entry in entries if (entry.org, entry.env) == name]
        effects |= effects_of(own, environments.get(name), request.engine.webhooks.journal)
    return [{**entry.whole(), **asdict(effects[entry.id])} for entry in entries]


def _environments(request: ControlRequest) -> dict[tuple[str, str], Environment]:
    """By name; a request that was not authenticated has none."""
    return {each.name: each for each in request.environments()}


def show_findings(request: ControlRequest) -> Response:
    """What clients did against the contract, as far back as the journal reaches.

    Replies also how many ``requests`` it has, and since when (ms; null for none): those before a start are not kept.
    """
    found, judged = [], request.engine.journal.entries(request.name())
    for each in request.environments():
        for finding in request.engine.findings(each):
            org, env = each.name
            found.append({**msgspec.to_builtins(finding), "org": org, "env": env})
    if request.environment() is None:  # the whole server: also requests whose key opens nothing
        found += [{**msgspec.to_builtins(each), "org": "", "env": ""} for each in request.engine.stray_findings()]
    return json_reply({"list": found, "requests": len(judged), "since": judged[0].at if judged else None})


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
