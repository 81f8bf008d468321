"""Features whose grants combine by ``max`` or ``min``: which grants count, and who sees it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from autumn_mock.ledger.views import RowView
from autumn_mock.operations import features
from autumn_mock.wire.requests.features import FeaturePatch
from autumn_mock.wire.responses.feature import feature_body
from autumn_mock.wire.schema import parse
from tests.support.world import World, create_feature, monthly, priced


def combining(world: World, how: str, feature_id: str = "messages") -> None:
    features.update(world.call(), feature_id, parse(FeaturePatch, {"combine": how}))


def addons(world: World, *items: dict[str, Any]) -> None:
    for number, item in enumerate(items):
        world.plan(f"addon{number}", item, add_on=True)
        world.attach(f"addon{number}")


UNLIMITED = {"feature_id": "messages", "unlimited": True}


@pytest.mark.parametrize(
    ("items", "loose", "totals"),
    [
        ([monthly(30), monthly(50)], 0, {"sum": 80, "max": 50, "min": 30}),
        ([monthly(50), monthly(30), monthly(40)], 0, {"sum": 120, "max": 50, "min": 30}),
        ([monthly(30), monthly(30)], 0, {"sum": 60, "max": 30, "min": 30}),
        ([monthly(30), monthly(50)], 5, {"sum": 85, "max": 55, "min": 35}),  # without a plan: on top
        ([monthly(30), priced(50)], 0, {"sum": 80, "max": 80, "min": 80}),  # with a price: on top
        ([monthly(30), monthly(50), priced(7)], 0, {"sum": 87, "max": 57, "min": 37}),
        ([monthly(30), UNLIMITED], 0, {"min": 30}),
    ],
)
@pytest.mark.parametrize("how", ["sum", "max", "min"])
def test_which_grants_count(world: World, items: list[dict[str, Any]], loose: float, totals: Any, how: str) -> None:
    combining(world, how)
    addons(world, *items)
    if loose:
        world.balance(loose)
    if how in totals:
        assert world.amounts() == (totals[how], totals[how], 0)
        world.track(totals[how] - 1)
        assert world.check(1).allowed
        world.track(1)
        assert world.remaining() == 0


def test_the_highest_grant_may_be_unlimited(world: World) -> None:
    combining(world, "max")
    addons(world, monthly(30), UNLIMITED)
    view = world.view()
    assert view is not None
    assert view.unlimited


def test_an_entity_has_the_highest_of_its_grants_and_those_of_its_customer(world: World) -> None:
    combining(world, "max")
    addons(world, monthly(30))
    world.entity("e1")
    world.plan("own", monthly(50), add_on=True)
    world.attach("own", entity_id="e1")
    view = world.view()
    assert view is not None
    first = view.breakdown[0]
    assert isinstance(first, RowView)
    assert (world.remaining(entity_id="e1"), float(first.included_grant)) == (50, 30)


def test_credits_combine_too(world: World) -> None:
    combining(world, "max", "credits")
    addons(world, monthly(30, "credits"), monthly(50, "credits"))
    world.track(100, "action1")
    assert world.amounts("credits") == (50, 30, 20)


@pytest.mark.parametrize("how", ["sum", "max", "min"])
def test_a_feature_shows_how_it_combines_unless_it_adds(world: World, how: str) -> None:
    combining(world, how)
    shown = msgspec.to_builtins(feature_body(world.call().feature("messages")))
    assert shown.get("combine", "sum") == how
    assert ("combine" in shown) is (how != "sum")


@pytest.mark.parametrize("kind", ["boolean", "ai_credit_system"])
def test_only_metered_features_and_credits_combine(world: World, kind: str) -> None:
    with world.refused(400, "invalid_request", "combine is only for metered and credit system features"):
        create_feature(world.call(), feature_id="other", name="Other", type=kind, combine="max")


def test_use_of_a_grant_that_does_not_count_is_not_carried_to_the_one_that_does(world: World) -> None:
    combining(world, "max")
    addons(world, monthly(30))
    world.track(20)
    assert world.remaining() == 10
    world.plan("higher", monthly(50), add_on=True)
    world.attach("higher")
    assert world.remaining() == 50
