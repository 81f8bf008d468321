"""The handler that the JavaScript client brings for web frameworks, between a browser and a real server."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sdk.test_js_sdk import SCRIPTS
from tests.support.client import Client
from tests.support.node import Node


class Browser:
    """Asks an application's own address, as the client's React hooks do."""

    def __init__(self, url: str) -> None:
        self._client = Client(url)

    def ask(self, route: str, body: Any = None, user: str | None = "cus_1") -> tuple[int, Any]:
        """Status and decoded body of the answer to a user."""
        headers = {"content-type": "application/json", **({"x-user": user} if user is not None else {})}
        data = json.dumps(body or {}).encode()
        status, _, content = self._client.send("POST", f"/api/autumn/{route}", data, headers)
        return status, json.loads(content) if content else None

    def get(self, route: str, body: Any = None) -> Any:
        """The body of an answer that has to be a good one."""
        status, answer = self.ask(route, body)
        assert status == 200, answer
        return answer


@pytest.fixture
def browser(package: str, node: Node, organisation: Client) -> Iterator[Browser]:
    """An application with the handler of one of the releases."""
    with subprocess.Popen(
        node.command(SCRIPTS / "handler.mjs", package),
        cwd=node.packages,
        env={**os.environ, "AUTUMN_URL": organisation.url, "AUTUMN_KEY": organisation.key},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Browser(process.stdout.readline().strip())
        finally:
            process.stdin.close()


def test_a_customer_is_made_of_who_asks(browser: Browser, organisation: Client) -> None:
    status, answer = browser.ask("getOrCreateCustomer", user="cus_2")
    assert (status, answer["id"], answer["name"]) == (200, "cus_2", "Ada")
    assert organisation.ask("/v1/customers.get", {"customer_id": "cus_2"})["name"] == "Ada"
    balance = browser.get("getOrCreateCustomer")["balances"]["messages"]
    assert (balance["remaining"], balance["feature"]["name"]) == (1000, "Messages")


def test_handler_refuses_a_request_without_a_customer(browser: Browser) -> None:
    status, answer = browser.ask("getOrCreateCustomer", user=None)
    assert (status, answer["code"]) == (401, "no_customer_id")
    assert browser.ask("attach", {"planId": "free"}, user=None)[0] == 401


def test_a_customer_cannot_say_to_be_another(browser: Browser, organisation: Client) -> None:
    organisation.ask("/v1/customers.get_or_create", {"customer_id": "cus_2"})
    assert browser.get("getOrCreateCustomer", {"customerId": "cus_2"})["id"] == "cus_1"


def test_plans_are_listed_previewed_attached_and_cancelled(browser: Browser, organisation: Client) -> None:
    items = [{"feature_id": "messages", "included": 100, "reset": {"interval": "month"}}]
    organisation.ask("/v1/plans.create", {"plan_id": "free", "name": "Free", "items": items})
    (plan,) = browser.get("listPlans")["list"]
    assert (plan["id"], plan["customerEligibility"]["attachAction"]) == ("free", "activate")
    preview = browser.get("previewAttach", {"planId": "free"})
    assert (preview["total"], [each["planId"] for each in preview["incoming"]]) == (0, ["free"])
    assert browser.get("attach", {"planId": "free"})["paymentUrl"] is None
    assert organisation.balance("cus_1") == 1100
    cancel = {"planId": "free", "cancelAction": "cancel_immediately"}
    assert browser.get("previewUpdateSubscription", cancel)["intent"] == "cancel_immediately"
    assert browser.get("updateSubscription", cancel)["customerId"] == "cus_1"
    assert organisation.balance("cus_1") == 1000


def test_entities_and_events_are_shown(browser: Browser, organisation: Client) -> None:
    seat = {"customer_id": "cus_1", "entity_id": "seat_1", "feature_id": "seats"}
    organisation.ask("/v1/entities.create", seat)
    organisation.ask("/v1/balances.track", {"customer_id": "cus_1", "feature_id": "messages", "value": 3})
    assert browser.get("getEntity", {"entityId": "seat_1"})["balances"]["messages"]["remaining"] == 997
    listed = browser.get("listEvents", {"limit": 10})
    assert [event["value"] for event in listed.get("result", listed)["list"]] == [3]
    added = browser.get("aggregateEvents", {"featureId": "messages", "range": "7d"})
    assert added["total"]["messages"] == {"count": 1, "sum": 3}


def test_pages_are_opened(browser: Browser) -> None:
    assert "/portal/" in browser.get("openCustomerPortal", {})["url"]
    assert "/checkout/" in browser.get("setupPayment", {})["url"]


#: The routes of the handler, and what they are asked with; each is asked in turn.
ROUTES: dict[str, dict[str, Any]] = {
    "getOrCreateCustomer": {},
    "listPlans": {},
    "previewAttach": {"planId": "pro"},
    "previewMultiAttach": {"plans": [{"planId": "extra"}]},
    "multiAttach": {"plans": [{"planId": "extra"}]},
    "attach": {"planId": "pro", "successUrl": "http://127.0.0.1:3000/"},
    "previewUpdateSubscription": {"planId": "base", "cancelAction": "cancel_immediately"},
    "updateSubscription": {"planId": "base", "cancelAction": "cancel_immediately"},
    "openCustomerPortal": {"returnUrl": "http://127.0.0.1:3000/"},
    "setupPayment": {"successUrl": "http://127.0.0.1:3000/"},
    "getEntity": {"entityId": "seat_1"},
    "listEvents": {"limit": 10},
    "aggregateEvents": {"featureId": "messages", "range": "7d"},
}
#: Those that are answered with what to use instead.
NOT_EMULATED = {"createReferralCode", "redeemReferralCode"}


def routes_of(node: Node, package: str) -> set[str]:
    """The routes that the handler of a release has."""
    source = Path(node.packages, "node_modules", package, "dist/backend/adapters/fetch.js").read_text("utf-8")
    return set(re.findall(r'\broute: "(\w+)"', source))


def test_handler_serves_every_one_of_its_routes(
    browser: Browser, organisation: Client, node: Node, package: str
) -> None:
    for plan, amount in (("base", 0), ("pro", 20), ("extra", 5)):
        price = {"price": {"amount": amount, "interval": "month"}} if amount else {}
        organisation.ask("/v1/plans.create", {"plan_id": plan, "name": plan, "group": plan, **price})
    organisation.ask("/v1/entities.create", {"customer_id": "cus_1", "entity_id": "seat_1", "feature_id": "seats"})
    organisation.ask("/v1/billing.attach", {"customer_id": "cus_1", "plan_id": "base"})
    served = routes_of(node, package)
    assert {"getOrCreateCustomer", "attach", "updateSubscription", "openCustomerPortal"} <= served
    assert served <= {*ROUTES, *NOT_EMULATED}
    for route in ROUTES:
        if route in served:
            status, answer = browser.ask(route, ROUTES[route])
            assert status == 200, (route, answer)


@pytest.mark.parametrize(
    ("route", "call", "body"),
    [
        ("createReferralCode", "referrals.create_code", {"programId": "friends"}),
        ("redeemReferralCode", "referrals.redeem_code", {"code": "HELLO"}),
    ],
)
def test_handler_passes_on_what_is_not_emulated(browser: Browser, route: str, call: str, body: dict[str, Any]) -> None:
    status, answer = browser.ask(route, body)
    assert (status, answer["code"]) == (400, "invalid_request")
    assert answer["message"].startswith(f"{call} is not emulated: ")
