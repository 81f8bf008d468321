"""Control calls that arm and clear fault rules: ``/_mock/faults``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Response

from autumn_mock.engine import Engine
from autumn_mock.faults.armed import ArmedRule
from autumn_mock.faults.board import FaultBoard
from autumn_mock.faults.description import described
from autumn_mock.faults.grammar import RuleError, parse_rule, require_organisation, require_route
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.store.environment import Environment
from autumn_mock.web.control.context import ControlCall, ControlHandler, ControlRequest
from autumn_mock.web.replies import json_reply
from autumn_mock.web.resources.registry import call_names


def list_faults(request: ControlRequest) -> Response:
    """The armed rules; with a key those of its environment and those of the server, which apply there, too."""
    return json_reply({"list": reports(request.engine, request.environments())})


def reports(engine: Engine, environments: Iterable[Environment]) -> list[dict[str, Any]]:
    """The armed rules of the server and of environments, and what they did."""
    shown = [_report(None, armed) for armed in engine.faults.armed()]
    for each in environments:
        shown += [_report(each, armed) for armed in engine.board_for(each).armed()]
    return shown


def list_kinds(_request: ControlRequest) -> Response:
    """The fault kinds with their options, and the modifiers of every rule."""
    return json_reply(described())


def arm(request: ControlRequest) -> Response:
    """Arm the ``rule``, in the environment of the key, or without a key on the whole server."""
    engine, environment = request.engine, request.environment()
    text = request.fields().get("rule")
    if not isinstance(text, str):
        raise invalid_request("rule: must be a string, like enqueue:fail items=3,7")
    try:
        rule = parse_rule(text).seeded(engine.settings.seed)
        require_route(rule, call_names())
        require_organisation(
            rule, {name for each in engine.state.organisations.snapshot() for name in (each.id, each.slug)}
        )
    except RuleError as error:
        raise invalid_request(str(error)) from None
    board = engine.faults if environment is None else engine.board_for(environment)
    return json_reply(_report(environment, board.arm(rule)))


def clear(request: ControlRequest) -> Response:
    """Disarm every rule; with a key those of its environment alone, not those of the server."""
    return json_reply({"cleared": sum(board.clear() for board in _boards(request))})


def clear_one(request: ControlRequest) -> Response:
    """Disarm one rule by its number, which is unique on the server."""
    number = request.path["number"]
    cleared = sum(board.clear(number) for board in _boards(request))
    if not cleared:
        raise ApiError(404, f"No rule with the ID {number} is armed", "not_found")
    return json_reply({"cleared": cleared})


def _boards(request: ControlRequest) -> list[FaultBoard]:
    engine, environment = request.engine, request.environment()
    if environment is not None:
        return [engine.board_for(environment)]
    return [engine.faults, *(engine.board_for(each) for each in request.environments())]


def _report(environment: Environment | None, armed: ArmedRule) -> dict[str, Any]:
    """A rule and what it did. A rule of the whole server has no organisation."""
    org, env = environment.name if environment is not None else (None, None)
    return {**armed.report(), "org": org, "env": env}


ROUTES: dict[str, ControlHandler] = {
    "GET /faults": list_faults,
    "GET /faults/kinds": list_kinds,
    "POST /faults": ControlCall(arm, ("rule",)),
    "DELETE /faults": clear,
    "DELETE /faults/<int:number>": clear_one,
}
