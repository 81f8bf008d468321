"""Pooled balances: one balance of the customer, to which plans of the customer and its entities contribute."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.ledger.intervals import DAY, add_months
from autumn_mock.operations import entities, listing
from autumn_mock.wire.requests.balances import ContributionsList
from autumn_mock.wire.schema import parse
from tests.support.world import NOW, World, monthly

PREPAID = {"amount": 10, "interval": "month", "billing_units": 100, "billing_method": "prepaid"}


@pytest.fixture
def world() -> World:
    """A customer with two entities, and plans that pool messages."""
    made = World()
    made.customer()
    for name in ("e1", "e2"):
        made.entity(name)
    for included in (50, 100, 500, 1000):
        made.plan(f"p{included}", monthly(included, pooled=True), group="g")
    made.plan("private", monthly(250), group="g")
    return made


def contributions(world: World) -> list[tuple[str, str | None, float]]:
    """The plan, the entity and the units of each contribution."""
    return [
        (each.plan_id, each.entity_id, float(each.included + each.prepaid)) for row in world.rows() for each in row.pool
    ]


def test_plans_of_a_customer_and_an_entity_share_one_balance(world: World) -> None:
    world.attach("p100")
    world.attach("p50", entity_id="e1")
    assert world.amounts() == (150, 150, 0)
    world.track(12)
    world.track(8, entity_id="e1")
    for entity_id in (None, "e1", "e2"):
        assert world.amounts(entity_id=entity_id) == (150, 130, 20)
    view = world.view()
    assert view is not None
    assert [(each.row.plan_id, float(each.included_grant)) for each in view.breakdown] == [(None, 150)]
    assert contributions(world) == [("p100", None, 100), ("p50", "e1", 50)]


def test_a_plan_that_leaves_takes_its_grant_and_leaves_the_usage(world: World) -> None:
    for name in ("e1", "e2"):
        world.attach("p500", entity_id=name)
    world.track(700)
    assert world.amounts() == (1000, 300, 700)
    world.attach("private", entity_id="e1", plan_schedule="immediate")
    assert [float(row.balance) for row in world.rows() if row.pool] == [-200]
    assert world.amounts() == (750, 250, 700)
    assert world.amounts(entity_id="e2") == (500, 0, 700)
    assert world.check(entity_id="e1").allowed
    assert not world.check(entity_id="e2").allowed


def test_the_last_plan_ends_the_pool_and_another_begins_a_fresh_one(world: World) -> None:
    world.attach("p500")
    world.track(100)
    world.update_billing("p500", cancel_action="cancel_immediately")
    assert world.rows() == []
    world.attach("p500")
    assert world.amounts() == (500, 500, 0)


def test_an_upgrade_adds_the_difference(world: World) -> None:
    for name in ("e1", "e2"):
        world.attach("p500", entity_id=name)
    world.track(700)
    world.attach("p1000", entity_id="e1", plan_schedule="immediate")
    assert world.amounts() == (1500, 800, 700)


def test_a_deleted_entity_takes_its_contribution(world: World) -> None:
    world.attach("p100")
    world.attach("p50", entity_id="e1")
    world.track(20)
    entities.delete(world.call(), "e1", "c")
    assert world.amounts() == (100, 80, 20)


@pytest.mark.parametrize(("was", "becomes"), [(False, True), (True, False), (True, True)])
def test_an_update_keeps_the_usage(world: World, was: bool, becomes: bool) -> None:
    world.plan("p", monthly(300, pooled=was))
    world.attach("p")
    world.track(40)
    world.update_billing("p", customize={"items": [monthly(200, pooled=becomes)]})
    assert world.amounts() == (200, 160, 40)
    assert [bool(row.pool) for row in world.rows()] == [becomes]


def test_a_private_item_joins_a_pool_with_its_usage(world: World) -> None:
    world.plan("p", monthly(200))
    world.attach("p", entity_id="e1")
    world.attach("p100")
    world.track(40, entity_id="e1")
    world.update_billing("p", entity_id="e1", customize={"items": [monthly(200, pooled=True)]})
    assert world.amounts() == (300, 260, 40)
    assert len(world.rows()) == 1


def test_a_cancellation_at_the_end_of_the_cycle_takes_effect_then(world: World) -> None:
    world.plan("paid", monthly(30, pooled=True), price={"amount": 5, "interval": "month"}, add_on=True)
    world.plan("base", monthly(70, pooled=True), price={"amount": 5, "interval": "month"}, add_on=True)
    for plan_id in ("paid", "base"):
        world.attach(plan_id)
    world.update_billing("paid", cancel_action="cancel_end_of_cycle")
    assert world.amounts() == (100, 100, 0)
    world.now = add_months(NOW, 1) + 1
    assert world.amounts() == (70, 70, 0)


OTHERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "interval": ({"reset": {"interval": "week"}}, {}),
    "count": ({"reset": {"interval": "month", "interval_count": 2}}, {}),
    "never": ({"reset": {"interval": "one_off"}}, {}),
    "unlimited": ({"included": None, "unlimited": True, "reset": None}, {}),
    "rollover": ({"rollover": {"max": 5, "expiry_duration_type": "forever"}}, {}),
    "paid for": ({}, {"price": {"amount": 5, "interval": "month"}}),
}


@pytest.mark.parametrize(("changes", "fields"), OTHERS.values(), ids=list(OTHERS))
def test_plans_that_are_renewed_differently_have_pools_of_their_own(
    world: World, changes: dict[str, Any], fields: dict[str, Any]
) -> None:
    changed = {name: value for name, value in {**monthly(5, pooled=True), **changes}.items() if value is not None}
    world.plan("other", changed, add_on=True, **fields)
    world.attach("p100")
    world.attach("other")
    assert [len(row.pool) for row in world.rows()] == [1, 1]


def test_a_pool_is_renewed_as_a_whole_and_its_percentage_is_of_all(world: World) -> None:
    rollover = {"max_percentage": 50, "expiry_duration_type": "forever"}
    for plan_id in ("r1", "r2"):
        world.plan(plan_id, monthly(100, pooled=True, rollover=rollover), add_on=True)
        world.attach(plan_id)
    world.track(20)
    world.now = add_months(NOW, 1) + 1
    assert world.amounts() == (300, 300, 0)  # 200 again, and 100 of the 180 that were left


def test_prepaid_units_are_contributed_and_changed(world: World) -> None:
    bought = {"feature_id": "messages", "price": PREPAID, "pooled": True}
    world.plan("bought", bought, add_on=True)
    world.plan("base", monthly(50, pooled=True), price={"amount": 5, "interval": "month"}, add_on=True)
    world.attach("base")
    world.attach("bought", entity_id="e1", feature_quantities=[{"feature_id": "messages", "quantity": 200}])
    world.track(30)
    assert world.amounts() == (250, 220, 30)
    more = [{"feature_id": "messages", "quantity": 300}]
    world.update_billing("bought", entity_id="e1", feature_quantities=more)
    assert world.amounts() == (350, 320, 30)
    world.update_billing("base", cancel_action="cancel_immediately")
    assert world.amounts() == (300, 270, 30)


def test_entities_take_their_seats_of_a_pool_once(world: World) -> None:
    world.plan("seats", {"feature_id": "seats", "included": 5, "pooled": True}, add_on=True)
    world.attach("seats")
    assert world.amounts("seats") == (5, 3, 2)
    world.attach("seats", entity_id="e1")
    assert world.amounts("seats") == (10, 8, 2)
    world.entity("e3")
    assert world.remaining("seats") == 7


def test_a_flag_that_is_pooled_is_the_customers(world: World) -> None:
    world.plan("flag", {"feature_id": "sso", "pooled": True}, add_on=True)
    world.attach("flag", entity_id="e1")
    assert world.check(feature_id="sso").allowed
    assert world.check(feature_id="sso", entity_id="e2").allowed


def test_a_drained_pool_is_still_shown(world: World) -> None:
    world.attach("p50")
    world.track(50)
    assert world.amounts() == (50, 0, 50)
    world.track(-10)
    assert world.remaining() == 10


def test_a_lock_on_a_pool_is_released(world: World) -> None:
    world.attach("p50")
    world.check(20, lock={"lock_id": "lock", "enabled": True, "expires_at": NOW + DAY})
    world.attach("p100", entity_id="e1")
    world.finalize()
    assert world.amounts() == (150, 150, 0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"feature_id": "sso", "included": 5, "pooled": True},
            "Pooled boolean items cannot include balance or pricing fields",
        ),
        (
            {"feature_id": "messages", "unlimited": True, "price": PREPAID, "pooled": True},
            "Pooled unlimited items cannot include pricing",
        ),
        (
            {"feature_id": "messages", "price": {**PREPAID, "billing_method": "usage_based"}, "pooled": True},
            "Pooled items cannot use usage-based pricing",
        ),
    ],
)
def test_what_no_pool_can_hold(world: World, fields: dict[str, Any], message: str) -> None:
    with world.refused(400, "invalid_product_item", message):
        world.plan("x", fields)


def test_an_event_names_the_pool(world: World) -> None:
    world.attach("p50")
    world.track(5)
    (event,) = world.events()
    assert [each.balance_id for each in event.deductions] == [row.id for row in world.rows()]


def test_contributions_are_listed(world: World) -> None:
    world.attach("p100")
    world.attach("p50", entity_id="e1")
    (row,) = world.rows()

    def listed(**fields: Any) -> tuple[list[str], int, int]:
        page = listing.list_contributions(
            world.call(), parse(ContributionsList, {"pooled_balance_id": row.id, **fields})
        )
        return [each.plan_id for each in page.rows], page.total_count, page.filtered_count

    assert listed() == (["p100", "p50"], 2, 2)
    assert listed(offset=1, limit=1) == (["p50"], 2, 2)
    assert listed(search="E1") == (["p50"], 2, 1)
    with world.refused(404, "invalid_request", "Pooled balance x not found"):
        listed(pooled_balance_id="x")


def test_fewer_units_count_from_the_next_reset(world: World) -> None:
    later = {"on_increase": "bill_immediately", "on_decrease": "none"}
    world.plan("bought", {"feature_id": "messages", "price": PREPAID, "pooled": True, "proration": later}, add_on=True)

    def buy(quantity: int) -> tuple[float, ...]:
        quantities = [{"feature_id": "messages", "quantity": quantity}]
        world.update_billing("bought", feature_quantities=quantities)
        return world.amounts()

    world.attach("bought", feature_quantities=[{"feature_id": "messages", "quantity": 300}])
    assert [buy(quantity) for quantity in (100, 200, 400)] == [(300, 300, 0), (300, 300, 0), (400, 400, 0)]
    assert buy(200) == (400, 400, 0)
    world.now = add_months(NOW, 1) + 1
    assert world.amounts() == (200, 200, 0)


def test_plans_share_a_pool_whatever_their_anchors_are(world: World) -> None:
    world.attach("p100", billing_cycle_anchor=add_months(NOW, 1) - 20 * DAY)
    world.attach("p50", entity_id="e1", billing_cycle_anchor=add_months(NOW, 1) - 5 * DAY)
    assert len(world.rows()) == 1
    assert world.amounts() == world.amounts(entity_id="e1") == (150, 150, 0)
