"""Purchases, cancellations, cards and usage with time between them: reads make no difference."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Any

import pytest

from autumn_mock.ledger.intervals import DAY
from autumn_mock.operations.errors import ApiError
from tests.operations.billing.test_renewals import Paying, state
from tests.support.effort import examples
from tests.support.world import priced

PLANS = ("pro", "premium", "annual", "trial", "carded", "free", "packs", "lenient")
CANCELLING = ("cancel_end_of_cycle", "cancel_immediately", "uncancel")


def world_of_plans() -> Paying:
    world = Paying()
    world.environment.payments = "accept"
    world.default()
    packs = priced(0, "words", "prepaid", amount=10, billing_units=100)
    world.plan("packs", packs, group="packs", price={"amount": 5, "interval": "month"})
    return world


def act(world: Paying, chance: random.Random) -> None:
    """Do something that a client or a customer may do; it may be refused."""
    kind = chance.random()
    with suppress(ApiError):
        if kind < 0.5:
            plan_id = chance.choice(PLANS)
            quantities = [{"feature_id": "words", "quantity": chance.choice([100, 300])}] if plan_id == "packs" else []
            world.attach(plan_id, no_billing_changes=False, feature_quantities=quantities)
        elif kind < 0.7:
            held = [each.plan_id for each in world.attached()]
            action = chance.choice(CANCELLING)
            world.update_billing(chance.choice(held or ["pro"]), cancel_action=action, no_billing_changes=False)
        elif kind < 0.75:
            held = [each.plan_id for each in world.attached()]
            anchor = world.now + chance.randrange(1, 50) * DAY
            world.update_billing(chance.choice(held or ["pro"]), billing_cycle_anchor=anchor, no_billing_changes=False)
        elif kind < 0.85:
            world.track(chance.choice([10, 150]))
        else:
            world.set_card(chance.choice(["ok", "declines", "none"]))


def played(seed: int, reads: int) -> Any:
    """The state after a sequence of steps, with reads at other instants between them."""
    world = world_of_plans()
    chance, instants = random.Random(seed), random.Random(seed + 1)
    for _ in range(8):
        act(world, chance)
        until = world.now + chance.randrange(1, 40 * DAY)
        for instant in sorted(instants.randrange(world.now, until) for _ in range(reads)):
            world.pass_to(instant)
        world.pass_to(until)
        for attached in world.attached():
            subscription = world.environment.subscriptions.get(attached.billed_by or "")
            assert attached.billed_by is None or (subscription is not None and subscription.status != "canceled")
    return state(world)


@pytest.mark.parametrize("seed", range(examples(60)))
def test_what_is_there_does_not_depend_on_when_it_is_read(seed: int) -> None:
    assert played(seed, 0) == played(seed, 3)
