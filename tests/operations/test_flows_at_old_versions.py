"""Each stage of each scenario of a purchase, as 2.0, 0.2 and 0.1 show the customer."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.domain.version import Version
from tests.operations.billing.test_flows import FLOWS, Flows

#: Where an add-on and a plan stand at the versions that keep them apart.
SPLIT = ("products", "add_ons")


def _states(rows: list[dict[str, Any]], *names: str) -> list[list[Any]]:
    return [[row[name] for name in ("id", "status", "canceled_at", *names)] for row in rows]


def _split_as_at_1_2(world: Flows) -> None:
    """0.2 keeps plans and add-ons apart, and 0.1 shows no periods: what they are is as at 1.2."""
    newer = world.seen(Version.V1_2)["products"]
    periods = ("current_period_start", "current_period_end")
    for version, names in ((Version.V0_2, periods), (Version.V0_1, ())):
        older = world.seen(version)
        for key in SPLIT:
            rows = [row for row in newer if row["is_add_on"] == (key == "add_ons")]
            assert _states(older[key], *names) == _states(rows, *names), (version, key)
        shown = {name for key in SPLIT for row in older[key] for name in row}
        assert not shown & {"is_add_on", "started_at", "quantity", "items"}, version
        assert set(periods) & shown == (set(names) if shown else set()), version


def _merged_as_at_1_2(world: Flows) -> None:
    """2.0 has one list for what runs, and one for what is scheduled: each plan of 1.2 is in the list of its status."""
    body = world.seen(Version.V2_0)
    assert "purchases" not in body
    listed = {"scheduled": body["scheduled_subscriptions"], "active": body["subscriptions"]}
    for status, rows in listed.items():
        assert {row["status"] for row in rows} <= {status}
        newer = [
            row
            for row in world.seen(Version.V1_2)["products"]
            if (row["status"] == "scheduled") == (status == "scheduled")
        ]
        assert sorted((row["plan_id"], row["quantity"]) for row in rows) == sorted(
            (row["id"], row["quantity"]) for row in newer
        )


@pytest.mark.parametrize("name", FLOWS)
def test_flow_at_old_versions(name: str) -> None:
    world = Flows()
    for stage in FLOWS[name]:
        for step in stage.steps:
            step(world)
        _split_as_at_1_2(world)
        _merged_as_at_1_2(world)
