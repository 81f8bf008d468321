"""Control calls that show customers."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

from tests.web.conftest import KEY, Post

OWN = {"Authorization": f"Bearer {KEY}"}


def shown(client: FlaskClient, path: str) -> Any:
    reply = client.get(f"/_mock{path}", headers=OWN)
    assert reply.status_code == 200, reply.text
    return reply.get_json()


def test_list_customers_finds_by_id_name_and_email(client: FlaskClient) -> None:
    for search in ("alice", "ALICE@", "cus_al"):
        page = shown(client, f"/customers?search={search}")
        assert [each["id"] for each in page["list"]] == ["cus_alice"]
        assert (page["found"], page["total"]) == (1, 5)


def test_list_customers_shows_plans_and_balances(client: FlaskClient) -> None:
    [row] = shown(client, "/customers?search=cus_123&limit=1")["list"]
    assert row["plans"] == ["free"]
    first = row["balances"][0]
    assert first == {"feature_id": "messages", "granted": 1100, "remaining": 1100, "unlimited": False}


def test_show_customer_has_entities_and_locks(client: FlaskClient, post: Post) -> None:
    post("/v1/entities.create", {"customer_id": "cus_123", "entity_id": "seat_1", "feature_id": "seats", "name": "Ada"})
    lock = {"lock_id": "job_1", "enabled": True}
    post(
        "/v1/balances.check",
        {"customer_id": "cus_123", "feature_id": "messages", "required_balance": 5, "lock": lock},
        x_api_version="2.3.0",
    )
    customer = shown(client, "/customers/cus_123")
    assert [each["id"] for each in customer["entities"]] == ["seat_1"]
    assert [each["id"] for each in customer["locks"]] == ["job_1"]
    assert [each["plan_id"] for each in customer["subscriptions"]] == ["free"]


def test_reading_is_not_journalled_and_meets_no_fault(client: FlaskClient, post: Post) -> None:
    post("/_mock/faults", {"rule": "reply:status 500"})
    shown(client, "/customers")
    shown(client, "/customers/cus_123")
    assert shown(client, "/requests")["list"] == []


def test_catalogue_lists_each_plan_once(client: FlaskClient) -> None:
    catalogue = shown(client, "/catalogue")
    assert len({each["id"] for each in catalogue["plans"]}) == len(catalogue["plans"])
    assert {"id": "messages", "name": "Messages", "type": "metered"} in catalogue["features"]
    assert {"id": "free", "name": "Free"} in catalogue["plans"]


def test_customers_belong_to_one_environment(client: FlaskClient) -> None:
    refused = client.get("/_mock/customers")
    assert refused.status_code == 400
    assert "x-autumn-mock-environment" in refused.get_json()["message"]


def test_unknown_customer_is_a_404(client: FlaskClient) -> None:
    refused = client.get("/_mock/customers/nope", headers=OWN)
    assert (refused.status_code, refused.get_json()["code"]) == (404, "customer_not_found")


def test_payment_method_is_changed_and_shown(client: FlaskClient, post: Post) -> None:
    assert shown(client, "/customers/cus_123")["payment_method"] == "none"
    for method in ("ok", "declines", "needs_3ds", "none"):
        reply = post("/_mock/customers/cus_123/payment_method", {"payment_method": method})
        assert reply.get_json() == {"customer_id": "cus_123", "payment_method": method}
        assert shown(client, "/customers/cus_123")["payment_method"] == method


def test_payment_method_refuses_others(post: Post) -> None:
    path = "/_mock/customers/{}/payment_method"
    refused = post(path.format("cus_123"), {"payment_method": "gold"})
    assert (refused.status_code, refused.get_json()["message"]) == (
        400,
        "payment_method: must be one of none, ok, declines, needs_3ds",
    )
    assert post(path.format("nope"), {"payment_method": "ok"}).status_code == 404
    assert "payment_method" in post(path.format("cus_123"), {"method": "ok"}).get_json()["message"]
