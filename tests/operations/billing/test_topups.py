"""Auto top-ups: when units are bought, how many, where they land, and what stops them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from autumn_mock.domain.payment import DECLINED, NO_CARD, CardCharge, Refusal
from autumn_mock.domain.track import TrackItem
from autumn_mock.domain.webhook import Webhook
from autumn_mock.ledger.intervals import DAY, HOUR, MINUTE
from autumn_mock.operations import customers, track
from autumn_mock.operations.billing.payment_methods import set_payment_method
from autumn_mock.operations.call import Call
from autumn_mock.wire.requests.customers import CustomersUpdate
from autumn_mock.wire.responses.customer import customer_body
from autumn_mock.wire.schema import ValidationFailed, parse
from tests.support.world import IngestWorld, World, item, lock, monthly

ONCE = {"amount": 10, "interval": "one_off", "billing_units": 100, "billing_method": "prepaid"}


class TopupWorld(World):
    """A world with a customer, whose webhooks are kept, and whose charges fail as ``problem`` says."""

    def __init__(self) -> None:
        super().__init__()
        self.environment.payments = "accept"
        self.sent: list[Webhook] = []
        self.problem: str | None = None
        self.charged: list[tuple[str, str]] = []
        self.environment.listener = lambda _, webhooks: self.sent.extend(webhooks)
        self.customer()

    def call(self, *args: Any, **more: Any) -> Call:
        return replace(super().call(*args, **more), charge_problem=self._charge)

    def _charge(self, charge: CardCharge) -> Refusal | None:
        self.charged.append((charge.customer_id, charge.feature_id or ""))
        refusals = {None: None, "charge_failed": DECLINED, "missing_payment_method": NO_CARD}
        return refusals[self.problem]

    def buy(self, quantity: float = 100, feature_id: str = "messages", **price: Any) -> None:
        """Put the customer on a plan whose units are bought once."""
        self.plan("once", {"feature_id": feature_id, "price": {**ONCE, **price}})
        self.attach("once", feature_quantities=[{"feature_id": feature_id, "quantity": quantity}])

    def configure(self, threshold: float, quantity: float, feature_id: str = "messages", **more: Any) -> None:
        self.update({"auto_topups": [config(threshold, quantity, feature_id, **more)]})

    def update(self, controls: dict[str, Any]) -> None:
        body = {"customer_id": "c", "billing_controls": controls}
        customers.update(self.call(), parse(CustomersUpdate, body))

    @property
    def packs(self) -> int:
        """Units that were bought, in packs of 100."""
        (attached,) = [each for each in self.attached() if each.plan_id == "once"]
        return int(sum(attached.prepaid.values(), Decimal(0))) // 100

    @property
    def outcomes(self) -> list[str]:
        """What the webhooks say, in order."""
        return [each.data.get("reason", "succeeded") for each in self.sent if "topup" in each.type]

    @property
    def totals(self) -> list[int]:
        """The invoices, in cents."""
        return [each.data["invoice"]["total"] for each in self.sent if each.type == "billing.auto_topup_succeeded"]


def config(threshold: float, quantity: float, feature_id: str = "messages", **more: Any) -> dict[str, Any]:
    return {"feature_id": feature_id, "enabled": True, "threshold": threshold, "quantity": quantity, **more}


@pytest.fixture
def world() -> TopupWorld:
    return TopupWorld()


# -- when, and how many


@pytest.mark.parametrize(
    ("start", "units", "threshold", "quantity", "uses", "left", "packs"),
    [
        (100, 100, 20, 100, [85], [115], 2),
        (100, 100, 20, 100, [50], [50], 1),
        (100, 100, 20, 100, [80], [120], 2),
        (100, 100, 0, 100, [100], [100], 2),
        (200, 100, 30, 100, [180, 100], [120, 120], 4),
        (1000, 1000, 200, 100, [950], [1050], 20),
        (1000, 1000, 200, 1100, [950], [2050], 30),
        (200, 100, 130, 50, [170, 1], [130, 229], 4),
    ],
)
def test_a_use_that_leaves_no_more_than_the_threshold_buys_whole_packs(
    world: TopupWorld,
    start: float,
    units: float,
    threshold: float,
    quantity: float,
    uses: list[float],
    left: list[float],
    packs: int,
) -> None:
    world.buy(start, billing_units=units)
    world.configure(threshold, quantity)
    assert [world.track(use) and world.remaining() for use in uses] == left
    assert world.packs == packs


def test_the_answer_to_the_use_shows_the_balance_before(world: TopupWorld) -> None:
    world.buy()
    world.configure(20, 100)
    balance = world.track(85).balance
    assert balance is not None
    assert balance.remaining == 15
    assert world.amounts() == (200, 115, 85)
    assert len(world.events()) == 1


def test_a_disabled_configuration_buys_nothing(world: TopupWorld) -> None:
    world.buy()
    world.configure(20, 100, enabled=False)
    world.track(85)
    assert (world.remaining(), world.charged) == (15, [])


@pytest.mark.parametrize(
    "price",
    [{"interval": "month"}, {"billing_method": "usage_based", "interval": "month"}, {"tier_behavior": "volume"}],
)
def test_only_units_bought_once_without_volume_tiers_are_bought(world: TopupWorld, price: dict[str, Any]) -> None:
    tiers = {"amount": None, "tiers": [{"to": "inf", "amount": 1}]} if "tier_behavior" in price else {}
    given = {name: value for name, value in {**ONCE, **price, **tiers}.items() if value is not None}
    world.plan("once", {"feature_id": "messages", "price": given})
    world.attach("once", feature_quantities=[{"feature_id": "messages", "quantity": 100}])
    world.configure(20, 100)
    world.track(85)
    assert (world.charged, world.outcomes) == ([], [])


@pytest.mark.parametrize(("quantity", "total"), [(100, 1000), (300, 2500)])
def test_graduated_tiers_are_counted_for_the_units_of_one_topup(world: TopupWorld, quantity: int, total: int) -> None:
    tiers = [{"to": 200, "amount": 10}, {"to": "inf", "amount": 5}]
    price = {name: value for name, value in ONCE.items() if name != "amount"}
    world.plan("once", {"feature_id": "messages", "price": {**price, "tiers": tiers}})
    world.attach("once", feature_quantities=[{"feature_id": "messages", "quantity": 100}])
    world.configure(20, quantity)
    world.track(85)
    assert world.totals == [total]


def test_a_credit_system_is_topped_up_for_the_features_that_it_pays_for(world: TopupWorld) -> None:
    world.buy(200, "credits")
    world.configure(30, 100, "credits")
    world.track(845, "action1")  # at 0.2 credits
    assert world.remaining("credits") == 31
    world.track(10, "action1")
    assert world.remaining("credits") == 129


USES: dict[str, Callable[[World], object]] = {
    "track": lambda world: world.track(85),
    "check that uses": lambda world: world.check(85, send_event=True),
    "lock": lambda world: world.check(85, lock=lock()),
}


@pytest.mark.parametrize("use", USES.values(), ids=list(USES))
def test_every_use_tops_up(world: TopupWorld, use: Callable[[World], object]) -> None:
    world.buy()
    world.configure(20, 100)
    use(world)
    assert world.remaining() == 115


def test_the_difference_of_a_finalize_tops_up(world: TopupWorld) -> None:
    world.buy()
    world.configure(20, 100)
    world.check(10, lock=lock())
    world.finalize(action="confirm", override_value=85)
    assert world.remaining() == 115


def test_a_check_tops_up_what_is_low(world: TopupWorld) -> None:
    world.buy()
    world.configure(20, 100)
    world.problem = "missing_payment_method"
    world.track(85)
    world.problem = None
    balance = world.check().balance
    assert balance is not None
    assert (float(balance.remaining), world.remaining()) == (15, 115)


def test_a_rejected_use_stays_rejected(world: TopupWorld) -> None:
    world.buy()
    world.configure(20, 100)
    assert not world.check(150, send_event=True).allowed
    assert (world.remaining(), world.outcomes) == (100, [])
    world.track(85)
    assert not world.check(150, send_event=True).allowed
    assert (world.remaining(), world.outcomes) == (115, ["succeeded"])


def queued() -> IngestWorld:
    """A customer on a plan that carries a configuration, and a queue."""
    world = IngestWorld()
    world.environment.payments = "accept"
    world.customer()
    world.plan("once", {"feature_id": "messages", "price": ONCE}, billing_controls={"auto_topups": [config(20, 100)]})
    world.attach("once", feature_quantities=[{"feature_id": "messages", "quantity": 100}])
    return world


def test_queued_items_top_up_between_them() -> None:
    world = queued()
    world.batch([item(85), item(100)])
    world.run()
    assert world.amounts() == (300, 115, 185)


def test_a_fault_fails_the_charge_of_queued_items() -> None:
    world = queued()
    world.arm("topup:fail customer=c feature=messages times=1")
    world.batch([item(85)])
    world.run()
    assert (world.remaining(), [each.fired for each in world.faults.armed()]) == (15, [1])


# -- configurations


def test_switching_a_configuration_on_tops_up_what_is_low(world: TopupWorld) -> None:
    world.plan("base", monthly(200))
    world.attach("base")
    world.buy()
    world.configure(300, 600)
    assert (world.remaining(), world.packs) == (900, 7)


def test_attaching_a_plan_with_a_configuration_tops_up(world: TopupWorld) -> None:
    controls = {"auto_topups": [config(20, 100)]}
    world.plan("once", {"feature_id": "messages", "price": ONCE}, billing_controls=controls)
    world.attach("once")
    assert (world.remaining(), world.packs) == (100, 1)


def test_switching_on_tops_up_the_first_feature_that_is_low(world: TopupWorld) -> None:
    world.plan("once", *({"feature_id": name, "price": ONCE} for name in ("messages", "words")))
    world.attach("once")
    world.update({"auto_topups": [config(20, 100, name) for name in ("messages", "words")]})
    assert (world.remaining(), world.remaining("words")) == (100, 0)


@pytest.mark.parametrize(("own", "left"), [(None, 115), (300, 315)])
def test_the_customers_configuration_comes_before_the_plans(world: TopupWorld, own: int | None, left: int) -> None:
    controls = {"auto_topups": [config(20, 100)]}
    world.plan("once", {"feature_id": "messages", "price": ONCE}, billing_controls=controls)
    world.attach("once", feature_quantities=[{"feature_id": "messages", "quantity": 100}])
    if own is not None:
        world.configure(20, own)
    world.track(85)
    assert world.remaining() == left


def test_the_price_is_that_of_the_plan_attached_last(world: TopupWorld) -> None:
    world.buy()
    world.now += 1
    world.plan("later", {"feature_id": "messages", "price": {**ONCE, "amount": 7}})
    world.attach("later")
    world.configure(20, 100)
    world.track(85)
    assert (world.totals, world.packs) == ([700], 1)


# -- where it lands


@pytest.mark.parametrize(("overdraft", "base", "rest"), [(500, 0, 100), (1000, -400, 0)])
def test_overdrawn_rows_are_lifted_first(world: TopupWorld, overdraft: float, base: float, rest: float) -> None:
    overage = {"amount": 0.1, "interval": "month", "billing_units": 1, "billing_method": "usage_based"}
    world.plan("base", {"feature_id": "messages", "price": overage})
    world.attach("base")
    world.buy(0)
    world.track(overdraft)
    world.configure(0, 600)
    assert sorted(float(row.balance) for row in world.rows()) == sorted((base, rest))
    assert (world.totals, world.packs) == ([6000], 6)
    assert world.amounts() == (600, rest, 600 - rest - base)


# -- limits


def test_a_purchase_limit_counts_the_purchases_of_its_window(world: TopupWorld) -> None:
    world.buy()
    world.configure(50, 100, purchase_limit={"interval": "hour", "limit": 2})
    for use in (60, 100, 100):
        world.track(use)
    assert world.remaining() == 40
    world.check()
    assert world.outcomes == ["succeeded", "succeeded", "purchase_limit_reached", "purchase_limit_reached"]
    assert len({each.key for each in world.sent[-2:]}) == 1  # of which the second is not sent
    world.now += HOUR
    world.check()
    assert world.remaining() == 140
    assert _count(world) == 1


def _count(world: TopupWorld) -> int:
    return world.account().customer.topups["messages"].purchases.count


def test_a_count_is_set_and_is_not_part_of_the_configuration(world: TopupWorld) -> None:
    world.buy()
    limit = {"interval": "day", "interval_count": 2, "limit": 2}
    world.configure(50, 100, purchase_limit={**limit, "count": 1})
    world.track(60)
    world.track(100)
    assert world.outcomes == ["succeeded", "purchase_limit_reached"]
    world.configure(50, 100, purchase_limit=limit)
    assert (_count(world), world.remaining()) == (2, 40)
    stored = (world.account().customer.billing_controls.auto_topups or ())[0].purchase_limit
    assert stored is not None
    assert (stored.interval, int(stored.interval_count), int(stored.limit)) == ("day", 2, 2)


@pytest.mark.parametrize("limit", [{"interval": "day", "limit": 2, "count": 3}, {"count": 1}])
def test_a_count_above_the_limit_or_alone_is_refused(world: TopupWorld, limit: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed):
        world.configure(50, 100, purchase_limit=limit)


def test_expand_shows_the_purchases_of_the_window(world: TopupWorld) -> None:
    world.buy()
    world.configure(50, 100, purchase_limit={"interval": "hour", "limit": 2})
    world.track(60)

    def shown(*expand: str) -> Any:
        account = world.account()
        return customer_body(account, "sandbox", expand).billing_controls["auto_topups"][0].get("purchase_limit")

    limit = {"interval": "hour", "interval_count": 1, "limit": 2}
    assert shown() == limit
    expand = "billing_controls.auto_topups.purchase_limit"
    assert shown(expand) == {**limit, "count": 1, "next_reset_at": world.now + HOUR}
    world.now += HOUR
    assert shown(expand) == {**limit, "count": 0, "next_reset_at": None}
    world.configure(0, 100)
    none = {"interval": None, "interval_count": None, "limit": None}
    assert shown(expand) == {**none, "count": 0, "next_reset_at": None}


def test_two_attempts_within_ten_minutes(world: TopupWorld) -> None:
    world.buy()
    world.configure(50, 100)
    for use in (60, 100, 100):
        world.track(use)
    assert (world.remaining(), world.outcomes[-1]) == (40, "attempt_limit_reached")
    world.now += 10 * MINUTE
    world.check()
    assert world.remaining() == 140


def test_a_failed_charge_changes_nothing_and_blocks_for_an_hour(world: TopupWorld) -> None:
    world.buy()
    world.configure(20, 100)
    world.problem = "charge_failed"
    world.track(85)
    assert (world.remaining(), world.packs) == (15, 1)
    world.problem = None
    world.check()
    world.now += HOUR
    world.check()
    assert world.outcomes == ["charge_failed", "failed_attempt_limit_reached", "succeeded"]
    assert world.remaining() == 115


def test_three_failures_in_a_row_suspend_until_the_configuration_is_set(world: TopupWorld) -> None:
    world.buy()
    world.configure(20, 100)
    world.problem = "charge_failed"
    world.track(85)
    for _ in range(2):
        world.now += HOUR
        world.check()
    world.problem = None
    world.now += DAY
    world.check()
    assert world.outcomes == [*["charge_failed"] * 3, "suspended_after_failures"]
    world.configure(20, 100)
    assert world.remaining() == 115


def test_a_missing_payment_method_does_not_count_as_an_attempt(world: TopupWorld) -> None:
    world.buy()
    world.configure(20, 100)
    world.problem = "missing_payment_method"
    for _ in range(3):
        world.track(85)
    world.problem = None
    world.check()
    assert world.outcomes == [*["missing_payment_method"] * 3, "succeeded"]


def test_invoice_mode_needs_no_charge(world: TopupWorld) -> None:
    world.buy()
    world.configure(20, 100, invoice_mode=True)
    world.problem = "charge_failed"
    world.track(85)
    assert (world.remaining(), world.charged) == (115, [])
    assert world.sent[-1].data["invoice"]["status"] == "open"


# -- webhooks


def test_webhook_of_success(world: TopupWorld) -> None:
    world.buy()
    world.configure(20, 100)
    world.track(85)
    (sent,) = world.sent
    invoice = sent.data.pop("invoice")
    assert sent.data == {
        "customer_id": "c",
        "feature_id": "messages",
        "quantity_granted": 100,
        "threshold": 20,
        "balance_after": 115,
        "invoice_mode": False,
    }
    assert invoice.pop("stripe_id").startswith("in_")
    assert invoice == {"status": "paid", "total": 1000, "currency": "usd", "hosted_invoice_url": None}
    assert sent.envelope["id"].startswith("evt_auto_topup_")
    assert sent.envelope["occurred_at"] == world.now


def test_webhook_of_failure(world: TopupWorld) -> None:
    world.buy()
    world.configure(20, 100)
    world.problem = "charge_failed"
    world.track(85)
    (sent,) = world.sent
    assert sent.type == "billing.auto_topup_failed"
    assert sent.envelope["id"].startswith("evt_auto_topup_failed_")
    assert sent.data.pop("error")["decline_code"] == "generic_decline"
    assert sent.data == {
        "customer_id": "c",
        "feature_id": "messages",
        "reason": "charge_failed",
        "quantity": 100,
        "threshold": 20,
        "balance": 15,
        "invoice_mode": False,
    }


def test_a_use_of_another_customer_tops_up_nothing(world: TopupWorld) -> None:
    world.buy()
    world.configure(20, 100)
    world.customer("other", {"messages": 10})
    track.track(world.call(), TrackItem(customer_id="other", feature_id="messages", value=10))
    assert world.charged == []


# -- cards and invoices


@pytest.mark.parametrize(
    ("card", "outcome"), [(None, "missing_payment_method"), ("ok", "succeeded"), ("declines", "charge_failed")]
)
def test_the_card_decides(world: TopupWorld, card: Any, outcome: str) -> None:
    world.environment.payments = "page"
    set_payment_method(world.call(), "c", card or "none")
    world.buy()
    world.configure(20, 100)
    world.track(90)
    assert world.outcomes == [outcome]
    totals = [float(each.total) for each in world.environment.invoices if each.plan_ids == ("once",)]
    assert totals == ([10] if outcome == "succeeded" else [])


def test_a_topup_by_invoice_needs_no_card(world: TopupWorld) -> None:
    world.environment.payments = "page"
    world.buy()
    world.configure(20, 100, invoice_mode=True)
    world.track(90)
    (sent,) = [each for each in world.sent if each.type == "billing.auto_topup_succeeded"]
    (invoice,) = world.environment.invoices
    assert (invoice.status, float(invoice.total)) == ("open", 10)
    assert sent.data["invoice"]["stripe_id"] == invoice.stripe_id
