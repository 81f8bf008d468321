"""Units that a plan item sells once and that end some time after each purchase."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from autumn_mock.ledger.intervals import DAY
from autumn_mock.wire.responses.plan import plan_body
from tests.support.world import World, priced


def pack(included: float = 0, **expiry: Any) -> dict[str, Any]:
    item = priced(included, method="prepaid", interval="one_off")
    return {**item, "expiry": {"duration": "day", "length": 1, **expiry}}


def buy(world: World, units: float) -> None:
    world.attach("pack", feature_quantities=[{"feature_id": "messages", "quantity": units}])


@pytest.mark.parametrize(
    ("duration", "length", "days"), [("day", 3, 3), ("week", 2, 14), ("month", 1, 31), ("year", 1, 365)]
)
def test_what_was_bought_ends_and_what_is_included_stays(world: World, duration: str, length: int, days: int) -> None:
    world.plan("pack", pack(5, duration=duration, length=length), add_on=True)
    buy(world, 25)
    assert world.remaining() == 25
    world.now += days * DAY - 1
    assert world.remaining() == 25
    world.now += 1
    assert world.amounts() == (5, 5, 0)


def test_each_purchase_ends_for_itself(world: World) -> None:
    world.plan("pack", pack(length=2), price={"amount": 1, "interval": "month"})
    buy(world, 20)
    world.now += DAY
    world.update_billing("pack", feature_quantities=[{"feature_id": "messages", "quantity": 10}])
    assert world.remaining() == 30
    world.track(5)  # from what ends first
    world.now += DAY
    assert world.amounts() == (10, 10, 0)
    world.now += DAY
    assert world.view() is None


def test_a_plan_shows_the_expiry_of_an_item(world: World) -> None:
    plan = world.plan("pack", pack(duration="week", length=2))
    shown = msgspec.to_builtins(plan_body(plan, world.environment.features.by_key, "sandbox"))
    assert shown["items"][0]["expiry"] == {"duration": "week", "length": 2}


@pytest.mark.parametrize(
    "item",
    [
        {"feature_id": "messages", "included": 5},
        priced(5),
        priced(5, method="prepaid"),
        priced(5, "seats", method="prepaid", interval="one_off"),
    ],
    ids=["free", "usage_based", "monthly", "seats"],
)
def test_only_what_is_bought_once_and_used_up_ends(world: World, item: dict[str, Any]) -> None:
    with world.refused(400, "invalid_request", "expiry is only for one-off prepaid items of consumable features"):
        world.plan("pack", {**item, "expiry": {"duration": "day", "length": 1}})
