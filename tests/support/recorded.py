"""Recorded runs, played through the operations in an environment in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from autumn_mock.operations import customers, entities, plans, track
from autumn_mock.operations.billing import attach
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError
from autumn_mock.store.environment import Environment
from autumn_mock.wire.batch import read_track
from autumn_mock.wire.requests.billing import BillingAttach
from autumn_mock.wire.requests.customers import CustomersGetOrCreate
from autumn_mock.wire.requests.entities import EntitiesCreate
from autumn_mock.wire.requests.plans import PlansCreate
from autumn_mock.wire.schema import parse
from tests.support.world import call_at, create_feature

RECORDINGS = Path(__file__).parents[2] / "fixtures" / "recordings"
#: When the runs with events were recorded.
RECORDED_AT = 1_795_384_167_987


def recorded(name: str) -> dict[str, Any]:
    """A run of ``scenarios-time.jsonl``."""
    with (RECORDINGS / "scenarios-time.jsonl").open(encoding="utf-8") as lines:
        return next(run for run in map(json.loads, lines) if run["scenario"] == name)


def declare(environment: Environment) -> None:
    """Create the features and plans that the recorded runs about events and tokens use."""
    call = call_at(environment, RECORDED_AT)
    for name in ("messages", "words"):
        create_feature(call, feature_id=name, name=name, type="metered", consumable=True)
    create_feature(call, feature_id="seats", name="seats", type="metered", consumable=False)
    setup = recorded("_setup2")["setup"]
    for feature in setup["features"]:
        if feature["feature_id"] in ("ai_credits", "ai_credits2"):
            create_feature(call, **feature)
    unlimited = {"plan_id": "unl", "name": "unl", "items": [{"feature_id": "words", "unlimited": True}]}
    for plan in [unlimited, *setup["plans"]]:
        if plan["plan_id"] in ("g_prem", "unl", "ai_plan", "ai_plan2"):
            plans.create(call, parse(PlansCreate, plan))


def play(call: Call, step: Mapping[str, Any]) -> Any:
    """Run a recorded step that writes; its result or its error. None for steps that only read."""
    steps: dict[str, Callable[[Any], Any]] = {
        "/v1/customers.get_or_create": lambda body: customers.get_or_create(call, parse(CustomersGetOrCreate, body)),
        "/v1/billing.attach": lambda body: attach.attach(call, parse(BillingAttach, body)),
        "/v1/entities.create": lambda body: entities.create(call, parse(EntitiesCreate, body)),
        "/v1/balances.track": lambda body: track.track(call, read_track(body, call.now)),
    }
    run = steps.get(step["path"])
    if run is None:
        return None
    return result_of(partial(run, step["body"]))


def result_of(operation: Callable[[], Any]) -> Any:
    """What an operation returns, or the error it fails with."""
    try:
        return operation()
    except ApiError as error:
        return error
