"""Control calls that add many customers or events, as ``autumn-mock import`` reads them from CSV files."""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Response

from autumn_mock.operations.errors import invalid_request
from autumn_mock.store.environment import Environment
from autumn_mock.web.control.context import ControlCall, ControlHandler, ControlRequest
from autumn_mock.web.replies import json_reply
from autumn_mock.worlds.importing import Imported, import_customers, import_events


def add_customers(request: ControlRequest) -> Response:
    """Add the ``customers`` of the body, each as in a world; with ``check_only`` only say what is wrong with them."""
    call = request.engine.call_in(_environment(request))
    rows, check_only = _rows(request, "customers"), _switch(request, "check_only")
    return _reply(import_customers(call, rows, check_only=check_only))


def add_events(request: ControlRequest) -> Response:
    """Add the ``events`` of the body, each as in a world, with its ``customer_id``.

    With ``history`` they deduct nothing, with ``check_only`` they are not added.
    """
    call = request.engine.call_in(_environment(request))
    rows, check_only = _rows(request, "events"), _switch(request, "check_only")
    return _reply(import_events(call, rows, check_only=check_only, is_history=_switch(request, "history")))


def _environment(request: ControlRequest) -> Environment:
    """The environment that the request names, or else that of the server's first key."""
    environment = request.environment()
    if environment is not None:
        return environment
    try:
        key = request.engine.find_key(request.engine.first_key)
    except ValueError as error:
        raise invalid_request(f"Authorization: give the secret key of the organisation; {error}") from None
    assert key is not None
    return request.engine.state.environment(key.org_id, key.env)


def _rows(request: ControlRequest, name: str) -> list[Any]:
    rows = request.fields().get(name)
    if not isinstance(rows, list):
        raise invalid_request(f"{name}: must be a list")
    return rows


def _switch(request: ControlRequest, name: str) -> bool:
    given = request.fields().get(name, False)
    if not isinstance(given, bool):
        raise invalid_request(f"{name}: must be true or false")
    return given


def _reply(done: Imported) -> Response:
    """What was added; 400 when rows are wrong."""
    body: dict[str, Any] = {"imported": done.count, "problems": msgspec.to_builtins(done.problems)}
    if not done.problems:
        return json_reply(body)
    first = done.problems[0]
    key = ".".join(map(str, first.key))
    message = f"row {first.index}: {key}: {first.message}" if key else f"row {first.index}: {first.message}"
    return json_reply({"message": message, "code": "invalid_request", **body}, 400)


ROUTES: dict[str, ControlHandler] = {
    "POST /import/customers": ControlCall(add_customers, ("customers", "check_only")),
    "POST /import/events": ControlCall(add_events, ("events", "check_only", "history")),
}
