"""What goes along when a plan is changed: every change, by every setting, of every kind of feature, at both levels."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.ledger.intervals import add_months
from autumn_mock.operations import entities, plan_update
from autumn_mock.wire.requests.plans import PlanPatch
from autumn_mock.wire.schema import parse
from tests.support.world import NOW, World, create_feature, monthly, priced

DAY = 86_400_000
MONTHS = 40 * DAY
ON = {"enabled": True}
OFF = {"enabled": False}
SEATS = {"feature_id": "seats"}


def items(included: float) -> list[dict[str, Any]]:
    """One item of every kind that usage is counted for."""
    return [
        monthly(included),
        monthly(included, "words", entity_feature_id="desks"),
        monthly(included, "credits"),
        {**SEATS, "included": included},
        {"feature_id": "action1", "included": included},
    ]


@pytest.fixture
def desks(world: World) -> World:
    """A customer with two entities of a feature that no plan has, and two plans: 100 of everything, and 50."""
    create_feature(world.call(), feature_id="desks", name="Desks", type="metered", consumable=False)
    for name in ("e1", "e2"):
        world.entity(name, feature_id="desks")
    world.plan("old", *items(100), group="g", price={"amount": 20, "interval": "month"})
    world.plan("dear", *items(50), group="g", price={"amount": 50, "interval": "month"})
    world.plan("cheap", *items(50), group="g", price={"amount": 10, "interval": "month"})
    return world


def change(world: World, kind: str, scope: dict[str, Any], **setting: Any) -> None:
    """Change the plan of a customer, or entity, that has used 30 of everything."""
    if kind == "switch":
        world.attach("dear", **scope, **setting)
    elif kind == "scheduled":
        world.attach("cheap", **scope)
        world.now = add_months(world.now, 1)
    elif kind == "version":
        plan_update.update(world.call(), "old", parse(PlanPatch, {"items": items(50)}))
        world.update_billing("old", version=2, **scope, **setting)
    elif kind == "patch":
        filters = [{"filter": {"feature_id": item["feature_id"]}, "included": 50} for item in items(50)]
        world.update_billing("old", customize={"update_items": filters}, **scope, **setting)
    else:
        world.update_billing("old", customize={"items": items(50)}, **scope, **setting)


FRESH, USED, KEPT = (50, 50, 0), (50, 20, 30), (120, 120, 0)
#: (change, setting, what consumables are then); seats are always USED.
CHANGES: list[tuple[str, dict[str, Any], tuple[float, ...]]] = [
    ("switch", {}, FRESH),
    ("switch", {"carry_over_usages": ON}, USED),
    ("switch", {"carry_over_usages": OFF}, FRESH),
    ("switch", {"carry_over_balances": ON}, KEPT),
    ("switch", {"carry_over_balances": OFF}, FRESH),
    ("scheduled", {}, FRESH),
    *(
        (kind, setting, shown)
        for kind in ("update", "version", "patch")
        for setting, shown in (({}, USED), ({"carry_over_usages": ON}, USED), ({"carry_over_usages": OFF}, FRESH))
    ),
]
CONSUMABLES = ("messages", "words", "credits", "action1")


@pytest.mark.parametrize("scope", [{}, {"entity_id": "e1"}], ids=["customer", "entity"])
@pytest.mark.parametrize(("kind", "setting", "shown"), CHANGES)
def test_usage_and_balances_go_along(
    desks: World, kind: str, setting: dict[str, Any], shown: tuple[float, ...], scope: dict[str, Any]
) -> None:
    desks.attach("old", **scope)
    for feature_id in (*CONSUMABLES, "seats"):
        desks.track(30, feature_id, entity_id="e1")
    change(desks, kind, scope, **setting)
    for feature_id in CONSUMABLES:
        assert (feature_id, desks.amounts(feature_id, entity_id="e1")) == (feature_id, shown)
    assert desks.amounts("seats", entity_id="e1") == USED


@pytest.mark.parametrize(
    ("named", "messages", "action1"),
    [(["messages"], USED, FRESH), (["action1"], FRESH, USED), (["messages", "action1"], USED, USED), ([], USED, USED)],
)
@pytest.mark.parametrize("kind", ["switch", "update", "version", "patch"])
def test_usage_of_named_features_goes_along(
    desks: World, kind: str, named: list[str], messages: tuple[float, ...], action1: tuple[float, ...]
) -> None:
    desks.attach("old")
    for feature_id in ("messages", "action1", "seats"):
        desks.track(30, feature_id)
    change(desks, kind, {}, carry_over_usages={"enabled": True, "feature_ids": named})
    assert (desks.amounts(), desks.amounts("action1"), desks.amounts("seats")) == (messages, action1, USED)


def test_usage_is_not_cut_to_the_new_grant(desks: World) -> None:
    desks.attach("old")
    desks.track(80)
    desks.track(80, "words", entity_id="e2")
    change(desks, "switch", {}, carry_over_usages=ON)
    assert desks.amounts() == (50, 0, 80)
    assert desks.signed_balances()["messages"] == -30
    assert desks.amounts("words", entity_id="e2") == (50, 0, 80)
    assert desks.amounts("words", entity_id="e1") == (50, 50, 0)


def test_an_overdraft_reduces_carried_balances(world: World) -> None:
    world.plan("a", priced(10))
    world.plan("b", monthly(500), price={"amount": 1000, "interval": "month"})
    world.attach("a")
    world.track(30)
    world.attach("b", carry_over_balances=ON)
    assert world.amounts() == (500, 480, 20)


def test_usage_of_entities_goes_to_a_row_that_is_not_split_any_more(desks: World) -> None:
    desks.attach("old")
    desks.track(30, "words", entity_id="e1")
    desks.track(20, "words", entity_id="e2")
    desks.update_billing("old", customize={"items": [monthly(100, "words")]})
    assert desks.amounts("words") == (100, 50, 50)


def test_usage_of_a_feature_is_taken_from_its_new_rows_in_order(world: World) -> None:
    """Down to zero each; what they do not hold is overdraft of the one that bills it."""
    world.plan("a", monthly(100), group="g")
    world.plan("b", priced(5), monthly(20), group="g", price={"amount": 10, "interval": "month"})
    world.attach("a")
    world.track(40)
    world.attach("b", carry_over_usages=ON)
    assert sorted(float(row.balance) for row in world.rows()) == [-15, 0]


# -- seats of entities


def test_existing_entities_count_when_a_plan_is_attached(world: World) -> None:
    for name in ("e1", "e2"):
        world.entity(name)
    world.plan("p", {**SEATS, "included": 5})
    world.attach("p")
    for entity_id in (None, "e1"):
        assert world.amounts("seats", entity_id=entity_id) == (5, 3, 2)
    world.now += MONTHS
    assert world.amounts("seats") == (5, 3, 2)
    world.entity("e3")
    assert world.amounts("seats") == (5, 2, 3)
    for name in ("e1", "e2", "e3"):
        entities.delete(world.call(), name, "c")
    assert world.amounts("seats") == (5, 5, 0)


@pytest.mark.parametrize("kind", ["switch", "scheduled", "update", "version", "fallback", "add-on", "priced", "remove"])
def test_existing_entities_count_after_every_change(world: World, kind: str) -> None:
    for name in ("e1", "e2"):
        world.entity(name)
    seats = {**SEATS, "included": 5}
    bills = {"price": {"amount": 10, "interval": "month", "billing_method": "usage_based"}}
    paid = {"group": "g", "price": {"amount": 20, "interval": "month"}}
    world.plan("default", seats, group="g", auto_enable=True)
    world.plan("low", {**SEATS, "included": 9}, **paid)
    world.plan(
        "high", {**seats, **(bills if kind == "priced" else {})}, group="g", price={"amount": 90, "interval": "year"}
    )
    world.plan("extra", seats, add_on=True)
    world.plan("top", seats, **paid)
    if kind != "add-on":
        world.attach("top" if kind == "scheduled" else "low")
    if kind == "scheduled":
        world.update_billing("top", cancel_action="cancel_end_of_cycle")
        world.now = add_months(NOW, 1)
    elif kind == "update":
        world.update_billing("low", customize={"items": [seats]})
    elif kind == "version":
        plan_update.update(world.call(), "low", parse(PlanPatch, {"items": [seats]}))
        world.update_billing("low", version=2)
    elif kind == "fallback":
        world.update_billing("low", cancel_action="cancel_immediately")
    elif kind == "remove":
        world.attach("extra", remove_plan_ids=["low"])
    else:
        world.attach("extra" if kind == "add-on" else "high")
    assert world.amounts("seats") == (5, 3, 2)
    entities.delete(world.call(), "e1", "c")
    assert world.amounts("seats") == (5, 4, 1)


def test_every_plan_counts_the_entities(world: World) -> None:
    world.entity("e1")
    world.plan("p", {**SEATS, "included": 5})
    world.plan("extra", {**SEATS, "included": 3}, add_on=True)
    world.attach("p")
    world.attach("extra")
    world.entity("e2")
    assert world.amounts("seats") == (8, 4, 4)
    entities.delete(world.call(), "e2", "c")
    assert world.amounts("seats") == (8, 6, 2)


def test_new_grants_reach_the_shares_of_entities(desks: World) -> None:
    desks.attach("old")
    desks.track(30, "words", entity_id="e1")
    desks.update_billing("old", customize={"items": [monthly(150, "words", entity_feature_id="desks")]})
    assert (desks.remaining("words", entity_id="e1"), desks.remaining("words", entity_id="e2")) == (120, 150)
    desks.entity("e3", feature_id="desks")
    assert desks.remaining("words", entity_id="e3") == 150


# -- prepaid quantities


PACKS = {"amount": 10, "interval": "month", "billing_method": "prepaid"}


def packs(size: int, included: float = 0, **more: Any) -> dict[str, Any]:
    return {"feature_id": "messages", "included": included, "price": {**PACKS, "billing_units": size, **more}}


@pytest.mark.parametrize(
    ("item", "granted"),
    [
        (packs(100), 200),
        (packs(50), 200),
        (packs(150), 300),
        (packs(100, 40), 240),
        (packs(100, interval="one_off"), 0),
        (monthly(7), 7),
    ],
)
@pytest.mark.parametrize("kind", ["switch", "scheduled", "update"])
def test_quantities_go_along_in_packs(world: World, kind: str, item: dict[str, Any], granted: float) -> None:
    world.plan("old", packs(100), group="g", price={"amount": 20, "interval": "month"})
    for name, amount in (("dear", 50), ("cheap", 1)):
        world.plan(name, item, group="g", price={"amount": amount, "interval": "month"})
    world.attach("old", feature_quantities=[{"feature_id": "messages", "quantity": 200}])
    if kind == "update" and item == packs(100):
        world.update_billing("old", customize={"add_items": [monthly(1, "words")]})
    elif kind == "update":
        world.update_billing("old", customize={"items": [item]})
    else:
        change(world, kind, {})
    assert world.amounts()[0] == granted


def test_what_is_bought_once_and_not_used_up_survives_a_switch(world: World) -> None:
    world.plan("a", packs(100, interval="one_off"), group="g", price={"amount": 20, "interval": "month"})
    world.plan("b", monthly(5), group="g", price={"amount": 50, "interval": "month"})
    world.attach("a", feature_quantities=[{"feature_id": "messages", "quantity": 200}])
    world.track(30)
    world.attach("b")
    assert world.amounts() == (175, 175, 0)
    loose = next(row for row in world.rows() if row.is_loose)
    assert (int(loose.balance), loose.expires_at, loose.next_reset_at) == (170, None, None)


def test_more_is_bought_once_in_addition(world: World) -> None:
    world.plan("a", packs(100, interval="one_off"), monthly(1, "words"), price={"amount": 20, "interval": "month"})
    world.attach("a", feature_quantities=[{"feature_id": "messages", "quantity": 200}])
    world.track(30)
    world.update_billing("a", feature_quantities=[{"feature_id": "messages", "quantity": 100}])
    assert world.amounts() == (300, 270, 30)


@pytest.mark.parametrize(("on_decrease", "at_once"), [("none", False), ("no_prorations", False), ("prorate", True)])
def test_a_smaller_quantity_counts_at_once_or_from_the_next_period(
    world: World, on_decrease: str, at_once: bool
) -> None:
    world.plan("p", {**packs(100), "proration": {"on_increase": "bill_next_cycle", "on_decrease": on_decrease}})
    world.attach("p", feature_quantities=[{"feature_id": "messages", "quantity": 300}])
    world.track(30)
    world.update_billing("p", feature_quantities=[{"feature_id": "messages", "quantity": 400}])
    assert world.amounts() == (400, 370, 30)
    world.update_billing("p", feature_quantities=[{"feature_id": "messages", "quantity": 100}])
    assert world.amounts() == ((100, 70, 30) if at_once else (400, 370, 30))
    world.now = add_months(NOW, 1) + 1
    assert world.amounts() == (100, 100, 0)


# -- rollovers


def rolling(included: float, most: float | None = None, **more: Any) -> dict[str, Any]:
    limit = {} if most is None else {"max": most}
    return monthly(included, rollover={**limit, "expiry_duration_type": "forever"}, **more)


@pytest.mark.parametrize(
    ("item", "rolled"),
    [
        (rolling(500), 70),
        (rolling(500, 50), 50),
        (rolling(500, most=None), 70),
        (monthly(500), 0),
        (monthly(200, rollover={"max_percentage": 10, "expiry_duration_type": "forever"}), 20),
        (monthly(500, "words", rollover={"expiry_duration_type": "forever"}), None),
    ],
)
@pytest.mark.parametrize("kind", ["switch", "scheduled", "update"])
def test_rollovers_are_cut_to_the_new_item(world: World, kind: str, item: dict[str, Any], rolled: float | None) -> None:
    world.plan("old", rolling(100), group="g", price={"amount": 20, "interval": "month"})
    for name, amount in (("dear", 50), ("cheap", 1)):
        world.plan(name, item, group="g", price={"amount": amount, "interval": "month"})
    world.attach("old")
    world.track(30)
    world.now = add_months(NOW, 1) + 1
    assert world.remaining() == 170
    if kind == "update":
        world.update_billing("old", customize={"items": [item]})
    else:
        change(world, kind, {})
    found = world.view()
    assert found is None if rolled is None else found is not None and found.remaining == item["included"] + rolled


def test_rollovers_go_to_the_row_that_is_billed_alike(world: World) -> None:
    world.plan("a", rolling(100), group="g")
    daily = {**rolling(7), "reset": {"interval": "day"}}
    weekly = {**monthly(9), "reset": {"interval": "week"}}
    world.plan("b", daily, rolling(50), weekly, group="g", price={"amount": 10, "interval": "month"})
    world.attach("a")
    world.now = add_months(NOW, 1) + 1
    world.account()
    world.attach("b")
    assert [(int(row.included), len(row.rollovers)) for row in world.rows()] == [(7, 0), (50, 1), (9, 0)]


# -- recalculate_balances of an update of quantities

_PACKS = priced(100, method="prepaid", billing_units=100)


@pytest.mark.parametrize(
    ("quantity", "setting", "prepaid", "overage"),
    [
        (500, ON, (50, 450), 0),
        (400, ON, (0, 400), 50),
        (200, ON, (0, 200), 250),
        (500, OFF, (200, 300), 150),
        (500, None, (200, 300), 150),
    ],
)
@pytest.mark.parametrize("scope", [{}, {"entity_id": "e1"}], ids=["customer", "entity"])
def test_more_units_pay_for_overage_on_request(
    desks: World, scope: dict[str, Any], quantity: int, setting: Any, prepaid: tuple[int, int], overage: int
) -> None:
    desks.plan("p", _PACKS, priced(0), {"feature_id": "words", "included": 1})
    desks.attach("p", feature_quantities=[{"feature_id": "messages", "quantity": 300}], **scope)
    desks.track(450, **scope)
    change: dict[str, Any] = {"feature_quantities": [{"feature_id": "messages", "quantity": quantity}]}
    desks.update_billing("p", **change, **scope, **({} if setting is None else {"recalculate_balances": setting}))
    rows = {row.usage_allowed: row for row in desks.rows()}
    bought, billed = rows[False], rows[True]
    assert (max(int(bought.balance), 0), int(bought.grant - bought.balance)) == prepaid
    assert -billed.balance == overage


def test_what_is_not_overdrawn_is_not_recalculated(desks: World) -> None:
    desks.plan(
        "p", _PACKS, priced(50), monthly(200, reset={"interval": "one_off"}), price={"amount": 1, "interval": "month"}
    )
    desks.plan("add", _PACKS, add_on=True)
    quantities = [{"feature_id": "messages", "quantity": 300}]
    desks.attach("p", feature_quantities=quantities)
    desks.attach("add", feature_quantities=quantities)
    desks.track(20)
    before = {row.id: row.balance for row in desks.rows()}
    more = [{"feature_id": "messages", "quantity": 500}]
    desks.update_billing("p", feature_quantities=more, recalculate_balances=ON)
    changed = [row.balance - before[row.id] for row in desks.rows() if row.balance != before[row.id]]
    assert changed == [200]


def test_shares_of_entities_are_recalculated_alone(desks: World) -> None:
    split = {"entity_feature_id": "desks"}
    desks.plan("p", {**_PACKS, **split}, {**priced(0), **split})
    desks.attach("p", feature_quantities=[{"feature_id": "messages", "quantity": 100}])
    desks.track(160, entity_id="e1")
    desks.update_billing("p", feature_quantities=[{"feature_id": "messages", "quantity": 200}], recalculate_balances=ON)
    assert [desks.amounts(entity_id=each) for each in ("e1", "e2")] == [(200, 40, 160), (200, 200, 0)]
