"""The control API under /_mock: what a real server does not tell, and what a test may move.

With a bearer key a call concerns that organisation's environment alone, without one the whole server.
"""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Blueprint, Response, request

from autumn_mock import __version__
from autumn_mock.clock import Clock
from autumn_mock.domain.organisation import hash_key
from autumn_mock.durations import parse_duration
from autumn_mock.emulator import Emulator
from autumn_mock.faults.grammar import RuleError, parse_rule, require_route
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.settings import read_instant
from autumn_mock.store.changes import ENCODER
from autumn_mock.store.environment import Environment
from autumn_mock.web.openapi import document
from autumn_mock.web.replies import json_reply
from autumn_mock.web.resource import every_call
from autumn_mock.wire.body import json_body


def control(emulator: Emulator) -> Blueprint:
    """The routes under /_mock of an emulator."""
    blueprint = Blueprint("control", __name__, url_prefix="/_mock")

    @blueprint.get("/health")
    def health() -> Response:
        return json_reply({"status": "ok", "version": __version__})

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        return json_reply(document(request.host_url.rstrip("/")))

    @blueprint.get("/stats")
    def stats() -> Response:
        environment = _environment(emulator)
        if environment is not None:
            return json_reply(emulator.stats(environment))
        each = {
            f"{org}:{env}": emulator.stats(found)
            for found in emulator.state.environments()
            for org, env in [found.name]
        }
        return json_reply({**emulator.stats(), "organisations": each})

    @blueprint.post("/drain")
    def drain() -> Response:
        environment = _environment(emulator)
        fields = _fields()
        timeout, webhooks = fields.get("timeout", 10), fields.get("webhooks", False)
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 <= timeout <= 3600:
            raise invalid_request("timeout: must be a number of seconds from 0 to 3600")
        if not isinstance(webhooks, bool):
            raise invalid_request("webhooks: must be true or false")
        done = emulator.drain(timeout, environment, webhooks=webhooks)
        left = emulator.stats(environment)
        if done:
            return json_reply({"drained": True, **left})
        queue = emulator.queue.explain(environment.name if environment is not None else None)
        why = _why_open(queue, timeout)
        waiting = left["ready"] + left["in_flight"]
        message = f"{waiting} of {left['accepted']} accepted items are not worked off yet: {why}"
        if webhooks and not waiting:
            unattempted = emulator.webhooks.journal.unattempted(*(environment.name if environment else ()))
            message = f"{unattempted} webhooks were not attempted yet: {timeout} s were not enough"
        return json_reply({"drained": False, "message": message, **queue, **left}, 504)

    @blueprint.post("/reset")
    def reset() -> Response:
        return json_reply({"cleared": emulator.reset(_environment(emulator))})

    @blueprint.get("/failures")
    def failures() -> Response:
        return _list(emulator, "failures")

    @blueprint.get("/lost")
    def lost() -> Response:
        return _list(emulator, "lost")

    @blueprint.get("/requests")
    def requests() -> Response:
        environment = _environment(emulator)
        entries = emulator.requests.entries(environment.name if environment is not None else None)
        return json_reply({"list": [entry.summary() for entry in entries]})

    @blueprint.get("/webhooks")
    def webhooks() -> Response:
        environment = _environment(emulator)
        return json_reply({"list": emulator.webhooks.journal.entries(*(environment.name if environment else ()))})

    @blueprint.post("/queue")
    def queue() -> Response:
        environment = _environment(emulator)
        name = environment.name if environment is not None else None
        paused = _fields().get("paused")
        if not isinstance(paused, bool):
            raise invalid_request("paused: must be true or false")
        if paused:
            emulator.queue.pause(name)
        else:
            emulator.queue.resume(name)
        return json_reply({**emulator.queue.explain(name), **emulator.stats(environment)})

    @blueprint.post("/clock")
    def clock() -> Response:
        environment = _environment(emulator)
        moved = environment.clock if environment is not None else emulator.clock
        _move(moved, _fields())
        return json_reply({"now": moved.now(), "frozen": moved.frozen, "offset": moved.offset})

    @blueprint.get("/clock")
    def now() -> Response:
        environment = _environment(emulator)
        shown = environment.clock if environment is not None else emulator.clock
        return json_reply({"now": shown.now(), "frozen": shown.frozen, "offset": shown.offset})

    @blueprint.get("/faults")
    def faults() -> Response:
        rules = [rule for each in _environments(emulator) for rule in emulator.faults_of(each).report()]
        return json_reply({"list": rules})

    @blueprint.post("/faults")
    def arm() -> Response:
        text = _fields().get("rule")
        if not isinstance(text, str):
            raise invalid_request("rule: must be a string, like enqueue:fail items=3,7")
        try:
            rule = parse_rule(text).seeded(emulator.settings.seed)
            require_route(rule, every_call())
        except RuleError as error:
            raise invalid_request(str(error)) from None
        armed = [emulator.faults_of(each).arm(rule) for each in _environments(emulator)]
        return json_reply(armed[0].report() if len(armed) == 1 else {"list": [each.report() for each in armed]})

    @blueprint.delete("/faults")
    def clear() -> Response:
        cleared = sum(emulator.faults_of(each).clear() for each in _environments(emulator))
        return json_reply({"cleared": cleared})

    return blueprint


def _why_open(queue: dict[str, Any], timeout: float) -> str:
    """Why items are still waiting, in words."""
    if queue["paused"]:
        return "the workers are paused"
    if queue["held"]:
        return "; ".join(f"{each['items']} held by {each['rule']}" for each in queue["held"])
    return f"{timeout} s were not enough"


def _environment(emulator: Emulator) -> Environment | None:
    """The environment that the bearer key names; None without a key, 401 for a wrong one."""
    header = request.headers.get("Authorization", "")
    token = header.removeprefix("Bearer ").strip()
    if not token:
        return None
    key = emulator.state.keys.get(hash_key(token))
    if key is None:
        raise ApiError(401, "No organisation here has this key", "invalid_secret_key")
    return emulator.state.environment(key.org_id, key.env)


def _environments(emulator: Emulator) -> list[Environment]:
    environment = _environment(emulator)
    if environment is not None:
        return [environment]
    for key in emulator.state.keys:  # a key opens its environment even before its first use
        emulator.state.environment(key.org_id, key.env)
    return emulator.state.environments()


def _fields() -> dict[str, Any]:
    body = json_body(request.get_data(cache=False))
    if not isinstance(body, dict):
        raise invalid_request("input: expected a JSON object")
    return body


def _list(emulator: Emulator, table: str) -> Response:
    environment = _environment(emulator)
    environments = [environment] if environment is not None else emulator.state.environments()
    rows = []
    for each in environments:
        org, env = each.name
        records = each.tables[table].snapshot()
        rows += [{"org": org, "env": env, **msgspec.json.decode(ENCODER.encode(record))} for record in records]
    return json_reply({"list": rows})


def _move(clock: Clock, fields: dict[str, Any]) -> None:
    """Move a clock: ``advance``, ``now``, ``freeze``, ``reset``; all of it understood before any of it is done."""
    known = {"advance", "now", "freeze", "reset"}
    if not fields or set(fields) - known:
        raise invalid_request(f"input: give one or more of {', '.join(sorted(known))}")
    try:
        advance = _advance(fields["advance"]) if "advance" in fields else None
        instant = read_instant(str(fields["now"])) if "now" in fields else None
    except (ValueError, OverflowError) as error:
        raise invalid_request(str(error)) from None
    if fields.get("reset"):
        clock.reset()
    if fields.get("freeze") is True:
        clock.freeze()
    if instant is not None:
        clock.set(instant)
    if advance is not None:
        clock.advance(advance)
    if fields.get("freeze") is False:
        clock.unfreeze()


def _advance(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise ValueError("advance: must be a length of time like 1d, 90m or 250ms")
    return parse_duration(value)
