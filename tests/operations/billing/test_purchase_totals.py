"""Totals of invoices over random orders of changes, and what holds for invoices, credits and plans at any time."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from autumn_mock.domain.amount import ZERO
from autumn_mock.domain.payment import DECLINED, processing
from autumn_mock.ledger.intervals import DAY, HOUR, MINUTE
from autumn_mock.operations.billing import confirmations, settlement
from autumn_mock.operations.billing.multi_attach import multi_attach
from autumn_mock.operations.billing.schedules import create_schedule
from autumn_mock.operations.errors import ApiError
from autumn_mock.wire.requests.checkouts import ConfirmCheckout
from autumn_mock.wire.requests.multi_attach import MultiAttach
from autumn_mock.wire.requests.schedules import CreateSchedule
from autumn_mock.wire.schema import ValidationFailed, parse
from tests.operations.purchases import MONTH, PRICES, PurchaseWorld
from tests.support.effort import examples
from tests.support.world import priced

COSTS = {"pro": 20, "premium": 50, "annual": 200}
SCOPES: tuple[dict[str, Any], ...] = ({}, {}, {"entity_id": "e0"}, {"entity_id": "e1"})


def new_world() -> PurchaseWorld:
    world = PurchaseWorld()
    world.plan("packs", priced(0, method="prepaid"), group="main", price={"amount": 5, **MONTH})
    for entity_id in ("e0", "e1"):
        world.entity(entity_id)
    world.card()
    return world


@pytest.mark.parametrize("seed", range(examples(100)))
def test_switches_within_an_instant_cost_what_the_last_plans_cost(seed: int) -> None:
    """Whatever the order, upgrades or downgrades: credits and charges add up, for the customer and its entities."""
    world, chance = new_world(), random.Random(seed)
    held: dict[str | None, str] = {}
    for _ in range(chance.randint(2, 8)):
        scope, plan_id = chance.choice(SCOPES), chance.choice(list(COSTS))
        if held.get(scope.get("entity_id")) != plan_id:
            world.buy(plan_id, plan_schedule="immediate", **scope)
            held[scope.get("entity_id")] = plan_id
    invoices = list(world.environment.invoices)
    assert sum((each.total for each in invoices), ZERO) == sum(COSTS[each] for each in held.values())
    paid = sum((each.amount_paid for each in invoices), ZERO)
    assert paid - world.account().customer.credit == sum(COSTS[each] for each in held.values())


def _buy(world: PurchaseWorld, chance: random.Random) -> None:
    further: list[dict[str, Any]] = [
        {"plan_schedule": "immediate"},
        {"plan_schedule": "end_of_cycle"},
        {"redirect_mode": "always"},
        {"redirect_mode": "never"},
        {"enable_plan_immediately": True},
        {"invoice_mode": {"enabled": True}},
        {"invoice_mode": {"enabled": True, "finalize": False, "enable_plan_immediately": True}},
        {"billing_cycle_anchor": "now"},
        {"billing_cycle_anchor": world.now + 5 * DAY},
        {"proration_behavior": "none"},
        {"new_billing_subscription": True},
    ]
    fields = chance.choice([*further, *[{}] * 11])
    plan_id = chance.choice([*PRICES, "packs"])
    quantities = [{"feature_id": "messages", "quantity": chance.choice([0, 1, 5])}] if plan_id == "packs" else None
    fields = fields if quantities is None else {**fields, "feature_quantities": quantities}
    world.buy(plan_id, **fields, **chance.choice(SCOPES))


def _change(world: PurchaseWorld, chance: random.Random) -> None:
    fields: list[dict[str, Any]] = [
        {"customize": {"price": {"amount": 33, **MONTH}}},
        {"free_trial": None},
        {"free_trial": {"duration_length": 3, "duration_type": "day"}},
        {"feature_quantities": [{"feature_id": "messages", "quantity": 3}]},
        {"billing_cycle_anchor": "now"},
        {"billing_cycle_anchor": world.now + 3 * DAY},
        {"cancel_action": "cancel_end_of_cycle"},
        {"cancel_action": "cancel_immediately"},
        {"cancel_action": "cancel_immediately", "refund_last_payment": "prorated"},
        {"cancel_action": "uncancel"},
    ]
    held = [each.plan_id for each in world.attached()] or ["pro"]
    world.change(chance.choice(held), **chance.choice(fields), **chance.choice(SCOPES))


def _several(world: PurchaseWorld, chance: random.Random) -> None:
    plans = [{"plan_id": each} for each in chance.sample([*PRICES], 2)]
    multi_attach(world.call(), parse(MultiAttach, {"customer_id": "c", "plans": plans}, now_ms=world.now))


def _schedule(world: PurchaseWorld, chance: random.Random) -> None:
    phases: list[dict[str, Any]] = [{"starts_at": "now", "plans": [{"plan_id": chance.choice([*PRICES])}]}]
    for _ in range(chance.randint(1, 2)):
        after = {"duration_type": "month", "duration_count": chance.choice([1, 1, 2])}
        phases.append({"starting_after": after, "plans": [{"plan_id": chance.choice([*PRICES])}]})
    if chance.random() < 0.3:
        phases[1]["billing_cycle_anchor"] = "phase_start"
    body = {"customer_id": "c", "phases": phases, **chance.choice(SCOPES)}
    create_schedule(world.call(), parse(CreateSchedule, body, now_ms=world.now))


def _pay(world: PurchaseWorld, chance: random.Random) -> None:
    pages = [*world.environment.checkouts, *world.environment.invoices]
    if pages:
        page, later = chance.choice(pages), chance.random() < 0.3
        pay: Callable[..., Any] = settlement.complete if hasattr(page, "mode") else settlement.pay_invoice
        pay(world.call(), page.id, chance.choice(["pay", "pay", "3ds", "decline"]), settle_later=later)


def _settle(world: PurchaseWorld, chance: random.Random) -> None:
    pages = [*world.environment.checkouts, *world.environment.invoices]
    if pages:
        page = chance.choice(pages)
        settle: Callable[..., Any] = settlement.settle if hasattr(page, "mode") else settlement.settle_invoice
        settle(world.call(), page.id)


def _confirm(world: PurchaseWorld, chance: random.Random) -> None:
    pages = list(world.environment.checkouts)
    if pages:
        confirmations.confirm(world.call(), chance.choice(pages).id, ConfirmCheckout())


def _card(world: PurchaseWorld, chance: random.Random) -> None:
    world.card(chance.choice(["ok", "ok", "declines", "needs_3ds", None]))
    world.problem = chance.choice([None, None, DECLINED, processing(HOUR)])


def _wait(world: PurchaseWorld, chance: random.Random) -> None:
    world.now += chance.choice([5 * MINUTE, HOUR, DAY, 5 * DAY, 20 * DAY, 40 * DAY])


STEPS = [_buy, _buy, _buy, _change, _change, _several, _schedule, _pay, _pay, _settle, _confirm, _card, _wait, _wait]


def check(world: PurchaseWorld) -> None:
    """What holds at any time."""
    customer, invoices = world.account().customer, list(world.environment.invoices)
    given = sum((-each.total for each in invoices if each.status == "paid" and each.total < 0), ZERO)
    used = sum((each.credit_applied for each in invoices), ZERO)
    assert customer.credit == given - used
    assert customer.credit >= 0
    for each in invoices:
        assert each.total == sum((line.total for line in each.lines), ZERO)
        assert each.amount_paid == (each.due if each.status == "paid" else ZERO)
        if each.status in ("paid", "void"):
            assert (each.card, each.deferred, each.settles_at) == (None, None, None)
    waiting = [name for each in invoices if each.deferred is not None for name in each.deferred.changes]
    assert len(waiting) == len(set(waiting))  # of each plan one change at a time
    active = [each for each in world.attached() if each.plan.is_main and each.status == "active"]
    assert len(active) == len({(each.entity_id, each.plan.group) for each in active})
    going_on = {each.id for each in world.environment.subscriptions if each.status != "canceled"}
    assert {each.billed_by for each in world.attached()} <= {*going_on, None}


@pytest.mark.parametrize("seed", range(examples(100)))
def test_money_adds_up_at_any_time(seed: int) -> None:
    world, chance = new_world(), random.Random(seed)
    for _ in range(30):
        with suppress(ApiError, ValidationFailed):
            chance.choice(STEPS)(world, chance)
        check(world)
    world.now += 100 * DAY
    check(world)
