"""Buying plans: when a page is needed, what the customer has before and after the payment, and the invoices."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from autumn_mock.domain.payment import DECLINED
from autumn_mock.ledger.intervals import DAY, MINUTE, add_months
from autumn_mock.operations import plan_update
from autumn_mock.operations.billing import settlement
from autumn_mock.operations.billing.card_setup import setup_payment
from autumn_mock.operations.billing.multi_attach import multi_attach
from autumn_mock.operations.billing.purchases import Outcome
from autumn_mock.operations.billing.schedules import create_schedule
from autumn_mock.operations.errors import ApiError
from autumn_mock.wire.requests.billing import SetupPayment
from autumn_mock.wire.requests.multi_attach import MultiAttach
from autumn_mock.wire.requests.plans import PlansUpdate
from autumn_mock.wire.requests.schedules import CreateSchedule
from autumn_mock.wire.schema import parse
from tests.operations.purchases import PurchaseWorld
from tests.support.world import NOW, priced

END = add_months(NOW, 1)
ALREADY = ("A checkout session for this customer was just completed and is still being processed",)


@pytest.fixture
def world() -> PurchaseWorld:
    return PurchaseWorld()


def need(outcome: Outcome) -> str:
    """What an outcome asks the customer for: a page by its mode, why the invoice is open, or nothing."""
    if outcome.checkout is not None:
        assert (outcome.invoice, outcome.refusal) == (None, None)
        return outcome.checkout.mode
    if outcome.refusal is not None:
        assert outcome.invoice is not None
        assert outcome.invoice.status == "open"
        return outcome.refusal.action
    return "nothing" if outcome.invoice is None else f"invoice {outcome.invoice.status} {outcome.invoice.total}"


Invoices = list[tuple[str, float]]
#: The card, plans bought before (with a card that works), the plan, further fields; what is asked for; the plans
#: meanwhile; the plans once it is paid, and all invoices then.
Scenario = tuple[
    str | None, list[str], str, dict[str, Any], str, dict[str, str], dict[str, str], list[tuple[str, float]]
]
NOTHING = "nothing"
SENT: dict[str, Any] = {"invoice_mode": {"enabled": True}}
SENT_NOW = {"invoice_mode": {"enabled": True, "enable_plan_immediately": True}}
DRAFT = {"invoice_mode": {"enabled": True, "finalize": False}}
PRO, ONCE, PAID_20 = {"pro": "active"}, {"once": "purchase"}, [("paid", 20.0)]
SCENARIOS: dict[str, Scenario] = {
    "new, no card": (None, [], "pro", {}, "subscription", {}, PRO, PAID_20),
    "free to paid, no card": (None, ["free"], "pro", {}, "subscription", {"free": "active"}, PRO, PAID_20),
    "purchase, no card": (None, [], "once", {}, "payment", {}, ONCE, [("paid", 10)]),
    "trial with card, no card": (None, [], "trial", {}, "subscription", {}, {"trial": "trialing"}, [("paid", 0)]),
    "trial without card": (
        None, [], "tryout", {}, "invoice paid 0.00", {"tryout": "trialing"}, {"tryout": "trialing"}, [("paid", 0)]
    ),
    "new": ("ok", [], "pro", {}, "invoice paid 20.00", PRO, PRO, PAID_20),
    "purchase": ("ok", [], "once", {}, "invoice paid 10.00", ONCE, ONCE, [("paid", 10)]),
    "upgrade": (
        "ok", ["pro"], "premium", {}, "invoice paid 30.00",
        {"premium": "active"}, {"premium": "active"}, [*PAID_20, ("paid", 30)],
    ),
    "free plan": (None, [], "free", {}, NOTHING, {"free": "active"}, {"free": "active"}, []),
    "downgrade": (
        "ok", ["premium"], "pro", {}, NOTHING,
        {"premium": "canceling", "pro": "scheduled"}, {"premium": "canceling", "pro": "scheduled"}, [("paid", 50)],
    ),
    "downgrade, no card": (
        None, ["premium"], "pro", {}, NOTHING,
        {"premium": "canceling", "pro": "scheduled"}, {"premium": "canceling", "pro": "scheduled"}, [("paid", 50)],
    ),
    "new, declined": ("declines", [], "pro", {}, "payment_failed", {}, PRO, PAID_20),
    "new, 3DS": ("needs_3ds", [], "pro", {}, "3ds_required", {}, PRO, PAID_20),
    "upgrade, declined": (
        "declines", ["pro"], "premium", {}, "payment_failed", PRO, {"premium": "active"}, [*PAID_20, ("paid", 30)]
    ),
    "purchase, declined": ("declines", [], "once", {}, "payment_failed", {}, ONCE, [("paid", 10)]),
    "upgrade, no card": (
        None, ["pro"], "premium", {}, "payment_method_required", PRO, {"premium": "active"}, [*PAID_20, ("paid", 30)]
    ),
    "never redirect, no card": (
        None, [], "pro", {"redirect_mode": "never"}, "payment_method_required", {}, PRO, PAID_20
    ),
    "always redirect, new": ("ok", [], "pro", {"redirect_mode": "always"}, "subscription", {}, PRO, PAID_20),
    "always redirect, upgrade": (
        "ok", ["pro"], "premium", {"redirect_mode": "always"}, "autumn", PRO,
        {"premium": "active"}, [*PAID_20, ("paid", 30)],
    ),
    "always redirect, free plan": (
        "ok", [], "free", {"redirect_mode": "always"}, "autumn", {}, {"free": "active"}, []
    ),
    "immediately, no card": (None, [], "pro", {"enable_plan_immediately": True}, "subscription", PRO, PRO, PAID_20),
    "sent": (None, [], "pro", SENT, "invoice open 20.00", {}, PRO, PAID_20),
    "sent, immediately": (None, [], "pro", SENT_NOW, "invoice open 20.00", PRO, PRO, PAID_20),
    "draft": (None, [], "pro", DRAFT, "invoice draft 20.00", {}, PRO, PAID_20),
}  # fmt: skip  # a table is read line by line


#: What older clients and receivers of webhooks see: the products at 1.2 meanwhile, and once it is paid; the changes
#: in webhooks at the call, and at the payment.
Elsewhere = tuple[dict[str, str], dict[str, str], list[str], list[str]]
PREMIUM = {"premium": "active"}
NEW_PRO, NEW_ONCE = ["activated pro", "new: pro"], ["activated once", "new: once"]
UPGRADED = ["activated premium", "expired pro", "cancel: pro", "upgrade: premium"]
DOWNGRADED = {"premium": "canceling", "pro": "scheduled"}
TO_PRO = ["updated premium", "scheduled pro", "downgrade: premium"]
ELSEWHERE: dict[str, Elsewhere] = {
    "new, no card": ({}, PRO, [], NEW_PRO),
    "free to paid, no card": (
        {"free": "active"}, PRO, [], ["activated pro", "expired free", "cancel: free", "upgrade: pro"]
    ),
    "purchase, no card": ({}, {"once": "active"}, [], NEW_ONCE),
    "trial with card, no card": ({}, {"trial": "trialing"}, [], ["activated trial", "new: trial"]),
    "trial without card": ({"tryout": "trialing"}, {"tryout": "trialing"}, ["activated tryout", "new: tryout"], []),
    "new": (PRO, PRO, NEW_PRO, []),
    "purchase": ({"once": "active"}, {"once": "active"}, NEW_ONCE, []),
    "upgrade": (PREMIUM, PREMIUM, UPGRADED, []),
    "free plan": ({"free": "active"}, {"free": "active"}, ["activated free", "new: free"], []),
    "downgrade": (DOWNGRADED, DOWNGRADED, TO_PRO, []),
    "downgrade, no card": (DOWNGRADED, DOWNGRADED, TO_PRO, []),
    "new, declined": ({}, PRO, [], NEW_PRO),
    "new, 3DS": ({}, PRO, [], NEW_PRO),
    "upgrade, declined": (PRO, PREMIUM, [], UPGRADED),
    "purchase, declined": ({}, {"once": "active"}, [], NEW_ONCE),
    "upgrade, no card": (PRO, PREMIUM, [], UPGRADED),
    "never redirect, no card": ({}, PRO, [], NEW_PRO),
    "always redirect, new": ({}, PRO, [], NEW_PRO),
    "always redirect, upgrade": (PRO, PREMIUM, [], UPGRADED),
    "always redirect, free plan": ({}, {"free": "active"}, [], ["activated free", "new: free"]),
    "immediately, no card": (PRO, PRO, NEW_PRO, []),
    "sent": ({}, PRO, [], NEW_PRO),
    "sent, immediately": (PRO, PRO, NEW_PRO, []),
    "draft": ({}, PRO, [], NEW_PRO),
}  # fmt: skip  # a table is read line by line


@pytest.mark.parametrize("name", SCENARIOS)
def test_purchase(world: PurchaseWorld, name: str) -> None:
    scenario, (products, products_after, at_call, at_payment) = SCENARIOS[name], ELSEWHERE[name]
    card, before, plan_id, fields, asked, meanwhile, after, invoices = scenario
    world.card()
    for each in before:
        world.buy(each)
    world.card(card)
    world.webhooks()
    outcome = world.buy(plan_id, **fields)
    assert need(outcome) == asked
    assert (world.plans(), world.products(), world.webhooks()) == (meanwhile, products, at_call)
    if asked not in (NOTHING,) and "paid" not in asked:
        world.pay(outcome)
    assert (world.plans(), world.products(), world.webhooks()) == (after, products_after, at_payment)
    assert world.invoices() == invoices


def test_a_paid_page_keeps_the_card(world: PurchaseWorld) -> None:
    world.pay(world.buy("pro"))
    assert need(world.buy("premium")) == "invoice paid 30.00"


def test_a_settlement_may_come_later(world: PurchaseWorld) -> None:
    outcome = world.buy("pro")
    world.pay(outcome, settle_later=True)
    assert (world.plans(), world.invoices()) == ({}, [])
    with world.refused(423, "lock_already_exists", *ALREADY):
        world.buy("pro")
    assert outcome.checkout is not None
    assert settlement.settle(world.call(), outcome.checkout.id).is_settled
    assert world.plans() == {"pro": "active"}
    with pytest.raises(ApiError, match="has nothing to settle"):
        settlement.settle(world.call(), outcome.checkout.id)


@pytest.mark.parametrize("action", ["decline", "abandon"])
def test_a_page_that_is_not_paid_stays_open(world: PurchaseWorld, action: Any) -> None:
    outcome = world.buy("pro")
    assert outcome.checkout is not None
    session, refusal = settlement.complete(world.call(), outcome.checkout.id, action)
    assert (session.status, refusal) == ("open", DECLINED if action == "decline" else None)
    assert world.plans() == {}
    world.pay(outcome)
    assert world.plans() == {"pro": "active"}


def test_the_same_request_finds_the_open_session_and_another_ends_it(world: PurchaseWorld) -> None:
    first = world.buy("pro").checkout
    assert first is not None
    assert world.buy("pro").checkout == first
    other = world.buy("premium").checkout
    assert other is not None
    assert other.id != first.id
    assert [each.status for each in world.environment.checkouts] == ["expired", "open"]
    with pytest.raises(ApiError, match=f"Checkout {first.id} is expired"):
        settlement.complete(world.call(), first.id, "pay")


def test_an_immediate_plan_ends_with_its_session(world: PurchaseWorld) -> None:
    outcome = world.buy("pro", enable_plan_immediately=True)
    assert world.buy("pro", enable_plan_immediately=True) == outcome
    (attached,) = world.attached()
    assert attached.billed_by is None
    world.now += DAY
    assert world.plans() == {}
    with pytest.raises(ApiError, match="is expired"):
        world.pay(outcome)


def test_the_payment_links_an_immediate_plan_to_a_subscription(world: PurchaseWorld) -> None:
    outcome = world.buy("pro", enable_plan_immediately=True)
    (before,) = world.attached()
    world.pay(outcome)
    (after,) = world.attached()
    (subscription,) = world.environment.subscriptions
    assert (after.id, after.billed_by) == (before.id, subscription.id)


def test_an_unpaid_change_is_void_after_ten_minutes(world: PurchaseWorld) -> None:
    world.card("declines")
    outcome = world.buy("pro")
    world.now += 10 * MINUTE
    assert world.plans() == {}
    assert world.invoices() == [("void", 20)]
    with pytest.raises(ApiError, match="is void and cannot be paid"):
        world.pay(outcome)


def test_a_sent_invoice_waits_for_longer(world: PurchaseWorld) -> None:
    outcome = world.buy("pro", **SENT)
    world.now += 10 * DAY
    world.pay(outcome)
    assert world.plans() == {"pro": "active"}


def test_attach_creates_the_customer(world: PurchaseWorld) -> None:
    outcome = world.buy("pro", "fresh", customer_data={"name": "Ada"})
    assert outcome.checkout is not None
    assert world.account("fresh").customer.name == "Ada"


def test_period_is_that_of_the_subscription(world: PurchaseWorld) -> None:
    world.card()
    world.buy("pro")
    (seen,) = world.seen()["subscriptions"]
    assert (seen["current_period_start"], seen["current_period_end"]) == (NOW, END)
    world.now += 10 * DAY
    world.buy("premium")
    (seen,) = world.seen()["subscriptions"]
    assert (seen["current_period_start"], seen["current_period_end"]) == (NOW, END)
    (subscription,) = world.environment.subscriptions
    assert [each.billed_by for each in world.attached()] == [subscription.id]


def test_credit_pays_the_next_invoices(world: PurchaseWorld) -> None:
    world.card()
    world.buy("premium")
    world.buy("free", plan_schedule="immediate")
    assert world.invoices() == [("paid", 50), ("paid", -50)]
    assert world.account().customer.credit == 50
    assert [each.status for each in world.environment.subscriptions] == ["canceled"]
    world.card("declines")
    assert need(world.buy("pro")) == "invoice paid 20.00"
    assert world.account().customer.credit == 30
    assert list(world.environment.invoices)[-1].amount_paid == 0


def test_a_void_invoice_gives_its_credit_back(world: PurchaseWorld) -> None:
    world.card()
    world.buy("pro")
    world.buy("free", plan_schedule="immediate")
    world.card("declines")
    world.buy("premium")
    assert world.account().customer.credit == 0
    world.now += 10 * MINUTE
    assert world.account().customer.credit == 20


def test_a_change_that_is_not_possible_any_more(world: PurchaseWorld) -> None:
    """The payment stands: the session says why the plan was not attached."""
    outcome = world.buy("pro")
    world.attach("pro")
    session = world.pay(outcome)
    assert "is the same as the product being attached" in str(getattr(session, "problem", None))
    assert world.invoices() == []


def test_faults_decide_before_the_card(world: PurchaseWorld) -> None:
    world.card()
    world.problem = DECLINED
    assert need(world.buy("pro")) == "payment_failed"
    (charge,) = world.charged
    assert (charge.occasion, charge.customer_id, charge.plan_ids) == ("purchase", "c", ("pro",))


def test_faults_of_a_page(world: PurchaseWorld) -> None:
    outcome = world.buy("pro")
    world.problem = DECLINED
    assert outcome.checkout is not None
    assert settlement.complete(world.call(), outcome.checkout.id, "pay")[1] == DECLINED
    assert [each.occasion for each in world.charged] == ["page"]


@pytest.mark.parametrize(("mode", "asked"), [("accept", "invoice paid 20.00"), ("decline", "payment_failed")])
def test_the_setting_is_the_card_of_who_has_none(world: PurchaseWorld, mode: Any, asked: str) -> None:
    world.environment.payments = mode
    assert need(world.buy("pro")) == asked


def test_adjustable_quantities_are_chosen_on_the_page(world: PurchaseWorld) -> None:
    world.plan("packs", priced(0, method="prepaid"), price={"amount": 20, "interval": "month"})
    sent = [{"feature_id": "messages", "quantity": 1, "adjustable": True}]
    outcome = world.buy("packs", feature_quantities=sent)
    world.pay(outcome, quantities={"messages": 3})
    (attached,) = world.attached()
    assert attached.prepaid == {"messages": Decimal(3)}
    with pytest.raises(ApiError, match="cannot be changed on this checkout"):
        world.pay(world.buy("extra", redirect_mode="always", new_billing_subscription=True), quantities={"words": 3})


# -- refusals


MERGE = (
    "Cannot merge with an existing billing cycle because the customer has no active paid recurring subscription. "
    "Set new_billing_subscription to true to create a new cycle."
)
CUSTOM = "custom_line_items can only be used when updating an existing subscription (not creating a new one)"
LINE = [{"amount": 5, "description": "Set-up"}]


@pytest.mark.parametrize(
    ("before", "plan_id", "fields", "message"),
    [
        ([], "extra", {"new_billing_subscription": False}, MERGE),
        (
            [],
            "yearly",
            {},
            "Cannot create Stripe checkout when there are multiple intervals that require payment upfront. Please use "
            "direct billing or separate the purchases.",
        ),
        (
            [],
            "packs",
            {
                "enable_plan_immediately": True,
                "feature_quantities": [{"feature_id": "messages", "quantity": 1, "adjustable": True}],
            },
            "enable_plan_immediately cannot be used with adjustable feature quantities — set adjustable_quantity to "
            "false on each option, or remove enable_plan_immediately.",
        ),
        ([], "pro", {"starts_at": NOW - DAY}, "Past starts_at cannot be used when Stripe Checkout is required."),
        (
            ["trial"],
            "premium",
            {"proration_behavior": "none"},
            "Cannot set proration_behavior to 'none' when ending a free trial",
        ),
        ([], "pro", {"custom_line_items": LINE}, CUSTOM),
        (
            ["trial"],
            "premium",
            {"custom_line_items": LINE},
            "custom_line_items cannot be used when the subscription update creates a Stripe-managed invoice "
            "(e.g. removing a trial)",
        ),
        (
            ["pro", "other"],
            "premium",
            {"remove_plan_ids": ["other"]},
            "Plan 'other' is billed on a separate subscription and cannot be removed in this attach",
        ),
    ],
)
def test_attach_refuses(world: PurchaseWorld, before: list[str], plan_id: str, fields: Any, message: str) -> None:
    packs = priced(0, method="prepaid")
    world.plan("packs", packs, price={"amount": 20, "interval": "month"})
    world.plan("yearly", packs, price={"amount": 20, "interval": "year"})
    world.plan("other", price={"amount": 20, "interval": "month"}, group="other")
    for each in before:
        world.card()
        world.buy(each)
    world.card(None)
    quantities = [{"feature_id": "messages", "quantity": 5}] if plan_id == "yearly" else None
    fields = {"feature_quantities": quantities, **fields} if quantities else fields
    with world.refused(400, "invalid_request", message):
        world.buy(plan_id, **fields)


def dearer(world: PurchaseWorld, plan_id: str) -> None:
    """Make a new version of a plan that customers are on."""
    patch = {"plan_id": plan_id, "price": {"amount": 33, "interval": "month"}}
    plan_update.update(world.call(), plan_id, parse(PlansUpdate, patch))


def by_attach(world: PurchaseWorld) -> Outcome:
    return world.buy("pro")


def by_multi_attach(world: PurchaseWorld) -> Outcome:
    return multi_attach(world.call(), parse(MultiAttach, {"customer_id": "c", "plans": [{"plan_id": "pro"}]}))


def by_schedule(world: PurchaseWorld) -> Outcome:
    phases = [{"starts_at": "now", "plans": [{"plan_id": "pro"}]}]
    body = {"customer_id": "c", "phases": phases}
    return create_schedule(world.call(), parse(CreateSchedule, body, now_ms=world.now)).outcome


def by_setup(world: PurchaseWorld) -> Outcome:
    return setup_payment(world.call(), parse(SetupPayment, {"customer_id": "c", "plan_id": "pro"}))


@pytest.mark.parametrize("card", [None, "declines"])
@pytest.mark.parametrize("ask", [by_attach, by_multi_attach, by_schedule, by_setup])
def test_what_waits_for_a_payment_is_of_the_version_that_was_asked_for(
    world: PurchaseWorld, card: str | None, ask: Callable[[PurchaseWorld], Outcome]
) -> None:
    world.customer("other")
    world.buy("pro", "other", no_billing_changes=True)
    world.card(card)
    waiting = ask(world)
    dearer(world, "pro")
    world.pay(waiting)
    assert world.invoices() == [("paid", 20)]
    assert [each.plan.version for each in world.attached()] == [1]


def test_another_version_has_a_page_of_its_own(world: PurchaseWorld) -> None:
    world.customer("other")
    world.buy("pro", "other", no_billing_changes=True)
    first = world.buy("pro").checkout
    dearer(world, "pro")
    second = world.buy("pro")
    assert second.checkout != first
    world.pay(second)
    assert world.invoices() == [("paid", 33)]


def test_a_page_ends_when_its_plan_is_cancelled(world: PurchaseWorld) -> None:
    outcome = world.buy("pro", enable_plan_immediately=True)
    world.change("pro", cancel_action="cancel_immediately")
    with pytest.raises(ApiError, match="is expired"):
        world.pay(outcome)
    assert (world.plans(), world.invoices()) == ({}, [])
