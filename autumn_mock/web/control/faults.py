"""Control calls that make things fail: ``/_mock/faults``."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from autumn_mock.engine import Engine
from autumn_mock.faults.armed import ArmedRule
from autumn_mock.faults.board import FaultBoard
from autumn_mock.faults.grammar import RuleError, parse_rule, require_organisation, require_route
from autumn_mock.faults.vocabulary import FAULT_KINDS, MODIFIERS, Option
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.store.environment import Environment
from autumn_mock.web.control.context import environment_of, environments_of, fields
from autumn_mock.web.replies import json_reply
from autumn_mock.web.resources import call_names


def serve_faults(blueprint: Blueprint, engine: Engine) -> None:
    """Add the routes."""

    @blueprint.get("/faults")
    def faults() -> Response:
        """With a key, those of its environment and of the server, which strike there, too."""
        shown = [_report(None, armed) for armed in engine.faults.armed()]
        for each in environments_of(engine):
            shown += [_report(each, armed) for armed in engine.board_for(each).armed()]
        return json_reply({"list": shown})

    @blueprint.get("/faults/kinds")
    def kinds() -> Response:
        return json_reply(
            {
                "kinds": [
                    {
                        "kind": kind.name,
                        "text": kind.text,
                        "argument": kind.argument_placeholder,
                        "example": kind.example,
                        "has_phase": kind.has_phase,
                        "options": [_option(each) for each in kind.options],
                    }
                    for kind in FAULT_KINDS.values()
                ],
                "modifiers": [_option(each) for each in MODIFIERS.values()],
            }
        )

    @blueprint.post("/faults")
    def arm() -> Response:
        environment = environment_of(engine)
        text = fields().get("rule")
        if not isinstance(text, str):
            raise invalid_request("rule: must be a string, like enqueue:fail items=3,7")
        try:
            rule = parse_rule(text).seeded(engine.settings.seed)
            require_route(rule, call_names())
            require_organisation(rule, _organisations())
        except RuleError as error:
            raise invalid_request(str(error)) from None
        board = engine.faults if environment is None else engine.board_for(environment)
        return json_reply(_report(environment, board.arm(rule)))

    def _organisations() -> set[str]:
        """The ids and the slugs of those that there are now."""
        return {name for each in engine.state.organisations.snapshot() for name in (each.id, each.slug)}

    @blueprint.delete("/faults")
    def clear() -> Response:
        return json_reply({"cleared": sum(board.clear() for board in _boards())})

    def _boards() -> list[FaultBoard]:
        """With a key, the rules of its environment alone: those of the server are not its to clear."""
        environment = environment_of(engine)
        if environment is not None:
            return [engine.board_for(environment)]
        return [engine.faults, *(engine.board_for(each) for each in environments_of(engine))]

    @blueprint.delete("/faults/<int:number>")
    def clear_one(number: int) -> Response:
        cleared = sum(board.clear(number) for board in _boards())
        if not cleared:
            raise ApiError(404, f"There is no armed rule {number}", "not_found")
        return json_reply({"cleared": cleared})


def _report(environment: Environment | None, armed: ArmedRule) -> dict[str, Any]:
    """A rule and what it did; one of the whole server has no organisation."""
    org, env = environment.name if environment is not None else (None, None)
    return {**armed.report(), "org": org, "env": env}


def _option(option: Option) -> dict[str, str]:
    return {"name": option.name, "value": option.placeholder, "text": option.text}
