"""What the real server answered to ``atmn`` 1.1.25, asked of ours.

Ten runs of the command line one after another, in an organisation that was empty at first: a push, the same again,
pulls, lists, changes with and without customers, a removal, and a wrong key.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autumn_mock.fidelity.compare import Frame, Names, differences
from autumn_mock.fidelity.recordings import lines
from autumn_mock.fidelity.service import Service
from tests.support.server import ServerProcess

#: The runs were recorded within ten minutes of this instant (ms).
RECORDED_AT = 1_795_383_705_000
KEY = "am_sk_test_oracleold000000000000000000000000000000"
WRONG_KEY = "am_sk_test_wrong"
WORLD = f"""
organisations:
  - id: org_oracle_old
    slug: oracle-old
    name: oracle-old
    created_at: 2025-01-10
    keys: [{KEY}]
"""

#: What happened between two runs without atmn, by the run after it.
BETWEEN: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "push: at_free included 20 -> 25 (one customer has it) #1": [
        ("/v1/customers.get_or_create", {"customer_id": "atc1"}),
        ("/v1/billing.attach", {"customer_id": "atc1", "plan_id": "at_free", "no_billing_changes": True}),
    ],
    "atmn events (with an event) #1": [
        ("/v1/balances.track", {"customer_id": "atc1", "feature_id": "at_messages", "value": 2}),
    ],
}

#: The preview called at_free unchanged (its action is "none", and nothing would be a new version), and the update made
#: a version 2 of it all the same, equal to version 1. The version had been edited in place under a customer just
#: before, and its old item was still there, kept for that customer; it was taken for a difference. Ours does what
#: the preview says.
_FALSE_VERSION = "a new version of a plan that the recorded preview calls unchanged"
#: All versions come in the order of the recorded database's rows, where a row that was changed moved to the end.
_ROW_ORDER = "the order of rows in a database"
KNOWN = {
    "pull --all-versions after version 2 #4": _ROW_ORDER,
    "push: plan at_free_seats and feature at_seats removed from the config #4": _FALSE_VERSION,
    "atmn plans --id at_pro #1": _FALSE_VERSION,
    "pull into an empty folder #2": _FALSE_VERSION,
}

#: The name of a draft ends in three random characters.
_DRAFT = re.compile(r'"plan-migrate-1-[0-9a-z]{3}"')


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    world = tmp_path / "world.yaml"
    world.write_text(WORLD, "utf-8")
    with ServerProcess("--world", str(world), key=KEY) as server, Service(server.url) as service:
        yield service


def _without_draft_names(body: Any) -> Any:
    return json.loads(_DRAFT.sub('"plan-migrate-1"', json.dumps(body)))


def _play(service: Service) -> Iterator[tuple[str, list[str]]]:
    """Each exchange, and how our answer differs."""
    names = Names()
    now = time.time() * 1000
    for exchange in lines("atmn.jsonl"):
        name, request, recorded = exchange["name"], exchange["request"], exchange["response"]
        headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}", "x-api-version": "2.2.0"}
        for path, body in BETWEEN.get(name, ()):
            service.expect("POST", path, headers, body)
            service.settle(headers)
        own = {**headers, **request["headers"]}
        if "wrong key" in name:
            own["authorization"] = f"Bearer {WRONG_KEY}"
        body = names.translate(request["body"], now - RECORDED_AT)
        status, _, given = service.send(request["method"], request["path"], own, body)
        if status != recorded["status"]:
            yield name, [f"status: recorded {recorded['status']}, given {status} {given}"]
            continue
        names.learn(recorded["body"], given)
        left, right = _without_draft_names(recorded["body"]), _without_draft_names(given)
        yield name, list(differences(left, right, Frame(RECORDED_AT, now)))


def test_every_exchange_of_the_command_line_matches(service: Service) -> None:
    results = list(_play(service))
    assert len(results) == 68
    unexpected = {name: problems for name, problems in results if problems and name not in KNOWN}
    report = "\n".join(
        f"{name}\n" + "\n".join(f"    {problem}" for problem in problems[:8]) for name, problems in unexpected.items()
    )
    assert not unexpected, f"{len(unexpected)} of {len(results)} do not match:\n{report}"
    assert {name for name, problems in results if problems} == KNOWN.keys()
