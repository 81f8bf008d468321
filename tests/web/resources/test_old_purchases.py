"""``attach`` and ``checkout`` of older clients: codes, pages and invoices."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.resources.conftest import BASE, MONTH, plan

PACKS = {"amount": 10, "interval": "month", "billing_units": 100, "billing_method": "prepaid"}


@pytest.fixture
def buy(ask: Any, pay: Any) -> Any:
    """Calls of an older client; ``pay`` made a plan of 20 a month."""
    plan(ask, "free2", group="g")
    plan(ask, "small", group="g", price={"amount": 20, **MONTH})
    plan(ask, "large", group="g", price={"amount": 50, **MONTH})
    plan(ask, "once", add_on=True, price={"amount": 5, "interval": "one_off"})
    item = {"feature_id": "messages", "included": 100, "price": PACKS}
    ask("plans.create", {"plan_id": "packs", "name": "Packs", "items": [item]})
    assert pay is not None

    def buy(product_id: str, status: int = 200, path: str = "attach", **fields: Any) -> Any:
        return ask(path, {"customer_id": "c", "product_id": product_id, **fields}, status, version="1.2")

    return buy


def card(ask: Any, pay: Any) -> None:
    pay(ask("billing.setup_payment", {"customer_id": "c"})["url"])


def test_attach_without_a_card(ask: Any, pay: Any, buy: Any) -> None:
    done = buy("small")
    assert done == {
        "success": True,
        "customer_id": "c",
        "product_ids": ["small"],
        "code": "checkout_created",
        "message": "Successfully created checkout for customer c, product(s) Small",
        "checkout_url": done["checkout_url"],
    }
    assert done["checkout_url"].startswith(f"{BASE}/checkout/")
    pay(done["checkout_url"])
    assert [each["id"] for each in ask("customers.get", {"customer_id": "c"}, version="1.2")["products"]] == ["small"]


def test_attach_at_the_oldest_version(ask: Any, pay: Any, buy: Any) -> None:
    body = {"customer_id": "c", "product_id": "small"}
    done = ask("attach", body, version="0.2")
    assert set(done) == {"checkout_url"}
    pay(done["checkout_url"])
    again = ask("attach", {**body, "product_id": "large"}, version="0.2")
    assert set(again) == {"success", "message", "invoice"}
    assert buy is not None


@pytest.mark.parametrize(
    ("before", "product_id", "fields", "code", "total"),
    [
        ([], "small", {}, "new_product_attached", 20),
        ([], "free2", {}, "free_product_attached", None),
        ([], "once", {}, "one_off_product_attached", 5),
        (["small"], "large", {}, "upgraded_to_new_product", 30),
        (["large"], "small", {}, "downgrade_scheduled", None),
        (["large", "small"], "large", {}, "renewed_product", None),
        (["free2"], "small", {}, "new_product_attached", 20),
        ([], "packs", {"options": [{"feature_id": "messages", "quantity": 200}]}, "new_product_attached", 20),
        (["packs"], "packs", {"options": [{"feature_id": "messages", "quantity": 300}]}, "features_updated", 20),
    ],
)
def test_attach_with_a_card(
    ask: Any, pay: Any, buy: Any, before: list[str], product_id: str, fields: Any, code: str, total: float | None
) -> None:
    card(ask, pay)
    for each in before:
        buy(each, **({"options": [{"feature_id": "messages", "quantity": 100}]} if each == "packs" else {}))
    done = buy(product_id, **fields)
    assert (done["code"], "checkout_url" in done) == (code, False)
    assert round(done["invoice"]["total"]) == total if total is not None else "invoice" not in done


def test_a_refused_charge_leads_to_the_invoice(emulator: Any, ask: Any, pay: Any, buy: Any) -> None:
    for environment in emulator.state.environments():
        environment.payments = "decline"
    done = buy("small")
    assert (done["code"], done["message"]) == ("invoice_action_required", "Payment action required")
    assert done["checkout_url"] == done["invoice"]["hosted_invoice_url"]
    pay(done["checkout_url"])
    ask("customers.get", {"customer_id": "c"})
    assert buy("once")["code"] == "one_off_product_attached"


def test_invoice(buy: Any) -> None:
    done = buy("small", invoice=True)
    assert (done["code"], done["invoice"]["status"]) == ("checkout_created", "open")
    assert done["message"] == "Successfully created invoice checkout for customer c, product(s) Small"
    draft = buy("large", invoice=True, finalize_invoice=False)
    assert (draft["invoice"]["status"], "checkout_url" in draft) == ("draft", False)
    active = buy("small", invoice=True, enable_product_immediately=True)
    assert active["code"] == "new_product_attached"


def test_several_products_share_a_payment(ask: Any, pay: Any, buy: Any) -> None:
    body = {"customer_id": "c", "product_ids": ["small", "once"]}
    done = ask("attach", body, version="1.2")
    assert (done["code"], done["product_ids"]) == ("checkout_created", ["small", "once"])
    assert ask("checkout", body, version="1.2")["total"] == 25
    pay(done["checkout_url"])
    assert [each["total"] for each in ask("invoices.list", {"customer_id": "c"})["list"]] == [25]
    refused = ask("attach", {**body, "product_ids": ["large", "once"]}, 400, version="1.2")
    text = "Can't perform upgrade/downgrade to Large when attaching multiple products simultaneously"
    assert refused["message"] == text
    assert buy("small", 400)["code"] == "product_already_attached"


@pytest.mark.parametrize(
    ("before", "product_id", "fields", "message"),
    [
        ("small", "large", {"force_checkout": True}, "Not allowed to perform upgrade or downgrade when using {}"),
        ("small", "small", {"force_checkout": True}, "Not allowed to update current product when using {}"),
        (None, "free2", {"force_checkout": True}, "Product Free2 has no prices, can't create checkout"),
        (None, "packs", {}, "Pass in 'quantity' for feature messages in options"),
        (
            None,
            "packs",
            {"options": [{"feature_id": "messages", "quantity": 0}]},
            "When attaching a single prepaid price, quantity must be greater than 0",
        ),
        (
            None,
            "volume",
            {},
            "Volume pricing is not supported on attach V1. Please upgrade to V2 of the Autumn API to use prepaid "
            "volume tiers",
        ),
    ],
)
def test_refusals(ask: Any, pay: Any, buy: Any, before: str | None, product_id: str, fields: Any, message: str) -> None:
    tiers = [{"to": 500, "amount": 10}, {"to": "inf", "amount": 5}]
    price = {"interval": "month", "billing_method": "prepaid", "tiers": tiers, "tier_behavior": "volume"}
    ask("plans.create", {"plan_id": "volume", "name": "V", "items": [{"feature_id": "messages", "price": price}]})
    card(ask, pay)
    if before is not None:
        buy(before)
    assert buy(product_id, 400, **fields)["message"] == message.format("force_checkout")


def test_checkout_shows_what_it_costs_and_opens_a_page(ask: Any, pay: Any, buy: Any) -> None:
    shown = buy("small", path="checkout")
    assert (shown["total"], shown["has_prorations"], shown["current_product"]) == (20, False, None)
    assert (shown["product"]["id"], shown["product"]["scenario"]) == ("small", "new")
    (line,) = shown["lines"]
    assert (line["amount"], line["item"]["price"]) == (20, 20)
    assert shown["next_cycle"]["total"] == 20
    assert ask("customers.get", {"customer_id": "c"}, version="1.2")["products"] == []
    pay(shown["url"])
    upgrade = buy("large", path="checkout")
    assert (upgrade["url"], upgrade["has_prorations"]) == (None, True)
    assert (round(upgrade["total"]), upgrade["product"]["scenario"]) == (30, "upgrade")
    assert upgrade["current_product"]["id"] == "small"
    assert buy("free2", path="checkout")["product"]["scenario"] == "downgrade"


def test_checkout_of_a_quantity(ask: Any, pay: Any, buy: Any) -> None:
    card(ask, pay)
    shown = buy("packs", path="checkout", options=[{"feature_id": "messages", "quantity": 200}])
    assert (shown["url"], shown["total"]) == (None, 20)
    assert shown["options"] == [{"feature_id": "messages", "quantity": 200}]
    buy("packs", options=[{"feature_id": "messages", "quantity": 200}])
    more = buy("packs", path="checkout", options=[{"feature_id": "messages", "quantity": 300}])
    assert (round(more["total"]), more["has_prorations"], more["product"]["scenario"]) == (10, True, "active")


MESSAGES = {"feature_id": "messages"}


def kept(emulator: Any) -> list[Any]:
    """What the environments hold that a purchase could change."""
    tables = ("customers", "customer_plans", "balances", "invoices", "subscriptions", "checkouts")
    environments = list(emulator.state.environments())
    return [list(getattr(each, table)) for each in environments for table in tables]


@pytest.mark.parametrize(
    ("before", "product_id", "fields", "branch", "due", "later"),
    [
        ([], "small", {}, "new", 20, 20),
        ([], "free2", {}, "new", 0, None),
        ([], "once", {}, "one_off", 5, None),
        ([], "packs", {"options": [{**MESSAGES, "quantity": 200}]}, "new", 20, 20),
        (["free2"], "small", {}, "main_is_free", 20, 20),
        (["small"], "large", {}, "upgrade", 30, 50),
        (["large"], "small", {}, "downgrade", 0, 20),
        (["large", "small"], "large", {}, "renew", 0, 50),
        (["trial"], "large", {}, "main_is_trial", 50, 50),
        (["small"], "more", {}, "add_on", 7, 27),
        (["packs"], "packs", {"options": [{**MESSAGES, "quantity": 300}]}, "update_prepaid_quantity", 20, 30),
        (["small"], "small", {"is_custom": True, "items": [{"price": 35, "interval": "month"}]}, "same_custom", 15, 35),
        ([], None, {"product_ids": ["small", "once"]}, "multi_product", 25, 20),
    ],
)  # fmt: skip  # a table is read line by line
def test_preview_of_attach_says_the_branch_and_what_is_due(
    emulator: Any,
    ask: Any,
    pay: Any,
    buy: Any,
    before: list[str],
    product_id: str | None,
    fields: Any,
    branch: str,
    due: float,
    later: float | None,
) -> None:
    week = {"duration_length": 7, "duration_type": "day"}
    plan(ask, "trial", group="g", price={"amount": 20, **MONTH}, free_trial=week)
    plan(ask, "more", add_on=True, price={"amount": 7, **MONTH})
    card(ask, pay)
    for each in before:
        buy(each, **({"options": [{"feature_id": "messages", "quantity": 100}]} if each == "packs" else {}))
    state = kept(emulator)
    found = buy(product_id, path="attach/preview", **fields)
    assert kept(emulator) == state
    assert (found["branch"], round(found["due_today"]["total"])) == (branch, due)
    assert sum(line["amount"] for line in found["due_today"]["line_items"]) == found["due_today"]["total"]
    cycle = found["due_next_cycle"]
    assert (None if cycle is None else round(cycle["total"])) == later
    shown = buy(product_id, path="checkout", **fields)
    assert round(shown["total"]) == due
    assert ("next_cycle" in shown) is (cycle is not None)
    if cycle is not None:
        assert round(shown["next_cycle"]["total"]) == later
        assert abs(shown["next_cycle"]["starts_at"] - cycle["due_at"]) < 60_000  # the clock goes on between the calls


@pytest.mark.usefixtures("buy")
def test_preview_of_attach_opens_no_page_and_creates_no_customer(ask: Any) -> None:
    body = {"customer_id": "new", "product_id": "small"}
    found = ask("attach/preview", body, version="1.2")
    assert found["due_today"] == {
        "line_items": [
            {
                "description": found["due_today"]["line_items"][0]["description"],
                "price": "$20.00",
                "amount": 20,
            }
        ],
        "total": 20,
    }
    assert (found["product"]["id"], found["current_product"], found["free_trial"]) == ("small", None, None)
    assert found["items"] == found["product"]["items"]
    assert [each["id"] for each in ask("customers.list", {})["list"] if each["id"] == "new"] == []
    assert ask("attach", body, version="1.2")["code"] == "checkout_created"


def test_preview_of_attach_shows_the_trial_and_refuses_what_attach_refuses(ask: Any, pay: Any, buy: Any) -> None:
    plan(ask, "trial", price={"amount": 20, **MONTH}, free_trial={"duration_length": 7, "duration_type": "day"})
    found = buy("trial", path="attach/preview")
    assert (found["due_today"]["total"], found["due_next_cycle"]["total"]) == (0, 20)
    assert (found["free_trial"]["length"], found["free_trial"]["duration"]) == (7, "day")
    card(ask, pay)
    buy("small")
    for path in ("attach", "attach/preview"):
        assert buy("small", 400, path=path)["code"] == "product_already_attached"
