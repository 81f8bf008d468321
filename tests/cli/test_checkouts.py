"""``checkouts``, ``invoices`` and ``payment-method``."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.server import ServerProcess

from .conftest import Run, document, text_of

CUSTOMER = "cus_456"


@pytest.fixture
def shop(server: ServerProcess) -> ServerProcess:
    """The server with a plan to buy."""
    server.ask("/v1/plans.create", {"plan_id": "paid", "name": "Paid", "price": {"amount": 20, "interval": "month"}})
    return server


def buy(shop: ServerProcess) -> Any:
    return shop.ask("/v1/billing.attach", {"customer_id": CUSTOMER, "plan_id": "paid"})


def test_checkouts_are_listed_paid_and_settled(run: Run, shop: ServerProcess) -> None:
    assert text_of(run("checkouts")) == "no checkouts\n"
    url = buy(shop)["payment_url"]
    lines = text_of(run("checkouts", "list", "--customer", CUSTOMER)).splitlines()
    assert lines[0].split() == ["time", "UTC", "customer", "plans", "total", "status"]
    assert re.search(rf"{CUSTOMER} +paid +20\.00 +open$", lines[1])
    assert lines[2].strip() == url
    assert text_of(run("checkouts", "list", "--status", "complete")) == "no checkouts\n"
    assert text_of(run("checkouts", "list", "--customer", "cus_123")) == "no checkouts\n"
    assert "cus_123 has no checkouts to pay" in text_of(run("checkouts", "pay", "cus_123"), code=1)
    checkout = url.rsplit("/", 1)[1]
    assert text_of(run("checkouts", "decline", CUSTOMER)) == f"{checkout} open\n  Your card was declined.\n"
    assert text_of(run("checkouts", "abandon", checkout)) == f"{checkout} open\n"
    assert text_of(run("checkouts", "pay", CUSTOMER, "--later")) == f"{checkout} complete, not settled\n"
    assert "complete, not settled" in text_of(run("checkouts", "--status", "complete"))
    assert document(run("checkouts", "settle", CUSTOMER, "--json"))["settled"]
    assert f"{CUSTOMER} has no checkouts to pay" in text_of(run("checkouts", "pay", CUSTOMER), code=1)
    assert "is complete" in text_of(run("checkouts", "authenticate", checkout), code=1)


def test_invoices_are_listed_and_paid(run: Run, shop: ServerProcess) -> None:
    assert text_of(run("invoices")) == "no invoices\n"
    run("payment-method", CUSTOMER, "declines")
    invoice = buy(shop)["invoice"]["stripe_id"]
    assert re.search(rf"{CUSTOMER} +paid +20\.00 +open$", text_of(run("invoices")), re.MULTILINE)
    assert "declined" in text_of(run("invoices", "decline", CUSTOMER))
    assert document(run("invoices", "pay", CUSTOMER, "--later", "--json"))["reason"] == "payment_processing"
    assert text_of(run("invoices", "settle", invoice)).endswith(" paid\n")
    assert text_of(run("invoices", "--status", "open")) == "no invoices\n"
    assert "is paid and cannot be paid" in text_of(run("invoices", "authenticate", invoice), code=1)
    assert document(run("invoices", "list", "--status", "paid", "--json"))["list"][0]["stripe_id"] == invoice
