"""Checks with locks and with previews."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.resources.conftest import attach, plan


@pytest.mark.parametrize(
    ("version", "behaviour", "allowed", "usage"),
    [
        ("2.4.0", "cap", True, 100),
        ("2.4.0", "overflow", True, 150),
        ("2.4.0", "reject", False, 0),
        ("2.3.0", "cap", False, 0),
        ("2.3.0", "overflow", False, 0),
    ],
)
def test_check_lock_caps_or_overdraws_since_2_4(
    ask: Any, version: str, behaviour: str, allowed: bool, usage: int
) -> None:
    plan(ask)
    attach(ask)
    lock = {"enabled": True, "lock_id": "l", "overage_behavior": behaviour}
    asked = {"customer_id": "c", "feature_id": "messages", "required_balance": 150, "lock": lock}
    assert ask("balances.check", asked, version=version)["allowed"] is allowed
    used = ask("customers.get", {"customer_id": "c"})["balances"]["messages"]
    assert (used["usage"], used["remaining"]) == (usage, 100 - min(usage, 100))
    if allowed:
        ask("balances.finalize", {"lock_id": "l", "action": "release"})
        assert ask("customers.get", {"customer_id": "c"})["balances"]["messages"]["usage"] == 0


def test_check_preview_offers_plans_with_the_missing_feature(ask: Any) -> None:
    plan(ask, "basic")
    plan(ask, "trial", free_trial={"duration_length": 7, "duration_type": "day", "card_required": False})
    attach(ask, "basic")
    asked = {"customer_id": "c", "feature_id": "seats", "with_preview": True}
    assert ask("balances.check", asked)["preview"] == {
        "scenario": "feature_flag",
        "title": "Feature Unavailable",
        "feature_id": "seats",
        "feature_name": "Seats",
        "message": "Seats is not available for your account. Please contact us to enable it.",
        "products": [],
        "upgrade_product_id": None,
    }
    plan(ask, "desk", items=[{"feature_id": "seats", "included": 1}], add_on=True)
    offered = ask("balances.check", asked)["preview"]
    assert offered["message"] == (
        "Your current plan does not include the Seats feature. Please purchase the Desk add on to use this feature."
    )
    assert (offered["title"], offered["upgrade_product_id"]) == ("Purchase Desk", "desk")
    asked = {"customer_id": "c", "feature_id": "messages", "required_balance": 101, "with_preview": True}
    offered = ask("balances.check", asked)["preview"]
    assert (offered["title"], [each["id"] for each in offered["products"]]) == ("Start trial for Trial", ["trial"])
    assert "preview" not in ask("balances.check", {**asked, "with_preview": False})


def test_check_preview_shows_a_plan_as_a_product(ask: Any) -> None:
    plan(ask, "desk", items=[{"feature_id": "seats", "included": 1}])
    asked = {"customer_id": "c", "feature_id": "seats", "with_preview": True}
    (product,) = ask("balances.check", asked)["preview"]["products"]
    (item,) = product.pop("items")
    assert product.pop("created_at") > 0
    assert (item["type"], item["feature_id"], item["included_usage"]) == ("feature", "seats", 1)
    assert product == {
        "id": "desk",
        "name": "Desk",
        "group": None,
        "env": "sandbox",
        "is_add_on": False,
        "is_default": False,
        "archived": False,
        "version": 1,
        "free_trial": None,
        "base_variant_id": None,
        "billing_controls": {},
        "scenario": "new",
        "properties": {"is_free": True, "is_one_off": False, "has_trial": False, "updateable": False},
    }
