"""A shop's client of an application in this process: three plans, one customer, and the payment pages."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Flask

from autumn_mock.engine import Engine
from autumn_mock.journal.finding import Finding
from tests.support.client import CHECK, TRACK, AppClient, Reply

ATTACH = "/v1/billing.attach"
BUYER = "cus_1"
DAY = 24 * 3600 * 1000
#: The reply of a call is lost after it was done.
LOST = "reply:status 502 after=enqueue times=1"

_FEATURES: tuple[dict[str, Any], ...] = (
    {"feature_id": "maps", "name": "Maps", "type": "metered", "consumable": True, "event_names": ["map.made"]},
    {"feature_id": "prints", "name": "Prints", "type": "metered", "consumable": True},
    {"feature_id": "users", "name": "Users", "type": "metered", "consumable": False},
    {
        "feature_id": "credits",
        "name": "Credits",
        "type": "credit_system",
        "consumable": True,
        "credit_schema": [{"metered_feature_id": "maps", "credit_cost": 2}],
    },
)
_MONTH = {"interval": "month"}
_PLANS: tuple[dict[str, Any], ...] = (
    {"plan_id": "free", "auto_enable": True, "items": [{"feature_id": "prints", "included": 3, "reset": _MONTH}]},
    {
        "plan_id": "pro",
        "price": {"amount": 20, **_MONTH},
        "items": [
            {"feature_id": "maps", "included": 100, "reset": _MONTH},
            {"feature_id": "prints", "included": 100, "reset": _MONTH},
        ],
    },
    {
        "plan_id": "premium",
        "price": {"amount": 50, **_MONTH},
        "items": [{"feature_id": "credits", "included": 1000, "reset": _MONTH}],
    },
    {
        "plan_id": "pack",
        "add_on": True,
        "price": {"amount": 5, "interval": "one_off"},
        "items": [{"feature_id": "maps", "included": 10}],
    },
)


class Shop(AppClient):
    """The client of one organisation, which it fills with the shop's plans."""

    def __init__(self, engine: Engine, app: Flask, key: str, *, frozen: bool = False) -> None:
        opened = engine.open_organisation(frozen=frozen, key=key)
        super().__init__(app, opened.key)
        self.engine = engine
        self.environment = engine.state.environment(opened.org, opened.env)
        for feature in _FEATURES:
            self.ask("/v1/features.create", feature)
        for plan in _PLANS:
            self.ask("/v1/plans.create", {"name": plan["plan_id"].title(), **plan})
        self.ask("/v1/customers.get_or_create", {"customer_id": BUYER, "name": "Shop"})

    # -- calls of the shop

    def attach(self, plan: str, *, lost: bool = False, **fields: Any) -> Any:
        """The answer of an attach, or None when its reply is ``lost``."""
        headers = {"x_autumn_mock_fault": LOST} if lost else {}
        reply = self.post(ATTACH, {"customer_id": BUYER, "plan_id": plan, **fields}, **headers)
        assert reply.status == (502 if lost else 200), reply
        return None if lost else reply.body

    def checkout(self, plan: str, **fields: Any) -> str:
        """The payment URL of an attach, which must have one."""
        found: str | None = self.attach(plan, **fields)["payment_url"]
        assert found is not None
        return found

    def is_allowed(self, feature: str = "maps", amount: float = 1, **fields: Any) -> bool:
        """A check."""
        body = {"customer_id": BUYER, "feature_id": feature, "required_balance": amount, **fields}
        return bool(self.ask(CHECK, body)["allowed"])

    def use(self, feature: str = "maps", amount: float = 1, **fields: Any) -> Any:
        """A usage."""
        return self.ask(TRACK, {"customer_id": BUYER, "feature_id": feature, "value": amount, **fields})

    def read(self) -> Any:
        """The customer."""
        return self.ask("/v1/customers.get", {"customer_id": BUYER})

    def set_card(self, behavior: str) -> None:
        """Give the customer a card: ok, declines, needs_3ds; or none."""
        self.ask(f"/_mock/customers/{BUYER}/payment_method", {"payment_method": behavior})

    # -- the browser

    def visit(self, url: str) -> Reply:
        """Open a payment page."""
        return self.request("GET", urlsplit(url).path)

    def act(self, url: str, action: str, *, later: bool = False) -> Reply:
        """Press a button of a payment page."""
        body = f"action={action}{'&settle=later' if later else ''}".encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        reply = self.request("POST", urlsplit(url).path, body, headers)
        assert reply.status in (200, 303), reply
        return reply

    def pay(self, url: str, *, later: bool = False) -> None:
        """Open a payment page, and pay there."""
        assert self.visit(url).status == 200
        self.act(url, "pay", later=later)

    # -- afterwards

    def wait(self, days: float) -> None:
        """Let time pass on the organisation's clock."""
        self.environment.clock.advance(round(days * DAY))

    def findings(self) -> list[Finding]:
        """What was found, once the queue is empty."""
        assert self.engine.drain(10, self.environment)
        return self.engine.findings(self.environment)
