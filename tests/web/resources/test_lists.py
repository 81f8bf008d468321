"""Lists of balances, subscriptions and purchases."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from flask.testing import FlaskClient

from autumn_mock.engine import Engine
from autumn_mock.web import create_app
from tests.support.client import AppClient
from tests.web.resources.conftest import DAY, KEY, MONTH, attach, grant, plan


def test_balances_list_pages_all_customers_newest_first(ask: Any, emulator: Engine) -> None:
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


def test_balances_list_omits_flags_and_drained_balances_without_a_plan(ask: Any) -> None:
    plan(ask)
    attach(ask)
    grant(ask)
    ask("balances.update", {"customer_id": "c", "feature_id": "messages", "remaining": 0})
    (row,) = ask("balances.list", {"customer_id": "c"})["list"]
    assert (row["plan_id"], row["remaining"], row["usage"], row["rollovers"]) == ("free", 0, 100, [])


def test_balances_list_shows_expired_balances_by_status(ask: Any, emulator: Engine) -> None:
    grant(ask, expires_at=emulator.clock.now() + DAY, balance_id="brief")
    grant(ask, balance_id="lasting")
    emulator.clock.advance(2 * DAY)
    active = ask("balances.list", {"customer_id": "c"})["list"]
    assert [(row["id"], row["status"]) for row in active] == [("lasting", "active")]
    expired = ask("balances.list", {"customer_id": "c", "statuses": ["expired"]})["list"]
    assert [(row["id"], row["status"]) for row in expired] == [("brief", "expired")]


def test_balances_list_shows_expired_balances_that_were_used_up(ask: Any, emulator: Engine) -> None:
    grant(ask, expires_at=emulator.clock.now() + DAY, balance_id="brief")
    ask("balances.track", {"customer_id": "c", "feature_id": "messages", "value": 10, "async": False})
    assert ask("balances.list", {"statuses": ["active", "expired"]})["list"] == []
    emulator.clock.advance(2 * DAY)
    (row,) = ask("balances.list", {"customer_id": "c", "statuses": ["expired"]})["list"]
    assert [row[key] for key in ("included_grant", "remaining", "usage", "status")] == [10, 0, 10, "expired"]
    assert ask("balances.list", {"customer_id": "c"})["list"] == []


def test_balances_list_applies_resets_that_are_due(ask: Any, emulator: Engine) -> None:
    grant(ask, reset=MONTH)
    ask("balances.track", {"customer_id": "c", "feature_id": "messages", "value": 4, "async": False})
    assert ask("balances.list", {})["list"][0]["remaining"] == 6
    emulator.clock.advance(32 * DAY)
    assert ask("balances.list", {})["list"][0]["remaining"] == 10


def test_balances_list_of_an_entity_has_its_own_balances_and_its_share(ask: Any) -> None:
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
def test_lists_of_an_unknown_customer_or_entity_are_empty(ask: Any, path: str) -> None:
    nothing = {"list": [], "has_more": False, "next_cursor": None}
    assert ask(path, {"customer_id": "nobody"}) == nothing
    assert ask(path, {"customer_id": "c", "entity_id": "nobody"}) == nothing


#: What a cursor can have been edited to.
_FORGED = ['{"t":1e999,"id":"a"}', '{"t":"NaN"}', '{"t":null,"id":[]}', "[]", "null", "9" * 5000, "[" * 5000, "\0", "x"]


def test_lists_refuse_forged_cursors() -> None:
    client = AppClient(create_app(Engine(rate_limit="off")))
    for path in ("balances", "subscriptions", "customers", "entities", "events", "invoices"):
        for text in _FORGED:
            encoded = base64.urlsafe_b64encode(text.encode()).decode()
            for cursor in (text, encoded, encoded.rstrip("="), encoded[:-1]):
                body = {"start_cursor": cursor}
                reply = client.request("POST", f"/v1/{path}.list", body, client.headers(version="2.4.0"))
                assert (reply.status, reply.body["code"]) == (400, "invalid_cursor"), (path, cursor)


@pytest.mark.parametrize("path", ["balances.list", "subscriptions.list", "purchases.list"])
def test_lists_refuse_invalid_parameters(ask: Any, path: str) -> None:
    assert ask(path, {"start_cursor": "!"}, 400)["code"] == "invalid_cursor"
    assert ask(path, {"limit": 201}, 400)["message"] == "limit: Too big: expected number to be <=200"
    assert ask(path, {"entity_id": "e1"}, 400)["message"] == "entity_id: entity_id requires customer_id"


def test_get_balances_list_shows_stored_rows_without_a_plan(ask: Any, client: FlaskClient) -> None:
    plan(ask)
    attach(ask)
    headers = {"Authorization": f"Bearer {KEY}", "x-api-version": "2.3.0"}
    assert client.get("/v1/balances/list?customer_id=c", headers=headers).get_json() == {"balances": []}
    grant(ask, balance_id="gift")
    (row,) = client.get("/v1/balances/list?customer_id=c", headers=headers).get_json()["balances"]
    assert (row["external_id"], row["customer_product_id"], row["balance"]) == ("gift", None, 10)
    assert row["entitlement"] | {"feature": None} == {
        "feature_id": "messages",
        "feature": None,
        "allowance_type": "fixed",
        "allowance": 10,
        "interval": "lifetime",
        "interval_count": 1,
        "entity_feature_id": None,
    }
    assert client.get("/v1/balances/list?customer_id=nobody", headers=headers).status_code == 404
    assert client.get("/v1/balances/list", headers=headers).status_code == 400


def test_subscriptions_list_shows_plans_of_customers_and_entities(ask: Any) -> None:
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


def test_subscriptions_list_omits_a_plan_that_has_ended(ask: Any, emulator: Engine) -> None:
    plan(ask, "pro", price={"amount": 20, **MONTH})
    attach(ask, "pro")
    cancel = {"customer_id": "c", "plan_id": "pro", "cancel_action": "cancel_end_of_cycle"}
    ask("billing.update", cancel)
    assert ask("subscriptions.list", {})["list"][0]["canceled_at"] is not None
    emulator.clock.advance(32 * DAY)
    assert ask("subscriptions.list", {})["list"] == []


@pytest.fixture
def ended(ask: Any, emulator: Engine) -> Any:
    """A plan that another one replaced, a purchase that expired, and a plan of an entity that was cancelled."""
    plan(ask, "pro", price={"amount": 20, **MONTH}, group="g")
    plan(ask, "max", price={"amount": 50, **MONTH}, group="g")
    plan(ask, "once", price={"amount": 5, "interval": "one_off"})
    ask("entities.create", {"customer_id": "c", "entity_id": "e1", "feature_id": "seats"})
    attach(ask, "pro")
    ask("balances.track", {"customer_id": "c", "feature_id": "messages", "value": 30, "async": False})
    attach(ask, "once", ends_at=emulator.clock.now() + DAY)
    attach(ask, "pro", entity_id="e1")
    attach(ask, "max")
    cancel = {"customer_id": "c", "entity_id": "e1", "plan_id": "pro", "cancel_action": "cancel_immediately"}
    ask("billing.update", {**cancel, "no_billing_changes": True})
    emulator.clock.advance(2 * DAY)
    return ask


@pytest.mark.parametrize(
    ("narrowed", "found"),
    [
        ({"customer_id": "c"}, {("pro", "e1", 100), ("pro", None, 70), ("once", None, 100)}),
        ({}, {("pro", "e1", 100), ("pro", None, 70), ("once", None, 100)}),
        ({"customer_id": "c", "entity_id": "e1"}, {("pro", "e1", 100)}),
        ({"plan_id": "once"}, {("once", None, 100)}),
        ({"feature_id": "seats"}, set()),
    ],
)
def test_balances_of_plans_that_ended_are_listed_as_expired(ended: Any, narrowed: Any, found: Any) -> None:
    rows = ended("balances.list", {**narrowed, "statuses": ["expired"]})["list"]
    assert {(row["plan_id"], row["entity_id"], row["remaining"]) for row in rows} == found
    assert {row["status"] for row in rows} <= {"expired"}
    both = ended("balances.list", {**narrowed, "statuses": ["active", "expired"]})["list"]
    assert len(both) == len(rows) + len(ended("balances.list", narrowed)["list"])


def test_plans_that_ended_are_listed_as_expired(ended: Any) -> None:
    def listed(call: str, *statuses: str) -> list[tuple[str, str | None, str]]:
        rows = ended(f"{call}.list", {"customer_id": "c", **({"statuses": statuses} if statuses else {})})["list"]
        assert all(row["expires_at"] is not None for row in rows if row["status"] == "expired")
        return [(row["plan_id"], row["entity_id"], row["status"]) for row in rows]

    assert listed("subscriptions") == [("max", None, "active")]
    assert listed("subscriptions", "expired") == [("pro", "e1", "expired"), ("pro", None, "expired")]
    assert listed("purchases") == []
    assert listed("purchases", "expired") == [("once", None, "expired")]
    ended("billing.update", {"customer_id": "c", "plan_id": "max", "status": "past_due"})
    assert listed("subscriptions", "past_due") == [("max", None, "active")]


def test_what_ended_is_deleted_with_its_owner(ended: Any) -> None:
    ended("entities.delete", {"customer_id": "c", "entity_id": "e1"})
    assert {row["entity_id"] for row in ended("balances.list", {"statuses": ["expired"]})["list"]} == {None}
    ended("customers.delete", {"customer_id": "c"})
    assert ended("balances.list", {"statuses": ["expired"]})["list"] == []
    assert ended("subscriptions.list", {"statuses": ["expired"]})["list"] == []


def test_seats_of_licences_are_listed_with_their_holders(ask: Any) -> None:
    plan(ask, "seat", group="seats")
    plan(ask, "team", group="team", licenses=[{"license_plan_id": "seat", "included": 2}])
    attach(ask, "team")
    ask("entities.create", {"customer_id": "c", "entity_id": "e1", "feature_id": "seats"})
    seat = {"customer_id": "c", "plan_id": "seat"}
    assert ask("licenses.attach", {**seat, "entities": [{"entity_id": "e1"}]}) == {"success": True}
    (held,) = ask("licenses.list_assignments", {"customer_id": "c"})["list"]
    assert isinstance(held.pop("started_at"), int)
    assert held == {"license_plan_id": "seat", "entity_id": "e1", "active": True}
    assert ask("licenses.release", {**seat, "entity_ids": ["e1"]}) == {"success": True}
    (free,) = ask("licenses.list_assignments", {"customer_id": "c"})["list"]
    assert (free["entity_id"], free["active"]) == (None, False)


def test_contributions_to_a_pooled_balance_are_listed(ask: Any) -> None:
    pooled = [{"feature_id": "messages", "included": 30, "reset": MONTH, "pooled": True}]
    plan(ask, "shared", items=pooled)
    attach(ask, "shared")
    (row,) = ask("balances.list", {"customer_id": "c"})["list"]
    (listed,) = ask("pooled_balances.list_contributions", {"pooled_balance_id": row["id"]})["list"]
    assert listed.pop("customer_product_id")
    assert listed == {"plan_id": "shared", "entity_id": None, "included_grant": 30, "prepaid_grant": 0}
