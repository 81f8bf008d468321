"""Plays recorded exchanges and runs: each request of the file again, and its answer compared."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from autumn_mock.clock import pause, wall_clock
from autumn_mock.fidelity.compare import JUMPED_AT, RECORDED_AT, Frame, Names, differences
from autumn_mock.fidelity.service import NotPlayable, Service, ServiceReply
from autumn_mock.input_files import fixtures_directory

#: The organisation of the exchanges, and that of scenarios and walks.
MAIN_KEY = "am_sk_test_oraclemain000000000000000000000000000000"
SCENARIO_KEY = "am_sk_test_oraclescen000000000000000000000000000000"
_RECORDED_KEY = re.compile(r"am_[sp]k_(?:test|live)_oracle")
BATCHES = ("/v1/balances.batch_track", "/v1/balances.batch_track_tokens")
#: Recorded with two requests at once, with a queue that failed for some items, in another set-up of the server, or with
#: versions that the recorded server was too old for: one request after another cannot repeat them.
_NOT_REPEATABLE = (
    "rate limit",
    "partial failure",
    "validation: properties 1.1MB over SQS",
    "NODE_ENV=production",
    "version '2.4",
    "version '2.5",
    "old org (created",
)
_ITEM = {"customer_id": "cus_1", "feature_id": "messages", "value": 0}
#: Bodies that are too long for the file.
_LONG = {
    "<array of 1000 x {customer_id:cus_1,feature_id:messages,value:0}>": [_ITEM] * 1000,
    "<array of 1001 valid items>": [_ITEM] * 1001,
    "<1000 valid items + {}>": [*[_ITEM] * 1000, {}],
    "<item with 200 kB property>": [{**_ITEM, "properties": {"p": "x" * 200_000}}],
    "<item with 1.1 MB property>": [{**_ITEM, "properties": {"p": "x" * 1_100_000}}],
}


class Played(Struct):
    """One exchange, run or case that was played."""

    name: str
    #: A line for each difference: the request, the place in its answer, and both values.
    problems: list[str] = []
    #: What it needs that the server does not have; None if it was compared.
    skipped: str | None = None


def directory() -> Path:
    """Where the recordings are."""
    return fixtures_directory() / "recordings"


def lines(file: str) -> Iterator[Any]:
    """The lines of a file of recordings."""
    with (directory() / file).open(encoding="utf-8") as text:
        yield from map(json.loads, text)


# -- exchanges


def play_exchanges(service: Service, file: str) -> Iterator[Played]:
    """Every recorded exchange in order; those without a recorded answer only keep the state in step."""
    names = Names()
    shift = wall_clock() - RECORDED_AT
    for exchange in lines(file):
        if exchange.get("skip") or exchange["name"].startswith(_NOT_REPEATABLE):
            continue
        recorded = exchange.get("response")
        try:
            played = Played(exchange["name"], list(_exchange(service, exchange, names, shift)))
        except NotPlayable as error:
            played = Played(exchange["name"], skipped=str(error))
        if recorded is not None:
            yield played


def _exchange(service: Service, exchange: dict[str, Any], names: Names, shift: float) -> Iterator[str]:
    request, recorded = exchange["request"], exchange.get("response")
    headers = _headers(service, request["headers"])
    faulty = {}
    if exchange["name"].startswith("queue outage"):
        if not service.is_emulator:
            raise NotPlayable("a queue that fails")
        faulty = {"x-autumn-mock-fault": "queue:down"}
    body = request.get("body")
    if isinstance(body, str):
        body = _LONG.get(body, body)
    path = names.translate(request["path"], shift)
    reply = service.send(request["method"], path, {**headers, **faulty}, names.translate(body, shift))
    if _is_queued(path, reply.status):
        service.settle(headers)
    if recorded is None:
        return
    if not isinstance(reply.body, str):
        names.learn(recorded["body"], reply.body)
    for each in _compared(recorded, reply, path):
        yield f"{request['method']} {path} {each}"


def _headers(service: Service, recorded: dict[str, str]) -> dict[str, str]:
    """The recorded headers, with a key of the server."""
    headers = {name.lower(): value for name, value in recorded.items()}
    authorization = headers.get("authorization", "")
    if service.has_recorded_keys or not _RECORDED_KEY.search(authorization):
        return headers
    if MAIN_KEY not in authorization:
        raise NotPlayable("a second key")
    return {**headers, "authorization": authorization.replace(MAIN_KEY, service.key_for(MAIN_KEY))}


def _compared(recorded: dict[str, Any], reply: ServiceReply, path: str) -> Iterator[str]:
    wanted = _status(path, recorded["status"])
    if reply.status not in wanted:
        yield f"status: recorded {wanted[0]}, given {reply.status} {str(reply.body)[:200]}"
        return
    given_kind = reply.headers.get("content-type", "")
    kind = str(recorded["headers"].get("content-type", "")).split(";")[0]
    if recorded["body"] != "" and kind != given_kind.split(";")[0]:
        yield f"content-type: recorded {kind}, given {given_kind}"
    policy = recorded["headers"].get("ratelimit-policy")
    if policy and not policy.startswith("1000;") and reply.headers.get("ratelimit-policy") != policy:
        yield f"ratelimit-policy: recorded {policy}, given {reply.headers.get('ratelimit-policy')}"
    frame = Frame(RECORDED_AT, wall_clock())
    yield from differences(recorded["body"], reply.body, frame, bins="events.aggregate" in path)


# -- runs


def play_runs(service: Service, file: str) -> Iterator[Played]:
    """Every judged run of a file of scenarios or walks, each from the same instant on."""
    headers = service.headers(service.key_for(SCENARIO_KEY))
    for each in dict.fromkeys(("scenarios.jsonl", file)):  # the other files build on its plans
        _set_up(service, each, headers)
    for run in lines(file):
        if "steps" not in run or run.get("judged") is False:
            continue
        name = f"{run['scenario']} ({run['mode']})"
        try:
            yield Played(name, list(_run(service, run, headers)))
        except NotPlayable as error:
            yield Played(name, skipped=str(error))
        service.reset_clock(headers)


def _set_up(service: Service, file: str, headers: dict[str, str]) -> None:
    setup = next(lines(file))["setup"]
    for path, kind in (("/v1/features.create", "features"), ("/v1/plans.create", "plans")):
        for body in setup.get(kind, []):
            service.send("POST", path, headers, body)


def _run(service: Service, run: dict[str, Any], headers: dict[str, str]) -> Iterator[str]:
    names, jumped = Names(), 0
    jumps = any("advance_ms" in step for step in run["steps"])
    first = JUMPED_AT if jumps else _first_instant(run)
    if jumps and not service.is_emulator:
        raise NotPlayable("a clock that moves")
    for number, step in enumerate(run["steps"]):
        if "path" not in step:
            jumped += step.get("advance_ms", 0)
            _pass_time(service, run, step, headers)
            continue
        now = wall_clock() + jumped
        own = {**headers, "x-api-version": step.get("x-api-version", headers["x-api-version"])}
        path = names.translate(step["path"], 0)
        reply = service.send(step.get("method", "POST"), path, own, names.translate(step["body"], now - first))
        if _is_queued(path, reply.status):
            service.settle(headers)
        if reply.status not in _status(path, step["status"]):
            given = f"{reply.status} {str(reply.body)[:200]}"
            yield f"step {number} {path}: status recorded {step['status']}, given {given}"
            continue
        names.learn(step["response"], reply.body)
        for each in differences(step["response"], reply.body, Frame(first, now, jumps=jumps)):
            yield f"step {number} {path} {each}"
    frame = Frame(first, wall_clock() + jumped, jumps=jumps)
    for label, (status, recorded) in run["final"].items():
        asked = _final(label, run["customer_id"])
        if asked is None:
            continue
        reply = service.send("POST", asked[0], headers, asked[1])
        if reply.status != status:
            yield f"at the end {label}: status recorded {status}, given {reply.status}"
            continue
        for each in differences(recorded, reply.body, frame):
            yield f"at the end {label} {each}"


def _pass_time(service: Service, run: dict[str, Any], step: dict[str, Any], headers: dict[str, str]) -> None:
    """A jump of the clock, or a pause: only what expires has to be waited for."""
    if "advance_ms" in step:
        service.advance(headers, step["advance_ms"])
    elif run["scenario"].startswith("lock"):
        if service.is_emulator:
            service.advance(headers, round(step["sleep"] * 1000))
        else:
            pause(step["sleep"])


def _first_instant(run: dict[str, Any]) -> float:
    for step in run["steps"]:
        response = step.get("response")
        if isinstance(response, dict) and response.get("created_at"):
            return float(response["created_at"])
    return RECORDED_AT


def _is_queued(path: str, status: int) -> bool:
    return status == 202 or (status == 200 and path.split("?")[0] in BATCHES)


def _status(path: str, recorded: int) -> tuple[int, ...]:
    """The statuses that match a recorded one. An accepted batch is documented as 202; the recorded server sends 200."""
    return (202, 200) if recorded == 200 and path.split("?")[0] in BATCHES else (recorded,)


def _final(label: str, customer: str) -> tuple[str, dict[str, Any]] | None:
    """The call and body of a final read; None for one that is not made."""
    words = label.split()
    if label == "customers.get":
        return "/v1/customers.get", {"customer_id": customer}
    if label == "events.list":
        return "/v1/events.list", {"customer_id": customer, "limit": 100}
    if words[0] == "check" and len(words) == 2 and "/" not in words[1]:
        return "/v1/balances.check", {"customer_id": customer, "feature_id": words[1]}
    if words[0] == "entities.get":
        return "/v1/entities.get", {"customer_id": customer, "entity_id": words[1]}
    return None
