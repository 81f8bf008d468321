"""Control calls about the server itself: its health, its queue, its clock, its organisations, and starting over."""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Blueprint, Response, request

from autumn_mock import __version__
from autumn_mock.clock import Clock
from autumn_mock.durations import parse_duration
from autumn_mock.engine import Engine
from autumn_mock.operations.errors import invalid_request
from autumn_mock.settings import read_instant, read_key
from autumn_mock.store.changes import ENCODER
from autumn_mock.store.errors import StoreError
from autumn_mock.web.control.context import environment_of, fields, name_of, whole_number
from autumn_mock.web.replies import json_reply
from autumn_mock.worlds import WorldError, find_shipped_world, read_world


def serve_running(blueprint: Blueprint, engine: Engine) -> None:
    """Add the routes."""

    @blueprint.get("/health")
    def health() -> Response:
        return json_reply({"status": "ok", "version": __version__})

    @blueprint.get("/stats")
    def stats() -> Response:
        environment = environment_of(engine)
        if environment is not None:
            return json_reply(engine.stats(environment))
        each = {
            f"{org}:{env}": engine.stats(found) for found in engine.state.environments() for org, env in [found.name]
        }
        return json_reply({**engine.stats(), "organisations": each})

    @blueprint.post("/drain")
    def drain() -> Response:
        environment = environment_of(engine)
        given = fields()
        timeout, webhooks = given.get("timeout", 10), given.get("webhooks", False)
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 <= timeout <= 3600:
            raise invalid_request("timeout: must be a number of seconds from 0 to 3600")
        if not isinstance(webhooks, bool):
            raise invalid_request("webhooks: must be true or false")
        done = engine.drain(timeout, environment, webhooks=webhooks)
        left = engine.stats(environment)
        if done:
            return json_reply({"drained": True, **left})
        message = engine.why_open(environment, timeout)
        queue = engine.queue.explain(environment.name if environment is not None else None)
        return json_reply({"drained": False, "message": message, **queue, **left}, 504)

    @blueprint.post("/reset")
    def reset() -> Response:
        return json_reply({"cleared": engine.reset(environment_of(engine))})

    @blueprint.get("/queue")
    def queue() -> Response:
        return _queue()

    @blueprint.post("/queue")
    def pause() -> Response:
        name = name_of(engine)
        paused = fields().get("paused")
        if not isinstance(paused, bool):
            raise invalid_request("paused: must be true or false")
        if paused:
            engine.queue.pause(name)
        else:
            engine.queue.resume(name)
        return _queue()

    def _queue() -> Response:
        environment = environment_of(engine)
        name = environment.name if environment is not None else None
        return json_reply({**engine.queue.explain(name), **engine.stats(environment)})

    @blueprint.get("/queue/messages")
    def messages() -> Response:
        rows = []
        for delivery, held in engine.queue.peek(name_of(engine), whole_number("limit", 100)):
            org, env = delivery.environment.name
            rows.append(
                {
                    "org": org,
                    "env": env,
                    **msgspec.json.decode(ENCODER.encode(delivery.message)),
                    "held_by": held.last.armed.rule.text if held is not None else None,
                    "until": held.last.until if held is not None else None,
                }
            )
        return json_reply({"list": rows})

    @blueprint.post("/organisations")
    def open_organisation() -> Response:
        given = fields()
        world, key = given.get("world"), given.get("key")
        if not isinstance(world, str | None) or not isinstance(key, str | None):
            raise invalid_request("world, key: must be strings")
        try:
            template = read_world(find_shipped_world(world)) if world is not None else None
            opened = engine.open_organisation(template, read_key(key) if key is not None else None)
        except (ValueError, WorldError) as error:
            raise invalid_request(str(error)) from None
        return json_reply(msgspec.to_builtins(opened), 201)

    @blueprint.delete("/organisations")
    def close_organisation() -> Response:
        environment = environment_of(engine)
        if environment is None:
            raise invalid_request("Say with its key which organisation to remove")
        engine.close_organisation(environment.organisation.id)
        return json_reply({"removed": environment.organisation.id})

    @blueprint.get("/snapshot")
    def snapshot() -> Response:
        return Response(engine.snapshot(environment_of(engine)), content_type="application/json")

    @blueprint.put("/snapshot")
    def restore() -> Response:
        try:
            counts = engine.restore(request.get_data(cache=False), environment_of(engine))
        except StoreError as error:
            raise invalid_request(str(error)) from None
        return json_reply({"restored": counts})

    @blueprint.get("/clock")
    def now() -> Response:
        return _clock(_clock_of())

    @blueprint.post("/clock")
    def clock() -> Response:
        moved = _clock_of()
        _move(moved, fields())
        return _clock(moved)

    def _clock_of() -> Clock:
        environment = environment_of(engine)
        return environment.clock if environment is not None else engine.clock


def _clock(clock: Clock) -> Response:
    return json_reply({"now": clock.now(), "frozen": clock.frozen, "offset": clock.offset})


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
