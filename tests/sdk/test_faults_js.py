"""The official JavaScript client with its own retries on, against a service that fails; see ``test_faults_python``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.sdk.test_faults_python import HANG, arm, deliveries, is_charged_for_each_delivery, listed
from tests.sdk.test_js_sdk import SCRIPTS
from tests.support.client import Client
from tests.support.node import Node

Batch = Callable[..., Any]


@pytest.fixture
def batch(node: Node, package: str, organisation: Client) -> Batch:
    """Sends a batch with further options for the client and its retries; the outcome."""

    def send(**options: Any) -> Any:
        arguments = (package, json.dumps({"maxInterval": 50, "maxElapsedTime": 30_000, **options}))
        return node.run(SCRIPTS / "faults.mjs", organisation.url, organisation.key, *arguments)

    return send


@pytest.mark.parametrize("fail_open", [True, False])
def test_a_queue_that_is_down_for_a_while_costs_nothing(batch: Batch, organisation: Client, fail_open: bool) -> None:
    arm(organisation, "queue:down times=2")
    assert batch(maxInterval=5000, failOpen=fail_open) == {"answer": {"success": True}}
    stats = organisation.drain()
    assert [entry["status"] for entry in deliveries(organisation)] == [503, 503, 202]
    assert (stats["offered"], stats["refused"], stats["deducted"]) == (6, 4, 2)
    assert organisation.balance("cus_1") == 1000 - 6
    assert listed(organisation, "findings") == []


def test_a_reply_that_never_comes_is_charged_for_each_retry(batch: Batch, organisation: Client) -> None:
    """Where each try has a time-out."""
    arm(organisation, HANG)
    outcome = batch(tryMs=400, failOpen=False, maxElapsedTime=1000)
    assert outcome["error"]["name"] == "RequestTimeoutError"
    is_charged_for_each_delivery(organisation)


@pytest.mark.parametrize("package", ["autumn-js"])  # the time-out of the old one never ends anything
@pytest.mark.parametrize("fail_open", [True, False])
def test_the_time_out_of_the_client_is_one_for_all_tries(batch: Batch, organisation: Client, fail_open: bool) -> None:
    """So there is one delivery, which counts. Failing open, the time-out has a status of its own, not 503."""
    arm(organisation, HANG)
    error = batch(timeoutMs=400, failOpen=fail_open, maxElapsedTime=1000)["error"]
    assert (error["name"], error.get("statusCode")) == (
        ("AutumnDefaultError", 555) if fail_open else ("RequestTimeoutError", None)
    )
    organisation.drain()
    assert len(deliveries(organisation)) == 1
    assert organisation.balance("cus_1") == 1000 - 6
    assert listed(organisation, "findings") == []


@pytest.mark.parametrize(
    "rule", ["reply:reset after=enqueue times=2", "reply:status 504 after=enqueue body=html times=2"]
)
def test_a_reply_that_is_lost_on_its_way_is_charged_for_each_retry(
    batch: Batch, organisation: Client, rule: str
) -> None:
    arm(organisation, rule)
    assert batch(failOpen=False) == {"answer": {"success": True}}
    organisation.drain()
    assert organisation.balance("cus_1") == 1000 - 6 * 3
    [finding] = listed(organisation, "findings")
    assert (finding["code"], finding["certain"]) == ("resent_after_lost_reply", True)
    assert (finding["items"], finding["amounts"]) == (4, {"messages": 12.0})
