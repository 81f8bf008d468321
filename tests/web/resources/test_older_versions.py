"""What requests of older versions are answered, for every kind of feature: customers, checks and plans."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.web.resources.conftest import DAY, KEY, MONTH, attach, plan

Get = Any
_PRICE = {"amount": 1, "interval": "month", "billing_units": 1, "billing_method": "usage_based"}
_FEATURES = (
    {"feature_id": "words", "name": "Words", "type": "metered", "consumable": True},
    {"feature_id": "space", "name": "Space", "type": "metered", "consumable": True},
    {
        "feature_id": "credits",
        "name": "Credits",
        "type": "credit_system",
        "credit_schema": [{"metered_feature_id": "messages", "credit_cost": 2}],
    },
)
_ITEMS = (
    {"feature_id": "words", "unlimited": True},
    {"feature_id": "sso"},
    {"feature_id": "space", "included": 5, "reset": MONTH, "price": {**_PRICE, "max_purchase": 10}},
    {"feature_id": "messages", "included": 100, "reset": MONTH, "price": _PRICE},
    {"feature_id": "seats", "included": 3},
    {"feature_id": "credits", "included": 9, "reset": {"interval": "day", "interval_count": 3}},
)
_NOTHING = {"balance": 0, "usage": 0, "included_usage": 0, "overage_allowed": False}
_NEVER = {"interval": None, "interval_count": None, "next_reset_at": None}


@pytest.fixture
def get(client: FlaskClient) -> Get:
    """The body of the answer to a GET request of a version."""

    def get(path: str, version: str) -> Any:
        reply = client.get(f"/v1/{path}", headers={"Authorization": f"Bearer {KEY}", "x-api-version": version})
        assert reply.status_code == 200, reply.get_data(as_text=True)
        return reply.get_json()

    return get


@pytest.fixture
def every_kind(ask: Any) -> Any:
    """A customer with a plan that has an item of every kind."""
    for feature in _FEATURES:
        ask("features.create", feature)
    plan(ask, "p", items=_ITEMS)
    attach(ask, "p")
    return ask


def only(names: Any, body: Any) -> Any:
    return {name: body.get(name) for name in names}


_FLAT: dict[str, dict[str, Any]] = {
    "words": {"type": "single_use", "unlimited": True, **_NOTHING, **_NEVER, "usage_limit": None},
    "sso": {"type": "static", "unlimited": False, **_NOTHING, **_NEVER, "usage_limit": None},
    "space": {"balance": 5, "usage_limit": 15, "overage_allowed": False, "interval": "month", "interval_count": 1},
    "messages": {
        "balance": 100,
        "usage_limit": None,
        "overage_allowed": True,
        "interval": "month",
        "interval_count": 1,
    },
    "seats": {"type": "continuous_use", "balance": 3, "interval": None, "interval_count": 1, "usage_limit": None},
    "credits": {
        "type": "single_use",
        "balance": 9,
        "interval": "day",
        "interval_count": 3,
        "credit_schema": [{"feature_id": "messages", "credit_amount": 2}],
    },
}


@pytest.mark.usefixtures("every_kind")
@pytest.mark.parametrize("version", ["1.2", "beta"])
@pytest.mark.parametrize("feature", _FLAT)
def test_customer_before_2_0_has_flat_features(get: Get, version: str, feature: str) -> None:
    found = get("customers/c", version)["features"][feature]
    assert only(_FLAT[feature], found) == _FLAT[feature]
    (row,) = found["breakdown"]
    of_a_row = [name for name in _FLAT[feature] if name not in ("type", "unlimited", "credit_schema")]
    assert only(of_a_row, row) == only(of_a_row, _FLAT[feature])


@pytest.mark.parametrize("version", ["1.2", "beta"])
@pytest.mark.parametrize("feature", _FLAT)
def test_check_before_2_0_shows_the_same_balance(every_kind: Any, get: Get, version: str, feature: str) -> None:
    checked = every_kind("check", {"customer_id": "c", "feature_id": feature}, version=version)
    assert "type" not in checked
    known = {name: value for name, value in get("customers/c", version)["features"][feature].items() if name in checked}
    assert only(known, checked) == known


@pytest.mark.usefixtures("every_kind")
def test_items_before_2_0_name_their_intervals_and_credits(get: Get) -> None:
    (product,) = get("customers/c", "1.2")["products"]
    items = {item["feature_id"]: item for item in product["items"]}
    assert (items["credits"]["interval"], items["credits"]["interval_count"]) == ("day", 3)
    assert items["credits"]["feature_type"] == "single_use"
    assert items["credits"]["feature"]["credit_schema"] == [{"metered_feature_id": "messages", "credit_cost": 2}]
    assert {item["feature_id"]: item["feature_type"] for item in get("products/p", "1.2")["items"]} == {
        feature: item["feature_type"] for feature, item in items.items()
    }


def test_customer_at_1_1_has_a_list_of_features_by_interval(every_kind: Any, get: Get) -> None:
    every_kind("balances.create", {"customer_id": "c", "feature_id": "space", "included_grant": 7, "reset": MONTH})
    every_kind("balances.create", {"customer_id": "c", "feature_id": "credits", "included_grant": 1})
    rows = [
        tuple(row[name] for name in ("feature_id", "interval", "balance", "included_usage", "usage_limit"))
        for row in get("customers/c", "1.1")["features"]
    ]
    assert sorted(rows, key=str) == [
        ("credits", "day", 9, 9, 9),
        ("credits", "lifetime", 1, 1, 1),
        ("messages", "month", 100, 100, 100),
        ("seats", None, 3, 3, 3),
        ("space", "month", 12, 12, 22),
        ("sso", None, 0, 0, None),
        ("words", None, 0, 0, None),
    ]


def test_customer_at_0_2_is_split(every_kind: Any, get: Get) -> None:
    plan(every_kind, "extra", add_on=True, items=[], price={"amount": 4, "interval": "month"})
    attach(every_kind, "extra")
    every_kind("balances.track", {"customer_id": "c", "feature_id": "space", "value": 2, "async": False})
    body = get("customers/c", "0.2")
    assert only(("id", "internal_id", "name"), body["customer"]) == {"id": "c", "internal_id": "", "name": None}
    assert [each["id"] for each in body["products"]] == ["p"]
    assert [(each["id"], each["prices"]) for each in body["add_ons"]] == [
        ("extra", [{"amount": 4, "interval": "month"}])
    ]
    assert body["products"][0]["prices"][0] == {
        "tiers": [{"to": 100, "amount": 0}, {"to": -1, "amount": 1}],
        "name": "",
    }
    space = next(each for each in body["entitlements"] if each["feature_id"] == "space")
    assert isinstance(space.pop("next_reset_at"), int)
    assert space == {
        "feature_id": "space",
        "unlimited": False,
        "interval": "month",
        "balance": 3,
        "used": 2,
        "allowance": 5,
        "usage_limit": 15,
    }
    assert body["invoices"] == []


def test_customer_at_0_1_has_no_periods_and_no_nulls(every_kind: Any, get: Get) -> None:
    every_kind("customers.update", {"customer_id": "c", "stripe_id": "cus_s"})
    body = get("customers/c", "0.1")
    assert only(("name", "email", "fingerprint", "internal_id"), body["customer"]) == {
        "name": "",
        "email": "",
        "fingerprint": "",
        "internal_id": None,
    }
    assert body["customer"]["processor"] == {"id": "cus_s", "type": "stripe"}
    assert "current_period_end" not in body["products"][0]
    counted = ["balance", "feature_id", "interval", "unlimited", "used"]
    for each in body["entitlements"]:
        assert sorted(each) == (["feature_id", "interval"] if each["feature_id"] in ("sso", "words") else counted)


@pytest.mark.parametrize("version", ["0.1", "0.2"])
@pytest.mark.parametrize(
    ("feature", "entry"),
    [
        ("words", {"balance": None, "unlimited": True, "usage_allowed": False, "required": None}),
        ("sso", {"balance": None}),
        ("space", {"balance": 5, "required": 1}),
        ("messages", {"balance": 100, "unlimited": False, "usage_allowed": True, "required": None}),
        ("seats", {"balance": 3, "required": 1}),
    ],
)
def test_check_before_1_1_has_a_list_of_balances(every_kind: Any, version: str, feature: str, entry: Any) -> None:
    body = every_kind("entitled", {"customer_id": "c", "feature_id": feature}, version=version)
    assert body == {"allowed": True, "balances": [{"feature_id": feature, **entry}]}


def test_check_before_1_1_of_what_a_customer_has_not_is_empty(ask: Any) -> None:
    denied = {"allowed": False, "balances": []}
    assert ask("check", {"customer_id": "c", "feature_id": "sso"}, version="0.2") == denied
    assert ask("check", {"customer_id": "c", "feature_id": "messages"}, version="0.2") == denied


def test_a_plan_in_its_trial_was_trialing(ask: Any, get: Get, post: Any) -> None:
    trial = {"duration_length": 7, "duration_type": "day", "card_required": False}
    plan(ask, "t", price={"amount": 20, "interval": "month"}, free_trial=trial, auto_enable=True)
    ask("customers.get_or_create", {"customer_id": "d"})
    (product,) = get("customers/d", "1.2")["products"]
    assert product["status"] == "trialing"
    assert ask("customers.get", {"customer_id": "d"})["subscriptions"][0]["trial_ends_at"] is not None
    headers = {"Authorization": f"Bearer {KEY}"}
    assert post("/_mock/clock", {"advance": f"{8 * DAY}ms"}, key=KEY, headers=headers).status_code == 200
    for row in ask("customers.get", {"customer_id": "d"})["subscriptions"]:
        assert row["trial_ends_at"] is None


@pytest.mark.parametrize(("version", "to"), [("2.1", 700), ("2.0", 500), ("1.2", 500)])
def test_tiers_before_2_1_begin_after_what_is_included(ask: Any, get: Get, version: str, to: int) -> None:
    price = {"interval": "month", "billing_units": 100, "billing_method": "prepaid"}
    tiers = [{"to": 700, "amount": 10}, {"to": "inf", "amount": 2}]
    plan(ask, "p", items=[{"feature_id": "messages", "included": 200, "price": {**price, "tiers": tiers}}])
    body = get("products/p", version)
    item = (body.get("features") or body["items"])[0]
    assert [tier["to"] for tier in item.get("price", item)["tiers"]] == [to, "inf"]


@pytest.mark.parametrize(("version", "text"), [("2.1", "every 2 months"), ("2.0", "per 2 months")])
def test_a_price_every_two_months_has_words_of_its_version(ask: Any, get: Get, version: str, text: str) -> None:
    plan(ask, "p", price={"amount": 20, "interval": "month", "interval_count": 2}, items=[])
    assert get("products/p", version)["price"]["display"]["secondary_text"] == text


@pytest.mark.parametrize(
    ("version", "eligibility"),
    [
        ("2.2", {"attach_action": "none", "status": "active", "canceling": False, "trialing": False}),
        ("2.1", {"attach_action": "none", "scenario": "active"}),
    ],
)
def test_eligibility_has_a_scenario_up_to_2_1(ask: Any, get: Get, version: str, eligibility: Any) -> None:
    plan(ask)
    attach(ask)
    assert get("products?customer_id=c", version)["list"][0]["customer_eligibility"] == eligibility


def test_an_entity_below_zero_was_bought_at_2_0(ask: Any, get: Get) -> None:
    price = {**_PRICE, "amount": 0.1}
    item = {"feature_id": "messages", "included": 100, "reset": MONTH, "entity_feature_id": "seats", "price": price}
    plan(ask, "p", items=[item])
    for entity in ("e1", "e2"):
        ask("entities.create", {"customer_id": "c", "entity_id": entity, "feature_id": "seats"})
    attach(ask, "p")
    used = {"customer_id": "c", "entity_id": "e1", "feature_id": "messages", "value": 150, "async": False}
    ask("balances.track", used)
    balance = get("customers/c", "2.0")["balances"]["messages"]
    assert only(("granted_balance", "purchased_balance", "current_balance", "usage"), balance) == {
        "granted_balance": 200,
        "purchased_balance": 50,
        "current_balance": 100,
        "usage": 150,
    }
    assert get("customers/c", "1.2")["features"]["messages"]["balance"] == 50
