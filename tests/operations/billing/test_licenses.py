"""Licences: seats of a plan that another plan of the customer offers to its entities."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.operations import entities, plan_update
from autumn_mock.operations.billing import licenses
from autumn_mock.wire.requests.licenses import AssignmentsList, LicensesAttach, LicensesList, LicensesRelease
from autumn_mock.wire.requests.plans import PlanPatch
from autumn_mock.wire.responses.customer import customer_body
from autumn_mock.wire.schema import parse
from tests.support.world import World, monthly


class LicenseWorld(World):
    """A customer on a plan that offers seats of another, two of them included."""

    def __init__(self) -> None:
        super().__init__()
        self.customer()
        for name in ("e1", "e2", "e3"):
            self.entity(name)
        self.plan("seat", monthly(100), group="seats", price={"amount": 20, "interval": "month"})
        self.plan("team", group="team", licenses=[{"license_plan_id": "seat", "included": 2}])
        self.plan("small", group="team", licenses=[{"license_plan_id": "seat", "included": 1}])
        self.plan("large", group="team", licenses=[{"license_plan_id": "seat", "included": 5}])

    def start(self, plan_id: str = "team", **fields: Any) -> None:
        self.attach(plan_id, **fields)

    def assign(self, *names: str, plan_id: str = "seat", **fields: Any) -> None:
        body = {"customer_id": "c", "plan_id": plan_id, "entities": [{"entity_id": each, **fields} for each in names]}
        licenses.attach(self.call(), parse(LicensesAttach, body))

    def release(self, *names: str, **fields: Any) -> None:
        body = {"customer_id": "c", "entity_ids": list(names), **fields}
        licenses.release(self.call(), parse(LicensesRelease, body))

    def pools(self, **fields: Any) -> list[tuple[int, int]]:
        """Granted and used of each licence."""
        found = licenses.list_pools(self.call(), parse(LicensesList, {"customer_id": "c", **fields}))
        return [(each.granted, each.used) for each in found]

    def holders(self, **fields: Any) -> list[str | None]:
        found = licenses.list_assignments(self.call(), parse(AssignmentsList, {"customer_id": "c", **fields}))
        return [each.entity_id for each in found]


@pytest.fixture
def world() -> LicenseWorld:
    return LicenseWorld()


@pytest.mark.parametrize(("bought", "granted", "paid"), [(None, 2, 0), (1, 2, 0), (5, 5, 3)])
def test_a_plan_grants_what_it_includes_or_what_was_bought(
    world: LicenseWorld, bought: int | None, granted: int, paid: int
) -> None:
    quantities = [] if bought is None else [{"license_plan_id": "seat", "quantity": bought}]
    world.start(license_quantities=quantities)
    world.assign("e1")
    (pool,) = customer_body(world.account(), "sandbox").licenses
    assert (pool.license_plan_id, pool.parent_plan_id, pool.license_plan_name) == ("seat", "team", "seat")
    assert (pool.granted, pool.usage, pool.remaining, pool.paid_quantity) == (granted, 1, granted - 1, paid)


def test_a_seat_is_the_entitys_and_not_the_customers(world: LicenseWorld) -> None:
    world.start()
    world.assign("e1", "e2")
    assert world.amounts(entity_id="e1") == (100, 100, 0)
    assert world.view() is None
    assert world.view(entity_id="e3") is None
    world.track(30, entity_id="e1")
    assert [world.remaining(entity_id=name) for name in ("e1", "e2")] == [70, 100]
    shown = customer_body(world.account(), "sandbox").subscriptions
    assert [each.plan_id for each in shown] == ["team"]


def test_entities_are_created_and_holders_are_skipped(world: LicenseWorld) -> None:
    world.start()
    world.assign("e1")
    world.assign("e1", "new", feature_id="seats", name="New")
    assert (world.holders(), world.pools()) == (["e1", "new"], [(2, 2)])
    assert world.account().entities["new"].name == "New"


def test_a_released_seat_keeps_its_usage_for_the_next_holder(world: LicenseWorld) -> None:
    world.start()
    world.assign("e1")
    world.track(30, entity_id="e1")
    world.release("e1")
    assert (world.view(entity_id="e1"), world.pools(), world.holders(active=True)) == (None, [(2, 0)], [])
    world.assign("e2")
    assert world.remaining(entity_id="e2") == 70
    assert world.holders() == ["e2"]


def test_the_lists_select(world: LicenseWorld) -> None:
    world.start()
    world.assign("e1", "e2")
    world.release("e2")
    assert (world.holders(active=True), world.holders(active=False)) == (["e1"], [""])
    assert (world.holders(entity_id="e1"), world.holders(plan_id="other")) == (["e1"], [])
    assert (world.pools(entity_id="e1"), world.pools(entity_id="e2")) == ([(2, 1)], [])


def test_the_end_of_the_parent_revokes_all(world: LicenseWorld) -> None:
    world.start()
    world.assign("e1", "e2")
    world.release("e2")
    world.update_billing("team", cancel_action="cancel_immediately")
    assert (world.attached(), world.rows()) == ([], [])


def test_a_deleted_entity_ends_its_seat(world: LicenseWorld) -> None:
    world.start()
    world.assign("e1", "e2")
    entities.delete(world.call(), "e1", "c")
    assert (world.holders(), world.pools()) == (["e2"], [(2, 1)])


def test_a_plan_that_replaces_the_parent_takes_its_seats_over(world: LicenseWorld) -> None:
    world.start()
    world.assign("e1", "e2")
    world.track(30, entity_id="e1")
    world.attach("large")
    assert (world.pools(), world.remaining(entity_id="e1")) == ([(5, 2)], 70)


def test_quantities_are_changed(world: LicenseWorld) -> None:
    world.start()
    world.assign("e1", "e2")
    world.update_billing("team", license_quantities=[{"license_plan_id": "seat", "quantity": 4}])
    assert world.pools() == [(4, 2)]


def test_a_licence_may_customize_its_plan(world: LicenseWorld) -> None:
    customize = {"add_items": [monthly(7, "words")]}
    world.plan("other", group="x", licenses=[{"license_plan_id": "seat", "included": 1, "customize": customize}])
    world.attach("other")
    world.assign("e1")
    assert (world.remaining(entity_id="e1"), world.remaining("words", entity_id="e1")) == (100, 7)


CONFLICT = "License changes conflict with active license assignments: 2 assigned, but the incoming plan grants {}. "
CONFLICT += "Release licenses first."
REFUSALS: dict[str, tuple[Any, str]] = {
    "twice": (lambda world: world.assign("e3", "e3"), "Duplicate entity e3 in entities."),
    "no entity": (lambda world: world.assign("x"), "Entity x does not exist. Pass feature_id to create it."),
    "too many": (lambda world: world.assign("e3"), "No available licenses for this plan."),
    "not offered": (lambda world: world.assign("e3", plan_id="free"), "No plan on this customer offers license free."),
    "released twice": (lambda world: world.release("e1", "e1"), "Duplicate entity e1 in entity_ids."),
    "none to release": (lambda world: world.release("e3"), "Entity e3 has no license to release."),
    "another to release": (
        lambda world: world.release("e1", license_plan_id="x"),
        "Entity e1 has no license x to release.",
    ),
    "too few": (
        lambda world: world.update_billing("team", license_quantities=[{"license_plan_id": "seat", "quantity": 1}]),
        "license_quantities for seat is below its 2 active assignments. Release licenses first.",
    ),
    "no pool": (
        lambda world: world.update_billing("team", license_quantities=[{"license_plan_id": "x", "quantity": 1}]),
        "Customer has no license pool for x on this plan.",
    ),
    "both quantities": (
        lambda world: world.update_billing(
            "team",
            license_quantities=[{"license_plan_id": "seat", "quantity": 3}],
            feature_quantities=[{"feature_id": "messages", "quantity": 3}],
        ),
        "license_quantities cannot be combined with feature_quantities in one update.",
    ),
    "not offered by the plan": (
        lambda world: world.attach("free", license_quantities=[{"license_plan_id": "seat", "quantity": 3}]),
        "Plan does not offer license seat.",
    ),
    "to an entity": (
        lambda world: world.attach("large", entity_id="e3"),
        "Plan large offers licenses, so it can only be attached to the customer — not to entity e3.",
    ),
    "directly": (
        lambda world: world.attach("seat", entity_id="e3"),
        "Plan seat is a license under team, which this customer is on. "
        "Assign seats with licenses.attach instead of attaching it directly.",
    ),
    "to a holder": (
        lambda world: world.attach("free", entity_id="e1"),
        "Entity e1 holds a license (seat) — its plan is managed through the license. "
        "Release it first via licenses.release.",
    ),
    "smaller plan": (lambda world: world.attach("small"), CONFLICT.format(1)),
    "other licences": (
        lambda world: world.update_billing("team", customize={"remove_licenses": [{"license_plan_id": "seat"}]}),
        CONFLICT.format(0),
    ),
}


@pytest.mark.parametrize(("act", "message"), REFUSALS.values(), ids=list(REFUSALS))
def test_refusals(world: LicenseWorld, act: Any, message: str) -> None:
    world.plan("free", monthly(1), group="free")
    world.start()
    world.assign("e1", "e2")
    with world.refused(400, "invalid_request", message):
        act(world)


def test_refusals_of_several_licences_and_archived_ones(world: LicenseWorld) -> None:
    world.plan("second", group="second", licenses=[{"license_plan_id": "seat", "included": 1}])
    world.plan("more", group="more", licenses=[{"license_plan_id": "extra", "included": 1}])
    world.plan("extra", monthly(5))
    world.start()
    world.attach("more")
    world.assign("e1")
    world.assign("e1", plan_id="extra")
    with world.refused(400, "invalid_request", "Entity e1 holds multiple licenses. Provide license_plan_id."):
        world.release("e1")
    world.attach("second")
    with world.refused(400, "invalid_request", "Multiple plans offer license seat."):
        world.assign("e2")
    plan_update.update(world.call(), "extra", parse(PlanPatch, {"archived": True}))
    with world.refused(400, "invalid_request", "License plan extra is archived and cannot be assigned."):
        world.assign("e2", plan_id="extra")


def test_a_pooled_item_of_a_licence_is_the_seats_own(world: LicenseWorld) -> None:
    world.plan("desk", monthly(100, pooled=True), group="desks")
    world.plan("office", group="office", licenses=[{"license_plan_id": "desk", "included": 2}])
    world.attach("office")
    world.assign("e1", "e2", plan_id="desk")
    world.track(30, entity_id="e1")
    assert (world.remaining(entity_id="e1"), world.remaining(entity_id="e2")) == (70, 100)
