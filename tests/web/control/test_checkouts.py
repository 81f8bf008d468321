"""Control calls about checkout sessions and invoices."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.checkout.conftest import Shop, engine, shop, world

__all__ = ["engine", "shop", "world"]


def rows(shop: Shop, path: str = "checkouts") -> list[dict[str, Any]]:
    reply = shop.get(f"/_mock/{path}")
    assert reply.status == 200, reply
    return list(reply.body["list"])


def test_checkouts_are_listed_with_what_they_sell(shop: Shop) -> None:
    page = shop.packs(success_url="http://127.0.0.1:3000/")
    [row] = rows(shop)
    assert row["url"].endswith(page)
    assert {name: row[name] for name in ("customer_id", "status", "settled", "plan_ids", "total", "mode")} == {
        "customer_id": "ada",
        "status": "open",
        "settled": False,
        "plan_ids": ["packs"],
        "total": 50,
        "mode": "subscription",
    }
    assert shop.get(f"/_mock/checkouts/{row['id']}").body == row
    assert rows(shop, "checkouts?customer=bob") == rows(shop, "checkouts?status=complete") == []
    assert rows(shop, "checkouts?customer=ada&status=open") == [row]
    shop.advance("25h")
    assert rows(shop)[0]["status"] == "expired"
    assert (len(rows(shop, "checkouts?status=expired")), rows(shop, "checkouts?status=open")) == (1, [])


@pytest.mark.parametrize(
    ("what", "known"),
    [("checkouts", "open, complete, expired"), ("invoices", "draft, open, paid, void, uncollectible")],
)
def test_lists_refuse_unknown_statuses(shop: Shop, what: str, known: str) -> None:
    refused = shop.get(f"/_mock/{what}?status=payed")
    assert (refused.status, refused.body["message"]) == (400, f"status: must be one of {known}")


@pytest.mark.parametrize(
    ("body", "status", "settled", "plans", "reason"),
    [
        ({"action": "pay"}, "complete", True, ["pro"], None),
        ({"action": "pay", "settle": "now"}, "complete", True, ["pro"], None),
        ({"action": "3ds"}, "complete", True, ["pro"], None),
        ({"action": "pay", "settle": "later"}, "complete", False, [], None),
        ({"action": "decline"}, "open", False, [], "Your card was declined."),
        ({"action": "abandon"}, "open", False, [], None),
    ],
)
def test_checkout_actions(
    shop: Shop, body: dict[str, Any], status: str, settled: bool, plans: list[str], reason: str | None
) -> None:
    shop.buy()
    path = f"/_mock/checkouts/{rows(shop)[0]['id']}"
    done = shop.ask(path, body)
    assert (done["status"], done["settled"]) == (status, settled)
    assert done.get("required_action", {}).get("reason") == reason
    assert shop.plans() == plans
    if status == "complete" and not settled:
        assert shop.ask(path, {"action": "settle"})["settled"]
        assert shop.plans() == ["pro"]


def test_checkout_takes_quantities(shop: Shop) -> None:
    shop.packs()
    path = f"/_mock/checkouts/{rows(shop)[0]['id']}"
    assert shop.post(path, {"action": "pay", "quantities": [1]}).body["message"] == (
        "quantities: must be an object of features and their quantities"
    )
    for wrong in (-1, "5", True, 10**13 + 1, 10**400):
        refused = shop.post(path, {"action": "pay", "quantities": {"messages": wrong}})
        assert (refused.status, refused.body["message"]) == (
            400,
            "quantities.messages: must be a number from 0 to 10 trillion",
        )
    assert shop.post(path, {"action": "pay", "quantities": {"seats": 1}}).status == 400
    shop.ask(path, {"action": "pay", "quantities": {"messages": 800}})
    assert shop.balance("ada") == 800


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "action"),
        ({"action": "steal"}, "action"),
        ({"action": "pay", "settle": "never"}, "settle"),
        ({"action": "settle"}, "nothing to settle"),
        ({"action": "pay", "when": "now"}, "when"),
    ],
)
def test_checkout_refuses_what_it_does_not_know(shop: Shop, body: dict[str, Any], named: str) -> None:
    shop.buy()
    reply = shop.post(f"/_mock/checkouts/{rows(shop)[0]['id']}", body)
    assert (reply.status, named in reply.body["message"]) == (400, True), reply


def test_invoices_are_listed_and_paid(shop: Shop) -> None:
    page = shop.buy("bob")
    [row] = rows(shop, "invoices")
    assert row["url"].endswith(page)
    assert (row["customer_id"], row["status"], row["total"], row["reason"]) == ("bob", "open", 20, "payment_failed")
    assert rows(shop, "invoices?customer=ada") == rows(shop, "invoices?status=paid") == []
    path = f"/_mock/invoices/{row['id']}"
    assert shop.ask(path, {"action": "decline"})["required_action"]["code"] == "payment_failed"
    assert shop.ask(path, {"action": "pay", "settle": "later"})["reason"] == "payment_processing"
    assert shop.plans("bob") == []
    assert shop.ask(f"/_mock/invoices/{row['stripe_id']}", {"action": "settle"})["status"] == "paid"
    assert shop.plans("bob") == ["pro"]
    assert shop.post(path, {"action": "pay"}).status == 400


def test_renewals_are_listed_as_soon_as_the_clock_was_moved(shop: Shop) -> None:
    shop.buy()
    shop.ask(f"/_mock/checkouts/{rows(shop)[0]['id']}", {"action": "pay"})
    shop.advance("1month")
    assert [each["total"] for each in rows(shop, "invoices?customer=ada")] == [20, 20]


@pytest.mark.parametrize("path", ["checkouts/co_x", "invoices/in_x"])
def test_unknown_ones_are_not_found(shop: Shop, path: str) -> None:
    assert shop.post(f"/_mock/{path}", {"action": "pay"}).status == 404
