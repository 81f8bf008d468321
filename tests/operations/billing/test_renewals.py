"""What time does to plans that are billed: renewals, trial ends, scheduled plans, failed payments."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from autumn_mock.domain.customer import CustomerPlan
from autumn_mock.domain.organisation import OrganisationConfig
from autumn_mock.domain.payment import (
    DECLINED,
    AppliedCoupon,
    CardCharge,
    Invoice,
    InvoiceLine,
    Refusal,
    Subscription,
)
from autumn_mock.domain.reward import Coupon
from autumn_mock.domain.version import Version
from autumn_mock.domain.webhook import Webhook
from autumn_mock.ids import new_id
from autumn_mock.ledger.intervals import DAY, add_months
from autumn_mock.operations import retention, subjects
from autumn_mock.operations.billing import settlement
from autumn_mock.operations.billing.due_changes import MOST_CHANGES, RETRY_AFTER
from autumn_mock.operations.billing.forecasts import upcoming
from autumn_mock.operations.billing.grants import begin
from autumn_mock.operations.billing.payment_methods import PaymentMethod, set_payment_method
from autumn_mock.operations.call import Call
from autumn_mock.operations.plans import latest_plan
from autumn_mock.store.environment import Transaction
from autumn_mock.wire import webhooks
from autumn_mock.wire.answer import downgraded
from autumn_mock.wire.responses.customer import customer_body
from autumn_mock.wire.versions import traits_of
from tests.support.effort import examples
from tests.support.world import NOW, World, monthly, priced

MONTH = {"interval": "month"}


class Paying(World):
    """A world of plans that cost money, and of a customer with a card."""

    def __init__(self, *, now: int = NOW, **config: bool) -> None:
        super().__init__(now=now)
        self.sent: list[Webhook] = []
        #: Why charges fail, the next one first.
        self.problems: list[Refusal | None] = []
        self.charges: list[CardCharge] = []
        environment = self.environment
        environment.listener = lambda _, sent: self.sent.extend(sent)
        environment.writer = webhooks
        environment.organisation = replace(environment.organisation, config=replace(OrganisationConfig(), **config))
        self.plan("free", monthly(5), group="g")
        usage = priced(100, amount=0.1)
        self.plan("pro", usage, monthly(10, "words"), group="g", price={"amount": 20, **MONTH})
        self.plan("premium", usage, group="g", price={"amount": 50, **MONTH})
        self.plan("annual", usage, group="g", price={"amount": 200, "interval": "year"})
        self.plan("addon", priced(0, "words", "prepaid", amount=10, billing_units=100), add_on=True)
        self.plan("lenient", group="g", price={"amount": 20, **MONTH}, config={"ignore_past_due": True})
        for name, needs_card in (("trial", False), ("carded", True)):
            trial = {"duration_length": 7, "duration_type": "day", "card_required": needs_card}
            self.plan(name, usage, group="g", price={"amount": 20, **MONTH}, free_trial=trial)
        self.customer()
        self.set_card("ok")

    def call(self, version: Version = Version.V2_3, **more: Any) -> Call:
        return super().call(version, charge_problem=self._problem, **more)

    def _problem(self, charge: CardCharge) -> Refusal | None:
        self.charges.append(charge)
        return self.problems.pop(0) if self.problems else None

    def default(self) -> None:
        """Have a free default plan."""
        self.plan("default", monthly(3), group="g", auto_enable=True)

    def set_card(self, method: PaymentMethod) -> None:
        set_payment_method(self.call(), "c", method)

    def subscribe(self, plan_id: str, **fields: Any) -> CustomerPlan:
        """Put the customer on a plan that a subscription of its own bills from now on, its first period paid."""
        plan = latest_plan(self.environment, plan_id)
        assert plan is not None
        trial = self.now + 7 * DAY if plan.free_trial is not None else None
        with self.environment.write() as transaction:
            subscription = Subscription(
                id=new_id("sub"),
                customer=subjects.get_customer(self.environment, "c").internal_id,
                status="active" if trial is None else "trialing",
                created_at=self.now,
                anchor=trial or self.now,
                billed_until=self.now,
                trial_ends_at=trial,
            )
            transaction.put(subscription)
            return self._begin(transaction, plan_id, billed_by=subscription.id, trial_ends_at=trial, **fields)

    def join(self, plan_id: str, **fields: Any) -> CustomerPlan:
        """Put the customer on a plan that their subscription bills, too."""
        (subscription,) = self.environment.subscriptions.snapshot()
        with self.environment.write() as transaction:
            fields = {"billed_by": subscription.id, "anchor": subscription.anchor, "trial_ends_at": None, **fields}
            return self._begin(transaction, plan_id, **fields)

    def _begin(self, transaction: Transaction, plan_id: str, **fields: Any) -> CustomerPlan:
        plan = latest_plan(self.environment, plan_id)
        assert plan is not None
        return begin(self.call(), transaction, subjects.get_customer(self.environment, "c"), plan, **fields)

    def schedule(self, plan_id: str, started_at: int) -> None:
        """End the active main plan at an instant, and begin another then."""
        with self.environment.write() as transaction:
            for each in self.attached():
                if each.plan.is_main:
                    transaction.put(replace(each, canceled_at=self.now, expires_at=started_at))
        plan = latest_plan(self.environment, plan_id)
        assert plan is not None
        if plan.is_free:
            with self.environment.write() as transaction:
                self._begin(transaction, plan_id, status="scheduled", started_at=started_at)
        else:
            self.join(plan_id, status="scheduled", started_at=started_at, anchor=None)

    def end(self, at: int) -> None:
        """Cancel the active main plan at an instant."""
        with self.environment.write() as transaction:
            for each in self.attached():
                transaction.put(replace(each, canceled_at=self.now, expires_at=at))

    def pass_to(self, instant: int) -> None:
        """Let time pass, and something be read then."""
        self.now = instant
        self.account()

    def pass_time(self, ms: int) -> None:
        self.pass_to(self.now + ms)

    def invoices(self) -> list[tuple[str, float]]:
        """The status and total of each invoice, oldest first."""
        return [(each.status, float(each.total)) for each in self.environment.invoices]

    def invoice(self) -> Invoice:
        """The last invoice."""
        return self.environment.invoices.snapshot()[-1]

    def subscription(self) -> Subscription:
        return self.environment.subscriptions.snapshot()[-1]

    def shown(self, version: Version) -> dict[str, Any]:
        """The customer as a version shows it."""
        account = self.account(version=version)
        found: dict[str, Any] = downgraded(customer_body(account, "sandbox", traits_of(version).expands), version)
        return found

    def seen(self) -> list[tuple[str, str, bool]]:
        """(plan, status, past due) of each subscription at 2.3."""
        rows = self.shown(Version.V2_3)["subscriptions"]
        return [(each["plan_id"], each["status"], each["past_due"]) for each in rows]

    def seen_before(self) -> list[tuple[str, str]]:
        """(product, status) at 1.2."""
        return [(each["id"], each["status"]) for each in self.shown(Version.V1_2)["products"]]

    def webhooks(self) -> list[Any]:
        """(action and plan of each change, tags), then the older words with their products."""
        found: list[Any] = []
        for each in self.sent:
            if each.type == "billing.updated":
                changes = [(one["action"], one["subscription"]["plan_id"]) for one in each.data["plan_changes"]]
                found.append((changes, each.data["tags"]))
            elif each.type == "customer.products.updated":
                found.append((each.data["scenario"], each.data["updated_product"]["id"]))
        self.sent.clear()
        return found


ONE = add_months(NOW, 1)
Steps = Callable[[Paying], object]


class Moment(NamedTuple):
    """What is there before, when time stops, and what is there then."""

    name: str
    before: tuple[Steps, ...]
    at: int
    seen: list[tuple[str, str, bool]]
    seen_before: list[tuple[str, str]]
    invoices: list[tuple[str, float]]
    webhooks: list[Any]
    config: dict[str, bool] = {}


def on(plan_id: str) -> Steps:
    return lambda world: world.subscribe(plan_id)


def used(value: float) -> Steps:
    return lambda world: world.track(value)


def card(method: PaymentMethod) -> Steps:
    return lambda world: world.set_card(method)


def ends(world: Paying) -> None:
    world.end(ONE)


ACTIVE_PRO = [("pro", "active", False)]
PAST_DUE: tuple[Any, ...] = ([("updated", "pro")], [])

MOMENTS = [
    Moment("before the end", (on("pro"), used(150)), ONE - 1, ACTIVE_PRO, [("pro", "active")], [], []),
    Moment("a renewal", (on("pro"),), ONE, ACTIVE_PRO, [("pro", "active")], [("paid", 20)], []),
    Moment("a renewal with usage", (on("pro"), used(150)), ONE, ACTIVE_PRO, [("pro", "active")], [("paid", 25)], []),
    Moment(
        "a scheduled plan",
        (on("premium"), used(150), lambda world: world.schedule("pro", ONE)),
        ONE,
        ACTIVE_PRO,
        [("pro", "active")],
        [("paid", 25)],
        [
            ([("expired", "premium"), ("activated", "pro")], ["phase_changed"]),
            ("expired", "premium"),
            ("new", "pro"),
        ],
    ),
    Moment(
        "a scheduled free plan",
        (on("pro"), lambda world: world.schedule("free", ONE)),
        ONE,
        [("free", "active", False)],
        [("free", "active")],
        [],
        [([("expired", "pro"), ("activated", "free")], []), ("expired", "pro"), ("new", "free")],
    ),
    Moment(
        "a cancelled plan with a default plan",
        (Paying.default, on("pro"), ends),
        ONE,
        [("default", "active", False)],
        [("default", "active")],
        [],
        [([("expired", "pro"), ("activated", "default")], []), ("expired", "pro"), ("new", "default")],
    ),
    Moment(
        "a cancelled plan with usage",
        (on("pro"), used(500), ends),
        ONE,
        [],
        [],
        [("paid", 40)],
        [([("expired", "pro")], []), ("expired", "pro")],
    ),
    Moment(
        "a cancelled plan whose usage is not paid",
        (on("pro"), used(500), ends, card("declines")),
        ONE,
        [],
        [],
        [("open", 40)],
        [([("expired", "pro")], []), ("expired", "pro")],
    ),
    Moment(
        "a trial ends with a card",
        (on("carded"), used(150)),
        NOW + 7 * DAY,
        [("carded", "active", False)],
        [("carded", "active")],
        [("paid", 20)],
        [([("updated", "carded")], ["trial_ended"])],
    ),
    Moment(
        "a trial without a card ends with one",
        (on("trial"),),
        NOW + 7 * DAY,
        [("trial", "active", False)],
        [("trial", "active")],
        [("paid", 20)],
        [([("updated", "trial")], ["trial_ended"])],
    ),
    Moment(
        "a trial without a card ends without one",
        (Paying.default, card("none"), on("trial"), used(150)),
        NOW + 7 * DAY,
        [("default", "active", False)],
        [("default", "active")],
        [],
        [([("expired", "trial"), ("activated", "default")], ["trial_ended"]), ("expired", "trial"), ("new", "default")],
    ),
    Moment(
        "a trial with a card ends without one",
        (on("carded"), card("none")),
        NOW + 7 * DAY,
        [("carded", "active", True)],
        [("carded", "past_due")],
        [("open", 20)],
        [([("updated", "carded")], ["trial_ended"]), ("past_due", "carded")],
    ),
    Moment(
        "a cancelled trial",
        (on("carded"), used(150), lambda world: world.end(NOW + 7 * DAY)),
        NOW + 7 * DAY,
        [],
        [],
        [],
        [([("expired", "carded")], ["trial_ended"]), ("expired", "carded")],
    ),
    Moment(
        "a renewal that is declined",
        (on("pro"), used(150), card("declines")),
        ONE,
        [("pro", "active", True)],
        [("pro", "past_due")],
        [("open", 25)],
        [PAST_DUE, ("past_due", "pro")],
    ),
    Moment(
        "a renewal that needs 3-D Secure",
        (on("pro"), card("needs_3ds")),
        ONE,
        [("pro", "active", True)],
        [("pro", "past_due")],
        [("open", 20)],
        [PAST_DUE, ("past_due", "pro")],
    ),
    Moment(
        "a renewal that is declined, of a plan that ignores it",
        (on("lenient"), card("declines")),
        ONE,
        [("lenient", "active", False)],
        [("lenient", "active")],
        [("open", 20)],
        [],
    ),
    Moment(
        "a renewal that is declined, where that ends the plan",
        (Paying.default, on("pro"), card("declines")),
        ONE,
        [("default", "active", False)],
        [("default", "active")],
        [("void", 20)],
        [([("expired", "pro"), ("activated", "default")], []), ("expired", "pro"), ("new", "default")],
        {"cancel_on_past_due": True},
    ),
    Moment(
        "usage where it is not billed",
        (on("pro"), used(150)),
        ONE,
        ACTIVE_PRO,
        [("pro", "active")],
        [("paid", 20)],
        [],
        {"disable_overage_billing": True},
    ),
]


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.name)
@pytest.mark.parametrize("by", ["a request", "the sweep"])
def test_what_time_does(moment: Moment, by: str) -> None:
    world = Paying(**moment.config)
    for step in moment.before:
        step(world)
    world.sent.clear()
    if by == "a request":
        world.pass_to(moment.at)
    else:
        world.now = moment.at
        retention.sweep(world.call())
    assert world.webhooks() == moment.webhooks
    assert world.invoices() == moment.invoices
    assert world.seen() == moment.seen
    assert world.seen_before() == moment.seen_before


# -- failed renewals


def failing() -> Paying:
    world = Paying()
    world.default()
    world.subscribe("pro")
    world.track(150)
    world.set_card("declines")
    world.pass_to(ONE)
    world.sent.clear()
    return world


def test_features_go_on_while_a_plan_is_past_due() -> None:
    world = failing()
    assert world.amounts() == (100, 100, 0)
    world.track(30)
    assert world.remaining() == 70
    assert world.subscription().status == "past_due"


@pytest.mark.parametrize("failures", range(3))
def test_a_try_that_succeeds_ends_past_due(failures: int) -> None:
    world = failing()
    for after in RETRY_AFTER[:failures]:
        world.pass_to(ONE + after)
    assert world.seen() == [("pro", "active", True)]
    world.set_card("ok")
    world.pass_to(ONE + RETRY_AFTER[failures] - 1)
    assert world.invoices() == [("open", 25)]
    world.pass_time(1)
    assert world.invoices() == [("paid", 25)]
    assert world.seen() == [("pro", "active", False)]
    assert world.webhooks() == [PAST_DUE]
    assert world.subscription().status == "active"


def test_after_the_last_try_the_subscription_ends() -> None:
    world = failing()
    world.pass_to(ONE + RETRY_AFTER[-1])
    assert world.seen() == [("default", "active", False)]
    assert world.invoices() == [("open", 25)]
    assert world.subscription().status == "canceled"
    assert world.webhooks() == [
        ([("expired", "pro"), ("activated", "default")], []),
        ("expired", "pro"),
        ("new", "default"),
    ]
    world.pass_time(400 * DAY)
    assert world.invoices() == [("open", 25)]


def test_open_invoices_are_void_with_the_subscription_where_it_is_set() -> None:
    world = Paying(void_invoices_on_subscription_deletion=True)
    world.subscribe("pro")
    world.set_card("declines")
    world.pass_to(ONE + RETRY_AFTER[-1])
    assert world.invoices() == [("void", 20)]


def test_a_plan_that_ignores_it_is_sent_its_invoices() -> None:
    world = Paying()
    world.subscribe("lenient")
    world.set_card("declines")
    world.pass_to(add_months(NOW, 3))
    assert world.invoices() == [("open", 20)] * 3
    assert world.seen() == [("lenient", "active", False)]
    assert len(world.charges) == 1


def test_a_fault_makes_a_renewal_fail_and_the_next_try_succeeds() -> None:
    world = Paying()
    world.subscribe("pro")
    world.problems = [DECLINED]
    world.pass_to(ONE)
    assert world.seen() == [("pro", "active", True)]
    assert world.charges == [CardCharge(occasion="renewal", customer_id="c", plan_ids=("pro",))]
    world.pass_to(ONE + RETRY_AFTER[0])
    assert world.seen() == ACTIVE_PRO


def test_another_card_does_not_pay_what_was_due_before() -> None:
    world = Paying()
    world.subscribe("pro")
    world.set_card("declines")
    world.now = ONE
    world.set_card("ok")
    assert world.seen() == [("pro", "active", True)]


def test_a_cancellation_of_an_unpaid_plan_ends_it_now_where_its_invoices_are_void_then() -> None:
    world = Paying(void_invoices_on_subscription_deletion=True)
    world.subscribe("pro")
    world.set_card("declines")
    world.pass_to(ONE)
    world.update_billing("pro", cancel_action="cancel_end_of_cycle", no_billing_changes=False)
    assert world.invoices() == [("void", 20)]
    assert world.attached() == []


def test_a_renewal_that_is_paid_on_its_page_ends_past_due() -> None:
    world = failing()
    settlement.pay_invoice(world.call(), world.invoice().stripe_id)
    assert world.invoices() == [("paid", 25)]
    assert world.seen() == [("pro", "active", False)]


# -- what a renewal resets and bills


def test_a_renewal_resets_balances_at_its_instant() -> None:
    world = Paying()
    world.subscribe("pro")
    world.track(150)
    world.track(4, "words")
    world.pass_to(ONE)
    assert world.amounts() == (100, 100, 0)
    assert world.amounts("words") == (10, 10, 0)
    assert {row.next_reset_at for row in world.rows(None)} == {add_months(NOW, 2)}


def test_cycles_are_counted_from_the_anchor() -> None:
    start = 1_801_382_400_000  # 31 January 2027
    world = Paying(now=start)
    world.subscribe("pro")
    for months in range(1, 14):
        world.pass_to(add_months(start, months))
        assert len(world.invoices()) == months
        assert world.rows()[0].next_reset_at == add_months(start, months + 1)
    days = [line.period_end for each in world.environment.invoices for line in each.lines]
    assert days == [add_months(start, months) for months in range(2, 15)]


def test_units_bought_in_advance_are_billed_and_reset() -> None:
    world = Paying()
    world.subscribe("addon", prepaid={"words": Decimal(300)})
    world.track(120, "words")
    world.pass_to(ONE)
    assert world.invoices() == [("paid", 30)]
    assert world.amounts("words") == (300, 300, 0)


def test_a_smaller_quantity_counts_from_the_renewal_on() -> None:
    world = Paying()
    world.subscribe("addon", prepaid={"words": Decimal(300)})
    with world.environment.write() as transaction:
        (row,) = world.rows("words")
        transaction.put(replace(row, next_prepaid=Decimal(100)))
        transaction.put(replace(world.attached()[0], prepaid={"words": Decimal(100)}))
    world.pass_to(ONE)
    assert world.invoices() == [("paid", 10)]
    assert world.amounts("words") == (100, 100, 0)


def test_rollovers_are_made_by_renewals() -> None:
    world = Paying()
    rollover = {"max": 50, "expiry_duration_type": "month", "expiry_duration_length": 1}
    world.plan("rolls", priced(100, amount=1) | {"rollover": rollover}, group="r", price={"amount": 9, **MONTH})
    world.subscribe("rolls")
    world.track(30)
    world.pass_to(ONE)
    assert world.amounts() == (150, 150, 0)


def test_plans_of_one_subscription_share_an_invoice() -> None:
    world = Paying()
    world.subscribe("pro")
    world.join("addon", prepaid={"words": Decimal(100)})
    world.pass_to(ONE)
    assert world.invoices() == [("paid", 30)]
    assert world.invoice().plan_ids == ("pro", "addon")


def test_an_annual_plan_bills_its_monthly_usage_alone() -> None:
    world = Paying()
    world.subscribe("annual")
    world.track(150)
    world.pass_to(ONE)
    assert world.invoices() == [("paid", 5)]
    world.pass_to(add_months(NOW, 12))
    assert world.invoices()[-1] == ("paid", 200)
    assert len(world.invoices()) == 2


def test_pending_lines_are_on_the_next_invoice_once() -> None:
    world = Paying()
    world.subscribe("pro")
    line = InvoiceLine(display_name="Rest", description="Rest", subtotal=Decimal("7.50"), plan_id="pro")
    with world.environment.write() as transaction:
        transaction.put(replace(world.subscription(), pending=(line,)))
    world.pass_to(add_months(NOW, 2))
    assert world.invoices() == [("paid", 27.5), ("paid", 20)]


@pytest.mark.parametrize("plan_id", ["pro", "annual", "trial", "carded"])
@pytest.mark.parametrize("value", [0, 40, 150.5])
def test_the_invoice_is_the_one_that_was_forecast(plan_id: str, value: float) -> None:
    world = Paying()
    world.subscribe(plan_id)
    world.join("addon", prepaid={"words": Decimal(100)}, trial_ends_at=world.subscription().trial_ends_at)
    for months in range(1, 4):
        if value:
            world.track(value)
        customer = subjects.get_customer(world.environment, "c")
        forecast = upcoming(world.call(), customer, world.subscription())
        assert forecast is not None
        world.pass_to(forecast.starts_at)
        assert len(world.invoices()) == months
        assert world.invoice().lines == forecast.lines


@pytest.mark.parametrize(
    ("duration", "months", "totals"), [("forever", None, [18, 18, 18]), ("months", 2, [18, 20, 20])]
)
def test_coupons_of_a_subscription_reduce_its_renewals(duration: Any, months: int | None, totals: list[float]) -> None:
    world = Paying()
    world.subscribe("pro")
    coupon = Coupon(
        id="ten",
        name="Ten",
        type="percentage_discount",
        value=Decimal(10),
        duration=duration,
        months=months,
        created_at=NOW,
    )
    with world.environment.write() as transaction:
        transaction.put(coupon)
        applied = AppliedCoupon(reward_id="ten", applied_at=NOW)
        transaction.put(replace(world.subscription(), coupons=(applied,)))
    world.pass_to(add_months(NOW, 3))
    assert [total for _, total in world.invoices()] == totals


def test_the_credit_of_the_customer_is_spent_first() -> None:
    world = Paying()
    world.subscribe("pro")
    with world.environment.write() as transaction:
        customer = subjects.get_customer(world.environment, "c")
        transaction.put(replace(customer, credit=Decimal(30)))
    world.pass_to(ONE)
    assert world.invoice().amount_paid == 0
    assert world.charges == []
    world.pass_to(add_months(NOW, 2))
    assert world.invoice().amount_paid == 10
    assert subjects.get_customer(world.environment, "c").credit == 0


def test_a_plan_that_is_not_billed_does_not_renew() -> None:
    world = Paying()
    world.attach("pro")
    world.pass_to(add_months(NOW, 3))
    assert world.invoices() == []


def test_a_subscription_of_a_scheduled_plan_begins_with_it() -> None:
    world = Paying()
    starts = NOW + 10 * DAY
    with world.environment.write() as transaction:
        owner = subjects.get_customer(world.environment, "c").internal_id
        subscription = Subscription(id="sub", customer=owner, created_at=NOW, anchor=starts, billed_until=NOW)
        transaction.put(subscription)
    world.join("pro", status="scheduled", started_at=starts)
    world.pass_to(starts)
    assert world.invoices() == [("paid", 20)]
    world.pass_to(add_months(starts, 1))
    assert world.invoices() == [("paid", 20), ("paid", 20)]


# -- any order of steps

JUMPS = st.lists(st.integers(min_value=1, max_value=45 * DAY), min_size=1, max_size=8)
SETTINGS: list[tuple[Steps, ...]] = [
    (on("pro"), used(150)),
    (on("annual"), used(150)),
    (on("trial"), used(40), card("none")),
    (on("carded"), used(140)),
    (Paying.default, on("pro"), used(130), card("declines")),
    (on("premium"), used(130), lambda world: world.schedule("pro", ONE)),
    (on("pro"), lambda world: world.join("addon", prepaid={"words": Decimal(200)}), ends),
]


def state(world: Paying) -> Any:
    """What is there, without ids that are made anew each time."""
    environment = world.environment
    plans = [(each.plan_id, each.status, each.past_due, each.started_at, each.anchor) for each in world.attached()]
    rows = [
        (row.feature_id, row.balance, row.prepaid, row.next_reset_at, [each.balance for each in row.rollovers])
        for row in world.rows(None)
    ]
    invoices = [(each.created_at, each.status, each.lines, each.total, each.tries) for each in environment.invoices]
    subscriptions = [
        (each.status, each.anchor, each.billed_until, each.trial_ends_at) for each in environment.subscriptions
    ]
    return plans, rows, [without_prices(each) for each in invoices], subscriptions, world.webhooks()


def without_prices(invoice: Any) -> Any:
    created_at, status, lines, *rest = invoice
    return created_at, status, [replace(line, price_id=None) for line in lines], rest


@pytest.mark.parametrize("before", SETTINGS, ids=range(len(SETTINGS)))
@settings(max_examples=examples(40), deadline=None)
@given(jumps=JUMPS)
def test_any_steps_of_time_give_what_one_step_gives(before: tuple[Steps, ...], jumps: list[int]) -> None:
    found = []
    for steps in ([sum(jumps)], jumps):
        world = Paying()
        for step in before:
            step(world)
        world.sent.clear()
        for jump in steps:
            world.pass_time(jump)
        found.append(state(world))
    assert found[0] == found[1]


def test_a_year_in_steps() -> None:
    world = Paying()
    world.subscribe("pro")
    total = Decimal(0)
    for day in range(1, 366):
        world.now = NOW + day * DAY
        world.track(10)
        total += 10
    assert len(world.invoices()) == 12
    assert {status for status, _ in world.invoices()} == {"paid"}
    billed = sum(Decimal(str(amount)) - 20 for _, amount in world.invoices())
    left = world.remaining()
    used_now = max(-Decimal(str(left)), Decimal(0)) if left < 0 else Decimal(0)
    assert billed == (total - 12 * 100 - (100 - Decimal(str(left))) + used_now * 0) / 10


def test_many_renewals_at_once_are_bounded() -> None:
    world = Paying()
    world.plan("weekly", group="w", price={"amount": 1, "interval": "week"})
    world.subscribe("weekly")
    world.pass_time(7 * DAY * (MOST_CHANGES + 100))
    assert len(world.invoices()) == MOST_CHANGES
    world.pass_time(7 * DAY)
    assert len(world.invoices()) == MOST_CHANGES + 1
