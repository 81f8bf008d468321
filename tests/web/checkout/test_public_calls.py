"""The public calls of the service's own checkout page: what a session sells, and its confirmation, without a key."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.client import Reply
from tests.web.checkout.conftest import Shop

ALWAYS = {"redirect_mode": "always"}
PACKS = [{"feature_id": "messages", "quantity": 300, "adjustable": True}]


def opened(shop: Shop, customer: str = "eve", **more: Any) -> str:
    """The path of the calls of a session that the service itself has, of a change of eve's plan."""
    shop.ask("/v1/billing.attach", {"customer_id": customer, "plan_id": "pro"})
    return calls_of(shop.buy(customer, "packs", **{**ALWAYS, "feature_quantities": PACKS, **more}))


def calls_of(page: str) -> str:
    return page.replace("/checkout/", "/checkouts/")


def anyone(shop: Shop, method: str, path: str, body: Any = None) -> Reply:
    """A call without a key."""
    return shop.request(method, path, body, shop.headers(None, "1.2"))


def card(shop: Shop, method: str, customer: str = "eve") -> None:
    shop.ask(f"/_mock/customers/{customer}/payment_method", {"payment_method": method})


def test_checkout_shows_what_it_sells(shop: Shop) -> None:
    shown = anyone(shop, "GET", opened(shop)).body
    preview = shown.pop("preview")
    assert shown == {
        "env": "sandbox",
        "action": "attach",
        "status": "pending",
        "response": None,
        "org": {"name": "Acme <Maps>", "logo": None},
        "customer": {"id": "eve", "name": "Eve", "email": None},
        "adjustable_feature_ids": ["messages"],
        "entity": None,
    }
    assert (preview["customer_id"], preview["total"], preview["checkout_type"]) == ("eve", 30, "autumn_checkout")
    (incoming,) = preview["incoming"]
    assert incoming["plan"]["items"][0]["feature"]["name"] == "Messages"
    assert [each["plan"]["id"] for each in preview["outgoing"]] == ["pro"]


def test_checkout_previews_other_quantities(shop: Shop) -> None:
    path = opened(shop)
    chosen = {"feature_quantities": [{"feature_id": "messages", "quantity": 500}]}
    shown = anyone(shop, "POST", f"{path}/preview", chosen).body
    assert (shown["preview"]["total"], shown["adjustable_feature_ids"]) == (50, ["messages"])
    assert anyone(shop, "GET", path).body["preview"]["total"] == 30


def test_checkout_is_confirmed_once(shop: Shop) -> None:
    path = opened(shop, success_url="https://shop.test/thanks")
    chosen = {"feature_quantities": [{"feature_id": "messages", "quantity": 500}]}
    done = anyone(shop, "POST", f"{path}/confirm", chosen).body
    invoice = done.pop("invoice")
    assert (invoice["status"], invoice["total"]) == ("paid", 50)
    assert done == {
        "customer_id": "eve",
        "payment_url": None,
        "success": True,
        "checkout_id": path.split("/")[2],
        "product_id": "packs",
        "invoice_id": invoice["stripe_id"],
        "success_url": "https://shop.test/thanks",
    }
    assert (shop.plans("eve"), shop.balance("eve")) == (["packs"], 500)
    for method, call in (("GET", path), ("POST", f"{path}/preview"), ("POST", f"{path}/confirm")):
        again = anyone(shop, method, call, {} if method == "POST" else None)
        assert (again.status, again.body["code"]) == (409, "checkout_completed")
    assert "is complete" in str(shop.post(f"/_mock/checkouts/{path.split('/')[2]}", {"action": "pay"}).body)
    assert [each["total"] for each in shop.get("/_mock/invoices").body["list"]] == [50, 20]


def test_confirmation_that_is_declined_waits_for_its_invoice(shop: Shop) -> None:
    path = opened(shop)
    card(shop, "declines")
    done = anyone(shop, "POST", f"{path}/confirm", {}).body
    assert (done["success"], done["required_action"]["code"]) == (False, "payment_failed")
    assert done["payment_url"] == done["invoice"]["hosted_invoice_url"]
    shown = anyone(shop, "GET", path).body
    assert (shown["status"], shown["response"]) == (
        "action_required",
        {name: done[name] for name in ("customer_id", "invoice", "payment_url", "required_action")},
    )
    again = anyone(shop, "POST", f"{path}/confirm", {})
    assert (again.status, again.body["message"]) == (400, "Checkout requires payment completion")
    assert shop.plans("eve") == ["pro"]
    shop.ask(f"/_mock/invoices/{done['invoice_id']}", {"action": "pay"})
    assert shop.plans("eve") == ["packs"]
    assert anyone(shop, "GET", path).body["code"] == "checkout_completed"


def test_what_is_refused_leaves_the_checkout_open(shop: Shop) -> None:
    path = opened(shop)
    shop.ask("/v1/billing.attach", {"customer_id": "eve", "plan_id": "packs", "no_billing_changes": True})
    for call in ("confirm", "preview"):
        refused = anyone(shop, "POST", f"{path}/{call}", {})
        assert (refused.status, refused.body["code"]) == (409, "plan_already_attached")
    assert shop.get(f"/_mock/checkouts/{path.split('/')[2]}").body["status"] == "open"


def test_update_is_confirmed(shop: Shop) -> None:
    shop.ask("/v1/billing.attach", {"customer_id": "eve", "plan_id": "packs", "feature_quantities": PACKS})
    more = {"feature_quantities": [{"feature_id": "messages", "quantity": 500}], **ALWAYS}
    url = shop.ask("/v1/billing.update", {"customer_id": "eve", "plan_id": "packs", **more})["payment_url"]
    path = calls_of("/" + str(url).split("/", 3)[3])
    shown = anyone(shop, "GET", path).body
    assert (shown["action"], shown["preview"]["intent"], shown["preview"]["total"]) == (
        "update_subscription",
        "update_quantity",
        20,
    )
    assert anyone(shop, "POST", f"{path}/confirm", {}).body["success"]
    assert shop.balance("eve") == 500


@pytest.mark.parametrize("call", ["", "/start"])
def test_pages_of_the_provider_and_unknown_ones_are_unavailable(shop: Shop, call: str) -> None:
    for path in (calls_of(shop.buy()), "/checkouts/co_unknown"):
        refused = anyone(shop, "GET", path + call)
        assert (refused.status, refused.body["code"]) == (404, "checkout_unavailable")


def test_checkout_expires(shop: Shop) -> None:
    path = opened(shop)
    shop.advance("1d")
    refused = anyone(shop, "GET", path)
    assert (refused.status, refused.body["code"]) == (410, "checkout_expired")


def test_a_long_lived_link_leads_to_its_page(shop: Shop) -> None:
    page = shop.buy(long_lived_checkout=True)
    shop.advance("80d")
    reply = anyone(shop, "GET", f"{calls_of(page)}/start")
    assert (reply.status, reply.headers["location"], reply.body) == (303, f"http://localhost{page}", "")
    assert anyone(shop, "GET", calls_of(page)).body["preview"]["total"] == 20
    refused = anyone(shop, "POST", f"{calls_of(page)}/confirm", {})
    assert (refused.status, "is paid on its page" in refused.body["message"]) == (400, True)
    refused = anyone(shop, "GET", f"{opened(shop)}/start")
    assert refused.body["message"] == "Long-lived checkout start only supports long-lived attach checkouts"


def test_each_session_has_a_limit_of_its_own(shop: Shop) -> None:
    path = opened(shop)
    assert [anyone(shop, "GET", path).status for _ in range(11)] == [200] * 10 + [429]
    assert anyone(shop, "GET", "/checkouts/co_unknown").status == 404


def test_quantities_are_bounded(shop: Shop) -> None:
    refused = anyone(
        shop,
        "POST",
        f"{opened(shop)}/preview",
        {"feature_quantities": [{"feature_id": "messages", "quantity": 10**13 + 1}]},
    )
    assert refused.body["message"] == "feature_quantities.0.quantity: quantity cannot exceed 10 trillion"
