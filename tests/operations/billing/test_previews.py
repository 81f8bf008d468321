"""Previews beside the calls that they preview: the same refusals, pages and totals, and nothing is changed."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.ledger.intervals import DAY
from autumn_mock.operations.billing import rewards
from autumn_mock.operations.billing.multi_attach import multi_attach
from autumn_mock.operations.billing.preview import preview_attach, preview_multi_attach, preview_update
from autumn_mock.operations.errors import ApiError
from autumn_mock.payments.lines import total_of
from autumn_mock.wire.requests.billing import BillingAttach, BillingUpdate
from autumn_mock.wire.requests.multi_attach import MultiAttach
from autumn_mock.wire.requests.rewards import RewardsCreate
from autumn_mock.wire.schema import parse
from tests.operations.purchases import PurchaseWorld
from tests.support.world import NOW


@pytest.fixture
def world() -> PurchaseWorld:
    return PurchaseWorld()


Answer = tuple[Any, ...]


def previewed(world: PurchaseWorld, body: dict[str, Any]) -> Answer:
    before = world.snapshot()
    try:
        shown = preview_attach(world.call(), parse(BillingAttach, body, now_ms=world.now))
    except ApiError as error:
        return error.status, error.code, error.message
    finally:
        assert world.snapshot() == before
    return shown.page, float(shown.charges.total)


def bought(world: PurchaseWorld, body: dict[str, Any]) -> Answer:
    try:
        outcome = world.buy(**body)
    except ApiError as error:
        return error.status, error.code, error.message
    if outcome.checkout is not None:
        return outcome.checkout.mode, float(total_of(outcome.checkout.lines))
    return None, 0.0 if outcome.invoice is None else float(outcome.invoice.total)


@pytest.mark.parametrize(
    ("before", "card", "body", "expected"),
    [
        ([], None, {"plan_id": "pro"}, ("subscription", 20)),
        ([], "ok", {"plan_id": "pro"}, (None, 20)),
        ([], "ok", {"plan_id": "pro", "redirect_mode": "always"}, ("subscription", 20)),
        ([], None, {"plan_id": "pro", "redirect_mode": "never"}, (None, 20)),
        ([], None, {"plan_id": "once"}, ("payment", 10)),
        ([], None, {"plan_id": "free"}, (None, 0)),
        ([], None, {"plan_id": "free", "redirect_mode": "always"}, ("autumn", 0)),
        ([], None, {"plan_id": "trial"}, ("subscription", 0)),
        ([], None, {"plan_id": "tryout"}, (None, 0)),
        ([], None, {"plan_id": "pro", "starts_at": NOW + DAY}, (None, 0)),
        ([], None, {"plan_id": "pro", "customer_id": "new"}, ("subscription", 20)),
        (["pro"], "ok", {"plan_id": "premium"}, (None, 30)),
        (["pro"], "ok", {"plan_id": "premium", "redirect_mode": "always"}, ("autumn", 30)),
        (["premium"], "ok", {"plan_id": "pro"}, (None, 0)),
        (["pro"], "ok", {"plan_id": "extra"}, (None, 20)),
        (["pro"], "ok", {"plan_id": "extra", "new_billing_subscription": True}, (None, 20)),
        (
            ["pro"],
            "ok",
            {"plan_id": "pro"},
            (
                409,
                "plan_already_attached",
                "Cannot attach because the customer's current product 'pro' is the same as the product being attached",
            ),
        ),
        ([], "ok", {"plan_id": "nope"}, (404, "product_not_found", "Product nope not found")),
        (
            [],
            None,
            {"plan_id": "pro", "starts_at": NOW - DAY},
            (400, "invalid_request", "Past starts_at cannot be used when Stripe Checkout is required."),
        ),
        (
            [],
            "ok",
            {"plan_id": "pro", "custom_line_items": [{"amount": 1, "description": "x"}]},
            (
                400,
                "invalid_request",
                "custom_line_items can only be used when updating an existing subscription (not creating a new one)",
            ),
        ),
        (
            [],
            "ok",
            {"plan_id": "pro", "discounts": [{"reward_id": "x"}]},
            (400, "invalid_request", 'Invalid coupon ID: "x"'),
        ),
        (
            [],
            "ok",
            {"plan_id": "pro", "new_billing_subscription": False},
            (
                400,
                "invalid_request",
                "Cannot merge with an existing billing cycle because the customer has no active paid recurring "
                "subscription. Set new_billing_subscription to true to create a new cycle.",
            ),
        ),
    ],
)
def test_preview_attach_says_what_attach_does(
    world: PurchaseWorld, before: list[str], card: Any, body: dict[str, Any], expected: Answer
) -> None:
    world.card("ok")
    for plan_id in before:
        world.buy(plan_id)
    world.card(card)
    asked = {"customer_id": "c", **body}
    assert previewed(world, asked) == expected
    assert bought(world, asked) == expected


def previewed_update(world: PurchaseWorld, body: dict[str, Any]) -> Answer:
    before = world.snapshot()
    try:
        shown = preview_update(world.call(), parse(BillingUpdate, body, now_ms=world.now))
    except ApiError as error:
        return error.status, error.code, error.message
    finally:
        assert world.snapshot() == before
    refund = 0.0 if shown.refund is None else float(shown.refund.amount)
    return shown.intent, float(shown.charges.total), refund


def updated(world: PurchaseWorld, body: dict[str, Any], intent: Any) -> Answer:
    def refunded() -> float:
        return float(sum(each.refunded_amount for each in world.environment.invoices))

    before = refunded()
    try:
        outcome = world.change(**{name: value for name, value in body.items() if name != "customer_id"})
    except ApiError as error:
        return error.status, error.code, error.message
    total = 0.0 if outcome.invoice is None else float(total_of(outcome.invoice.lines))
    return intent, total, refunded() - before


@pytest.mark.parametrize(
    ("bought_before", "body", "expected"),
    [
        ("pro", {"cancel_action": "cancel_immediately"}, ("cancel_immediately", -20, 0)),
        ("pro", {"cancel_action": "cancel_end_of_cycle"}, ("cancel_end_of_cycle", 0, 0)),
        (
            "pro",
            {"cancel_action": "cancel_immediately", "refund_last_payment": "full"},
            ("cancel_immediately", 0, 20),
        ),
        ("pro", {"cancel_action": "uncancel"}, ("uncancel", 0, 0)),
        ("pro", {"customize": {"price": {"amount": 35, "interval": "month"}}}, ("update_plan", 15, 0)),
        ("pro", {"billing_cycle_anchor": "now"}, ("none", 0, 0)),
        (
            "pro",
            {"cancel_action": "uncancel", "redirect_mode": "always"},
            (400, "invalid_request", "Autumn checkout does not support cancel or uncancel updates"),
        ),
        (
            "pro",
            {"cancel_action": "cancel_end_of_cycle", "refund_last_payment": "full"},
            (400, "invalid_request", "refund_last_payment requires cancel_action to be 'cancel_immediately'."),
        ),
        (
            "free",
            {"cancel_action": "cancel_end_of_cycle"},
            (
                400,
                "invalid_request",
                "Free products do not have billing cycles; use cancel: 'immediately' instead.",
            ),
        ),
        (
            "pro",
            {"feature_quantities": [], "discounts": [{"reward_id": "x"}]},
            (400, "invalid_request", 'Invalid coupon ID: "x"'),
        ),
    ],
)
def test_preview_update_says_what_update_does(
    world: PurchaseWorld, bought_before: str, body: dict[str, Any], expected: Answer
) -> None:
    world.card("ok")
    world.buy(bought_before)
    asked = {"customer_id": "c", "plan_id": bought_before, **body}
    assert previewed_update(world, asked) == expected
    assert updated(world, asked, expected[0]) == expected


@pytest.mark.parametrize(
    ("before", "card", "plans", "fields", "expected", "next_total"),
    [
        ([], None, ["pro", "extra", "once"], {}, ("subscription", 50), 40),
        ([], "ok", ["pro", "extra", "once"], {}, (None, 50), 40),
        ([], None, ["once"], {}, ("payment", 10), None),
        (["pro"], "ok", ["premium", "extra"], {}, (None, 50), 70),
        ([], "ok", ["pro", "extra"], {"discounts": [{"reward_id": "half"}]}, (None, 20), 20),
    ],
)
def test_preview_multi_attach_says_what_multi_attach_does(
    world: PurchaseWorld,
    before: list[str],
    card: Any,
    plans: list[str],
    fields: dict[str, Any],
    expected: Answer,
    next_total: float | None,
) -> None:
    coupon = {"id": "half", "name": "Half", "type": "percentage_discount", "value": 50, "promo_codes": []}
    rewards.create(world.call(), parse(RewardsCreate, {"coupon": {**coupon, "duration": {"type": "forever"}}}))
    world.card("ok")
    for plan_id in before:
        world.buy(plan_id)
    world.card(card)
    body = {"customer_id": "c", "plans": [{"plan_id": each} for each in plans], **fields}
    state = world.snapshot()
    shown = preview_multi_attach(world.call(), parse(MultiAttach, body))
    assert world.snapshot() == state
    assert (shown.page, float(shown.charges.total)) == expected
    assert (None if shown.next_cycle is None else float(shown.next_cycle.total)) == next_total
    outcome = multi_attach(world.call(), parse(MultiAttach, body))
    bill = outcome.checkout or outcome.invoice
    assert bill is not None
    assert float(total_of(bill.lines)) == expected[1]


def test_preview_multi_attach_refuses_what_multi_attach_refuses(world: PurchaseWorld) -> None:
    body = parse(MultiAttach, {"customer_id": "c", "plans": [{"plan_id": "pro"}, {"plan_id": "nope"}]})
    for call in (preview_multi_attach, multi_attach):
        with world.refused(404, "product_not_found", "Product nope not found"):
            call(world.call(), body)
