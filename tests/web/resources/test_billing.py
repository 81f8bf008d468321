"""Previews of plan changes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.resources.conftest import KEY, MONTH, attach, plan


def test_preview_refuses_what_the_call_refuses(ask: Any) -> None:
    plan(ask)
    attach(ask)
    asked = {"customer_id": "c", "plan_id": "free"}
    assert ask("billing.preview_attach", asked, 409)["code"] == "plan_already_attached"
    message = ask("billing.preview_update", {**asked, "cancel_action": "cancel_end_of_cycle"}, 400)["message"]
    assert message == "Free products do not have billing cycles; use cancel: 'immediately' instead."
    unknown = {"customer_id": "c", "plan_id": "nope", "cancel_action": "uncancel"}
    assert ask("billing.preview_update", unknown, 404)["code"] == "cus_product_not_found"


def test_preview_attach_expands_plans(ask: Any) -> None:
    plan(ask)
    asked = {"customer_id": "c", "plan_id": "free", "expand": ["incoming.plan"]}
    (incoming,) = ask("billing.preview_attach", asked)["incoming"]
    assert incoming["plan"]["name"] == "Free"


def test_preview_update_of_a_cancelled_plan_shows_the_default_plan(ask: Any) -> None:
    plan(ask, "basic", group="main", auto_enable=True)
    plan(ask, "pro", group="main", price={"amount": 20, **MONTH})
    attach(ask, "pro")
    asked = {"customer_id": "c", "plan_id": "pro"}
    preview = ask("billing.preview_update", {**asked, "cancel_action": "cancel_immediately"})
    assert [each["plan_id"] for each in preview["incoming"]] == ["basic"]
    assert [each["plan_id"] for each in preview["outgoing"]] == ["pro"]
    attach(ask, "basic", plan_schedule="end_of_cycle")
    preview = ask("billing.preview_update", {**asked, "cancel_action": "uncancel"})
    assert (preview["intent"], [each["plan_id"] for each in preview["outgoing"]]) == ("uncancel", ["pro"])
    custom = {"items": [{"feature_id": "messages", "included": 7}]}
    assert ask("billing.preview_update", {**asked, "customize": custom})["intent"] == "update_plan"
    assert ask("billing.preview_update", {**asked, "no_billing_changes": True})["intent"] == "none"


@pytest.fixture
def paying(ask: Any, post: Any) -> Any:
    """A customer with a card, on a plan with usage that is billed."""
    use = {"amount": 0.1, "billing_method": "usage_based", **MONTH}
    plan(ask, "pro", price={"amount": 20, **MONTH}, items=[{"feature_id": "messages", "included": 10, "price": use}])
    plan(ask, "premium", price={"amount": 50, **MONTH}, items=[])
    plan(ask, "extra", price={"amount": 20, **MONTH}, items=[], add_on=True)
    headers = {"Authorization": f"Bearer {KEY}"}
    reply = post("/_mock/customers/c/payment_method", {"payment_method": "ok"}, key=KEY, headers=headers)
    assert reply.status_code == 200, reply.get_data(as_text=True)
    coupon = {"type": "percentage_discount", "value": 10, "duration": {"type": "forever", "length": None}}
    ask("rewards.create", {"coupon": {"id": "ten", "name": "Ten", "plan_ids": None, "promo_codes": [], **coupon}})
    ask("billing.attach", {"customer_id": "c", "plan_id": "pro", "discounts": [{"reward_id": "ten"}]})
    ask("balances.update", {"customer_id": "c", "feature_id": "messages", "usage": 40})
    return ask


@pytest.mark.parametrize("version", ["2.5.0", "2.2", "2.1", "2.0", "1.2", "1.1"])
def test_preview_attach_of_an_upgrade_in_every_version(paying: Any, version: str) -> None:
    name = "plan_id" if version >= "2" else "product_id"
    shown = paying("billing.preview_attach", {"customer_id": "c", name: "premium"}, version=version)
    assert [(each["plan_id"], each["feature_id"], round(each["total"])) for each in shown["line_items"]] == [
        ("pro", None, -20),
        ("premium", None, 45),
        ("pro", "messages", 3),
    ]
    assert shown["line_items"][1]["discounts"][0]["reward_id"] == "ten"
    assert (shown["subtotal"], round(shown["total"]), shown["currency"]) == (33, 28, "usd")
    assert (shown["redirect_to_checkout"], shown["checkout_type"]) == (False, None)
    assert (shown["next_cycle"]["subtotal"], shown["next_cycle"]["total"]) == (50, 45)
    assert [(each["plan_id"], each["feature_quantities"]) for each in shown["incoming"]] == [("premium", [])]
    assert [each["plan_id"] for each in shown["outgoing"]] == ["pro"]


@pytest.mark.parametrize("version", ["2.5.0", "2.1", "2.0", "1.2"])
def test_expand_shows_the_next_invoices_and_coupons(paying: Any, version: str) -> None:
    asked = {"customer_id": "c", "expand": ["invoice_previews", "rewards"]}
    shown = paying("customers.get", asked, version=version)
    (preview,) = shown["invoice_previews"]
    assert (preview["plan_ids"], preview["currency"], preview["subtotal"]) == (["pro"], "usd", 23)
    assert [each["description"].partition(" (")[0] for each in preview["line_items"]] == [
        "Pro - Base Price",
        "Pro - 40 Messages",
    ]
    assert preview["total"] == 20.7
    (discount,) = shown["rewards"]["discounts"]
    assert (discount["id"], discount["discount_value"], discount["duration_type"]) == ("ten", 10, "forever")


def test_preview_update_of_a_cancellation_credits_and_refunds(paying: Any) -> None:
    asked = {"customer_id": "c", "plan_id": "pro", "cancel_action": "cancel_immediately"}
    shown = paying("billing.preview_update", asked)
    assert (shown["intent"], round(shown["total"]), shown.get("next_cycle")) == ("cancel_immediately", -20, None)
    shown = paying("billing.preview_update", {**asked, "refund_last_payment": "full"})
    assert (shown["total"], shown["refund"]["amount"], shown["refund"]["invoice"]["total"]) == (0, 18, 18)


def test_preview_attach_names_the_page(ask: Any) -> None:
    plan(ask, "pro", price={"amount": 20, **MONTH})
    shown = ask("billing.preview_attach", {"customer_id": "nobody_yet", "plan_id": "pro"})
    assert (shown["total"], shown["redirect_to_checkout"], shown["checkout_type"]) == (20, True, "stripe_checkout")
    ask("customers.get", {"customer_id": "nobody_yet"}, 404)
    shown = ask("billing.preview_attach", {"customer_id": "c", "plan_id": "pro", "redirect_mode": "never"})
    assert (shown["redirect_to_checkout"], shown["checkout_type"]) == (False, None)
