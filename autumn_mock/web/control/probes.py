"""Probes: whether the server runs, and whether it can do its work. Load balancers and supervisors ask for them."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
from flask import Response
from msgspec import Struct

from autumn_mock import __version__
from autumn_mock.engine import Engine
from autumn_mock.web.control.context import ControlCall, ControlHandler, ControlRequest
from autumn_mock.web.control.metrics import metrics
from autumn_mock.web.replies import json_reply

#: Free bytes on the disk of the database below which the server is not ready: room for a checkpoint of a small state.
LEAST_FREE = 64 << 20


class Condition(Struct, frozen=True):
    """One condition, and what was found."""

    name: str
    ok: bool
    detail: str


def checks_of(engine: Engine) -> list[Condition]:
    """What has to hold for the server to take requests and deduct what it accepts."""
    return [*_database(engine), *_queue(engine), *_workers(engine)]


def _database(engine: Engine) -> list[Condition]:
    if engine.settings.db is None:
        return []
    folder = Path(engine.settings.db).resolve().parent
    missing = engine.database_problem
    checks = [Condition("database", missing is None, missing or "the files are in place")]
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return [*checks, Condition("disk", ok=False, detail=f"{folder}: {error.strerror}")]
    return [
        *checks,
        Condition("disk", free >= LEAST_FREE, f"{free >> 20} MB are free, {LEAST_FREE >> 20} MB are needed"),
    ]


def _queue(engine: Engine) -> list[Condition]:
    room = engine.queue.room()
    return [Condition("queue", room > 0, f"{room} more items can wait" if room else "the queue is full (--max-queue)")]


def _workers(engine: Engine) -> list[Condition]:
    alive, count = engine.workers_alive, engine.settings.workers
    return [Condition("workers", alive > 0, f"{alive} of {count} threads run")]


def health(_request: ControlRequest) -> Response:
    """Whether the server runs, and its version. The only call that needs no token."""
    return json_reply({"status": "ok", "version": __version__})


def ready(request: ControlRequest) -> Response:
    """Whether the server takes requests and deducts what it accepts: 503 with the checks that failed when not."""
    checks = checks_of(request.engine)
    ok = all(each.ok for each in checks)
    body = {"status": "ready" if ok else "not_ready", "checks": msgspec.to_builtins(checks)}
    return json_reply(body, 200 if ok else 503)


ROUTES: dict[str, ControlHandler] = {
    "GET /health": ControlCall(health, is_open=True),
    "GET /ready": ready,
    "GET /metrics": metrics,
}
