"""Parts of answers that the recordings do not show."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autumn_mock import create_app
from autumn_mock.engine import Engine
from tests.support.client import AppClient

DAY = 86_400_000


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(world="empty", rate_limit="off") as engine:
        engine.clock.freeze()
        yield engine


@pytest.fixture
def client(engine: Engine) -> AppClient:
    """An organisation with features ``messages`` and ``seats``, and a customer ``c`` with an entity ``e``."""
    client = AppClient(create_app(engine), "am_sk_test_empty")
    display = {"singular": "message", "plural": "messages"}
    messages = {"feature_id": "messages", "name": "Messages", "type": "metered", "consumable": True}
    client.ask("/v1/features.create", {**messages, "display": display})
    client.ask("/v1/features.create", {"feature_id": "seats", "name": "Seats", "type": "metered"})
    client.ask("/v1/customers.get_or_create", {"customer_id": "c"})
    client.ask("/v1/entities.create", {"customer_id": "c", "entity_id": "e", "feature_id": "seats"})
    return client


@pytest.mark.parametrize(("included", "text"), [(1, "1 message"), (2, "2 messages")])
def test_plan_item_is_displayed_in_singular_and_plural(client: AppClient, included: int, text: str) -> None:
    items = [{"feature_id": "messages", "included": included}]
    plan = client.ask("/v1/plans.create", {"plan_id": "p", "name": "P", "items": items})
    assert plan["items"][0]["display"]["primary_text"] == text


def test_check_of_a_plan(client: AppClient) -> None:
    client.ask("/v1/plans.create", {"plan_id": "p", "name": "P"})
    asked = {"customer_id": "c", "product_id": "p"}
    assert client.ask("/v1/check", asked, version="1.2.0")["allowed"] is False
    client.ask("/v1/billing.attach", {"customer_id": "c", "plan_id": "p", "no_billing_changes": True})
    assert client.ask("/v1/check", asked, version="1.2.0")["allowed"] is True


def test_customer_shows_own_controls_before_those_of_plans(client: AppClient) -> None:
    def limit(amount: int, interval: str = "day", **more: object) -> dict[str, object]:
        return {"feature_id": "messages", "limit": amount, "interval": interval, "enabled": True, **more}

    of_plan = {
        "usage_limits": [limit(9)],
        "spend_limits": [{"feature_id": "messages", "enabled": True, "overage_limit": 1}],
    }
    of_a = {"filter": {"properties": {"a": "1"}}}
    items = [{"feature_id": "messages", "included": 10}]
    client.ask("/v1/plans.create", {"plan_id": "p", "name": "P", "items": items, "billing_controls": of_plan})
    client.ask("/v1/billing.attach", {"customer_id": "c", "plan_id": "p", "no_billing_changes": True})
    own = {
        "usage_limits": [
            limit(5),
            limit(6, "month", **of_a),
            limit(7, "year", enabled=False, filter={"properties": {"b": "1"}}),
        ]
    }
    client.ask("/v1/customers.update", {"customer_id": "c", "billing_controls": own})
    used = {"customer_id": "c", "feature_id": "messages", "value": 2, "properties": {"a": 1, "b": "1"}}
    client.ask("/v1/balances.track", used)
    controls = client.ask("/v1/customers.get", {"customer_id": "c"}, version="2.5.0")["billing_controls"]
    shown = [(each["limit"], each["source"], each["usage"]) for each in controls["usage_limits"]]
    assert shown == [(5, "customer", 2), (6, "customer", 2), (7, "customer", 0)]
    assert [each["source"] for each in controls["spend_limits"]] == ["plan"]


def test_customer_shows_no_expired_balance_of_an_entity(client: AppClient, engine: Engine) -> None:
    body = {"customer_id": "c", "entity_id": "e", "feature_id": "messages", "included_grant": 5}
    client.ask("/v1/balances.create", {**body, "expires_at": engine.clock.now() + DAY})
    assert client.balance("c") == 5
    engine.clock.advance(2 * DAY)
    assert client.ask("/v1/customers.get", {"customer_id": "c"})["balances"] == {}
