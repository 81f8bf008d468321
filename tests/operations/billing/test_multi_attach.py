"""Several plans with one payment."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.operations.billing.multi_attach import multi_attach
from autumn_mock.operations.billing.purchases import Outcome
from autumn_mock.wire.requests.multi_attach import MultiAttach
from autumn_mock.wire.schema import ValidationFailed, parse
from tests.operations.billing.test_purchases import need
from tests.operations.purchases import PurchaseWorld
from tests.support.world import NOW


@pytest.fixture
def world() -> PurchaseWorld:
    return PurchaseWorld()


def buy(world: PurchaseWorld, *plans: str | dict[str, Any], **fields: Any) -> Outcome:
    sent = [{"plan_id": each} if isinstance(each, str) else each for each in plans]
    body = {"customer_id": "c", "plans": sent, **fields}
    return multi_attach(world.call(), parse(MultiAttach, body, now_ms=world.now))


BOTH = {"pro": "active", "extra": "active", "once": "purchase"}


@pytest.mark.parametrize(
    ("card", "asked", "meanwhile"),
    [(None, "subscription", {}), ("ok", "invoice paid 50.00", BOTH), ("declines", "payment_failed", {})],
)
def test_one_payment_for_all(world: PurchaseWorld, card: Any, asked: str, meanwhile: dict[str, str]) -> None:
    world.card(card)
    outcome = buy(world, "pro", "extra", "once")
    assert (need(outcome), world.plans()) == (asked, meanwhile)
    if card != "ok":
        world.pay(outcome)
    assert (world.plans(), world.invoices()) == (BOTH, [("paid", 50)])
    (invoice,) = world.environment.invoices
    (subscription,) = world.environment.subscriptions
    assert (invoice.plan_ids, invoice.subscription) == (("pro", "extra", "once"), subscription.id)
    billed = [each.billed_by for each in world.attached() if not each.plan.is_one_off]
    assert billed == [subscription.id, subscription.id]


def test_main_plans_replace_and_add_ons_join(world: PurchaseWorld) -> None:
    world.card()
    world.buy("pro")
    outcome = buy(world, "premium", "extra")
    assert need(outcome) == "invoice paid 50.00"
    assert world.plans() == {"premium": "active", "extra": "active"}
    assert len(list(world.environment.subscriptions)) == 1


def test_the_same_plans_find_the_open_session(world: PurchaseWorld) -> None:
    first = buy(world, "pro", "extra")
    assert buy(world, "pro", "extra") == first
    assert buy(world, "pro") != first


def test_an_add_on_may_be_bought_twice(world: PurchaseWorld) -> None:
    world.card()
    assert need(buy(world, "extra", "extra")) == "invoice paid 40.00"


def test_plans_of_entities(world: PurchaseWorld) -> None:
    world.card()
    world.entity("e1")
    buy(world, "pro", {"plan_id": "extra", "entity_id": "e1"}, {"plan_id": "once", "entity_id": None})
    assert {each.plan_id: each.entity_id for each in world.attached()} == {"pro": None, "extra": "e1", "once": None}


ALWAYS = (
    'redirect_mode cannot be "always" if customer has an existing Stripe subscription. Pass '
    "new_billing_subscription: true to create a new subscription."
)
ONE_OFF = (
    "billing_cycle_anchor is not supported when every plan is one-off. One-off plans do not have a recurring billing "
    "cycle."
)


@pytest.mark.parametrize(
    ("plans", "fields", "code", "message"),
    [
        (["premium"], {"redirect_mode": "always"}, "invalid_redirect_mode", ALWAYS),
        (["once"], {"billing_cycle_anchor": "now"}, "invalid_request", ONE_OFF),
        (
            ["annual", "extra", "premium"],
            {},
            "invalid_request",
            "Plans 'annual' and 'premium' cannot be attached together: only one main plan of a group can be active. "
            "Attach one of them, or give them different groups.",
        ),
        (
            ["premium"],
            {"starts_at": NOW + 1},
            "invalid_request",
            "Multi-attach starts_at only supports past timestamps.",
        ),
        (
            [{"plan_id": "extra", "subscription_id": "s"}, {"plan_id": "once", "subscription_id": "s"}],
            {},
            "duplicate_subscription_id",
            "Duplicate subscription_id 's' in the same request",
        ),
    ],
)
def test_refusals(world: PurchaseWorld, plans: list[Any], fields: dict[str, Any], code: str, message: str) -> None:
    world.card()
    world.buy("pro")
    with world.refused(400, code, message):
        buy(world, *plans, **fields)


def test_all_or_none(world: PurchaseWorld) -> None:
    with world.refused(404, "product_not_found", "Product nope not found"):
        buy(world, "free", "nope")


def test_needs_a_plan(world: PurchaseWorld) -> None:
    with pytest.raises(ValidationFailed, match="plans: At least one plan must be provided"):
        buy(world)
