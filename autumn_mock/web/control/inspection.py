"""Control calls that show what happened: the journal, the findings, the audit."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import Any

import msgspec
from flask import Blueprint, Response, request

from autumn_mock.domain.version import Version
from autumn_mock.engine import Engine
from autumn_mock.journal.audit import accepted_by, audit, report
from autumn_mock.journal.findings import FINDING_KINDS
from autumn_mock.journal.item_status import item_statuses
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.operations import customers
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError, customer_not_found
from autumn_mock.store.changes import ENCODER
from autumn_mock.web.control.context import environment_of, environments_of, name_of, whole_number
from autumn_mock.web.openapi import document
from autumn_mock.web.replies import json_reply
from autumn_mock.wire.responses.customer import customer_body
from autumn_mock.wire.responses.usage import event_body


def serve_views(blueprint: Blueprint, engine: Engine) -> None:
    """Add the routes."""

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        return json_reply(document(request.host_url.rstrip("/")))

    @blueprint.get("/failures")
    def failures() -> Response:
        return _table("failures")

    @blueprint.get("/lost")
    def lost() -> Response:
        return _table("lost")

    def _table(table: str) -> Response:
        environment = environment_of(engine)
        environments = [environment] if environment is not None else engine.state.environments()
        rows = []
        for each in environments:
            org, env = each.name
            rows += [{"org": org, "env": env, **_plain(record)} for record in each.tables[table].snapshot()]
        return json_reply({"list": rows})

    # Balances and events stand here, too, so that looking at them neither meets faults and limits nor leaves a trace.

    @blueprint.get("/balances/<path:customer_id>")
    def balances(customer_id: str) -> Response:
        for each in environments_of(engine):
            call = Call(each, Version.V2_3, each.clock.now())
            with suppress(ApiError):
                body = customer_body(customers.get(call, customer_id), call.env)
                return json_reply({"customer_id": customer_id, "balances": body["balances"]})
        raise customer_not_found(customer_id)

    @blueprint.get("/events")
    def events() -> Response:
        rows = []
        for each in environments_of(engine):
            org, env = each.name
            owners = {customer.internal_id: customer.id for customer in each.customers}
            wanted = request.args.get("customer_id")
            with each.lock:
                newest = reversed(each.events.snapshot())
                found = (event for event in newest if wanted in (None, owners.get(event.customer)))
                page = list(islice(found, whole_number("limit", 100)))
            for event in reversed(page):
                rows.append({"org": org, "env": env, **event_body(event, owners.get(event.customer))})
        return json_reply({"list": rows})

    @blueprint.get("/requests")
    def requests() -> Response:
        after = whole_number("after", 0)
        entries = [entry for entry in engine.journal.entries(name_of(engine)) if entry.id > after]
        return json_reply({"list": [entry.summary() for entry in entries]})

    @blueprint.get("/requests/<int:number>")
    def one_request(number: int) -> Response:
        entry = next((each for each in engine.journal.entries(name_of(engine)) if each.id == number), None)
        if entry is None:
            raise ApiError(404, f"There is no request {number} in the journal", "not_found")
        return json_reply({**entry.summary(), "items_fate": _fates(entry)})

    def _fates(entry: RequestEntry) -> Any:
        environment = next((each for each in environments_of(engine) if each.name == (entry.org, entry.env)), None)
        if environment is None:  # it did not get past authentication
            return []
        return msgspec.to_builtins(item_statuses(entry, environment, engine.deliveries))

    @blueprint.get("/webhooks")
    def webhooks() -> Response:
        environment = environment_of(engine)
        return json_reply({"list": engine.webhooks.journal.entries(*(environment.name if environment else ()))})

    @blueprint.get("/findings")
    def findings() -> Response:
        found = []
        for each in environments_of(engine):
            org, env = each.name
            for finding in engine.findings(each):
                shown = msgspec.to_builtins(finding)
                found.append({**shown, "title": FINDING_KINDS[finding.code].title, "org": org, "env": env})
        return json_reply({"list": found})

    @blueprint.get("/audit")
    def audits() -> Response:
        audited = [audit(each, accepted_by(engine.journal.entries(each.name))) for each in environments_of(engine)]
        return json_reply(report(audited))


def _plain(record: Any) -> Any:
    return msgspec.json.decode(ENCODER.encode(record))
