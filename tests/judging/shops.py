"""Shops that sell plans to a customer who comes and goes, and what became of their sales.

A shop has visits. In each the customer wants a map: the shop asks whether that is paid for, sells a plan if not, and
records the use. What the customer does on the payment page, which replies are lost, and which cards are declined is
random. Honest shops find out what the customer has before they grant anything.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Flask

from autumn_mock.engine import Engine
from autumn_mock.journal.finding import Finding
from tests.support.client import BATCH, CHECK, TRACK
from tests.support.shop import ATTACH, BUYER, LOST, Shop

VISITS = 6
#: How often a call meets a fault.
FAULT_RATE = 0.15
#: How an honest shop knows what the customer may use: a check, the customer, webhooks and then the customer; or it
#: records all usage, from the first visit on, whether it is paid for or not.
GATES = ("check", "customer", "records all")

#: The broken rules, with the code of the finding that is meant for each.
SHOP_RULES: dict[str, str] = {
    "grants at the return": "used_before_paid",
    "ignores a decline": "used_before_paid",
    "asks for the payment URL again": "payment_url_asked_for_again",
    "buys again after a lost reply": "bought_again_after_lost_reply",
    "attaches a canceled plan": "canceled_plan_attached",
    "never reads of a failed renewal": "past_due_not_noticed",
    "does not wait after 423": "loop_on_423",
}


@dataclass
class Sale:
    """What a shop did, and what was found."""

    gate: str
    #: One of :data:`SHOP_RULES`; empty for an honest shop.
    breaks: str
    findings: list[Finding] = field(default_factory=list)
    #: How often the rule was broken, and what was at stake: maps, or the currency.
    broken: int = 0
    at_stake: float = 0


class Keeper:
    """Keeps one shop in an organisation of its own."""

    def __init__(self, engine: Engine, app: Flask, seed: int) -> None:
        self.chance = random.Random(seed)  # reproducible, and not for secrets
        is_frozen = self.chance.random() < 0.5
        self.shop = Shop(engine, app, f"am_sk_test_sold_{seed}", frozen=is_frozen)
        self.sale = Sale("", "")
        self._uses = 0
        #: Prints are in the free plan, too.
        self._feature = self.chance.choice(["maps", "prints"])
        #: Who buys and uses: an entity of the customer, or the customer.
        self._subject: dict[str, str] = {"customer_id": BUYER}

    def keep(self, gate: str, breaks: str = "") -> Sale:
        """Open the shop for some visits, and then judge it."""
        self.sale = Sale(gate, breaks)
        if breaks:
            self._feature = "maps"
            _BREACHES[breaks](self)
        else:
            self._honest()
        self.sale.findings = self.shop.findings()
        return self.sale

    # -- honest

    def _honest(self) -> None:
        chance, shop = self.chance, self.shop
        if chance.random() < 0.4:
            shop.set_card(chance.choice(["ok", "declines"]))
        if chance.random() < 0.3:
            self._subject["entity_id"] = "user_1"
            shop.ask("/v1/entities.create", {**self._subject, "feature_id": "users"})
        if self.sale.gate == "records all":
            self._record()
        for _ in range(VISITS):
            match chance.choice(["use", "use", "buy", "buy", "pack", "cancel", "time"]):
                case "use":
                    self._visit()
                case "buy":
                    self._sell(chance.choice(["pro", "premium"]))
                case "pack":
                    self._sell("pack")
                case "cancel":
                    self._cancel()
                case "time":
                    self._pass_time()

    def _visit(self) -> None:
        """The customer wants a map."""
        if self._may_use():
            self._record()

    def _may_use(self) -> bool:
        if self.sale.gate == "records all":
            return True
        if self.sale.gate == "check":
            body = {**self._subject, "feature_id": self._feature, "required_balance": 1}
            reply = self.shop.post(CHECK, body, **self._fault("reply:status 503 times=1"))
            return reply.status != 200 or bool(reply.body["allowed"])  # an SDK that fails open goes on
        path = "/v1/entities.get" if "entity_id" in self._subject else "/v1/customers.get"
        balances = self.shop.ask(path, self._subject)["balances"]
        least = {"maps": 1, "prints": 1, "credits": 2}
        paying = ("maps", "credits") if self._feature == "maps" else ("prints",)
        return any(balances[each]["remaining"] >= least[each] for each in paying if each in balances)

    def _record(self) -> None:
        self._uses += 1
        use = {**self._subject, "feature_id": self._feature, "value": 1, "idempotency_key": f"use_{self._uses}"}
        if self.chance.random() < 0.3:
            self.shop.ask(BATCH, [use])
        else:
            self.shop.ask(TRACK, use)

    def _sell(self, plan: str) -> None:
        """Sell a plan; the customer may pay, or not."""
        shop, chance = self.shop, self.chance
        body = {**self._subject, "plan_id": plan}
        reply = shop.post(ATTACH, body, **self._fault(LOST))
        while reply.status == 423:
            shop.environment.clock.advance(chance.choice([2000, 5000]))
            self._settle()
            reply = shop.post(ATTACH, body)
        if reply.status == 502:
            shop.read()  # whether it was bought
            return
        if reply.status == 200 and (url := reply.body["payment_url"]) is not None:
            self._browse(url)

    def _browse(self, url: str) -> None:
        """What the customer does at a payment URL, and what the shop does when the browser is back."""
        shop, chance = self.shop, self.chance
        action = chance.choice(["pay", "pay", "pay", "decline", "abandon", "nothing"])
        if action == "nothing":
            return
        shop.visit(url)
        shop.act(url, action, later=action == "pay" and chance.random() < 0.5)
        for _ in range(chance.randint(0, 3)):
            self._visit()
        self._settle()
        self._visit()

    def _settle(self) -> None:
        """Let the service know of what was paid."""
        for each in list(self.shop.environment.checkouts):
            if each.status == "complete" and not each.is_settled:
                self.shop.act(f"/checkout/{each.id}", "settle")
        for invoice in list(self.shop.environment.invoices):
            if invoice.is_being_paid:
                self.shop.act(f"/invoice/{invoice.stripe_id}", "settle")

    def _cancel(self) -> None:
        """Cancel the newest plan, and perhaps take that back as it is meant."""
        path = "/v1/entities.get" if "entity_id" in self._subject else "/v1/customers.get"
        found = self.shop.ask(path, self._subject)["subscriptions"]
        plans = [each["plan_id"] for each in found if each["plan_id"] != "free"]
        if not plans:
            return
        body = {**self._subject, "plan_id": plans[-1], "cancel_action": "cancel_end_of_cycle"}
        if self.shop.post("/v1/billing.update", body).status == 200 and self.chance.random() < 0.5:
            self.shop.post(ATTACH, {**self._subject, "plan_id": plans[-1]})  # refused, so:
            self.shop.post("/v1/billing.update", {**body, "cancel_action": "uncancel"})

    def _pass_time(self) -> None:
        """Days pass; a shop that is honest reads the customer now and then."""
        self.shop.wait(self.chance.choice([0.01, 1, 20, 40]))
        self.shop.read()

    def _fault(self, rule: str) -> dict[str, str]:
        return {"x_autumn_mock_fault": rule} if self.chance.random() < FAULT_RATE else {}

    # -- dishonest

    def _broke(self, at_stake: float = 0) -> None:
        self.sale.broken += 1
        self.sale.at_stake += at_stake

    def _use_unpaid(self) -> None:
        for _ in range(self.chance.randint(1, 4)):
            self._record()
            self._broke(1)
        assert self.shop.engine.drain(10, self.shop.environment)

    def grants_at_the_return(self) -> None:
        """The browser is back, so the plan is paid: is it?"""
        if self.sale.gate == "check":
            assert not self.shop.is_allowed()
        url = self.shop.checkout(self.chance.choice(["pro", "premium", "pack"]))
        self.shop.visit(url)
        self.shop.act(url, self.chance.choice(["pay", "abandon", "decline"]), later=True)
        self._use_unpaid()
        self._settle()

    def ignores_a_decline(self) -> None:
        """The answer has a required_action, and status 200."""
        self.shop.set_card("declines")
        if self.sale.gate == "customer":
            self.shop.read()
        self.shop.attach(self.chance.choice(["pro", "premium", "pack"]))
        self._use_unpaid()

    def asks_for_the_payment_url_again(self) -> None:
        """Each rendering of the prices asks for the URL."""
        for number in range(self.chance.randint(3, 6)):
            self.shop.checkout("pro", success_url=f"http://shop.example/{number}")
        self._broke()

    def buys_again_after_a_lost_reply(self) -> None:
        """A timeout is a failure: try again."""
        self.shop.set_card("ok")
        for _ in range(self.chance.randint(1, 2)):
            self.shop.attach("pack", lost=True)
            self._broke(5)
        self.shop.attach("pack")

    def attaches_a_canceled_plan(self) -> None:
        """The customer wants the plan again, which is not over yet."""
        self.shop.set_card("ok")
        self.shop.attach("pro")
        self.shop.wait(self.chance.choice([0, 1, 10]))
        body = {"customer_id": BUYER, "plan_id": "pro", "cancel_action": "cancel_end_of_cycle"}
        self.shop.ask("/v1/billing.update", body)
        assert self.shop.post(ATTACH, {"customer_id": BUYER, "plan_id": "pro"}).status == 409
        self._broke()

    def never_reads_of_a_failed_renewal(self) -> None:
        """check goes on to allow what is not paid."""
        self.shop.set_card("ok")
        self.shop.attach("pro")
        self.shop.set_card("declines")
        self.shop.wait(31)
        for _ in range(self.chance.randint(2, 4)):
            assert self.shop.is_allowed()
            self._record()
            self.shop.wait(1)
        self._broke()

    def does_not_wait_after_423(self) -> None:
        """Until it succeeds."""
        self.shop.pay(self.shop.checkout("pro"), later=True)
        for _ in range(self.chance.randint(3, 6)):
            assert self.shop.post(ATTACH, {"customer_id": BUYER, "plan_id": "pack"}).status == 423
        self._broke()


_BREACHES: dict[str, Callable[[Keeper], Any]] = {
    "grants at the return": Keeper.grants_at_the_return,
    "ignores a decline": Keeper.ignores_a_decline,
    "asks for the payment URL again": Keeper.asks_for_the_payment_url_again,
    "buys again after a lost reply": Keeper.buys_again_after_a_lost_reply,
    "attaches a canceled plan": Keeper.attaches_a_canceled_plan,
    "never reads of a failed renewal": Keeper.never_reads_of_a_failed_renewal,
    "does not wait after 423": Keeper.does_not_wait_after_423,
}
