"""Differences from the real service that no other test shows. :mod:`tests.test_differences` lists the tests of all."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from autumn_mock import create_app
from autumn_mock.engine import Engine
from tests.support.client import BATCH, CHECK, FINALIZE, TRACK, AppClient
from tests.web.conftest import KEY, Post

OTHER = "am_sk_test_other"
ITEM = {"customer_id": "cus_123", "feature_id": "messages"}
NAMED = ("2.0.0", "2.4.0", "2.5.0", "2.6.0")


@pytest.mark.parametrize(("settings", "status"), [({}, 202), ({"batch_status": 200}, 200)])
def test_accepted_batch_is_answered_as_the_settings_say(settings: dict[str, Any], status: int) -> None:
    with Engine(**settings) as engine:
        reply = AppClient(create_app(engine), KEY).post(BATCH, [ITEM])
    assert (reply.status, reply.body) == (status, {"success": True})


def test_items_of_one_customer_are_deducted_in_the_order_of_arrival(emulator: Engine, post: Post) -> None:
    for first in range(1, 41, 5):
        assert post(BATCH, [{**ITEM, "value": value} for value in range(first, first + 5)]).status_code == 202
    assert emulator.drain(20)
    (environment,) = (each for each in emulator.state.environments() if each.customers.of("cus_123"))
    recorded = sorted(environment.events.between(None, None), key=lambda each: each.id)
    assert [int(each.value) for each in recorded][-40:] == list(range(1, 41))


def test_track_is_asynchronous_from_2_5_unless_it_says_otherwise(post: Post) -> None:
    def status(version: str, **fields: Any) -> int:
        return post(TRACK, {**ITEM, **fields}, x_api_version=version).status_code

    assert [status(version) for version in NAMED] == [200, 200, 202, 202]
    assert [status(version, **{"async": False}) for version in NAMED] == [200] * 4


def test_versions_after_2_3_answer_as_2_3_does(post: Post) -> None:
    bodies = [
        post("/v1/customers.get", {"customer_id": "cus_123"}, x_api_version=version).get_json()
        for version in ("2.3.0", "2.4.0", "2.5.0", "2.6.0")
    ]
    assert bodies[1:] == bodies[:1] * 3


def test_balances_of_ended_plans_are_not_listed(post: Post) -> None:
    def rows(**fields: Any) -> list[str]:
        body = {"customer_id": "c", **fields}
        return [each["feature_id"] for each in post("/v1/balances.list", body).get_json()["list"]]

    items = [{"feature_id": "messages", "included": 5, "reset": {"interval": "month"}}]
    assert post("/v1/customers.get_or_create", {"customer_id": "c"}).status_code == 200
    assert post("/v1/plans.create", {"plan_id": "short", "name": "S", "items": items}).status_code == 200
    plan = {"customer_id": "c", "plan_id": "short", "no_billing_changes": True}
    before = rows()
    assert post("/v1/billing.attach", plan).status_code == 200
    assert len(rows()) == len(before) + 1
    assert post("/v1/billing.update", {**plan, "cancel_action": "cancel_immediately"}).status_code == 200
    assert rows() == before
    assert rows(status="expired") == []


@pytest.mark.parametrize(("locked", "left"), [(3, 4), (4, None)])
def test_a_released_lock_returns_nothing_to_a_loose_balance_that_it_drained(
    post: Post, locked: int, left: int | None
) -> None:
    def use(path: str, **fields: Any) -> TestResponse:
        return post(path, {"customer_id": "loose", "feature_id": "messages", **fields}, OTHER)

    post("/v1/features.create", {"feature_id": "messages", "name": "M", "type": "metered", "consumable": True}, OTHER)
    post("/v1/customers.get_or_create", {"customer_id": "loose"}, OTHER)
    use("/v1/balances.create", included_grant=4)
    assert use(CHECK, required_balance=locked, lock={"enabled": True, "lock_id": "l"}).get_json()["allowed"]
    assert post(FINALIZE, {"lock_id": "l", "action": "release"}, OTHER).status_code == 200
    balance = use(CHECK).get_json()["balance"]
    assert (None if balance is None else balance["remaining"]) == left


def test_publishable_keys_are_shown_masked(client: FlaskClient) -> None:
    shown = client.get("/v1/organization", headers={"Authorization": f"Bearer {KEY}"}).get_json()
    assert (shown["test_pkey"], shown["live_pkey"]) == ("am_pk_test_autu*******", None)


@pytest.mark.parametrize("name", ["rewards", "referral_programs"])
def test_catalog_update_refuses_what_the_catalogue_does_not_hold(post: Post, name: str) -> None:
    reply = post("/v1/catalog.update", {"features": [], "plans": [], name: [{"id": "x"}]})
    assert (reply.status_code, name in reply.get_json()["message"]) == (400, True)


def test_organization_config_takes_usage_alerts_only(client: FlaskClient) -> None:
    def config() -> Any:
        return client.get("/v1/organization", headers=headers).get_json()["config"]

    headers = {"Authorization": f"Bearer {KEY}"}
    before = config()
    others = {name: not value for name, value in before.items() if isinstance(value, bool)}
    assert client.patch("/v1/organization/config", json=others, headers=headers).status_code == 200
    assert config() == before
    for name in ("usage_alerts", "sandbox_usage_alerts"):
        alerts = [{"feature_id": "messages", "threshold": 5, "threshold_type": "usage", "enabled": True}]
        assert client.patch("/v1/organization/config", json={name: alerts}, headers=headers).status_code == 200
        assert config()[name][0]["threshold"] == 5
