"""What changes cost, from the call to the lines: which subscription bills them, what requests say of lines, coupons."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from autumn_mock.domain.payment import AppliedCoupon, Invoice, Subscription
from autumn_mock.ledger.intervals import DAY, add_months
from autumn_mock.operations.billing import rewards
from autumn_mock.operations.billing.preview import Preview, preview_attach, preview_update
from autumn_mock.operations.subjects import get_customer
from autumn_mock.wire.requests.billing import BillingAttach, BillingUpdate
from autumn_mock.wire.requests.rewards import RewardsCreate
from autumn_mock.wire.schema import parse
from tests.support.world import NOW, World

MONTH = {"interval": "month"}
END = add_months(NOW, 1)
HALFWAY = NOW + (END - NOW) // 2


def packs(amount: float = 10, units: int = 100, **fields: Any) -> dict[str, Any]:
    price = {"amount": amount, "billing_units": units, "billing_method": "prepaid", **MONTH}
    return {"feature_id": "messages", "price": {**price, **fields.pop("price", {})}, **fields}


def use(feature_id: str = "messages", amount: float = 0.1, included: int = 100) -> dict[str, Any]:
    return {
        "feature_id": feature_id,
        "included": included,
        "price": {"amount": amount, "billing_method": "usage_based", **MONTH},
    }


def price(amount: float, interval: str = "month") -> dict[str, Any]:
    return {"amount": amount, "interval": interval}


@pytest.fixture
def world() -> World:
    world = World()
    world.plan("free", {"feature_id": "messages", "included": 10, "reset": MONTH})
    world.plan("pro", price=price(20))
    world.plan("premium", price=price(50))
    world.plan("annual", price=price(200, "year"))
    world.plan("used", use(), price=price(20))
    world.plan("boxes", packs(8, 12), price=price(20))
    world.plan("trial", price=price(50), free_trial={"duration_length": 14, "duration_type": "day"})
    world.plan("extra", price=price(20), add_on=True)
    world.plan("once", packs(price={"interval": "one_off"}), price=price(10, "one_off"))
    for reward_id, kind, value in (("p10", "percentage", 10), ("p20", "percentage", 20), ("f5", "fixed", 5)):
        give(world, reward_id, kind, value)
    world.customer()
    return world


def give(world: World, reward_id: str, kind: str = "percentage", value: float = 20, **fields: Any) -> None:
    coupon = {
        "id": reward_id,
        "name": reward_id,
        "type": f"{kind}_discount",
        "value": value,
        "duration": {"type": "forever"},
        "promo_codes": [],
        **fields,
    }
    rewards.create(world.call(), parse(RewardsCreate, {"coupon": coupon}))


def subscribe(world: World, plan_id: str, *, coupons: tuple[str, ...] = (), **fields: Any) -> Subscription:
    """Attach a plan that a subscription bills."""
    world.attach(plan_id, **fields)
    attached = next(each for each in world.attached() if each.plan_id == plan_id)
    owner = get_customer(world.environment, "c").internal_id
    subscription = Subscription(
        id="sub",
        customer=owner,
        created_at=world.now,
        anchor=attached.cycle_anchor,
        billed_until=END,
        trial_ends_at=attached.trial_ends_at,
        coupons=tuple(AppliedCoupon(reward_id=each, applied_at=world.now) for each in coupons),
    )
    with world.environment.write() as transaction:
        transaction.put(subscription)
        transaction.put(replace(attached, billed_by="sub"))
    return subscription


def paid(customer: str) -> Invoice:
    return Invoice(
        id="inv",
        stripe_id="in_1",
        customer=customer,
        subscription="sub",
        status="paid",
        total=Decimal(20),
        amount_paid=Decimal(20),
        refunded_amount=Decimal(5),
        created_at=NOW,
    )


def attach(world: World, plan_id: str, **fields: Any) -> Preview:
    return preview_attach(world.call(), parse(BillingAttach, {"customer_id": "c", "plan_id": plan_id, **fields}))


def update(world: World, plan_id: str, **fields: Any) -> Preview:
    return preview_update(world.call(), parse(BillingUpdate, {"customer_id": "c", "plan_id": plan_id, **fields}))


def totals(preview: Preview) -> list[float]:
    return [float(line.total) for line in preview.charges.lines]


QUANTITY = [{"feature_id": "messages", "quantity": 300}]


@pytest.mark.parametrize(
    ("current", "new", "fields", "at", "due", "next_total"),
    [
        (None, "pro", {}, NOW, 20, 20),
        (None, "free", {}, NOW, 0, None),
        (None, "trial", {}, NOW, 0, 50),
        (None, "once", {"feature_quantities": QUANTITY}, NOW, 40, None),
        (None, "pro", {"starts_at": NOW + DAY}, NOW, 0, 20),
        ("pro", "premium", {}, NOW, 30, 50),
        ("pro", "premium", {}, HALFWAY, 15, 50),
        ("pro", "premium", {"proration_behavior": "none"}, HALFWAY, 0, 50),
        ("pro", "premium", {"billing_cycle_anchor": "now"}, HALFWAY, 40, 50),
        ("pro", "premium", {"proration_behavior": "none", "billing_cycle_anchor": "now"}, HALFWAY, 50, 50),
        ("pro", "premium", {"plan_schedule": "end_of_cycle"}, HALFWAY, 0, 50),
        ("pro", "annual", {}, NOW, 180, 200),
        ("premium", "pro", {}, NOW, 0, 20),
        ("premium", "pro", {"plan_schedule": "immediate"}, NOW, -30, 20),
        ("pro", "free", {}, NOW, 0, None),
        ("pro", "free", {"plan_schedule": "immediate"}, NOW, -20, None),
        ("pro", "extra", {}, HALFWAY, 10, 40),
        ("pro", "once", {}, HALFWAY, 10, None),
        ("pro", "trial", {}, NOW, -20, 50),
        ("trial", "premium", {}, NOW, 50, 50),
        ("trial", "pro", {}, NOW, 0, 20),
        ("trial", "extra", {}, NOW, 0, 70),
        ("free", "pro", {}, HALFWAY, 20, 20),
        (None, "pro", {"discounts": [{"reward_id": "p20"}]}, NOW, 16, 16),
        (None, "pro", {"discounts": [{"reward_id": "f5"}]}, NOW, 15, 15),
        ("pro", "premium", {"discounts": [{"reward_id": "p20"}]}, NOW, 20, 40),
        (None, "pro", {"add_lines": [{"amount": -3, "description": "Welcome"}]}, NOW, 17, 20),
        ("pro", "premium", {"custom_line_items": [{"amount": 9, "description": "Deal"}]}, NOW, 9, 50),
        ("pro", "premium", {"remove_lines": [{"plan_id": "pro"}]}, NOW, 50, 50),
        ("pro", "premium", {"remove_lines": [{"plan_id": "premium", "direction": "refund"}]}, NOW, 30, 50),
        ("pro", "premium", {"remove_lines": [{"plan_id": "premium", "price": True}]}, NOW, -20, 50),
        ("pro", "premium", {"remove_lines": [{"plan_id": "premium", "price": {"interval": "month"}}]}, NOW, -20, 50),
        ("pro", "premium", {"remove_lines": [{"plan_id": "premium", "price": {"interval": "year"}}]}, NOW, 30, 50),
        ("pro", "premium", {"no_billing_changes": True}, NOW, 0, None),
    ],
)
def test_preview_attach_shows_what_is_due(
    world: World, current: str | None, new: str, fields: dict[str, Any], at: int, due: float, next_total: float | None
) -> None:
    if current is not None:
        subscribe(world, current)
    world.now = at
    shown = attach(world, new, **fields)
    assert float(shown.charges.total) == due
    assert (None if shown.next_cycle is None else float(shown.next_cycle.total)) == next_total


def test_preview_attach_of_a_switch_bills_usage_unless_it_is_carried_over(world: World) -> None:
    subscribe(world, "used")
    world.track(150)
    assert totals(attach(world, "premium")) == [-20, 50, 5]
    assert totals(attach(world, "premium", carry_over_usages={"enabled": True})) == [-20, 50]


def test_preview_attach_names_usage_of_the_next_cycle(world: World) -> None:
    next_cycle = attach(world, "used").next_cycle
    assert next_cycle is not None
    assert (next_cycle.starts_at, float(next_cycle.total)) == (END, 20)
    assert [(each.display_name, each.feature_id, each.period) for each in next_cycle.usage] == [
        ("Messages", "messages", (NOW, END))
    ]


def test_a_plan_without_a_subscription_is_not_credited(world: World) -> None:
    world.attach("pro")
    assert totals(attach(world, "premium")) == [50]


def test_removed_plans_are_credited(world: World) -> None:
    subscribe(world, "pro")
    world.attach("extra")
    extra = world.attached()[1]
    with world.environment.write() as transaction:
        transaction.put(replace(extra, billed_by="sub"))
    shown = attach(world, "premium", remove_plan_ids=["extra"])
    assert totals(shown) == [-20, -20, 50]
    assert shown.next_cycle is not None
    assert float(shown.next_cycle.total) == 50


def test_proration_none_is_refused_when_something_is_bought_once(world: World) -> None:
    subscribe(world, "pro")
    world.plan("mixed", packs(price={"interval": "one_off"}), price=price(30))
    message = "Cannot set proration_behavior to 'none' when an invoice will be created"
    with world.refused(400, "invalid_request", message):
        attach(world, "mixed", proration_behavior="none", feature_quantities=QUANTITY)


@pytest.mark.parametrize(
    ("plan_id", "fields", "due", "next_total"),
    [
        ("boxes", {"feature_quantities": [{"feature_id": "messages", "quantity": 240}]}, [-80, 160], 180),
        ("boxes", {"feature_quantities": [{"feature_id": "messages", "quantity": 60}]}, [-80, 40], 60),
        ("boxes", {"feature_quantities": [{"feature_id": "messages", "quantity": 120}]}, [], 100),
        ("boxes", {"cancel_action": "cancel_immediately"}, [-20, -80], None),
        ("boxes", {"cancel_action": "cancel_immediately", "proration_behavior": "none"}, [], None),
        ("boxes", {"cancel_action": "cancel_end_of_cycle"}, [], None),
        ("boxes", {"customize": {"price": price(35)}}, [-20, 35], 115),
        ("trial", {"customize": {"free_trial": None}}, [50], 50),
        ("trial", {"cancel_action": "cancel_immediately"}, [], None),
        ("pro", {"customize": {"free_trial": {"duration_length": 7, "duration_type": "day"}}}, [-20], 20),
        ("pro", {"customize": {"price": price(35)}, "discounts": [{"reward_id": "p20"}]}, [-20, 28], 28),
        ("pro", {"customize": {"price": price(35)}, "no_billing_changes": True}, [], None),
    ],
)
def test_preview_update_shows_what_is_due(
    world: World, plan_id: str, fields: dict[str, Any], due: list[float], next_total: float | None
) -> None:
    bought: dict[str, Any] = {}
    if plan_id == "boxes":
        bought = {"feature_quantities": [{"feature_id": "messages", "quantity": 120}]}
    subscribe(world, plan_id, **bought)
    shown = update(world, plan_id, **fields)
    assert totals(shown) == due
    assert (None if shown.next_cycle is None else float(shown.next_cycle.total)) == next_total


def test_more_units_that_are_bought_once_cost_what_is_added(world: World) -> None:
    world.plan("mixed", packs(price={"interval": "one_off"}), price=price(30))
    subscribe(world, "mixed", feature_quantities=QUANTITY)
    assert totals(update(world, "mixed", feature_quantities=QUANTITY)) == [30]


@pytest.mark.parametrize(("how", "amount"), [("full", 15), ("prorated", 10)])
def test_preview_update_shows_the_refund_of_the_last_payment(world: World, how: str, amount: float) -> None:
    subscription = subscribe(world, "pro")
    invoice = paid(subscription.customer)
    with world.environment.write() as transaction:
        transaction.put(invoice)
    world.now = HALFWAY
    shown = update(world, "pro", cancel_action="cancel_immediately", refund_last_payment=how)
    assert shown.refund is not None
    assert (float(shown.refund.amount), shown.refund.invoice, totals(shown)) == (amount, invoice, [])


@pytest.mark.parametrize(("credit", "applied"), [(0, 0), (12, 12), (100, 20)])
def test_credit_is_spent_down_to_nothing(world: World, credit: int, applied: int) -> None:
    customer = get_customer(world.environment, "c")
    with world.environment.write() as transaction:
        transaction.put(replace(customer, credit=customer.credit + credit))
    assert float(attach(world, "pro").applied_credit) == applied


# -- coupons


def test_coupons_of_a_subscription_count_with_those_of_the_request(world: World) -> None:
    subscribe(world, "pro", coupons=("p10",))
    shown = attach(world, "premium", discounts=[{"reward_id": "p20"}])
    assert totals(shown) == [-20, 36]
    assert [each.reward_id for each in shown.charges.applied] == ["p10", "p20"]
    assert totals(attach(world, "premium", remove_discounts=[{"reward_id": "p10"}])) == [-20, 50]


@pytest.mark.parametrize(
    ("duration", "next_total"),
    [({"type": "one_off"}, 20), ({"type": "months", "length": 2}, 18), ({"type": "months", "length": 1}, 20)],
)
def test_how_long_a_coupon_counts(world: World, duration: dict[str, Any], next_total: float) -> None:
    give(world, "some", value=10, duration=duration)
    shown = attach(world, "pro", discounts=[{"reward_id": "some"}])
    assert float(shown.charges.total) == 18
    assert shown.next_cycle is not None
    assert float(shown.next_cycle.total) == next_total


CODES = [
    {"code": "ONE", "global_max_redemption": 1},
    {"code": "FIRST", "first_time_transaction": True},
    {"code": "ANY"},
]


@pytest.mark.parametrize(
    ("sent", "code", "message"),
    [
        ({"reward_id": "x"}, "invalid_request", 'Invalid coupon ID: "x"'),
        ({"promotion_code": "x"}, "invalid_request", 'Promotion code not found or inactive: "x"'),
        ({}, "invalid_request", "Either reward_id or promotion_code must be provided."),
        (
            {"promotion_code": "PREMIUM"},
            "invalid_request",
            "Promotion code does not apply to any products in this order.",
        ),
        (
            {"promotion_code": "ONE"},
            "invalid_request",
            'Promotion code "ONE" has reached its maximum number of redemptions',
        ),
        (
            {"promotion_code": "FIRST"},
            "promo_code_first_time_only",
            'Promotion code "FIRST" is only for the first purchase of a customer',
        ),
    ],
)
def test_discounts_that_cannot_be_given_are_refused(
    world: World, sent: dict[str, Any], code: str, message: str
) -> None:
    give(world, "coded", promo_codes=CODES)
    give(world, "premium", promo_codes=[{"code": "PREMIUM"}], plan_ids=["premium"])
    owner = get_customer(world.environment, "c")
    shown = attach(world, "pro", discounts=[{"promotion_code": "ONE"}, {"promotion_code": "FIRST"}])
    with world.environment.write() as transaction:
        rewards.redeem(world.call(), transaction, shown.charges.coupons)
        transaction.put(paid(owner.internal_id))
    with world.refused(400, code, message):
        attach(world, "pro", discounts=[{"reward_id": "p10"}, sent])


def test_a_coupon_is_made_once_with_codes_of_its_own(world: World) -> None:
    give(world, "coded", promo_codes=CODES)
    with world.refused(400, "invalid_request", "Reward p10 already exists"):
        give(world, "p10")
    for codes in ([{"code": "ANY"}], [{"code": "TWICE"}, {"code": "TWICE"}]):
        with world.refused(400, "invalid_request", f"Promotion code {codes[0]['code']} already exists"):
            give(world, "other", promo_codes=codes)
    rewards.delete(world.call(), "p10")
    with world.refused(404, "reward_not_found", "Reward p10 not found"):
        rewards.get(world.call(), "p10")


def test_a_grant_of_features_is_refused(world: World) -> None:
    grant = {"feature_grant": {"id": "gift", "grants": []}}
    message = "autumn-mock does not emulate feature grants; give customers balances.create instead"
    with world.refused(400, "invalid_request", message):
        rewards.create(world.call(), parse(RewardsCreate, grant))


@pytest.mark.parametrize(
    ("narrow", "left"),
    [
        ({"billing_behavior": "prepaid"}, [-20, 50, 5]),
        ({"billing_behavior": "usage_based"}, [-20, -30, 50]),
        ({"billing_behavior": "prepaid", "interval": "year"}, [-20, -30, 50, 5]),
    ],
)
def test_a_removed_line_of_a_feature_is_named_by_how_it_is_billed(
    world: World, narrow: dict[str, Any], left: list[float]
) -> None:
    world.plan("both", use(), packs(), price=price(20))
    subscribe(world, "both", feature_quantities=QUANTITY)
    world.track(450)
    removal = {"plan_id": "both", "feature_quantities": [{"feature_id": "messages", **narrow}]}
    assert totals(attach(world, "premium", remove_lines=[removal])) == left
