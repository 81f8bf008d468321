"""Changing and cancelling plans that are billed: what is charged or credited, and what the customer has then."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.ledger.intervals import DAY, MINUTE
from autumn_mock.operations.billing.preview import preview_multi_update
from autumn_mock.operations.billing.update import multi_update
from autumn_mock.wire.requests.billing import MultiUpdate
from autumn_mock.wire.schema import parse
from tests.operations.billing.test_purchases import need
from tests.operations.purchases import MONTH, PurchaseWorld
from tests.support.world import monthly, priced

PACKS = {"amount": 10, "interval": "month", "billing_units": 100, "billing_method": "prepaid"}
WEEK = {"duration_length": 7, "duration_type": "day"}
ONCE = {**PACKS, "interval": "one_off"}


@pytest.fixture
def world() -> PurchaseWorld:
    world = PurchaseWorld()
    world.card()
    return world


def quantity(units: float, feature_id: str = "messages", **more: Any) -> dict[str, Any]:
    return {"feature_quantities": [{"feature_id": feature_id, "quantity": units, **more}]}


#: Plans before, the plan, fields; what is asked for; the plans then; invoices after those of the plans before.
Case = tuple[list[str], str, dict[str, Any], str, dict[str, str], list[tuple[str, float]]]
CANCEL: dict[str, Any] = {"cancel_action": "cancel_immediately"}
CASES: dict[str, Case] = {
    "at the end": (["pro"], "pro", {"cancel_action": "cancel_end_of_cycle"}, "nothing", {"pro": "canceling"}, []),
    "at once": (["pro"], "pro", CANCEL, "invoice paid -20.00", {}, [("paid", -20)]),
    "at once, not prorated": (["pro"], "pro", {**CANCEL, "proration_behavior": "none"}, "nothing", {}, []),
    "at once, on trial": (["trial"], "trial", CANCEL, "nothing", {}, []),
    "one of two": (["pro", "extra"], "extra", CANCEL, "invoice paid -20.00", {"pro": "active"}, [("paid", -20)]),
    "refund": (["pro"], "pro", {**CANCEL, "refund_last_payment": "full"}, "nothing", {}, []),
    "scheduled": (["premium", "pro"], "pro", CANCEL, "nothing", {"premium": "active"}, []),
    "uncancel": (["premium", "pro"], "premium", {"cancel_action": "uncancel"}, "nothing", {"premium": "active"}, []),
    "uncancel what goes on": (["pro"], "pro", {"cancel_action": "uncancel"}, "nothing", {"pro": "active"}, []),
    "other price": (
        ["pro"], "pro", {"customize": {"price": {"amount": 35, **MONTH}}}, "invoice paid 15.00",
        {"pro": "active"}, [("paid", 15)],
    ),
    "price for a free plan": (
        ["free"], "free", {"customize": {"price": {"amount": 35, **MONTH}}}, "invoice paid 35.00",
        {"free": "active"}, [("paid", 35)],
    ),
    "end of a trial": (
        ["trial"], "trial", {"customize": {"free_trial": None}}, "invoice paid 20.00",
        {"trial": "active"}, [("paid", 20)],
    ),
    "end of a trial with an add-on": (
        ["trial", "extra"], "trial", {"customize": {"free_trial": None}}, "invoice paid 40.00",
        {"trial": "active", "extra": "active"}, [("paid", 40)],
    ),
    "begin of a trial": (
        ["pro"], "pro", {"customize": {"free_trial": WEEK}}, "invoice paid -20.00",
        {"pro": "trialing"}, [("paid", -20)],
    ),
    "sent": (
        ["pro"], "pro", {"customize": {"price": {"amount": 35, **MONTH}}, "invoice_mode": {"enabled": True}},
        "invoice open 15.00", {"pro": "active"}, [("open", 15)],
    ),
    "confirmed": (
        ["packs"], "packs", {**quantity(200), "redirect_mode": "always"}, "autumn", {"packs": "active"}, [],
    ),
}  # fmt: skip  # a table is read line by line


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_update(world: PurchaseWorld, case: Case) -> None:
    before, plan_id, fields, asked, plans, invoices = case
    world.plan("packs", {"feature_id": "messages", "price": PACKS})
    for each in before:
        world.buy(each, **(quantity(100) if each == "packs" else {}))
    known = len(world.invoices())
    outcome = world.change(plan_id, **fields)
    assert need(outcome) == asked
    assert (world.plans(), world.invoices()[known:]) == (plans, invoices)
    used = {each.billed_by for each in world.attached()}
    assert all((each.id in used) is (each.status != "canceled") for each in world.environment.subscriptions)
    if outcome.checkout is not None or asked.startswith("invoice open"):
        world.pay(outcome)
        assert [each[0] for each in world.invoices()[known:]] == ["paid"]


@pytest.mark.parametrize(
    ("prices", "before", "after", "totals", "left"),
    [
        ({}, 1000, 2000, [80], 2000),
        ({}, 2000, 500, [-120], 500),
        ({}, 1000, 1000, [], 1000),
        ({"proration": {"on_increase": "bill_immediately", "on_decrease": "prorate"}}, 1000, 2000, [80], 2000),
        ({"proration": {"on_increase": "bill_next_cycle", "on_decrease": "prorate"}}, 1000, 2000, [], 2000),
        ({"proration": {"on_increase": "prorate_next_cycle", "on_decrease": "prorate"}}, 1000, 2000, [], 2000),
        ({"proration": {"on_increase": "prorate_immediately", "on_decrease": "none"}}, 2000, 500, [], 2000),
    ],
)
def test_quantities(
    world: PurchaseWorld, prices: dict[str, Any], before: int, after: int, totals: list[float], left: float
) -> None:
    world.plan("packs", {"feature_id": "messages", "price": {**PACKS, "amount": 8}, **prices})
    world.buy("packs", **quantity(before))
    world.change("packs", **quantity(after))
    assert [total for _, total in world.invoices()][1:] == totals
    assert world.remaining() == left


def test_a_change_for_the_next_invoice_waits_on_the_subscription(world: PurchaseWorld) -> None:
    world.plan(
        "packs",
        {
            "feature_id": "messages",
            "price": PACKS,
            "proration": {"on_increase": "prorate_next_cycle", "on_decrease": "prorate"},
        },
    )
    world.buy("packs", **quantity(100))
    world.change("packs", **quantity(300))
    (subscription,) = world.environment.subscriptions
    assert sum(line.total for line in subscription.pending) == 20


@pytest.mark.parametrize(("how", "refunded"), [("full", 20), ("prorated", 10)])
def test_refund_of_the_last_payment(world: PurchaseWorld, how: str, refunded: float) -> None:
    world.plan("weekly", price={"amount": 20, "interval": "week"})
    world.buy("weekly")
    world.now += 7 * DAY // 2
    world.change("weekly", cancel_action="cancel_immediately", refund_last_payment=how)
    (invoice,) = world.environment.invoices
    assert invoice.refunded_amount == refunded
    assert world.account().customer.credit == 0


def test_a_declined_change_waits_for_its_invoice(world: PurchaseWorld) -> None:
    world.plan("packs", {"feature_id": "messages", "price": PACKS})
    world.buy("packs", **quantity(100))
    world.card("declines")
    outcome = world.change("packs", **quantity(300))
    assert need(outcome) == "payment_failed"
    assert (world.remaining(), world.plans()) == (100, {"packs": "active"})
    world.pay(outcome)
    assert (world.remaining(), world.invoices()) == (300, [("paid", 10), ("paid", 20)])


def test_units_that_are_paid_once_are_bought_in_addition(world: PurchaseWorld) -> None:
    world.plan("once2", {"feature_id": "messages", "price": ONCE}, price={"amount": 20, **MONTH})
    world.buy("once2", **quantity(100))
    world.change("once2", **quantity(200))
    assert (world.remaining(), world.invoices()) == (300, [("paid", 30), ("paid", 20)])


def test_a_session_of_an_update_is_found_again(world: PurchaseWorld) -> None:
    world.plan("packs", {"feature_id": "messages", "price": PACKS})
    world.buy("packs", **quantity(100))
    fields = {**quantity(200, adjustable=True), "redirect_mode": "always"}
    first = world.change("packs", **fields)
    assert world.change("packs", **fields) == first
    world.pay(first, quantities={"messages": 400})
    assert (world.remaining(), world.invoices()) == (400, [("paid", 10), ("paid", 30)])


def test_usage_of_a_plan_that_ends_at_once_is_not_charged(world: PurchaseWorld) -> None:
    world.plan("used", priced(100, billing_units=1), price={"amount": 20, **MONTH})
    world.buy("used")
    world.track(500)
    world.change("used", cancel_action="cancel_immediately")
    assert world.invoices() == [("paid", 20), ("paid", -20)]


def test_a_void_change_is_not_made(world: PurchaseWorld) -> None:
    world.buy("pro")
    world.card("declines")
    world.change("pro", customize={"price": {"amount": 35, **MONTH}})
    world.now += 10 * MINUTE
    assert (world.plans(), world.invoices()) == ({"pro": "active"}, [("paid", 20), ("void", 15)])


def test_preview_of_several_plans_shows_each_subscription(world: PurchaseWorld) -> None:
    world.plan("other", price={"amount": 8, **MONTH}, group="other")
    for each in ("free", "pro", "extra"):
        world.buy(each)
    world.buy("other", new_billing_subscription=True)
    world.plan("lone", group="lone")
    world.buy("lone")
    cancel = {"cancel_action": "cancel_immediately"}
    updates = [{"plan_id": each, **cancel} for each in ("pro", "other", "lone", "extra")]
    before = world.snapshot()
    found = preview_multi_update(world.call(), parse(MultiUpdate, {"customer_id": "c", "updates": updates}))
    assert world.snapshot() == before
    first, second = found
    assert (first.plan_ids, float(first.preview.charges.total)) == (("pro", "extra"), -40)
    assert (second.plan_ids, float(second.preview.charges.total)) == (("other",), -8)
    assert (first.preview.next_cycle, second.preview.next_cycle) == (None, None)
    assert [each.plan.id for each in first.preview.outgoing] == ["pro", "extra"]
    at_end = [{"plan_id": "extra", "cancel_action": "cancel_end_of_cycle"}]
    (ending,) = preview_multi_update(world.call(), parse(MultiUpdate, {"customer_id": "c", "updates": at_end}))
    assert ending.preview.next_cycle is not None
    assert (float(ending.preview.charges.total), float(ending.preview.next_cycle.total)) == (0, 20)


AT_ONCE, AT_END = {"cancel_action": "cancel_immediately"}, {"cancel_action": "cancel_end_of_cycle"}
#: Plans bought before, the changes of the last one; then the customer at 2.3 and at 1.2, what webhooks say of the last
#: change, and the invoices of the changes.
FLOWS: dict[str, Any] = {
    "at the end": (
        ["pro"], [AT_END], {"pro": "canceling"}, {"pro": "canceling"}, ["updated pro", "cancel: pro"], []
    ),
    "uncancelled": (
        ["pro"], [AT_END, {"cancel_action": "uncancel"}],
        {"pro": "active"}, {"pro": "active"}, ["updated pro", "renew: pro"], [],
    ),
    "at once": (["pro"], [AT_ONCE], {}, {}, ["expired pro", "cancel: pro"], [("paid", -20)]),
    "at once, no credit": (
        ["pro"], [{**AT_ONCE, "proration_behavior": "none"}], {}, {}, ["expired pro", "cancel: pro"], []
    ),
    "refunded": (["pro"], [{**AT_ONCE, "refund_last_payment": "full"}], {}, {}, ["expired pro", "cancel: pro"], []),
    "add-on": (
        ["pro", "extra"], [AT_ONCE], {"pro": "active"}, {"pro": "active"}, ["expired extra", "cancel: extra"],
        [("paid", -20)],
    ),
    "scheduled": (
        ["premium", "pro"], [AT_ONCE], {"premium": "active"}, {"premium": "active"},
        ["updated premium", "renew: premium"], [],
    ),
    "trial": (
        ["trial"], [AT_END], {"trial": "canceling"}, {"trial": "canceling"}, ["updated trial", "cancel: trial"], []
    ),
    "another price": (
        ["pro"], [{"customize": {"price": {"amount": 35, **MONTH}}}], {"pro": "active"}, {"pro": "active"},
        ["updated pro", "upgrade: pro"], [("paid", 15)],
    ),
}  # fmt: skip  # a table is read line by line


@pytest.mark.parametrize("name", FLOWS)
def test_a_change_is_seen_by_older_clients_and_in_webhooks(world: PurchaseWorld, name: str) -> None:
    before, changes, plans, products, sent, invoices = FLOWS[name]
    for each in before:
        world.buy(each)
    count = len(world.invoices())
    for fields in changes:
        world.webhooks()
        world.change(before[-1], **fields)
    assert (world.plans(), world.products(), world.webhooks()) == (plans, products, sent)
    assert world.invoices()[count:] == invoices


def test_several_plans_are_cancelled_with_one_credit(world: PurchaseWorld) -> None:
    world.buy("pro")
    world.buy("extra")
    updates = [{"plan_id": each, "cancel_action": "cancel_immediately"} for each in ("pro", "extra")]
    body = parse(MultiUpdate, {"customer_id": "c", "updates": updates})
    outcome = multi_update(world.call(), body)
    assert need(outcome) == "invoice paid -40.00"
    assert (world.plans(), world.invoices()[2:]) == ({}, [("paid", -40)])
    with world.refused(404, "cus_product_not_found", "No active subscription found for plan 'pro' on customer 'c'"):
        multi_update(world.call(), body)


@pytest.mark.parametrize(
    ("before", "fields", "message"),
    [
        (
            "once",
            {"customize": {"price": {"amount": 5, "interval": "one_off"}}},
            "For one-off products, only entitlement changes are allowed; price and billing changes are not supported",
        ),
        (
            "trial",
            {"customize": {"free_trial": None, "add_items": [{"feature_id": "words", "price": ONCE}]}},
            "Cannot remove the free trial while adding one-off items to a paid recurring subscription",
        ),
        (
            "trial",
            {"customize": {"free_trial": None}, "proration_behavior": "none"},
            "Cannot set proration_behavior to 'none' when removing a free trial",
        ),
        (
            "pro",
            {"customize": {"items": [monthly(5)]}, "invoice_mode": {"enabled": True}},
            "Cannot create an invoice for this subscription update because there are no billing changes.",
        ),
        (
            "pro",
            {"cancel_action": "cancel_immediately", "redirect_mode": "always"},
            "Autumn checkout does not support cancel or uncancel updates",
        ),
        (
            "pro",
            {"redirect_mode": "always"},
            "Cannot create checkout when no billing changes will happen in this update",
        ),
        (
            "pro",
            {"redirect_mode": "always", "billing_cycle_anchor": "now"},
            "Cannot create checkout when quantities are not updated or adjustable",
        ),
        (
            "pro",
            {"cancel_action": "cancel_end_of_cycle", "customize": {"price": {"amount": 35, **MONTH}}},
            "Cannot use cancel: 'end_of_cycle' when an invoice will be created",
        ),
    ],
)
def test_update_refuses(world: PurchaseWorld, before: str, fields: dict[str, Any], message: str) -> None:
    world.buy(before)
    with world.refused(400, "invalid_request", message):
        world.change(before, **fields)
