"""Payments whose change is not possible any more when the service knows of them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from autumn_mock.domain.payment import processing
from autumn_mock.ledger.intervals import MINUTE
from autumn_mock.operations import settlement
from autumn_mock.operations.errors import ApiError
from autumn_mock.operations.purchases import Outcome
from tests.operations.purchases import PurchaseWorld


@pytest.fixture
def world() -> PurchaseWorld:
    return PurchaseWorld()


def declined(world: PurchaseWorld) -> Outcome:
    """A purchase whose invoice waits for its payment."""
    world.card("declines")
    bought = world.buy("once")
    assert bought.invoice is not None
    return bought


def remove_plan(world: PurchaseWorld, plan_id: str) -> None:
    plan = next(each for each in world.environment.plans.snapshot() if each.id == plan_id)
    with world.environment.write() as transaction:
        transaction.delete(plan)


@pytest.mark.parametrize("way", ["time", "settled"])
def test_a_payment_for_a_plan_that_is_gone_stands_and_says_why(world: PurchaseWorld, way: str) -> None:
    bought = declined(world)
    assert bought.invoice is not None
    world.problem = processing(MINUTE) if way == "time" else None
    settlement.pay_invoice(world.call(), bought.invoice.id, settle_later=way != "time")
    remove_plan(world, "once")
    world.now += 2 * MINUTE
    if way != "time":
        settlement.settle_invoice(world.call(), bought.invoice.id)
    world.buy("free")  # the customer can still be used
    invoice = next(iter(world.environment.invoices))
    assert (invoice.status, invoice.amount_paid, invoice.problem) == ("paid", Decimal(10), "Product once not found")
    assert world.plans() == {"free": "active"}


def test_an_invoice_for_a_plan_that_is_gone_is_not_paid(world: PurchaseWorld) -> None:
    bought = declined(world)
    assert bought.invoice is not None
    remove_plan(world, "once")
    with pytest.raises(ApiError, match="not found"):
        settlement.pay_invoice(world.call(), bought.invoice.id)
    assert world.invoices() == [("open", 10.0)]
