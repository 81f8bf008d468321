"""Control calls that explain the server: ``/_mock/quickstart`` and ``/_mock/coverage``."""

from __future__ import annotations

from typing import Any

import flask
from flask import Response

from autumn_mock.web.context import server_url
from autumn_mock.web.control.context import ControlHandler, ControlRequest
from autumn_mock.web.replies import json_reply, text_reply
from autumn_mock.web.resources.registry import ENDPOINTS
from autumn_mock.web.resources.unsupported import MESSAGES, PARTLY, ROUTE_MESSAGES

_QUICKSTART = """\
autumn-mock: a local emulator of the Autumn billing API, at {url}

Environment
  AUTUMN_SECRET_KEY={key}
  AUTUMN_MOCK_URL={url}         # for your code: the base URL of its SDK
  ATMN_BACKEND_URL={url}        # the same, for atmn

curl
  curl -s {url}/v1/balances.track -H 'Authorization: Bearer {key}' \\
    -d '{{"customer_id": "{customer}", "feature_id": "{feature}", "value": 1}}'
  curl -s {url}/v1/balances.check -H 'Authorization: Bearer {key}' \\
    -d '{{"customer_id": "{customer}", "feature_id": "{feature}"}}'

JavaScript (npm install autumn-js)
  import {{ Autumn }} from "autumn-js";
  const autumn = new Autumn({{ secretKey: "{key}", serverURL: "{url}", failOpen: false }});
  await autumn.track({{ customerId: "{customer}", featureId: "{feature}", value: 1 }});

Python (pip install autumn-sdk)
  from autumn_sdk import Autumn
  with Autumn(secret_key="{key}", server_url="{url}") as autumn:
      autumn.track(customer_id="{customer}", feature_id="{feature}", value=1)

In this server
  features    {features}
  plans       {plans}
  customers   {customers}

Control (no key: the whole server; with a key: its organisation)
  GET  {url}/_mock/                   a page for people
  GET  {url}/_mock/requests           what was received, and what became of it
  POST {url}/_mock/drain              wait until the queue is idle
  POST {url}/_mock/faults             {{"rule": "queue:down times=2"}}; grammar: /_mock/faults/kinds
  POST {url}/_mock/clock              {{"advance": "1month"}} or "next-reset"
  POST {url}/_mock/reset              back to the initial world
  GET  {url}/_mock/coverage           which calls are served
  GET  {url}/_mock/openapi.json       the OpenAPI document
  GET  {url}/_mock/docs               the documentation; a page as Markdown: /_mock/docs/faults.md
"""
#: Names in a line.
_MAX_NAMES = 8


def quickstart(request: ControlRequest) -> Response:
    """How to use this server, as plain text for people and agents: URL, key, snippets, what is in it."""
    engine, environment = request.engine, request.environment()
    key = "the key of your organisation"
    if environment is None:
        try:
            key = engine.first_key
        except ValueError:
            key = "none; start the server with --key"
        found = engine.find_key(key, uses=False)
        environment = engine.state.environment(found.org_id, found.env) if found is not None else None
    features = [each.id for each in environment.features.snapshot()] if environment is not None else []
    plans = list(dict.fromkeys(each.id for each in environment.plans.snapshot())) if environment is not None else []
    customers = [each.id for each in environment.customers.snapshot() if each.id] if environment is not None else []
    text = _QUICKSTART.format(
        url=server_url(flask.request),
        key=key,
        customer=next(iter(customers), "cus_123"),
        feature=next(iter(features), "messages"),
        features=_names(features),
        plans=_names(plans),
        customers=_names(customers),
    )
    return text_reply(text)


def _names(names: list[str]) -> str:
    more = len(names) - _MAX_NAMES
    return (", ".join(names[:_MAX_NAMES]) + (f" and {more} more" if more > 0 else "")) or "none"


def coverage(_request: ControlRequest) -> Response:
    """Every call of the SDKs: ``served``, ``partly`` or ``not``, its routes, and what is missing or used instead."""
    calls = call_statuses()
    counts = {status: sum(call["status"] == status for call in calls) for status in ("served", "partly", "not")}
    return json_reply({**counts, "calls": calls})


def call_statuses() -> list[dict[str, Any]]:
    """Every call with its ``status``, ``routes`` and ``note``, in the order in which they are declared."""
    calls = []
    for each in ENDPOINTS:
        refusal = MESSAGES.get(each.name) or ROUTE_MESSAGES.get(each.routes[0])
        note = refusal or PARTLY.get(each.name)
        status = "not" if refusal is not None else "served" if note is None else "partly"
        calls.append({"call": each.name, "status": status, "routes": each.routes, "note": note})
    return calls


ROUTES: dict[str, ControlHandler] = {"GET /quickstart": quickstart, "GET /coverage": coverage}
