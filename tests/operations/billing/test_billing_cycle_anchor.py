"""A billing cycle anchor in the future: nothing is charged before it is reached, then the cycles begin anew."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from autumn_mock.domain.amount import money
from autumn_mock.ledger.intervals import DAY, add_months
from autumn_mock.operations.billing.preview import preview_attach, preview_update
from autumn_mock.wire.requests.billing import BillingAttach, BillingUpdate
from autumn_mock.wire.schema import parse
from tests.operations.purchases import MONTH, PurchaseWorld
from tests.support.world import NOW, priced

END, ANCHOR = add_months(NOW, 1), NOW + 10 * DAY


@pytest.fixture
def world() -> PurchaseWorld:
    world = PurchaseWorld()
    world.card()
    return world


def due(price: int, start: int = NOW, end: int = END, at: int = ANCHOR) -> float:
    """The price of a new cycle without what was paid for the rest of the old one."""
    return float(price - money(Decimal(price) * (end - at) / (end - start)))


def periods(world: PurchaseWorld) -> dict[str, tuple[int, int]]:
    rows = world.seen()["subscriptions"]
    return {each["plan_id"]: (each["current_period_start"], each["current_period_end"]) for each in rows}


@pytest.mark.parametrize("way", ["update", "upgrade"])
def test_the_cycles_begin_anew_when_it_is_reached(world: PurchaseWorld, way: str) -> None:
    world.buy("pro")
    fields: dict[str, Any] = {"customer_id": "c", "billing_cycle_anchor": ANCHOR}
    if way == "update":
        plan_id, price, at_call = "pro", 20, [("paid", 20.0)]
        shown = preview_update(world.call(), parse(BillingUpdate, {**fields, "plan_id": "pro"}, now_ms=NOW))
        world.change("pro", billing_cycle_anchor=ANCHOR)
    else:
        plan_id, price, at_call = "premium", 50, [("paid", 20.0), ("paid", 30.0)]
        shown = preview_attach(world.call(), parse(BillingAttach, {**fields, "plan_id": "premium"}, now_ms=NOW))
        world.buy("premium", billing_cycle_anchor=ANCHOR)
    assert world.invoices() == at_call
    world.track(30)
    world.now = ANCHOR
    assert world.remaining() == 100
    at_anchor = ("paid", due(price))
    assert world.invoices() == [*at_call, at_anchor]
    assert shown.next_cycle is not None
    assert (shown.next_cycle.starts_at, float(shown.next_cycle.total)) == (ANCHOR, at_anchor[1])
    following = add_months(ANCHOR, 1)
    assert periods(world) == {plan_id: (ANCHOR, following)}
    world.now = following - 1
    assert world.invoices() == [*at_call, at_anchor]
    world.now = following
    assert periods(world) == {plan_id: (following, add_months(ANCHOR, 2))}
    assert world.invoices() == [*at_call, at_anchor, ("paid", price)]


@pytest.mark.parametrize(
    ("anchor", "invoices"),
    [
        (END, [("paid", 20), ("paid", 20)]),
        (END + DAY, [("paid", 20), ("paid", 20), ("paid", due(20, END, add_months(NOW, 2), END + DAY))]),
    ],
)
def test_an_anchor_at_the_end_of_a_cycle_or_after_it(world: PurchaseWorld, anchor: int, invoices: Any) -> None:
    world.buy("pro")
    world.change("pro", billing_cycle_anchor=anchor)
    world.now = anchor
    assert world.plans() == {"pro": "active"}
    assert world.invoices() == invoices
    (subscription,) = world.environment.subscriptions
    assert (subscription.anchor, subscription.next_anchor) == (anchor, None)


def test_all_plans_of_the_subscription_have_it(world: PurchaseWorld) -> None:
    world.buy("pro")
    world.buy("extra")
    world.change("pro", billing_cycle_anchor=ANCHOR)
    world.now = ANCHOR
    assert periods(world) == dict.fromkeys(("pro", "extra"), (ANCHOR, add_months(ANCHOR, 1)))
    assert world.invoices()[2:] == [("paid", 2 * due(20))]


def test_usage_is_billed_with_it(world: PurchaseWorld) -> None:
    world.plan("metered", priced(100, amount=0.1), group="main", price={"amount": 20, **MONTH})
    world.buy("metered")
    world.change("metered", billing_cycle_anchor=ANCHOR)
    world.track(150)
    world.now = ANCHOR
    assert world.remaining() == 100
    assert world.invoices()[1:] == [("paid", due(20) + 5)]


def test_another_anchor_replaces_it(world: PurchaseWorld) -> None:
    world.buy("pro")
    world.change("pro", billing_cycle_anchor=ANCHOR)
    world.now += DAY
    world.change("pro", billing_cycle_anchor="now")
    (subscription,) = world.environment.subscriptions
    assert (subscription.anchor, subscription.next_anchor) == (NOW + DAY, None)
    world.now = ANCHOR
    world.seen()
    assert len(world.invoices()) == 2


def test_a_plan_that_is_cancelled_ends_with_it(world: PurchaseWorld) -> None:
    world.buy("pro")
    world.change("pro", billing_cycle_anchor=ANCHOR)
    world.change("pro", cancel_action="cancel_end_of_cycle")
    world.now = ANCHOR
    assert (world.plans(), world.invoices()) == ({}, [("paid", 20)])
    assert [each.status for each in world.environment.subscriptions] == ["canceled"]
