"""A world of plans to buy, and what a customer is seen to have."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from autumn_mock.domain.payment import CardCharge, Checkout, Invoice, Refusal
from autumn_mock.domain.version import Version
from autumn_mock.domain.webhook import Webhook
from autumn_mock.operations.billing import attach, settlement, update
from autumn_mock.operations.billing.payment_methods import new_card
from autumn_mock.operations.billing.purchases import Outcome
from autumn_mock.operations.call import Call
from autumn_mock.wire import webhooks
from autumn_mock.wire.answer import downgraded
from autumn_mock.wire.requests.billing import BillingAttach, BillingUpdate
from autumn_mock.wire.responses.customer import customer_body
from autumn_mock.wire.schema import parse
from tests.support.world import World, monthly

MONTH = {"interval": "month"}
#: Plans by id: base price, group.
PRICES: dict[str, dict[str, Any]] = {
    "free": {"group": "main"},
    "pro": {"group": "main", "price": {"amount": 20, **MONTH}},
    "premium": {"group": "main", "price": {"amount": 50, **MONTH}},
    "annual": {"group": "main", "price": {"amount": 200, "interval": "year"}},
    "extra": {"add_on": True, "price": {"amount": 20, **MONTH}},
    "once": {"add_on": True, "price": {"amount": 10, "interval": "one_off"}},
    "trial": {
        "group": "main",
        "price": {"amount": 20, **MONTH},
        "free_trial": {"duration_length": 7, "duration_type": "day", "card_required": True},
    },
    "tryout": {
        "group": "main",
        "price": {"amount": 20, **MONTH},
        "free_trial": {"duration_length": 7, "duration_type": "day", "card_required": False},
    },
}


class PurchaseWorld(World):
    """A customer, ``c``, and plans with prices; ``problem`` is why charges fail whatever the card."""

    def __init__(self) -> None:
        super().__init__()
        self.problem: Refusal | None = None
        self.sent: list[Webhook] = []
        self.environment.listener = lambda _, sent: self.sent.extend(sent)
        self.environment.writer = webhooks
        self.charged: list[CardCharge] = []
        for name, fields in PRICES.items():
            self.plan(name, monthly(100), **fields)
        self.customer()

    def call(self, *args: Any, **more: Any) -> Call:
        return replace(super().call(*args, **more), charge_problem=self._charge)

    def _charge(self, charge: CardCharge) -> Refusal | None:
        self.charged.append(charge)
        return self.problem

    def card(self, behavior: Any = "ok") -> None:
        """Save a card of the customer; None removes it."""
        with self.environment.write() as transaction:
            customer = self.account().customer
            card = None if behavior is None else new_card(self.call(), behavior)
            transaction.put(replace(customer, card=card))

    def buy(self, plan_id: str, customer_id: str = "c", **fields: Any) -> Outcome:
        body = {"customer_id": customer_id, "plan_id": plan_id, **fields}
        return attach.attach(self.call(), parse(BillingAttach, body, now_ms=self.now))

    def change(self, plan_id: str, **fields: Any) -> Outcome:
        body = {"customer_id": "c", "plan_id": plan_id, **fields}
        return update.update(self.call(), parse(BillingUpdate, body, now_ms=self.now))

    def pay(self, outcome: Outcome, **more: Any) -> Checkout | Invoice:
        """Pay what an outcome asks for, on its page."""
        if outcome.checkout is not None:
            return settlement.complete(self.call(), outcome.checkout.id, "pay", **more)[0]
        assert outcome.invoice is not None
        return settlement.pay_invoice(self.call(), outcome.invoice.id)[0]

    def seen(self, version: Version = Version.V2_3) -> dict[str, Any]:
        """The customer as a version shows it."""
        expand = ("subscriptions.plan", "purchases.plan", "balances.feature", "flags.feature", "items.feature")
        body = customer_body(self.account(), "sandbox", expand)
        found: dict[str, Any] = downgraded(body, version)
        return found

    def plans(self) -> dict[str, str]:
        """What the customer has at 2.3: of each plan its status, or ``purchase``."""
        seen = self.seen()
        found = {each["plan_id"]: _status(each) for each in seen["subscriptions"]}
        return {**found, **{each["plan_id"]: "purchase" for each in seen["purchases"]}}

    def products(self) -> dict[str, str]:
        """What the customer has at 1.2: of each product its status, and whether it was cancelled."""
        seen = self.seen(Version.V1_2)["products"]
        return {each["id"]: "canceling" if each["canceled_at"] is not None else each["status"] for each in seen}

    def webhooks(self) -> list[str]:
        """The changes of plans since the last call: those of ``billing.updated`` and its tags, then the older words."""
        found: list[str] = []
        for data in (each.data for each in self.sent if each.type == "billing.updated"):
            found += [*(f"{each['action']} {_plan_of(each)}" for each in data["plan_changes"]), *data["tags"]]
        older = [each.data for each in self.sent if each.type == "customer.products.updated"]
        self.sent.clear()
        return [*found, *(f"{each['scenario']}: {each['updated_product']['id']}" for each in older)]

    def invoices(self) -> list[tuple[str, float]]:
        """The status and the total of each invoice, oldest first."""
        return [(each.status, float(each.total)) for each in self.environment.invoices]


def _plan_of(change: dict[str, Any]) -> str:
    return str((change.get("subscription") or change["purchase"])["plan_id"])


def _status(row: dict[str, Any]) -> str:
    if row["past_due"]:
        return "past_due"
    if row["canceled_at"] is not None:
        return "canceling"
    return "trialing" if row["trial_ends_at"] is not None else str(row["status"])
