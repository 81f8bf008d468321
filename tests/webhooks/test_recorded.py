"""Every recorded payload comes out of the calls that caused it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask.testing import FlaskClient

from autumn_mock import create_app
from autumn_mock.engine import Engine
from tests.webhooks.receiver import Receiver

RECORDINGS = Path(__file__).parents[2] / "fixtures" / "recordings"
HEADERS = {"authorization": "Bearer am_sk_test_oraclescen000000000000000000000000000000", "x-api-version": "2.3.0"}
#: The recorded server's cold cache hid the drained row of the day, which ours resets: 4 of 5 leave something.
_COLD = {"reset_loose_cold"}


def _lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (RECORDINGS / name).read_text("utf-8").splitlines()]


PAYLOADS: dict[str, list[Any]] = {}
for _line in _lines("webhooks.jsonl"):
    PAYLOADS.setdefault(_line["customer_id"], []).append(_line["payload"])
RUNS = [run for run in _lines("scenarios-time.jsonl") if run.get("customer_id") in PAYLOADS]


class ScenarioTarget(NamedTuple):
    """A server with the recorded features and plans, and their receiver."""

    client: FlaskClient
    receiver: Receiver

    def send(self, path: str, body: Any) -> int:
        return self.client.post(path, json=body, headers=HEADERS).status_code

    def received(self) -> list[Any]:
        """The payloads that were received, verified."""
        assert self.send("/_mock/drain", {"webhooks": True}) == 200
        found = []
        while not self.receiver.is_empty:
            found.append(self.receiver.get().verify())
        return found


@pytest.fixture(scope="module")
def stage() -> Iterator[ScenarioTarget]:
    with (
        Receiver() as receiver,
        Engine(world="recordings", rate_limit="off", webhook_url=(receiver.url,)) as emulator,
    ):
        stage = ScenarioTarget(create_app(emulator).test_client(), receiver)
        for name in ("scenarios.jsonl", "scenarios-time.jsonl"):
            for run in _lines(name):
                if run["scenario"].startswith("_setup"):
                    for path, kind in (("/v1/features.create", "features"), ("/v1/plans.create", "plans")):
                        for body in run["setup"].get(kind, []):
                            assert stage.send(path, body) == 200
        yield stage


def test_runs_and_payloads_are_there() -> None:
    names = {run["scenario"] for run in RUNS}
    assert sum(name.startswith("wh_") for name in names) == 8
    assert sum(len(PAYLOADS[run["customer_id"]]) for run in RUNS) >= 36


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run["scenario"])
def test_every_recorded_payload_is_sent(stage: ScenarioTarget, run: dict[str, Any]) -> None:
    for step in run["steps"]:
        if "advance_ms" in step:
            assert stage.send("/_mock/clock", {"advance": f"{step['advance_ms']}ms"}) == 200
            continue
        # The recorded server handed over the same alert twice in a minute, and left it to Svix to drop the second.
        assert stage.send("/_mock/clock", {"advance": "61s"}) == 200
        assert stage.send(step["path"], step["body"]) < 500
        assert stage.send("/_mock/drain", {}) == 200
    received = [each for each in stage.received() if each["type"].startswith("balances.")]  # others are not recorded
    assert stage.send("/_mock/clock", {"reset": True}) == 200
    expected = [] if run["scenario"] in _COLD else PAYLOADS[run["customer_id"]]
    assert sorted(map(json.dumps, received)) == sorted(map(json.dumps, expected))  # key by key, in this order of keys
