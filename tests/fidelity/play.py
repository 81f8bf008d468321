"""Playing recordings against a server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fidelity.compare import RECORDED_AT, TRAVELLED_AT, Frame, Names, differences
from tests.support.client import Client

RECORDINGS = Path(__file__).parents[2] / "fixtures" / "recordings"
#: The organisation that scenarios run in.
SCENARIO_KEY = "am_sk_test_oraclescen000000000000000000000000000000"
_BATCHES = ("/v1/balances.batch_track", "/v1/balances.batch_track_tokens")
#: Recorded with two requests at once, with a queue that failed for some items, in another set-up of the server, or with
#: versions that the recorded server was too old for: one plain request after another cannot show them.
_NOT_PLAYED = (
    "rate limit",
    "partial failure",
    "validation: properties 1.1MB over SQS",
    "NODE_ENV=production",
    "version '2.4",
    "version '2.5",
    "old org (created",
)
_ITEM = {"customer_id": "cus_1", "feature_id": "messages", "value": 0}
#: Bodies that were too long to be kept.
_LONG = {
    "<array of 1000 x {customer_id:cus_1,feature_id:messages,value:0}>": [_ITEM] * 1000,
    "<array of 1001 valid items>": [_ITEM] * 1001,
    "<1000 valid items + {}>": [*[_ITEM] * 1000, {}],
    "<item with 200 kB property>": [{**_ITEM, "properties": {"p": "x" * 200_000}}],
    "<item with 1.1 MB property>": [{**_ITEM, "properties": {"p": "x" * 1_100_000}}],
}


@dataclass
class Played:
    """One recorded exchange or run, and how what we answered differs."""

    name: str
    problems: list[str] = field(default_factory=list)


class Player:
    """A client of one server that keeps its connection."""

    def __init__(self, url: str) -> None:
        self._client = Client(url, keep_alive=True)

    def close(self) -> None:
        self._client.close()

    def send(
        self, method: str, path: str, headers: dict[str, str], body: Any = None
    ) -> tuple[int, dict[str, str], Any]:
        """Send a request; one that is over a limit is sent again when the window has passed."""
        data = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else None
        if data is None and body is not None:
            data = json.dumps(body).encode()
        while True:
            status, found, raw = self._client.send(method, path, data, headers)
            if status != 429:
                break
            time.sleep(0.05)
        text = raw.decode("utf-8", "replace")
        try:
            return status, found, json.loads(text)
        except ValueError:
            return status, found, text

    def settle(self, headers: dict[str, str]) -> None:
        """Wait until the queue is idle."""
        status, _, body = self.send("POST", "/_mock/drain", headers, {"timeout": 30})
        assert status == 200, body

    # -- exchanges

    def exchanges(self) -> Iterator[Played]:
        """Every recorded exchange in order; those without a recorded answer only keep the state in step."""
        names = Names()
        shift = time.time() * 1000 - RECORDED_AT
        for line in (RECORDINGS / "exchanges.jsonl").read_text().splitlines():
            exchange = json.loads(line)
            name, request, recorded = exchange["name"], exchange["request"], exchange.get("response")
            if exchange.get("skip") or name.startswith(_NOT_PLAYED):
                continue
            headers = dict(request["headers"])
            faulty = {"x-autumn-mock-fault": "queue:down"} if name.startswith("queue outage") else {}
            body = request.get("body")
            if isinstance(body, str):
                body = _LONG.get(body, body)
            path = names.translate(request["path"], shift)
            status, got, given = self.send(request["method"], path, {**headers, **faulty}, names.translate(body, shift))
            if status == 202 or (status == 200 and path in _BATCHES):
                self.settle(headers)
            if recorded is None:
                continue
            if not isinstance(given, str):
                names.learn(recorded["body"], given)
            problems = list(_judge(recorded, status, got, given, path, Frame(RECORDED_AT, time.time() * 1000)))
            yield Played(name, problems)

    # -- runs

    def runs(self, file: str) -> Iterator[Played]:
        """Every judged run of a file of scenarios or walks, each from the same instant on."""
        headers = {"Authorization": f"Bearer {SCENARIO_KEY}", "x-api-version": "2.3.0"}
        self._set_up("scenarios.jsonl", headers)  # the other files build on it
        self._set_up(file, headers)
        for line in (RECORDINGS / file).read_text().splitlines():
            run = json.loads(line)
            if "steps" in run and run.get("judged") is not False:
                yield Played(f"{run['scenario']} ({run['mode']})", list(self._run(run, headers)))
                self.send("POST", "/_mock/clock", headers, {"reset": True})

    def _set_up(self, file: str, headers: dict[str, str]) -> None:
        with (RECORDINGS / file).open() as lines:
            setup = json.loads(next(lines))["setup"]
        for path, kind in (("/v1/features.create", "features"), ("/v1/plans.create", "plans")):
            for body in setup.get(kind, []):
                self.send("POST", path, headers, body)

    def _run(self, run: dict[str, Any], headers: dict[str, str]) -> Iterator[str]:
        names, jumped = Names(), 0
        travels = any("advance_ms" in step for step in run["steps"])
        first = TRAVELLED_AT if travels else _first_moment(run)
        for number, step in enumerate(run["steps"]):
            if "advance_ms" in step:
                advance = {"advance": f"{step['advance_ms']}ms"}
                status, _, body = self.send("POST", "/_mock/clock", headers, advance)
                assert status == 200, body
                jumped += step["advance_ms"]
                continue
            if "path" not in step:  # a pause: only what expires has to be waited for, and our clock can be moved
                if run["scenario"].startswith("lock"):
                    advance = {"advance": f"{round(step['sleep'] * 1000)}ms"}
                    self.send("POST", "/_mock/clock", headers, advance)
                continue
            now = time.time() * 1000 + jumped
            own = {**headers, **({"x-api-version": step["x-api-version"]} if "x-api-version" in step else {})}
            path = names.translate(step["path"], 0)
            status, _, given = self.send(
                step.get("method", "POST"), path, own, names.translate(step["body"], now - first)
            )
            if status == 202 or (status == 200 and path in _BATCHES):
                self.settle(headers)
            if status != _expected(path, step["status"]):
                yield f"step {number} {path}: status recorded {step['status']}, given {status} {str(given)[:200]}"
                continue
            names.learn(step["response"], given)
            frame = Frame(first, now, travels=travels)
            for each in differences(step["response"], given, frame):
                yield f"step {number} {path} {each}"
        for label, (status, recorded) in run["final"].items():
            asked = _final(label, run["customer_id"])
            if asked is None:
                continue
            given_status, _, given = self.send("POST", asked[0], headers, asked[1])
            if given_status != status:
                yield f"at the end {label}: status recorded {status}, given {given_status}"
                continue
            frame = Frame(first, time.time() * 1000 + jumped, travels=travels)
            for each in differences(recorded, given, frame):
                yield f"at the end {label} {each}"


def _first_moment(run: dict[str, Any]) -> float:
    for step in run["steps"]:
        response = step.get("response")
        if isinstance(response, dict) and response.get("created_at"):
            return float(response["created_at"])
    return RECORDED_AT


def _expected(path: str, status: int) -> int:
    """An accepted batch is answered 202, as documented, where the recorded server says 200."""
    return 202 if path.split("?")[0] in _BATCHES and status == 200 else status


def _final(label: str, customer: str) -> tuple[str, dict[str, Any]] | None:
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


def _judge(
    recorded: dict[str, Any], status: int, headers: dict[str, str], given: Any, path: str, frame: Frame
) -> Iterator[str]:
    wanted = _expected(path, recorded["status"])
    if status != wanted:
        yield f"status: recorded {wanted}, given {status} {str(given)[:200]}"
        return
    kind = str(recorded["headers"].get("content-type", "")).split(";")[0]
    if recorded["body"] != "" and kind != str(headers.get("content-type", "")).split(";")[0]:
        yield f"content-type: recorded {kind}, given {headers.get('content-type')}"
    policy = recorded["headers"].get("ratelimit-policy")
    if policy and not policy.startswith("1000;") and headers.get("ratelimit-policy") != policy:
        yield f"ratelimit-policy: recorded {policy}, given {headers.get('ratelimit-policy')}"
    yield from differences(recorded["body"], given, frame, bins="events.aggregate" in path)
