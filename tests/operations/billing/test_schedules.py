"""billing.create_schedule: plans in phases that follow each other."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.ledger.intervals import DAY, HOUR, MINUTE, add_months
from autumn_mock.operations.billing.schedules import Schedule, create_schedule
from autumn_mock.wire.requests.schedules import CreateSchedule
from autumn_mock.wire.schema import ValidationFailed, parse
from tests.operations.billing.test_purchases import need
from tests.operations.purchases import PurchaseWorld
from tests.support.world import NOW

END = add_months(NOW, 1)
TWO = add_months(NOW, 2)


@pytest.fixture
def world() -> PurchaseWorld:
    world = PurchaseWorld()
    world.card()
    return world


def phase(starts: Any, *plans: Any, **fields: Any) -> dict[str, Any]:
    """A phase at an instant, or months after the one before it."""
    listed = [{"plan_id": each} if isinstance(each, str) else each for each in plans]
    begins = {"starts_at": starts} if starts == "now" or starts > 100 else _after(starts)
    return {"plans": listed, **begins, **fields}


def _after(months: int) -> dict[str, Any]:
    return {"starting_after": {"duration_type": "month", "duration_count": months}}


def schedule(world: PurchaseWorld, *phases: dict[str, Any], **fields: Any) -> Schedule:
    body = {"customer_id": "c", "phases": list(phases), **fields}
    return create_schedule(world.call(), parse(CreateSchedule, body, now_ms=world.now))


def test_phases_follow_each_other(world: PurchaseWorld) -> None:
    made = schedule(world, phase("now", "pro", "extra"), phase(1, "premium"), phase(TWO, "free"))
    assert made.id is not None
    assert need(made.outcome) == "invoice paid 40.00"
    assert [each.starts_at for each in made.phases] == [NOW, END, TWO]
    assert [[each.plan_id for each in one.attached] for one in made.phases] == [["pro", "extra"], ["premium"], ["free"]]
    assert world.webhooks() == [
        "activated pro",
        "activated extra",
        "scheduled premium",
        "scheduled free",
        "new: pro",
        "new: extra",
    ]
    held = {each.plan_id: (each.status, each.started_at, each.expires_at) for each in world.attached()}
    assert held == {
        "pro": ("active", NOW, END),
        "extra": ("active", NOW, END),
        "premium": ("scheduled", END, TWO),
        "free": ("scheduled", TWO, None),
    }
    world.now = END
    assert (world.plans(), world.invoices()[1:]) == ({"premium": "active", "free": "scheduled"}, [("paid", 50)])
    world.now = TWO
    assert (world.plans(), len(world.invoices())) == ({"free": "active"}, 2)
    assert [each.status for each in world.environment.subscriptions] == ["canceled"]


@pytest.mark.parametrize(("card", "asked"), [(None, "subscription"), ("declines", "payment_failed")])
def test_a_schedule_waits_for_the_payment_of_its_first_phase(world: PurchaseWorld, card: Any, asked: str) -> None:
    world.card(card)
    made = schedule(world, phase("now", "pro"), phase(END, "premium"))
    assert (made.id, made.phases, need(made.outcome), world.plans()) == (None, (), asked, {})
    world.now += MINUTE
    world.pay(made.outcome)
    assert world.plans() == {"pro": "active", "premium": "scheduled"}
    world.now = END
    assert (world.plans(), world.invoices()[0]) == ({"premium": "active"}, ("paid", 20))


def test_a_phase_within_a_cycle_is_prorated(world: PurchaseWorld) -> None:
    schedule(world, phase("now", "pro"), phase(NOW + (END - NOW) // 2, "premium"))
    world.now = NOW + (END - NOW) // 2
    assert (world.plans(), world.invoices()) == ({"premium": "active"}, [("paid", 20), ("paid", 15)])


@pytest.mark.parametrize(
    ("asked", "begins"),
    [
        ([END - 11 * HOUR], [END]),
        ([END + 12 * HOUR], [END]),
        ([END - 13 * HOUR], [END - 13 * HOUR]),
        ([END - 2 * HOUR, END - HOUR], [END - 2 * HOUR, END]),
        ([END - 2 * HOUR, END + HOUR], [END, END + HOUR]),
    ],
)
def test_a_phase_near_the_end_of_a_cycle_begins_there(
    world: PurchaseWorld, asked: list[int], begins: list[int]
) -> None:
    world.buy("pro")
    later = [phase(at, plan_id) for at, plan_id in zip(asked, ("premium", "annual"), strict=False)]
    made = schedule(world, phase("now", "pro"), *later)
    assert [each.starts_at for each in made.phases[1:]] == begins


def test_a_phase_may_begin_the_cycles_anew(world: PurchaseWorld) -> None:
    half = NOW + (END - NOW) // 2
    schedule(world, phase("now", "pro"), phase(half, "premium", billing_cycle_anchor="phase_start"))
    world.now = half
    assert (world.plans(), world.invoices()) == ({"premium": "active"}, [("paid", 20), ("paid", 40)])
    (seen,) = world.seen()["subscriptions"]
    assert (seen["current_period_start"], seen["current_period_end"]) == (half, add_months(half, 1))


def test_the_present_plan_stays_and_other_plans_too(world: PurchaseWorld) -> None:
    world.buy("pro")
    world.buy("extra")
    world.change("pro", cancel_action="cancel_end_of_cycle")
    made = schedule(world, phase("now", "pro"), phase(END, "premium"))
    assert (need(made.outcome), world.invoices()) == ("nothing", [("paid", 20), ("paid", 20)])
    assert world.plans() == {"pro": "active", "extra": "active", "premium": "scheduled"}
    world.now = END
    assert (world.plans(), world.invoices()[2:]) == ({"extra": "active", "premium": "active"}, [("paid", 70)])


def test_a_new_schedule_replaces_the_old_one(world: PurchaseWorld) -> None:
    schedule(world, phase("now", "pro"), phase(END, "premium"))
    schedule(world, phase("now", "pro"), phase(TWO, "annual"))
    held = {each.plan_id: (each.status, each.expires_at) for each in world.attached()}
    assert held == {"pro": ("active", TWO), "annual": ("scheduled", None)}


def test_unscheduled_plans_do_not_end(world: PurchaseWorld) -> None:
    schedule(world, phase("now", "pro"), phase(END, "premium"), unscheduled_plans=[{"plan_id": "extra"}])
    world.now = END
    assert (world.plans(), world.invoices()) == ({"extra": "active", "premium": "active"}, [("paid", 40), ("paid", 70)])


def test_a_plan_that_no_phase_names_ends_for_one_of_its_group(world: PurchaseWorld) -> None:
    world.buy("pro")
    schedule(world, phase("now", "extra"), phase(END, "premium"))
    assert world.plans() == {"pro": "canceling", "extra": "active", "premium": "scheduled"}
    world.now = END
    assert world.plans() == {"premium": "active"}


def test_what_follows_a_free_phase_is_billed_when_it_begins(world: PurchaseWorld) -> None:
    schedule(world, phase("now", "free"), phase(NOW + 5 * DAY, "pro"))
    assert (world.plans(), world.invoices()) == ({"free": "active", "pro": "scheduled"}, [])
    world.now += 5 * DAY
    assert (world.plans(), world.invoices()) == ({"pro": "active"}, [("paid", 20)])


def test_phases_of_an_entity(world: PurchaseWorld) -> None:
    world.entity("e1")
    made = schedule(world, phase("now", "pro"), phase(END, {"plan_id": "premium"}), entity_id="e1")
    assert made.outcome.entity_id == "e1"
    assert {each.entity_id for each in world.attached()} == {"e1"}


PRO, PREMIUM = phase("now", "pro"), phase(END, "premium")


@pytest.mark.parametrize(
    ("phases", "fields", "message"),
    [
        ([phase(1, "pro")], {}, "starting_after cannot be used on the first phase"),
        ([PRO, phase("now", "premium")], {}, "starts_at: 'now' can only be used on the first phase"),
        ([PRO, PREMIUM, phase(END, "free")], {}, "Phase starts_at values must be strictly increasing"),
        ([phase(NOW + DAY, "pro")], {}, "The first phase must start immediately"),
        (
            [PRO],
            {"free_trial": {"duration_length": 3, "on_end": "revert"}},
            "Cannot use on_end: 'revert' with create_schedule.",
        ),
        (
            [PRO, phase(END, "premium", "annual")],
            {},
            "Plans 'premium' and 'annual' cannot be attached together: only one main plan of a group can be active. "
            "Attach one of them, or give them different groups.",
        ),
        ([PRO, phase(END, "once")], {}, "phases.1: a plan that is paid once can only be in the first phase here"),
        (
            [PRO, PREMIUM, phase(TWO, "annual", billing_cycle_anchor="phase_start")],
            {},
            "phases.2: billing_cycle_anchor is emulated for the second phase only",
        ),
    ],
)
def test_refusals(world: PurchaseWorld, phases: list[Any], fields: dict[str, Any], message: str) -> None:
    with world.refused(400, "invalid_request", message):
        schedule(world, *phases, **fields)


@pytest.mark.parametrize("begins", [{}, {"starts_at": "now", **_after(1)}])
def test_a_phase_begins_once(world: PurchaseWorld, begins: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed, match="Each phase must include exactly one of starts_at or starting_after"):
        schedule(world, {"plans": [{"plan_id": "pro"}], **begins})
