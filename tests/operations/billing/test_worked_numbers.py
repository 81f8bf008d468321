"""The worked numbers of purchases, each by the calls themselves: the preview, the invoice, what is left.

Plans and prices are those of the real service's own tests: pro 20, premium 50 a month, pro a year 200; messages 0.10
each, words 0.05 each, packs of 100 for 10.
"""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.ledger.intervals import DAY, add_months
from autumn_mock.operations.billing import rewards
from autumn_mock.operations.billing.preview import Preview, preview_attach, preview_update
from autumn_mock.wire.requests.billing import BillingAttach, BillingUpdate
from autumn_mock.wire.requests.rewards import RewardsCreate
from autumn_mock.wire.schema import parse
from tests.operations.purchases import MONTH, PurchaseWorld
from tests.support.world import NOW, monthly, priced

END, HALFWAY = add_months(NOW, 1), NOW + 31 * DAY // 2
PACKS: dict[str, Any] = {"amount": 10, "interval": "month", "billing_units": 100, "billing_method": "prepaid"}
ONCE_PACKS = {**PACKS, "interval": "one_off"}
TIERS = {"interval": "month", "billing_units": 100, "billing_method": "prepaid"}
TIERS = {**TIERS, "tiers": [{"to": 500, "amount": 10}, {"to": "inf", "amount": 5}]}
TWO_WEEKS = {"duration_length": 14, "duration_type": "day", "card_required": True}
Plan = tuple[list[dict[str, Any]], dict[str, Any]]


def month(amount: float) -> dict[str, Any]:
    return {"price": {"amount": amount, **MONTH}}


def packs(**price: Any) -> dict[str, Any]:
    return {"feature_id": "messages", "price": {**PACKS, **price}}


USE = [priced(0, amount=0.1), priced(0, "words", amount=0.05)]
#: Items and fields by plan; all are main plans of one group unless they say otherwise.
PLANS: dict[str, Plan] = {
    "once_packs": ([{"feature_id": "messages", "price": ONCE_PACKS}], {"price": {"amount": 10, "interval": "one_off"}}),
    "once_included": (
        [{"feature_id": "messages", "included": 100, "price": ONCE_PACKS}],
        {"price": {"amount": 10, "interval": "one_off"}},
    ),
    "pro_packs": ([packs()], month(20)),
    "premium_packs": ([packs()], month(50)),
    "premium_small": ([packs(billing_units=50)], month(50)),
    "volume": ([{"feature_id": "messages", "price": {**TIERS, "tier_behavior": "volume"}}], {}),
    "graduated": ([{"feature_id": "messages", "price": {**TIERS, "tier_behavior": "graduated"}}], {}),
    "pro_used": (USE, month(20)),
    "boxes": ([packs(amount=8, billing_units=12)], {}),
    "thirty": ([], {**month(30), "group": "side"}),
    "fifty": ([], {**month(50), "add_on": True}),
    "large": ([monthly(500)], month(60)),
    "two_hundred": ([monthly(200)], month(60)),
    "thirty_included": ([monthly(30)], month(60)),
    "trying": ([monthly(100)], {**month(50), "free_trial": TWO_WEEKS}),
    "trying_pro": ([monthly(100)], {**month(20), "free_trial": TWO_WEEKS}),
    "trying_extra": ([monthly(100)], {**month(20), "add_on": True, "free_trial": TWO_WEEKS}),
    "trying_once": ([{"feature_id": "messages", "price": ONCE_PACKS}], {**month(20), "free_trial": TWO_WEEKS}),
}

#: Percent, or, below zero, an amount.
COUPONS = {"ten": 10, "twenty": 20, "thirty": 30, "five_off": -5, "two_off": -2}


@pytest.fixture
def world() -> PurchaseWorld:
    world = PurchaseWorld()
    for name, (items, fields) in PLANS.items():
        world.plan(name, *items, **{"group": "main", **fields})
    for reward_id, value in COUPONS.items():
        kind = "percentage_discount" if value > 0 else "fixed_discount"
        coupon = {"id": reward_id, "name": reward_id, "type": kind, "value": abs(value), "promo_codes": []}
        body = {"coupon": {**coupon, "duration": {"type": "forever"}}}
        rewards.create(world.call(), parse(RewardsCreate, body))
    world.entity("e1")
    world.card()
    return world


def quantity(units: float) -> dict[str, Any]:
    return {"feature_quantities": [{"feature_id": "messages", "quantity": units}]}


def preview(world: PurchaseWorld, plan_id: str, **fields: Any) -> Preview:
    body = {"customer_id": "c", "plan_id": plan_id, **fields}
    return preview_attach(world.call(), parse(BillingAttach, body, now_ms=world.now))


def preview_change(world: PurchaseWorld, plan_id: str, **fields: Any) -> Preview:
    body = {"customer_id": "c", "plan_id": plan_id, **fields}
    return preview_update(world.call(), parse(BillingUpdate, body, now_ms=world.now))


def next_of(shown: Preview) -> tuple[int, float] | None:
    """When the next cycle begins, and what it costs."""
    return None if shown.next_cycle is None else (shown.next_cycle.starts_at, float(shown.next_cycle.total))


def invoiced(world: PurchaseWorld, known: int) -> float | None:
    """The total of the one invoice that is new; None: there is none."""
    made = world.invoices()[known:]
    assert len(made) <= 1
    return made[0][1] if made else None


Before = list[tuple[str, dict[str, Any]]]
PRO: Before = [("pro", {})]


def give(*reward_ids: str) -> dict[str, Any]:
    return {"discounts": [{"reward_id": each} for each in reward_ids]}


@pytest.mark.parametrize(
    ("before", "at", "plan_id", "fields", "due"),
    [
        # what a subscription, or a purchase, costs
        ([], NOW, "pro", {}, 20),
        ([], NOW, "once_packs", quantity(100), 20),
        ([], NOW, "once_packs", quantity(500), 60),
        ([], NOW, "once_included", quantity(300), 30),
        ([], NOW, "pro_packs", quantity(300), 50),
        ([], NOW, "volume", quantity(300), 30),
        ([], NOW, "volume", quantity(500), 50),
        ([], NOW, "volume", quantity(600), 30),
        ([], NOW, "volume", quantity(800), 40),
        ([], NOW, "volume", quantity(1000), 50),
        ([], NOW, "graduated", quantity(800), 65),
        # switches
        (PRO, NOW, "premium", {}, 30),
        (PRO, HALFWAY, "premium", {}, 15),
        (PRO, NOW, "annual", {}, 180),
        ([("pro_packs", quantity(200))], NOW, "premium_packs", quantity(500), 60),
        ([("pro_packs", quantity(500))], NOW, "premium_packs", quantity(200), 0),
        ([("pro_packs", quantity(200))], NOW, "premium_small", quantity(200), 50),
        ([("annual", {})], NOW, "premium", {}, -150),
        ([("premium", {})], NOW, "pro", {"plan_schedule": "immediate"}, -30),
        (PRO, NOW, "free", {"plan_schedule": "immediate"}, -20),
        ([("thirty", {})], NOW, "fifty", {"remove_plan_ids": ["thirty"]}, 20),
        ([("thirty", {})], HALFWAY, "fifty", {"remove_plan_ids": ["thirty"]}, 10),
        (PRO, HALFWAY, "premium", {"proration_behavior": "none"}, None),
        (PRO, HALFWAY, "premium", {"proration_behavior": "none", "billing_cycle_anchor": "now"}, 50),
        (PRO, HALFWAY, "premium", {"billing_cycle_anchor": "now"}, 40),
        # trials
        ([], NOW, "trying_pro", {}, 0),
        ([("trying_pro", {})], NOW, "premium", {}, 50),
        ([("trying_pro", {})], NOW, "extra", {}, None),
        ([("trying_pro", {})], NOW, "pro", {"entity_id": "e1"}, None),
        (PRO, NOW, "trying_extra", {}, 20),
        ([], NOW, "trying_pro", {"customize": {"free_trial": None}}, 20),
        ([], NOW, "pro", {"customize": {"free_trial": TWO_WEEKS}}, 0),
        ([], NOW, "trying_once", quantity(200), 20),
        # coupons
        ([], NOW, "pro", give("twenty"), 16),
        ([], NOW, "pro", give("five_off"), 15),
        ([], NOW, "pro", give("twenty", "two_off"), 14),
        ([("pro", {})], NOW, "free", {"plan_schedule": "immediate", **give("twenty")}, -20),
    ],
)
def test_due_today(
    world: PurchaseWorld, before: Before, at: int, plan_id: str, fields: dict[str, Any], due: float | None
) -> None:
    for each, more in before:
        world.buy(each, **more)
    world.now = at
    shown, known = preview(world, plan_id, **fields), len(world.invoices())
    assert float(shown.charges.total) == (due or 0)
    world.buy(plan_id, **fields)
    assert invoiced(world, known) == due


def test_a_page_shows_and_charges_what_the_preview_says(world: PurchaseWorld) -> None:
    world.card(None)
    shown = preview(world, "pro")
    assert (shown.page, float(shown.charges.total)) == ("subscription", 20)
    world.pay(world.buy("pro"))
    assert world.invoices() == [("paid", 20)]


@pytest.mark.parametrize(("given", "added", "due"), [("ten", "twenty", 16), ("thirty", "five_off", 10)])
def test_coupons_of_a_subscription_and_of_the_request(world: PurchaseWorld, given: str, added: str, due: float) -> None:
    world.buy("pro")
    world.change("pro", **give(given))
    assert float(preview(world, "premium", **give(added)).charges.total) == due
    world.buy("premium", **give(added))
    assert world.invoices() == [("paid", 20), ("paid", due)]


@pytest.mark.parametrize(
    ("plan_id", "before", "after", "due", "left"),
    [
        ("volume", 300, 800, 10, 800),
        ("volume", 800, 300, -10, 300),
        ("graduated", 300, 800, 35, 800),
        ("graduated", 800, 300, -35, 300),
        ("boxes", 10 * 12, 20 * 12, 80, 240),
        ("boxes", 20 * 12, 5 * 12, -120, 60),
        ("boxes", 20 * 12, 20 * 12, None, 240),
    ],
)
def test_quantities(
    world: PurchaseWorld, plan_id: str, before: float, after: float, due: float | None, left: float
) -> None:
    world.buy(plan_id, **quantity(before))
    assert float(preview_change(world, plan_id, **quantity(after)).charges.total) == (due or 0)
    world.change(plan_id, **quantity(after))
    assert (invoiced(world, 1), world.remaining()) == (due, left)


@pytest.mark.parametrize(("at", "messages", "words", "due"), [(NOW, 50, 100, 40), (HALFWAY, 50, 0, 20)])
def test_usage_is_charged_in_full_by_a_switch(
    world: PurchaseWorld, at: int, messages: float, words: float, due: float
) -> None:
    world.buy("pro_used")
    world.now = at
    world.track(messages)
    world.track(words, "words")
    assert float(preview(world, "premium").charges.total) == due
    world.buy("premium")
    assert world.invoices() == [("paid", 20), ("paid", due)]


def test_an_upgrade_to_a_year_in_the_middle_of_a_month(world: PurchaseWorld) -> None:
    """The year runs from the anchor: 349.5 of its 365 days are left, 15.5 of the 31 of the month."""
    world.buy("pro")
    world.now = HALFWAY
    world.buy("annual")
    assert world.invoices()[1] == ("paid", round(200 * 349.5 / 365 - 10, 2))
    (seen,) = world.seen()["subscriptions"]
    assert seen["current_period_end"] == add_months(NOW, 12)


def test_cancelling_credits_the_base_price_and_the_packs(world: PurchaseWorld) -> None:
    world.buy("pro_packs", **quantity(300))
    world.change("pro_packs", cancel_action="cancel_immediately")
    assert world.invoices() == [("paid", 50), ("paid", -50)]


CARRIED: dict[str, Any] = {"enabled": True}


@pytest.mark.parametrize(
    ("old", "used", "plan_id", "carried", "left", "rows"),
    [
        (monthly(100), 30, "large", {"carry_over_balances": CARRIED}, 570, [70, 500]),
        (priced(100, amount=0.1), 120, "large", {"carry_over_balances": CARRIED}, 480, [480]),
        (monthly(100), 100, "large", {"carry_over_balances": CARRIED}, 500, [500]),
        (monthly(100), 30, "large", {}, 500, [500]),
        (monthly(100), 40, "two_hundred", {"carry_over_usages": CARRIED}, 160, [160]),
        (monthly(100), 50, "thirty_included", {"carry_over_usages": CARRIED}, -20, [-20]),
    ],
)
def test_what_is_carried_over(
    world: PurchaseWorld,
    old: dict[str, Any],
    used: float,
    plan_id: str,
    carried: dict[str, Any],
    left: float,
    rows: list[float],
) -> None:
    world.plan("old", old, group="main", price={"amount": 20, **MONTH})
    world.buy("old")
    world.now += DAY
    world.track(used)
    world.buy(plan_id, **carried)
    assert world.signed_balances()["messages"] == left
    assert sorted(float(row.balance) for row in world.rows()) == rows
    assert {row.next_reset_at or row.expires_at for row in world.rows()} == {END}


def test_a_trial_in_full(world: PurchaseWorld) -> None:
    """Nothing is due until its end, and it is given once."""
    end = NOW + 14 * DAY
    assert next_of(preview(world, "trying_pro")) == (end, 20)
    world.buy("trying_pro")
    assert world.invoices() == [("paid", 0)]
    assert next_of(preview(world, "extra")) == (end, 40)
    assert next_of(preview(world, "pro", entity_id="e1")) == (end, 40)
    world.plan("cheaper", group="main", price={"amount": 10, **MONTH})
    assert next_of(preview(world, "cheaper")) == (end, 10)
    assert float(preview(world, "cheaper").charges.total) == 0
    world.now = end
    world.seen()
    assert world.invoices() == [("paid", 0), ("paid", 20)]
    world.change("trying_pro", cancel_action="cancel_immediately")
    assert float(preview(world, "trying_pro").charges.total) == 20


def test_a_trial_is_ended_by_an_upgrade_to_a_plan_with_another(world: PurchaseWorld) -> None:
    world.buy("pro")
    shown = preview(world, "trying")
    assert float(sum(line.total for line in shown.charges.lines if not line.is_credit)) == 0
    assert next_of(shown) == (NOW + 14 * DAY, 50)
    world.buy("trying")
    assert world.account().customer.credit == 20


def test_an_add_on_that_joins_a_trial_has_no_trial_of_its_own(world: PurchaseWorld) -> None:
    world.buy("trying_pro")
    world.now += DAY
    world.buy("trying_extra")
    assert {each["trial_ends_at"] for each in world.seen()["subscriptions"]} == {NOW + 14 * DAY}


def test_a_trial_that_is_given_by_the_call_is_given_again(world: PurchaseWorld) -> None:
    world.buy("trying_pro")
    world.change("trying_pro", cancel_action="cancel_immediately")
    assert float(preview(world, "trying_pro").charges.total) == 20
    assert float(preview(world, "trying_pro", customize={"free_trial": TWO_WEEKS}).charges.total) == 0


@pytest.mark.parametrize(("others", "due"), [([], 20), (["extra"], 40)])
def test_ending_a_trial_charges_all_of_its_subscription(world: PurchaseWorld, others: list[str], due: float) -> None:
    for each in ("trying_pro", *others):
        world.buy(each)
    known = len(world.invoices())
    world.now += DAY
    assert float(preview_change(world, "trying_pro", customize={"free_trial": None}).charges.total) == due
    world.change("trying_pro", customize={"free_trial": None})
    assert world.invoices()[known:] == [("paid", due)]
    starts = {each["current_period_start"] for each in world.seen()["subscriptions"]}
    assert starts == {NOW + DAY}


def test_beginning_a_trial_credits_the_rest(world: PurchaseWorld) -> None:
    world.buy("pro")
    world.now = HALFWAY
    world.change("pro", customize={"free_trial": TWO_WEEKS})
    assert world.invoices() == [("paid", 20), ("paid", -10)]


@pytest.mark.parametrize(
    ("plan_id", "used", "change", "at", "total"),
    [
        ("hundred", 150, None, END, 25),
        ("hundred", 500, {"cancel_action": "cancel_end_of_cycle"}, END, 40),
        ("hundred", 500, {"cancel_action": "cancel_immediately"}, END, -20),
        ("hundred_on_trial", 500, {"cancel_action": "cancel_end_of_cycle"}, NOW + 14 * DAY, 0),
        ("premium_hundred", 150, "hundred", END, 25),
    ],
)
def test_renewals(world: PurchaseWorld, plan_id: str, used: float, change: Any, at: int, total: float) -> None:
    """The newest invoice at an instant."""
    use = priced(100, amount=0.1)
    world.plan("hundred", use, group="main", price={"amount": 20, **MONTH})
    world.plan("premium_hundred", use, group="main", price={"amount": 50, **MONTH})
    world.plan("hundred_on_trial", use, group="main", price={"amount": 20, **MONTH}, free_trial=TWO_WEEKS)
    world.buy(plan_id)
    world.track(used)
    if isinstance(change, str):
        world.buy(change)
    elif change is not None:
        world.change(plan_id, **change)
    world.now = at
    world.seen()
    assert world.invoices()[-1] == ("paid", total)
