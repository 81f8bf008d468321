"""Previews of plan changes."""

from __future__ import annotations

from typing import Any

from tests.web.resources.conftest import MONTH, attach, plan


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
