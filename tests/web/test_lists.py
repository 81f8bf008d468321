"""Lists of balances, subscriptions and purchases; previews; locks that cap; the clock; what is not emulated."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from autumn_mock.engine import Engine
from autumn_mock.web.resources.unsupported import MESSAGES
from tests.sdk.methods import UNSUPPORTED
from tests.web.conftest import Post

KEY = "am_sk_test_other"
DAY = 86_400_000
MONTH = {"interval": "month"}


@pytest.fixture
def ask(post: Post) -> Any:
    """Posts to an empty organisation; the body of the answer, which has to have a status."""

    def ask(path: str, body: Any, status: int = 200, version: str = "2.5.0") -> Any:
        reply = post(f"/v1/{path}", body, key=KEY, x_api_version=version)
        assert reply.status_code == status, reply.get_data(as_text=True)
        return reply.get_json()

    ask("features.create", {"feature_id": "messages", "name": "Messages", "type": "metered", "consumable": True})
    ask("features.create", {"feature_id": "seats", "name": "Seats", "type": "metered"})
    ask("features.create", {"feature_id": "sso", "name": "SSO", "type": "boolean"})
    ask("customers.get_or_create", {"customer_id": "c"})
    return ask


def grant(ask: Any, customer_id: str = "c", **fields: Any) -> None:
    ask("balances.create", {"customer_id": customer_id, "feature_id": "messages", "included_grant": 10, **fields})


def plan(ask: Any, plan_id: str = "free", **fields: Any) -> None:
    items = [{"feature_id": "messages", "included": 100, "reset": MONTH}, {"feature_id": "sso"}]
    ask("plans.create", {"plan_id": plan_id, "name": plan_id.title(), "items": items, **fields})


def attach(ask: Any, plan_id: str = "free", **fields: Any) -> None:
    ask("billing.attach", {"customer_id": "c", "plan_id": plan_id, "no_billing_changes": True, **fields})


# -- balances.list


def test_rows_of_all_customers_come_newest_first_page_by_page(ask: Any, emulator: Engine) -> None:
    ask("customers.get_or_create", {"customer_id": "d"})
    for number, customer_id in enumerate("cdcdc"):
        grant(ask, customer_id, balance_id=f"row_{number}")
        emulator.clock.advance(1)
    seen: list[tuple[str, str]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = ask("balances.list", {"limit": 2, "start_cursor": cursor})
        seen += [(row["customer_id"], row["id"]) for row in page["list"]]
        cursor = page["next_cursor"]
        assert page["has_more"] is (cursor is not None)
    assert seen == [("c", "row_4"), ("d", "row_3"), ("c", "row_2"), ("d", "row_1"), ("c", "row_0")]


def test_flags_and_drained_loose_rows_are_not_listed(ask: Any) -> None:
    plan(ask)
    attach(ask)
    grant(ask)
    ask("balances.update", {"customer_id": "c", "feature_id": "messages", "remaining": 0})
    (row,) = ask("balances.list", {"customer_id": "c"})["list"]
    assert (row["plan_id"], row["remaining"], row["usage"], row["rollovers"]) == ("free", 0, 100, [])


def test_expired_rows_are_listed_when_asked_for(ask: Any, emulator: Engine) -> None:
    grant(ask, expires_at=emulator.clock.now() + DAY, balance_id="brief")
    grant(ask, balance_id="lasting")
    emulator.clock.advance(2 * DAY)
    active = ask("balances.list", {"customer_id": "c"})["list"]
    assert [(row["id"], row["status"]) for row in active] == [("lasting", "active")]
    expired = ask("balances.list", {"customer_id": "c", "statuses": ["expired"]})["list"]
    assert [(row["id"], row["status"]) for row in expired] == [("brief", "expired")]


def test_a_list_is_as_of_now(ask: Any, emulator: Engine) -> None:
    grant(ask, reset=MONTH)
    ask("balances.track", {"customer_id": "c", "feature_id": "messages", "value": 4, "async": False})
    assert ask("balances.list", {})["list"][0]["remaining"] == 6
    emulator.clock.advance(32 * DAY)
    assert ask("balances.list", {})["list"][0]["remaining"] == 10


def test_an_entity_has_its_own_rows_and_its_share(ask: Any) -> None:
    items = [{"feature_id": "messages", "included": 5, "reset": MONTH, "entity_feature_id": "seats"}]
    plan(ask, "seat", items=items)
    for entity_id in ("e1", "e2"):
        ask("entities.create", {"customer_id": "c", "entity_id": entity_id, "feature_id": "seats"})
    attach(ask, "seat")
    grant(ask)
    grant(ask, entity_id="e1")
    asked = {"customer_id": "c", "entity_id": "e1"}
    rows = ask("balances.list", asked)["list"]
    assert [(row["plan_id"], row["entity_id"], row["included_grant"]) for row in rows] == [
        (None, "e1", 10),
        ("seat", "e1", 5),
    ]
    whole = ask("balances.list", {"customer_id": "c"})["list"]
    assert [(row["plan_id"], row["entity_id"], row["included_grant"]) for row in whole] == [
        (None, "e1", 10),
        (None, None, 10),
        ("seat", None, 10),
    ]


@pytest.mark.parametrize("path", ["balances.list", "subscriptions.list", "purchases.list"])
def test_what_nobody_has_is_an_empty_list(ask: Any, path: str) -> None:
    nothing = {"list": [], "has_more": False, "next_cursor": None}
    assert ask(path, {"customer_id": "nobody"}) == nothing
    assert ask(path, {"customer_id": "c", "entity_id": "nobody"}) == nothing


@pytest.mark.parametrize("path", ["balances.list", "subscriptions.list", "purchases.list"])
def test_a_list_that_cannot_be_understood_is_refused(ask: Any, path: str) -> None:
    assert ask(path, {"start_cursor": "!"}, 400)["code"] == "invalid_cursor"
    assert ask(path, {"limit": 201}, 400)["message"] == "limit: Too big: expected number to be <=200"
    assert ask(path, {"entity_id": "e1"}, 400)["message"] == "entity_id: entity_id requires customer_id"


def test_the_older_list_has_what_was_given_by_hand(ask: Any, client: FlaskClient) -> None:
    plan(ask)
    attach(ask)
    headers = {"Authorization": f"Bearer {KEY}", "x-api-version": "2.3.0"}
    assert client.get("/v1/balances/list?customer_id=c", headers=headers).get_json() == {"balances": []}
    grant(ask, balance_id="gift")
    (row,) = client.get("/v1/balances/list?customer_id=c", headers=headers).get_json()["balances"]
    assert (row["id"], row["remaining"]) == ("gift", 10)
    assert client.get("/v1/balances/list?customer_id=nobody", headers=headers).status_code == 404
    assert client.get("/v1/balances/list", headers=headers).status_code == 400


# -- plans


def test_plans_of_entities_and_of_customers_are_listed(ask: Any) -> None:
    plan(ask)
    ask("entities.create", {"customer_id": "c", "entity_id": "e1", "feature_id": "seats"})
    attach(ask)
    attach(ask, entity_id="e1")
    both = ask("subscriptions.list", {"customer_id": "c"})["list"]
    assert {(each["scope"], each["entity_id"]) for each in both} == {("customer", None), ("entity", "e1")}
    (own,) = ask("subscriptions.list", {"customer_id": "c", "entity_id": "e1"})["list"]
    assert own["entity_id"] == "e1"
    assert ask("subscriptions.list", {"plan_id": "other"})["list"] == []
    assert ask("subscriptions.list", {"statuses": ["expired"]})["list"] == []
    assert ask("purchases.list", {})["list"] == []


def test_a_plan_that_has_ended_is_not_listed(ask: Any, emulator: Engine) -> None:
    plan(ask, "pro", price={"amount": 20, **MONTH})
    attach(ask, "pro")
    cancel = {"customer_id": "c", "plan_id": "pro", "cancel_action": "cancel_end_of_cycle"}
    ask("billing.update", cancel)
    assert ask("subscriptions.list", {})["list"][0]["canceled_at"] is not None
    emulator.clock.advance(32 * DAY)
    assert ask("subscriptions.list", {})["list"] == []


# -- previews


def test_a_preview_refuses_what_would_be_refused(ask: Any) -> None:
    plan(ask)
    attach(ask)
    asked = {"customer_id": "c", "plan_id": "free"}
    assert ask("billing.preview_attach", asked, 409)["code"] == "plan_already_attached"
    told = ask("billing.preview_update", {**asked, "cancel_action": "cancel_end_of_cycle"}, 400)["message"]
    assert told == "Free products do not have billing cycles; use cancel: 'immediately' instead."
    unknown = {"customer_id": "c", "plan_id": "nope", "cancel_action": "uncancel"}
    assert ask("billing.preview_update", unknown, 404)["code"] == "cus_product_not_found"


def test_a_preview_shows_plans_in_full_when_asked(ask: Any) -> None:
    plan(ask)
    asked = {"customer_id": "c", "plan_id": "free", "expand": ["incoming.plan"]}
    (incoming,) = ask("billing.preview_attach", asked)["incoming"]
    assert incoming["plan"]["name"] == "Free"


def test_ending_a_plan_falls_back_to_the_one_for_everybody(ask: Any) -> None:
    plan(ask, "basic", group="main", auto_enable=True)
    plan(ask, "pro", group="main", price={"amount": 20, **MONTH})
    attach(ask, "pro")
    asked = {"customer_id": "c", "plan_id": "pro"}
    preview = ask("billing.preview_update", {**asked, "cancel_action": "cancel_immediately"})
    assert [each["plan_id"] for each in preview["incoming"]] == ["basic"]
    assert [each["plan_id"] for each in preview["outgoing"]] == ["pro"]
    attach(ask, "basic", plan_schedule="end_of_cycle")
    preview = ask("billing.preview_update", {**asked, "cancel_action": "uncancel"})
    assert (preview["intent"], [each["plan_id"] for each in preview["outgoing"]]) == ("uncancel", ["basic"])
    custom = {"items": [{"feature_id": "messages", "included": 7}]}
    assert ask("billing.preview_update", {**asked, "customize": custom})["intent"] == "update_plan"
    assert ask("billing.preview_update", {**asked, "no_billing_changes": True})["intent"] == "none"


# -- check


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
def test_a_lock_may_cap_or_overdraw_since_2_4(
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


def test_who_lacks_a_feature_is_offered_the_plans_that_have_it(ask: Any) -> None:
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


def test_what_is_offered_is_told_as_a_product(ask: Any) -> None:
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


# -- the clock, and the rest


def test_the_clock_moves_for_one_organisation_alone(ask: Any, emulator: Engine) -> None:
    before = emulator.clock.now()
    later = (before // 1000 + 3600) * 1000
    asked = {"customer_id": "c", "frozen_time": later}
    assert ask("customers.advance_test_clock", {**asked, "customer_id": "nobody"}, 404)["code"] == "customer_not_found"
    assert ask("customers.advance_test_clock", asked)["frozen_time"] == later
    assert ask("customers.get_or_create", {"customer_id": "d"})["created_at"] >= later
    assert emulator.clock.now() < later
    assert "later than" in ask("customers.advance_test_clock", asked, 400)["message"]
    assert "thousand years" in ask("customers.advance_test_clock", {**asked, "frozen_time": 9 * 10**15}, 400)["message"]


@pytest.mark.parametrize("call", MESSAGES)
def test_what_is_not_emulated_says_so_whatever_is_sent(ask: Any, call: str) -> None:
    assert ask(call, None, 400) == {"message": MESSAGES[call], "code": "invalid_request", "env": "sandbox"}


def test_the_clients_are_tested_with_all_that_is_not_emulated() -> None:
    assert {name for name, _ in UNSUPPORTED.values()} == set(MESSAGES)
