"""Two changes of one plan that wait for a payment: whatever is asked for and paid in whatever order, one is paid."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import product
from typing import Any

import pytest

from autumn_mock.domain.amount import ZERO
from autumn_mock.domain.payment import processing
from autumn_mock.ledger.intervals import MINUTE, add_months
from autumn_mock.operations.billing import settlement
from autumn_mock.operations.billing.multi_attach import multi_attach
from autumn_mock.operations.billing.purchases import Outcome
from autumn_mock.operations.billing.schedules import create_schedule
from autumn_mock.operations.errors import ApiError
from autumn_mock.wire.requests.multi_attach import MultiAttach
from autumn_mock.wire.requests.schedules import CreateSchedule
from autumn_mock.wire.schema import parse
from tests.operations.billing.test_purchases import ALREADY
from tests.operations.purchases import MONTH, PurchaseWorld
from tests.support.world import NOW, monthly, priced

PACKS = priced(0, "words", "prepaid", amount=10, billing_units=100)
OWN_PRICE = {"customize": {"price": {"amount": 35, **MONTH}}}


def several(world: PurchaseWorld) -> Outcome:
    body = {"customer_id": "c", "plans": [{"plan_id": "premium"}, {"plan_id": "extra"}]}
    return multi_attach(world.call(), parse(MultiAttach, body, now_ms=world.now))


def phases(world: PurchaseWorld) -> Outcome:
    listed = [("now", "premium"), (add_months(NOW, 1), "annual")]
    body = {"customer_id": "c", "phases": [{"starts_at": at, "plans": [{"plan_id": each}]} for at, each in listed]}
    return create_schedule(world.call(), parse(CreateSchedule, body, now_ms=world.now)).outcome


#: Changes of the plan, each of which waits for a payment or a confirmation.
CHANGES: dict[str, Callable[[PurchaseWorld], Outcome]] = {
    "upgrade": lambda world: world.buy("premium"),
    "upgrade to a year": lambda world: world.buy("annual"),
    "upgrade by an invoice": lambda world: world.buy("annual", invoice_mode={"enabled": True}),
    "upgrade by a draft": lambda world: world.buy("premium", invoice_mode={"enabled": True, "finalize": False}),
    "upgrade on a page": lambda world: world.buy("premium", redirect_mode="always"),
    "price": lambda world: world.change("pro", **OWN_PRICE),
    "several plans": several,
    "phases": phases,
}

#: Each with each, itself too.
PAIRS = list(product(CHANGES, CHANGES))


@pytest.fixture
def world() -> PurchaseWorld:
    world = PurchaseWorld()
    world.plan("packs", monthly(100), PACKS, group="main", price={"amount": 20, **MONTH})
    world.entity("e1")
    world.card()
    world.buy("pro")
    world.card("declines")
    return world


def pays(world: PurchaseWorld, outcome: Outcome) -> bool:
    """Whether something that was asked for can be paid now, and is."""
    with suppress(ApiError):
        world.pay(outcome)
        return True
    return False


def costs(world: PurchaseWorld) -> float:
    """What the plans of the customer cost that are not scheduled."""
    held = [each for each in world.attached() if each.status == "active"]
    return float(sum((each.plan.price.amount for each in held if each.plan.price is not None), ZERO))


def spent(world: PurchaseWorld) -> float:
    """What the customer has paid, without the credit that is left."""
    paid = sum((each.amount_paid for each in world.environment.invoices), ZERO)
    return float(paid - world.account().customer.credit)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["first", "second"])
@pytest.mark.parametrize(("one", "other"), PAIRS, ids=str)
def test_of_two_changes_one_is_paid(world: PurchaseWorld, one: str, other: str, order: tuple[int, int]) -> None:
    asked = [CHANGES[each](world) for each in (one, other)]
    world.card()
    paid = [pays(world, asked[each]) for each in order]
    #: A page charges what is due when it is confirmed, here after another price was paid: two changes, each in full.
    follows = (one, other, order) == ("upgrade on a page", "price", (1, 0))
    assert sum(paid) == (2 if follows else 1)
    assert spent(world) == costs(world)
    for each in asked:
        assert not pays(world, each)
    assert not any(each.is_payable for each in world.environment.invoices)


@pytest.mark.parametrize("kind", ["upgrade", "price", "several plans", "phases"])
def test_a_request_again_with_another_card_is_charged_and_ends_the_first(world: PurchaseWorld, kind: str) -> None:
    first = CHANGES[kind](world)
    world.card()
    again = CHANGES[kind](world)
    assert again.refusal is None
    assert not pays(world, first)
    assert [status for status, _ in world.invoices()] == ["paid", "void", "paid"]
    assert spent(world) == costs(world)


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize(
    "direct", [{"cancel_action": "cancel_immediately"}, {"cancel_action": "cancel_end_of_cycle"}, OWN_PRICE], ids=str
)
def test_a_change_that_is_made_ends_one_that_waits(world: PurchaseWorld, kind: str, direct: dict[str, Any]) -> None:
    waiting = CHANGES[kind](world)
    world.card()
    world.change("pro", **direct)
    paid = pays(world, waiting)
    assert paid is (kind == "upgrade on a page")
    assert spent(world) == costs(world)


@pytest.mark.parametrize("kind", ["upgrade", "price", "several plans", "phases"])
def test_while_one_is_being_paid_another_is_refused(world: PurchaseWorld, kind: str) -> None:
    first = world.buy("premium")
    assert first.invoice is not None
    settlement.pay_invoice(world.call(), first.invoice.id, settle_later=True)
    with world.refused(423, "lock_already_exists", *ALREADY):
        CHANGES[kind](world)
    world.card()
    world.buy("extra")  # another plan is independent
    settlement.settle_invoice(world.call(), first.invoice.id)
    assert world.plans() == {"premium": "active", "extra": "active"}
    assert spent(world) == costs(world)


def test_a_charge_that_is_processed_is_not_made_twice(world: PurchaseWorld) -> None:
    world.card()
    world.problem = processing(MINUTE)
    world.buy("premium")
    world.problem = None
    with world.refused(423, "lock_already_exists", *ALREADY):
        world.buy("annual")
    world.now += MINUTE
    assert (world.plans(), spent(world)) == ({"premium": "active"}, 50)


def test_plans_of_other_places_wait_on_their_own(world: PurchaseWorld) -> None:
    """Of another entity, an add-on, a purchase, twice: each is paid for itself."""
    asked = [
        world.buy("premium"),
        world.buy("pro", entity_id="e1"),
        *(world.buy(plan_id) for plan_id in ("extra", "once", "once")),
    ]
    assert all(pays(world, each) for each in reversed(asked))
    assert [total for status, total in world.invoices() if status == "paid"] == [20, 30, 20, 20, 10, 10]


def test_quantities_wait_one_at_a_time(world: PurchaseWorld) -> None:
    def more(units: float) -> Outcome:
        return world.change("packs", feature_quantities=[{"feature_id": "words", "quantity": units}])

    world.card()
    world.buy("packs", feature_quantities=[{"feature_id": "words", "quantity": 100}])
    world.card("declines")
    first, second = more(200), more(400)
    assert (pays(world, first), pays(world, second)) == (False, True)
    assert (world.remaining("words"), world.invoices()[-1]) == (400, ("paid", 30))


def test_a_void_change_gives_its_credit_to_the_one_that_replaces_it(world: PurchaseWorld) -> None:
    world.card()
    world.buy("extra")
    world.change("extra", cancel_action="cancel_immediately")
    world.card("declines")
    first, second = world.buy("premium"), world.buy("annual")
    assert [each.invoice.credit_applied for each in (first, second) if each.invoice is not None] == [20, 20]
    assert (pays(world, first), pays(world, second)) == (False, True)
    assert (spent(world), costs(world)) == (200, 200)
