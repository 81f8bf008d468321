"""Payments whose change is not possible any more when the service knows of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from autumn_mock.domain.payment import processing
from autumn_mock.ledger.intervals import DAY, MINUTE
from autumn_mock.operations.billing import invoicing, settlement
from autumn_mock.operations.billing.multi_attach import multi_attach
from autumn_mock.operations.billing.purchases import Outcome
from autumn_mock.operations.errors import ApiError
from autumn_mock.wire.requests.multi_attach import MultiAttach
from autumn_mock.wire.schema import parse
from tests.operations.purchases import PurchaseWorld
from tests.support.world import monthly


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
    assert (invoice.status, invoice.amount_paid) == ("paid", Decimal(10))
    assert invoice.problem == "Product once (version 1) not found"
    assert world.plans() == {"free": "active"}


WAYS_TO_SETTLE = ["checkout", "invoice"]


@pytest.mark.parametrize("way", WAYS_TO_SETTLE)
def test_a_change_that_fails_half_way_changes_nothing(world: PurchaseWorld, way: str) -> None:
    """The first plan can be attached, the second cannot: its feature is gone."""
    world.plan("worded", monthly(5, "words"), add_on=True, price={"amount": 5, "interval": "month"})
    world.card("declines" if way == "invoice" else None)
    body = {"customer_id": "c", "plans": [{"plan_id": "extra"}, {"plan_id": "worded"}]}
    bought = multi_attach(world.call(), parse(MultiAttach, body, now_ms=world.now))
    if bought.checkout is not None:
        settlement.complete(world.call(), bought.checkout.id, "pay", settle_later=True)
    elif bought.invoice is not None:
        settlement.pay_invoice(world.call(), bought.invoice.id, settle_later=True)
    with world.environment.write() as transaction:
        transaction.delete(world.environment.features.by_key["words"])
    before = world.snapshot()
    if bought.checkout is not None:
        problem = settlement.settle(world.call(), bought.checkout.id).problem
    else:
        assert bought.invoice is not None
        problem = settlement.settle_invoice(world.call(), bought.invoice.id).problem
    assert problem == "Feature words not found"
    after = world.snapshot()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"customers", "checkouts" if way == "checkout" else "invoices"}
    assert world.account().customer.card is not None
    kept = world.disk.kept[-1]
    assert set(kept.put) == changed
    assert not any(kept.delete.values())


def test_a_change_that_fails_after_the_old_plan_has_ended_leaves_it_in_its_place(world: PurchaseWorld) -> None:
    """The order of answers is that of the plans: what was ended and comes back is not moved to the end."""
    world.plan("worded", monthly(5, "words"), group="main", price={"amount": 80, "interval": "month"})
    world.card()
    for each in ("pro", "extra"):
        world.buy(each)
    world.card("declines")
    bought = world.buy("worded")
    assert bought.invoice is not None
    settlement.pay_invoice(world.call(), bought.invoice.id, settle_later=True)
    with world.environment.write() as transaction:
        transaction.delete(world.environment.features.by_key["words"])
    assert settlement.settle_invoice(world.call(), bought.invoice.id).problem == "Feature words not found"
    assert [each.plan_id for each in world.attached()] == ["pro", "extra"]
    assert list(world.plans()) == ["pro", "extra"]


def test_a_void_invoice_is_not_settled(world: PurchaseWorld) -> None:
    """It was paid on its page, and voided before the service knew of the payment: that is not taken."""
    bought = declined(world)
    assert bought.invoice is not None
    world.problem = processing(MINUTE)
    settlement.pay_invoice(world.call(), bought.invoice.id)
    with world.environment.write() as transaction:
        voided = invoicing.void(world.call(), transaction, invoicing.find_invoice(world.environment, bought.invoice.id))
    assert (voided.status, voided.card, voided.settles_at) == ("void", None, None)
    with pytest.raises(ApiError, match="has nothing to settle"):
        settlement.settle_invoice(world.call(), bought.invoice.id)
    world.now += 2 * MINUTE
    assert (world.plans(), world.invoices()) == ({}, [("void", 10.0)])


def test_a_payment_on_file_of_a_void_invoice_is_ignored(world: PurchaseWorld) -> None:
    """Data of an older version may have it."""
    bought = declined(world)
    assert bought.invoice is not None
    card = world.account().customer.card
    old = replace(bought.invoice, status="void", card=card, settles_at=world.now + MINUTE)
    with world.environment.write() as transaction:
        transaction.put(old)
    world.buy("pro", redirect_mode="always")  # something that time changes
    world.now += 2 * DAY
    assert (world.plans(), world.invoices()) == ({}, [("void", 10.0)])
    with pytest.raises(ApiError, match="has nothing to settle"):
        settlement.settle_invoice(world.call(), bought.invoice.id)
    with pytest.raises(ApiError, match="is void and cannot be paid"):
        settlement.pay_invoice(world.call(), bought.invoice.id)


def test_a_renewal_that_is_being_paid_is_not_charged_again(world: PurchaseWorld) -> None:
    world.card()
    world.buy("pro")
    world.card("declines")
    world.now += 32 * DAY
    assert world.plans() == {"pro": "past_due"}
    world.card("ok")
    renewal = list(world.environment.invoices)[-1]
    settlement.pay_invoice(world.call(), renewal.id, settle_later=True)
    world.charged.clear()
    world.now += 10 * DAY
    assert world.plans() == {"pro": "past_due"}
    assert world.charged == []
    settlement.settle_invoice(world.call(), renewal.id)
    assert world.plans() == {"pro": "active"}


@pytest.mark.parametrize("mode", ["page", "accept"])
def test_a_charge_that_is_processed_succeeds_later(world: PurchaseWorld, mode: Any) -> None:
    world.environment.payments = mode
    if mode == "page":
        world.card()
    saved = world.account().customer.card
    world.problem = processing(MINUTE)
    bought = world.buy("pro")
    assert bought.refusal is not None
    assert bought.refusal.action == "payment_processing"
    assert (world.plans(), world.invoices()) == ({}, [("open", 20.0)])
    assert bought.invoice is not None
    with pytest.raises(ApiError, match="which is being processed"):
        settlement.pay_invoice(world.call(), bought.invoice.id)
    world.now += MINUTE
    assert (world.plans(), world.invoices()) == ({"pro": "active"}, [("paid", 20.0)])
    assert world.account().customer.card == saved


def test_each_purchase_has_an_invoice_of_its_own(world: PurchaseWorld) -> None:
    """What is paid once can be bought again, so two calls are two purchases, each with an invoice to be paid."""
    first, second = declined(world), declined(world)
    assert world.invoices() == [("open", 10.0), ("open", 10.0)]
    for bought in (second, first):
        assert bought.invoice is not None
        settlement.pay_invoice(world.call(), bought.invoice.id)
    assert world.invoices() == [("paid", 10.0), ("paid", 10.0)]
    assert [each.plan_id for each in world.attached()] == ["once", "once"]


def test_an_invoice_for_a_plan_that_is_gone_is_not_paid(world: PurchaseWorld) -> None:
    bought = declined(world)
    assert bought.invoice is not None
    remove_plan(world, "once")
    with pytest.raises(ApiError, match="not found"):
        settlement.pay_invoice(world.call(), bought.invoice.id)
    assert world.invoices() == [("open", 10.0)]
