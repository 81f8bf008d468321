"""Subscriptions of paid plans that a trial replaces for its time (``on_end: revert``), and their webhooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from autumn_mock.ledger.intervals import DAY, add_months
from autumn_mock.operations.billing.payment_methods import set_payment_method
from autumn_mock.operations.billing.preview import preview_attach
from autumn_mock.wire.requests.billing import BillingAttach
from autumn_mock.wire.schema import parse
from tests.support.world import NOW, monthly, priced
from tests.wire.test_webhooks import Watched

MONTH = {"interval": "month"}


@pytest.fixture
def world() -> Watched:
    """A customer who pays for ``base`` and has used 30 of its 100 messages, and the trials of other plans."""
    world = Watched()
    world.plan("base", priced(100), group="r", price={"amount": 20, **MONTH})
    trial = {"duration_length": 7, "duration_type": "day", "card_required": False, "on_end": "revert"}
    world.plan("big", monthly(1000), group="r", price={"amount": 90, **MONTH}, free_trial=trial)
    world.plan("small", monthly(10), group="r", price={"amount": 5, **MONTH}, free_trial=trial)
    world.customer(auto_enable_plan_id="free_trial")
    world.update_billing("free_trial", cancel_action="cancel_immediately")
    set_payment_method(world.call(), "c", "ok")
    world.attach("base", no_billing_changes=False)
    world.track(30)
    world.sent.clear()
    return world


def seen(world: Watched) -> list[tuple[str, bool]]:
    return [(each.plan_id, each.trial_ends_at is not None) for each in world.attached()]


def invoices(world: Watched) -> list[float]:
    return [float(each.total) for each in world.environment.invoices]


@pytest.mark.parametrize(("plan_id", "grant"), [("big", 1000), ("small", 10)])
def test_the_trial_begins_at_once_and_costs_nothing(world: Watched, plan_id: str, grant: float) -> None:
    params = parse(BillingAttach, {"customer_id": "c", "plan_id": plan_id})
    assert preview_attach(world.call(), params).charges.lines == ()
    world.attach(plan_id, no_billing_changes=False)
    assert seen(world) == [(plan_id, True)]
    assert world.amounts() == (grant, grant, 0)
    assert invoices(world) == [20]
    assert world.updates() == [
        ([("activated", plan_id, None), ("expired", "base", ["expires_at", "status"])], []),
    ]


def cancel_now(world: Watched) -> None:
    world.update_billing("big", cancel_action="cancel_immediately", no_billing_changes=False)


def cancel_at_the_end(world: Watched) -> None:
    world.update_billing("big", cancel_action="cancel_end_of_cycle", no_billing_changes=False)
    world.pass_time(7 * DAY)


@pytest.mark.parametrize(
    ("end", "tags"),
    [
        (lambda world: world.pass_time(7 * DAY), ["trial_ended"]),
        (cancel_at_the_end, []),
        (cancel_now, []),
    ],
    ids=["time", "cancelled", "cancelled at once"],
)
def test_the_paused_plan_goes_on_with_its_balances(
    world: Watched, end: Callable[[Watched], Any], tags: list[str]
) -> None:
    world.attach("big", no_billing_changes=False)
    world.track(500)
    world.sent.clear()
    end(world)
    assert seen(world) == [("base", False)]
    assert world.amounts() == (100, 70, 30)
    changes, found = world.updates()[-1]
    assert {(action, name) for action, name, _ in changes} == {("activated", "base"), ("expired", "big")}
    assert found == tags


def test_the_paused_plan_renews_when_it_would_have(world: Watched) -> None:
    world.attach("big", no_billing_changes=False)
    world.pass_time(7 * DAY)
    world.now = add_months(NOW, 1)
    world.account()
    assert invoices(world) == [20, 20]
    assert world.amounts() == (100, 100, 0)


def test_a_renewal_during_the_trial_is_left_out(world: Watched) -> None:
    world.now = add_months(NOW, 1) - DAY
    world.attach("big", no_billing_changes=False)
    world.pass_time(7 * DAY)
    assert invoices(world) == [20]
    world.now = add_months(NOW, 2)
    world.account()
    assert invoices(world) == [20, 20]


def test_another_plan_ends_the_paused_one(world: Watched) -> None:
    world.attach("big", no_billing_changes=False)
    world.attach("base", no_billing_changes=False, plan_schedule="immediate")
    world.pass_time(8 * DAY)
    assert seen(world) == [("base", False)]
    assert [each.status for each in world.environment.subscriptions] == ["canceled", "active"]
