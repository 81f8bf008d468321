"""Calls about payments over HTTP: attach, pages, invoices, refunds, what customers show of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.resources.conftest import BASE, MONTH, plan


def test_attach_answers_with_a_page_and_then_with_an_invoice(ask: Any, pay: Any) -> None:
    asked = {"customer_id": "c", "plan_id": "pro"}
    first = ask("billing.attach", asked)
    assert set(first) == {"customer_id", "payment_url"}
    assert first["payment_url"].startswith(f"{BASE}/checkout/co_")
    pay(first["payment_url"])
    plan(ask, "premium", price={"amount": 50, **MONTH})
    second = ask("billing.attach", {**asked, "plan_id": "premium"})
    assert set(second) == {"customer_id", "invoice", "payment_url"}
    assert second["payment_url"] is None
    assert second["invoice"] == {
        "status": "paid",
        "stripe_id": second["invoice"]["stripe_id"],
        "total": 30,
        "currency": "usd",
        "hosted_invoice_url": f"{BASE}/invoice/{second['invoice']['stripe_id']}",
    }


def test_a_refused_charge_says_what_is_needed(ask: Any, pay: Any) -> None:
    answer = ask("billing.attach", {"customer_id": "c", "plan_id": "pro", "redirect_mode": "never"})
    assert answer["required_action"] == {"code": "payment_method_required", "reason": "Payment method required"}
    assert answer["payment_url"] == answer["invoice"]["hosted_invoice_url"]
    pay(answer["payment_url"])
    assert [each["plan_id"] for each in ask("customers.get", {"customer_id": "c"})["subscriptions"]] == ["pro"]


def test_setup_payment_saves_a_card_and_attaches(ask: Any, pay: Any) -> None:
    opened = ask("billing.setup_payment", {"customer_id": "new", "plan_id": "pro"})
    assert ask("billing.setup_payment", {"customer_id": "new", "plan_id": "pro"}) == opened
    pay(opened["url"])
    expand = ["invoices", "payment_method"]
    seen = ask("customers.get", {"customer_id": "new", "expand": expand})
    assert (seen["payment_method"]["object"], seen["payment_method"]["card"]["last4"]) == ("payment_method", "4242")
    (invoice,) = seen["invoices"]
    assert (invoice["plan_ids"], invoice["status"], invoice["total"]) == (["pro"], "paid", 20)
    refused = ask("billing.setup_payment", {"customer_id": "new", "plan_id": "pro"}, 409)
    assert refused["code"] == "plan_already_attached"


def test_old_setup_payment(ask: Any, pay: Any) -> None:
    opened = ask("setup_payment", {"customer_id": "c", "success_url": "https://shop.test"}, version="1.2")
    assert set(opened) == {"customer_id", "url"}
    pay(opened["url"])
    assert ask("customers.get", {"customer_id": "c", "expand": ["payment_method"]})["payment_method"]["type"] == "card"


def test_portal(ask: Any) -> None:
    opened = ask("billing.open_customer_portal", {"customer_id": "c", "return_url": "https://shop.test/?a=b"})
    assert opened["url"].startswith(f"{BASE}/portal/cus_")
    assert opened["url"].endswith("?return_url=https%3A%2F%2Fshop.test%2F%3Fa%3Db")
    old = ask("customers/c/billing_portal?return_url=https%3A%2F%2Fshop.test%2F%3Fa%3Db", {}, version="1.2")
    assert old == opened
    assert ask("customers/c/billing_portal", {"return_url": "https://shop.test/?a=b"}, version="1.2") == opened
    missing = ask("billing.open_customer_portal", {"customer_id": "nope"}, 404)
    assert (missing["message"], missing["code"]) == ("Customer nope not found", "customer_not_found")


def test_invoices_are_listed_and_filtered(ask: Any, pay: Any) -> None:
    pay(ask("billing.attach", {"customer_id": "c", "plan_id": "pro"})["payment_url"])
    plan(ask, "extra", add_on=True, price={"amount": 7, "interval": "one_off"})
    ask("billing.attach", {"customer_id": "c", "plan_id": "extra"})
    newest, first = ask("invoices.list", {"customer_id": "c"})["list"]
    assert (newest["plan_ids"], first["plan_ids"]) == (["extra"], ["pro"])
    assert (first["customer_id"], first["amount_paid"], first["refunded_amount"]) == ("c", 20, 0)
    assert [each["amount"] for each in first["items"]] == [20]
    page = ask("invoices.list", {"limit": 1})
    assert [each["id"] for each in page["list"]] == [newest["id"]]
    rest = ask("invoices.list", {"start_cursor": page["next_cursor"]})
    assert [each["id"] for each in rest["list"]] == [first["id"]]
    for wanted, found in (
        ({"status": ["open"]}, []),
        ({"status": ["paid"], "invoice_id": first["id"]}, [first]),
        ({"stripe_id": newest["stripe_id"]}, [newest]),
        ({"processor_types": ["vercel"]}, []),
        ({"customer_id": "nope"}, []),
    ):
        assert ask("invoices.list", wanted)["list"] == found
    refused = ask("invoices.list", {"entity_id": "e"}, 400)
    assert "entity_id filter requires customer_id" in refused["message"]


@pytest.mark.parametrize(
    ("version", "where", "keys"),
    [
        ("2.3", "invoices", {"plan_ids", "processor_type"}),
        ("1.2", "invoices", {"product_ids"}),
        ("0.2", "invoices", {"product_ids"}),
    ],
)
def test_invoices_of_a_customer_by_version(ask: Any, pay: Any, version: str, where: str, keys: set[str]) -> None:
    pay(ask("billing.attach", {"customer_id": "c", "plan_id": "pro"})["payment_url"])
    sent = {"customer_id": "c"} if version == "0.2" else {"customer_id": "c", "expand": ["invoices"]}
    (invoice,) = ask("customers.get", sent, version=version)[where]
    shared = {"stripe_id", "status", "total", "currency", "created_at", "hosted_invoice_url"}
    assert set(invoice) == shared | keys


def test_entity_shows_its_invoices(ask: Any, pay: Any) -> None:
    ask("entities.create", {"customer_id": "c", "entity_id": "e", "feature_id": "seats"})
    url = ask("billing.attach", {"customer_id": "c", "entity_id": "e", "plan_id": "pro"})["payment_url"]
    pay(url)
    shown = ask("entities.get", {"customer_id": "c", "entity_id": "e", "expand": ["invoices", "payment_method"]})
    assert [each["plan_ids"] for each in shown["invoices"]] == [["pro"]]
    assert shown["payment_method"]["type"] == "card"
    (invoice,) = ask("invoices.list", {"customer_id": "c", "entity_id": "e"})["list"]
    assert [each["entities"] for each in invoice["items"]] == [[{"entity_id": "e", "quantity": 1, "amount": 20}]]


def test_refund(ask: Any, pay: Any) -> None:
    pay(ask("billing.attach", {"customer_id": "c", "plan_id": "pro"})["payment_url"])
    (invoice,) = ask("invoices.list", {})["list"]
    path = f"customers/c/invoices/{invoice['stripe_id']}/refund"
    assert ask(path, {"mode": "partial", "amount": 5})["refunded_amount"] == 5
    assert ask(path, {"mode": "partial", "amount": 16}, 400)["message"].startswith("amount: must be more than 0")
    assert ask(path, {"mode": "full"})["refunded_amount"] == 20
    assert ask("customers/c/invoices/nope/refund", {}, 404)["message"] == "Stripe invoice not found"
    sent = ask("billing.attach", {"customer_id": "new", "plan_id": "pro", "invoice_mode": {"enabled": True}})
    unpaid = f"customers/new/invoices/{sent['invoice']['stripe_id']}/refund"
    assert ask(unpaid, {}, 400)["message"] == "This invoice has no associated charge to refund"


def test_old_cancel_credits_what_is_left(ask: Any, pay: Any) -> None:
    for prorate, total in ((True, [20, -20]), (False, [20])):
        customer = f"c{prorate}"
        pay(ask("billing.attach", {"customer_id": customer, "plan_id": "pro"})["payment_url"])
        body = {"customer_id": customer, "product_id": "pro", "cancel_immediately": True, "prorate": prorate}
        assert ask("cancel", body, version="1.2")["success"] is True
        found = ask("invoices.list", {"customer_id": customer})["list"]
        assert sorted((round(each["total"]) for each in found), reverse=True) == total
