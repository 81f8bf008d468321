"""What plans.list says that attaching a plan would do, in the words of each version."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.domain.version import Version
from autumn_mock.operations import plans
from autumn_mock.operations.billing.eligibility import eligibility
from autumn_mock.operations.subjects import get_customer
from autumn_mock.wire.answer import downgraded
from autumn_mock.wire.responses.plan import listed_plan_body
from tests.support.world import NOW, World

MONTH = {"interval": "month"}


def price(amount: float, interval: str = "month") -> dict[str, Any]:
    return {"amount": amount, "interval": interval}


@pytest.fixture
def world() -> World:
    world = World()
    world.plan("free")
    world.plan("other_free")
    world.plan("pro", price=price(20))
    world.plan("premium", price=price(50), free_trial={"duration_length": 7, "duration_type": "day"})
    world.plan("annual", price=price(100, "year"))
    world.plan("elsewhere", price=price(20), group="g")
    world.plan("extra", price=price(5), add_on=True)
    world.plan("gift", add_on=True)
    world.plan("once", price=price(9, "one_off"))
    world.customer()
    return world


def shown(world: World, plan_id: str, version: Version) -> dict[str, Any]:
    call = world.call(version)
    plan = plans.get(call, plan_id)
    found = eligibility(call, get_customer(world.environment, "c"), None, plan)
    features = world.environment.features.by_key
    body = listed_plan_body(plan, features, "sandbox", expand_features=False, eligibility=found, now=world.now)
    result: dict[str, Any] = downgraded(body, version)
    return result


ACTIVE = {"status": "active", "canceling": False, "trialing": False}
SCHEDULED = {"status": "scheduled", "canceling": False, "trialing": False}


@pytest.mark.parametrize(
    ("attached", "plan_id", "action", "state", "scenario"),
    [
        ((), "once", "purchase", {}, "new"),
        (("once",), "once", "purchase", ACTIVE, "new"),
        ((), "free", "activate", {}, "new"),
        ((), "pro", "activate", {}, "new"),
        (("pro",), "pro", "none", ACTIVE, "active"),
        (("premium", "pro"), "pro", "none", SCHEDULED, "scheduled"),
        (("premium", "pro"), "premium", "none", {**ACTIVE, "canceling": True, "trialing": True}, "renew"),
        (("pro",), "extra", "activate", {}, "new"),
        (("pro", "extra"), "extra", "none", ACTIVE, "active"),
        (("pro", "gift"), "gift", "activate", ACTIVE, "new"),
        (("pro",), "elsewhere", "activate", {}, "new"),
        (("free",), "other_free", "upgrade", {}, "new"),
        (("free",), "pro", "upgrade", {}, "upgrade"),
        (("pro",), "free", "downgrade", {}, "cancel"),
        (("pro",), "annual", "upgrade", {}, "upgrade"),
        (("annual",), "pro", "upgrade", {}, "upgrade"),
        (("elsewhere", "annual"), "elsewhere", "none", ACTIVE, "active"),
    ],
)
def test_eligibility(
    world: World, attached: tuple[str, ...], plan_id: str, action: str, state: dict[str, Any], scenario: str
) -> None:
    for each in attached:
        world.attach(each)
    trial = {"trial_available": False} if plan_id == "premium" else {}
    newest = {**trial, "attach_action": action, **state}
    assert shown(world, plan_id, Version.V2_3)["customer_eligibility"] == newest
    older = shown(world, plan_id, Version.V2_1)["customer_eligibility"]
    assert older == {**trial, "scenario": scenario, "attach_action": action}
    assert shown(world, plan_id, Version.V1_2)["scenario"] == scenario


@pytest.mark.parametrize(
    ("attached", "available"), [((), True), (("free",), True), (("premium",), False), (("premium", "free"), False)]
)
def test_trial_available_of_a_plan(world: World, attached: tuple[str, ...], available: bool) -> None:
    for each in attached:
        world.attach(each, plan_schedule="immediate")
    for version in (Version.V2_3, Version.V2_1):
        assert shown(world, "premium", version)["customer_eligibility"]["trial_available"] is available


def test_trial_is_not_available_for_a_downgrade(world: World) -> None:
    world.plan("dear", price=price(500))
    world.attach("dear")
    found = shown(world, "premium", Version.V2_3)["customer_eligibility"]
    assert (found["attach_action"], found["trial_available"], world.now) == ("downgrade", False, NOW)
