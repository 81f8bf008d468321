"""The calls of older clients."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from autumn_mock.web.resources.unsupported import ROUTE_MESSAGES
from tests.web.resources.conftest import KEY, MONTH, attach, plan

_OLD = "1.2.0"
_PRICE = {"amount": 10, "interval": "month"}
_PREPAID = {"interval": "month", "billing_units": 100, "billing_method": "prepaid", "amount": 8.5}
_WITHOUT_BILLING = {"no_billing_changes": True}


@pytest.fixture
def send(client: FlaskClient, ask: Any) -> Any:  # noqa: ARG001  # fills the organisation
    def send(method: str, path: str, body: Any = None, version: str = _OLD, status: int = 200) -> Any:
        headers = {"Authorization": f"Bearer {KEY}", "x-api-version": version}
        reply = client.open(path, method=method, json=body, headers=headers)
        assert reply.status_code == status, reply.get_data(as_text=True)
        return reply.get_json()

    return send


@pytest.fixture
def ann(ask: Any) -> None:
    ask("customers.update", {"customer_id": "c", "name": "Ann"})


def _old_attach(ask: Any, product_id: str, status: int = 200, **fields: Any) -> Any:
    body = {"customer_id": "c", "product_id": product_id, **_WITHOUT_BILLING, **fields}
    return ask("attach", body, status=status)


def test_attach_creates_the_customer(ask: Any) -> None:
    plan(ask)
    body = _old_attach(ask, "free", customer_id="new", customer_data={"name": "Ann"})
    assert body == {
        "success": True,
        "customer_id": "new",
        "product_ids": ["free"],
        "code": "free_product_attached",
        "message": "Successfully inserted free product Free to Ann",
    }
    assert [each["plan_id"] for each in ask("customers.get", {"customer_id": "new"})["subscriptions"]] == ["free"]


def test_attach_said_less_before_1_1(ask: Any) -> None:
    plan(ask)
    assert ask("attach", {"customer_id": "c", "product_id": "free"}, version="0.2.0") == {
        "success": True,
        "message": "Successfully inserted free product Free to c",
    }


@pytest.mark.usefixtures("ann")
def test_attach_says_what_it_did(ask: Any) -> None:
    plan(ask, "free")
    plan(ask, "small", price=_PRICE)
    plan(ask, "large", price={**_PRICE, "amount": 30})
    plan(ask, "once", price={"amount": 5, "interval": "one_off"}, add_on=True)
    plan(ask, "extra", add_on=True, price=_PRICE)
    steps = [
        ("free", "free_product_attached", "Successfully inserted free product Free to Ann"),
        (
            "small",
            "new_product_attached",
            "Successfully created subscriptions and attached product(s) Small to customer Ann",
        ),
        ("large", "upgraded_to_new_product", "Successfully updated product"),
        ("small", "downgrade_scheduled", "Successfully downgraded from Large to Small"),
        ("large", "renewed_product", "Successfully renewed product"),
        (
            "once",
            "one_off_product_attached",
            "Successfully purchased product(s) Once and attached to customer Ann",
        ),
        (
            "extra",
            "new_product_attached",
            "Successfully created subscriptions and attached product(s) Extra to customer Ann",
        ),
    ]
    for product_id, code, message in steps:
        body = _old_attach(ask, product_id)
        assert (body["code"], body["message"]) == (code, message), product_id


def test_attach_again(ask: Any) -> None:
    plan(ask, "small", price=_PRICE)
    plan(ask, "large", price={**_PRICE, "amount": 30})
    _old_attach(ask, "large")
    assert _old_attach(ask, "large", 400) == {
        "message": "Product Large is already attached, can't attach again",
        "code": "product_already_attached",
        "env": "sandbox",
    }
    _old_attach(ask, "small")
    assert _old_attach(ask, "small", 400)["message"] == "Product Small is already scheduled, can't attach again"


@pytest.mark.usefixtures("ann")
def test_attach_several(ask: Any) -> None:
    plan(ask, "a", group="a")
    plan(ask, "b", group="b")
    body = ask("attach", {"customer_id": "c", "product_ids": ["a", "b"]})
    assert (body["product_ids"], body["code"]) == (["a", "b"], "new_product_attached")
    assert body["message"] == "Successfully created subscriptions and attached product(s) A, B to customer Ann"


def test_quantities_of_attach_are_on_top_of_what_is_included(ask: Any) -> None:
    plan(ask, items=[{"feature_id": "messages", "included": 100, "reset": MONTH, "price": _PREPAID}])
    _old_attach(ask, "free", options=[{"feature_id": "messages", "quantity": 450}])
    check = {"customer_id": "c", "feature_id": "messages"}
    assert ask("balances.check", check)["balance"]["granted"] == 600
    body = _old_attach(ask, "free", options=[{"feature_id": "messages", "quantity": 200}])
    assert body["code"] == "features_updated"
    assert ask("balances.check", check)["balance"]["granted"] == 300


def test_attach_customises_with_old_items(ask: Any) -> None:
    plan(ask)
    items = [{"feature_id": "messages", "included_usage": 7, "interval": "month"}]
    _old_attach(ask, "free", is_custom=True, items=items)
    balance = ask("balances.check", {"customer_id": "c", "feature_id": "messages"})["balance"]
    assert balance["granted"] == 7


def test_attach_without_a_trial(ask: Any) -> None:
    plan(ask, free_trial={"duration_length": 7, "duration_type": "day"}, price=_PRICE)
    _old_attach(ask, "free", free_trial=False)
    subscriptions = ask("customers.get", {"customer_id": "c"})["subscriptions"]
    assert [each["trial_ends_at"] for each in subscriptions] == [None]


@pytest.mark.parametrize(
    ("fields", "status", "code", "message"),
    [
        ({"product_id": None}, 400, "invalid_inputs", "`product_id` is not provided"),
        ({"product_ids": ["free"]}, 400, "invalid_inputs", "provide either one `product_id` or `product_ids`"),
        (
            {"product_id": None, "product_ids": ["free", "free"]},
            400,
            "invalid_inputs",
            "Can't pass in duplicate product_ids",
        ),
        ({"items": [{}]}, 400, "invalid_inputs", "Can't pass in items if is_custom is false"),
        ({"product_id": "nope"}, 404, "product_not_found", "Product nope not found"),
        (
            {"options": [{"feature_id": "nope", "quantity": 1}]},
            404,
            "feature_not_found",
            "Feature nope passed into options but not found",
        ),
        (
            {"options": [{"feature_id": "messages", "quantity": 1}]},
            404,
            "price_not_found",
            "No prepaid price found for feature messages",
        ),
        (
            {"options": [{"feature_id": "messages", "quantity": -1}]},
            400,
            "invalid_inputs",
            "Quantity cannot be negative",
        ),
    ],
)
def test_attach_refuses(ask: Any, fields: Any, status: int, code: str, message: str) -> None:
    plan(ask, items=[{"feature_id": "messages", "included": 100, "reset": MONTH}])
    body = ask("attach", {"customer_id": "new", "product_id": "free", **fields}, status=status)
    assert body["code"] == code
    assert message in body["message"]
    ask("customers.get", {"customer_id": "new"}, status=404)


def test_cancel(ask: Any) -> None:
    plan(ask, price=_PRICE)
    attach(ask, "free", **_WITHOUT_BILLING)
    body = {"customer_id": "c", "product_id": "free"}
    assert ask("cancel", body) == {"success": True, **body}
    assert ask("customers.get", {"customer_id": "c"})["subscriptions"][0]["canceled_at"] is not None
    ask("cancel", {**body, "cancel_immediately": True})
    assert ask("customers.get", {"customer_id": "c"})["subscriptions"] == []


def test_products_in_old_words(ask: Any, send: Any) -> None:
    proration = {"on_increase": "bill_immediately", "on_decrease": "none"}
    items = [
        {"feature_id": "messages", "included_usage": 40, "interval": "month"},
        {"feature_id": "seats", "included_usage": "inf"},
        {
            "feature_id": "words",
            "included_usage": 10,
            "interval": "month",
            "interval_count": 2,
            "usage_model": "pay_per_use",
            "tiers": [{"to": 5, "amount": 2}, {"to": "inf", "amount": 1}],
            "billing_units": 1,
            "usage_limit": 100,
            "config": {"rollover": {"max": 5, "duration": "month", "length": 2}, **proration},
        },
        {"feature_id": None, "price": 20, "interval": "year"},
    ]
    words = {"id": "words", "name": "Words", "type": "single_use"}
    assert send("POST", "/v1/features", words)["type"] == "single_use"
    made = send(
        "POST",
        "/v1/products",
        {
            "id": "p",
            "name": "P",
            "group": "g",
            "is_add_on": True,
            "is_default": False,
            "items": items,
            "free_trial": {"length": 7, "duration": "day", "unique_fingerprint": False, "card_required": False},
        },
    )
    assert (made["id"], made["is_add_on"], len(made["items"])) == ("p", True, 4)
    known = ask("plans.get", {"plan_id": "p"})
    assert known["price"]["amount"] == 20
    assert known["free_trial"]["duration_length"] == 7
    items_of = {each["feature_id"]: each for each in known["items"]}
    messages, seats, priced = (items_of[each] for each in ("messages", "seats", "words"))
    assert (messages["included"], messages["reset"]["interval"], seats["unlimited"]) == (40, "month", True)
    assert priced["price"]["tiers"] == [{"to": 15, "amount": 2}, {"to": "inf", "amount": 1}]
    assert (priced["price"]["max_purchase"], priced["price"]["interval_count"]) == (90, 2)
    assert priced["rollover"]["expiry_duration_length"] == 2
    assert priced["proration"] == proration
    for method, path in (("PATCH", "/v1/products/p"), ("POST", "/v1/plans/p")):
        send(method, path, {"items": [{"feature_id": "messages", "included_usage": 50, "interval": "month"}]})
    known = ask("plans.get", {"plan_id": "p"})
    assert [each["included"] for each in known["items"]] == [50]
    assert known["price"] is None


def test_what_a_product_answers_goes_back_unchanged(ask: Any, send: Any) -> None:
    price = {"interval": "month", "billing_units": 1, "billing_method": "usage_based"}
    tiers = [{"to": 20, "amount": 2}, {"to": "inf", "amount": 1}]
    plan(
        ask,
        "p",
        price=_PRICE,
        items=[{"feature_id": "messages", "included": 10, "price": {**price, "tiers": tiers}}, {"feature_id": "sso"}],
    )
    before = ask("plans.get", {"plan_id": "p"})
    send("POST", "/v1/products/p", send("GET", "/v1/products/p"))
    after = ask("plans.get", {"plan_id": "p"})
    assert [each["price"] for each in after["items"]] == [each["price"] for each in before["items"]]
    assert after["price"] == before["price"]
    assert after["version"] == 1


def test_a_product_has_customers(ask: Any, send: Any) -> None:
    plan(ask, "p")
    attach(ask, "p")
    change = {"items": [{"feature_id": "messages", "included_usage": 50, "interval": "month"}]}
    expected = {"current_version": 1, "will_version": True, "archived": False}
    assert send("POST", "/v1/products/p/has_customers", change) == expected


def test_features_in_old_words(send: Any) -> None:
    send("POST", "/v1/features", {"id": "lit", "name": "Lit", "type": "static"})
    assert send("GET", "/v1/features/lit", version="2.3.0")["type"] == "boolean"
    send("POST", "/v1/features", {"id": "held", "name": "Held", "type": "continuous_use"})
    assert send("GET", "/v1/features/held", version="2.3.0")["consumable"] is False
    send("POST", "/v1/features/held", {"type": "single_use"})
    assert send("GET", "/v1/features/held", version="2.3.0")["consumable"] is True


def test_entities_of_a_customer(send: Any) -> None:
    path = "/v1/customers/c/entities"
    assert send("POST", path, {"id": "e1", "name": "E", "feature_id": "seats"})["id"] == "e1"
    made = send("POST", path, [{"id": each, "feature_id": "seats"} for each in ("e2", "e3")])
    assert [each["id"] for each in made["list"]] == ["e2", "e3"]
    send("DELETE", f"{path}/e2")
    assert [each["id"] for each in send("GET", path)["list"]] == ["e1", "e3"]


def test_a_customer_is_changed_by_path(send: Any) -> None:
    assert send("POST", "/v1/customers/c", {"name": "New"})["name"] == "New"
    assert send("PATCH", "/v1/customers/c", {"id": "d", "email": "d@example.com"})["id"] == "d"
    assert send("GET", "/v1/customers/d")["email"] == "d@example.com"


def test_balances_of_a_customer_are_set(ask: Any, send: Any) -> None:
    plan(ask)
    attach(ask)
    send("POST", "/v1/customers/c/balances", {"balances": [{"feature_id": "messages", "balance": 30}]})
    check = {"customer_id": "c", "feature_id": "messages"}
    assert ask("balances.check", check)["balance"]["remaining"] == 30


@pytest.mark.parametrize("version", ["1.2.0", "2.5.0"])
@pytest.mark.parametrize("route", ROUTE_MESSAGES)
def test_other_old_routes_are_refused_clearly(send: Any, route: str, version: str) -> None:
    method, path = route.replace("<", "").replace(">", "").split(" ")
    body = send(method, path, {}, version=version, status=400)
    assert (body["message"], body["code"]) == (ROUTE_MESSAGES[route], "invalid_request")


@pytest.mark.parametrize(("sent", "usage"), [("3", 3), (" 4 ", 4), ("many", 1), (True, 1), (2.5, 2.5)])
def test_the_value_among_the_properties_is_read_as_a_number(ask: Any, sent: Any, usage: float) -> None:
    ask("balances.create", {"customer_id": "c", "feature_id": "messages", "included_grant": 10})
    body = {"customer_id": "c", "feature_id": "messages", "properties": {"value": sent}}
    ask("balances.track", body, version=_OLD)
    check = {"customer_id": "c", "feature_id": "messages"}
    assert ask("balances.check", check)["balance"]["usage"] == usage


def test_a_plan_is_moved_and_the_cache_is_forgotten(ask: Any, send: Any) -> None:
    plan(ask)
    attach(ask)
    ask("entities.create", {"customer_id": "c", "entity_id": "e1", "feature_id": "seats"})
    moved = {"product_id": "free", "to_entity_id": "e1"}
    assert send("POST", "/v1/customers/c/transfer", moved) == {"success": True}
    assert [each["scope"] for each in ask("subscriptions.list", {"customer_id": "c"})["list"]] == ["entity"]
    refused = send("POST", "/v1/customers/c/transfer", {"product_id": "free"}, status=400)
    assert refused["message"].endswith("Must specify atleast one of: from_entity_id, to_entity_id")
    assert send("POST", "/v1/customers/clear_cache", {"customer_id": "c"}) == {"success": True}


def test_a_balance_is_created_by_the_shortest_path(ask: Any, send: Any) -> None:
    body = {"customer_id": "c", "feature_id": "messages", "included_grant": 7}
    assert send("POST", "/v1/balances", body) == {"success": True}
    assert ask("customers.get", {"customer_id": "c"})["balances"]["messages"]["remaining"] == 7


def test_a_product_is_changed_and_renamed_in_old_words(ask: Any, send: Any) -> None:
    plan(ask, "p")
    renamed = send("PATCH", "/v1/products/p", {"id": "q", "name": "Q"})
    assert (renamed["id"], renamed["name"], renamed["is_add_on"]) == ("q", "Q", False)
    assert {"items", "properties"} <= renamed.keys()
    attach(ask, "q")
    refused = send("POST", "/v1/products/q", {"id": "r"}, status=400)
    assert refused["message"] == "Cannot change product ID because it has existing customers"


def test_what_prevents_the_deletion_of_a_feature(ask: Any, send: Any) -> None:
    plan(ask, "p")
    assert send("GET", "/v1/features/messages/deletion_info") == {"productName": "P", "totalCount": 1}
    assert send("GET", "/v1/features/seats/deletion_info") == {"productName": None, "totalCount": 0}
    assert send("GET", "/v1/features/gone/deletion_info", status=404)["code"] == "feature_not_found"
