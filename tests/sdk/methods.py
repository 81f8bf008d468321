"""One test for each method of the published clients that belongs to metering, whichever the client."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.sdk.calls import ClientError, SdkClient
from tests.support.client import Client

HOUR = 3_600_000
MONTH = {"interval": "month"}
USE = {"customer_id": "cus_1", "feature_id": "messages"}

#: Every method with a test here.
METERING = (
    "batch_track",
    "track",
    "track_tokens",
    "check",
    "balances.create",
    "balances.update",
    "balances.delete",
    "balances.finalize",
    "balances.list",
    "events.list",
    "events.aggregate",
    "customers.get_or_create",
    "customers.get",
    "customers.list",
    "customers.update",
    "customers.delete",
    "customers.advance_test_clock",
    "customers.list_subscriptions",
    "customers.list_purchases",
    "entities.create",
    "entities.get",
    "entities.list",
    "entities.update",
    "entities.delete",
    "features.create",
    "features.get",
    "features.list",
    "features.update",
    "features.delete",
    "plans.create",
    "plans.get",
    "plans.list",
    "plans.update",
    "plans.delete",
    "billing.attach",
    "billing.update",
    "billing.preview_attach",
    "billing.preview_update",
    "billing.multi_attach",
    "billing.multi_update",
    "billing.preview_multi_update",
    "billing.create_schedule",
    "billing.preview_multi_attach",
    "billing.setup_payment",
    "billing.open_customer_portal",
    "invoices.list",
    "rewards.create",
    "rewards.get",
    "rewards.list",
    "rewards.delete",
)

#: What the organisation shows, tested where it is made.
ELSEWHERE = {"referrals.list_programs", "licenses.attach", "licenses.release"}

_UPDATES = {"customer_id": "cus_1", "updates": [{"plan_id": "free", "cancel_action": "cancel_immediately"}]}
_ORGANISATION = {"organization_slug": "acme", "env": "test"}
_HOOKS = {"webhooks": [{"id": "hook", "url": "https://example.com/hook"}]}

#: Methods that are not emulated: the call on the wire, and arguments that get past the client's own checks.
UNSUPPORTED: dict[str, tuple[str, dict[str, Any]]] = {
    "billing.import_": ("billing.import", {"customer_id": "cus_1", "billables": []}),
    "billing.verify": ("billing.verify", {"customer_id": "cus_1"}),
    "invoices.create": ("invoices.create", {"customer_id": "cus_1"}),
    "invoices.finalize": ("invoices.finalize", {"invoice_id": "in_1"}),
    "invoices.insert": ("invoices.insert", {"invoices": []}),
    "invoices.issue_credit_note": ("invoices.issue_credit_note", {"invoice_id": "in_1"}),
    "invoices.list_templates": ("invoices.listTemplates", {}),
    "invoices.pay": ("invoices.pay", {"invoice_id": "in_1"}),
    "invoices.reissue": ("invoices.reissue", {"invoice_id": "in_1"}),
    "invoices.update": ("invoices.update", {"invoice_id": "in_1", "payment_method_types": ["card"]}),
    "invoices.void": ("invoices.void", {"invoice_id": "in_1"}),
    "referrals.create_code": ("referrals.create_code", {"customer_id": "cus_1", "program_id": "friends"}),
    "referrals.redeem_code": ("referrals.redeem_code", {"customer_id": "cus_1", "code": "HELLO"}),
    "referrals.create_program": (
        "referral_programs.create",
        {"id": "friends", "reward_id": "gift", "redeem_on": "customer_creation", "received_by": "all"},
    ),
    "referrals.get_program": ("referral_programs.get", {"referral_program_id": "friends"}),
    "referrals.update_program": ("referral_programs.update", {"referral_program_id": "friends"}),
    "referrals.delete_program": ("referral_programs.delete", {"referral_program_id": "friends"}),
    "rewards.update": ("rewards.update", {"reward_id": "gift"}),
    "rewards.redeem_code": ("rewards.redeem", {"customer_id": "cus_1", "code": "HELLO"}),
    "platform.disconnect_stripe": ("platform.disconnect_stripe", _ORGANISATION),
    "platform.get_stripe_connection": ("platform.get_stripe_connection", _ORGANISATION),
    "platform.get_revenue_cat_keys": ("platform.get_revenuecat_keys", _ORGANISATION),
    "platform.link_revenue_cat": (
        "platform.link_revenuecat",
        {**_ORGANISATION, "project_name": "acme", "redirect_url": "https://example.com"},
    ),
    "platform.sync_revenue_cat": ("platform.sync_revenuecat", _ORGANISATION),
    "keys.mint": ("keys.mint", {"customer_id": "cus_1"}),
    "keys.refresh": ("keys.refresh", {"request": {}}),
    "keys.revoke": ("keys.revoke", {"customer_id": "cus_1"}),
    "sandboxes.create": ("sandboxes.create", {"name": "trial"}),
    "sandboxes.delete": ("sandboxes.delete", {"id": "trial"}),
    "sandboxes.list": ("sandboxes.list", {"request": {}}),
    "sandboxes.reset": ("sandboxes.reset", {"request": {}}),
    "webhooks.create": ("webhooks.create", {"id": "hook", "url": "https://example.com/hook"}),
    "webhooks.delete": ("webhooks.delete", {"id": "hook"}),
    "webhooks.get": ("webhooks.get", {"id": "hook"}),
    "webhooks.list": ("webhooks.list", {"request": {}}),
    "webhooks.preview_sync": ("webhooks.preview_sync", _HOOKS),
    "webhooks.sync": ("webhooks.sync", _HOOKS),
    "webhooks.update": ("webhooks.update", {"id": "hook"}),
    "logs.search": ("logs.search", {}),
}


def make_plan(client: SdkClient, plan_id: str = "free", **fields: Any) -> Any:
    items = [{"feature_id": "messages", "included": 100, "reset": MONTH}]
    return client.call("plans.create", plan_id=plan_id, name=plan_id.title(), **{"items": items, **fields})


def remaining(client: SdkClient, customer_id: str = "cus_1") -> float:
    return client.organisation.balance(customer_id)


class EveryMethod:
    """To be inherited beside a fixture ``client``. The organisation has ``cus_1`` with 1000 messages."""

    def test_every_method_has_a_test(self, client: SdkClient) -> None:
        known = {client.named(method) for method in (*METERING, *UNSUPPORTED, *ELSEWHERE)}
        assert client.methods() - known == set()

    # -- usage

    def test_batch_track(self, client: SdkClient) -> None:
        items = [{"customer_id": "cus_1", "feature_id": "messages", "value": value} for value in (1, 2)]
        by_event = {"customer_id": "cus_1", "event_name": "message.sent"}  # a value left out is 1
        unknown = {"customer_id": "cus_2", "feature_id": "messages"}
        assert client.call("batch_track", request=[*items, by_event, unknown]) == {"success": True}
        assert client.organisation.drain()["lost"] == 1
        assert remaining(client) == 996

    def test_batch_track_of_a_thousand(self, client: SdkClient) -> None:
        assert client.call("batch_track", request=[{**USE, "value": 0.5}] * 1000) == {"success": True}
        counts = client.organisation.drain()
        assert (counts["accepted"], counts["deducted"], counts["lost"]) == (1000, 1000, 0)
        assert remaining(client) == 500

    def test_batch_track_keeps_properties(self, client: SdkClient) -> None:
        properties = {"camelCase": 1, "nested": {"list": [1, None]}}
        client.call("batch_track", request=[{**USE, "properties": properties}])
        client.organisation.drain()
        (event,) = client.organisation.ask("/v1/events.list", {"customer_id": "cus_1"})["list"]
        assert event["properties"] == properties

    @pytest.mark.parametrize(
        ("items", "status", "message", "code"),
        [
            ([], 400, "input: Too small: expected array to have >=1 items", "invalid_inputs"),
            ([USE] * 1001, 400, "input: Too big: expected array to have <=1000 items", "invalid_inputs"),
            ([USE, {**USE, "feature_id": "nope"}], 404, "Feature nope not found", "feature_not_found"),
            (
                [{"customer_id": "cus_1", "event_name": "nope"}],
                404,
                "No features found for event name: nope",
                "invalid_request",
            ),
        ],
    )
    def test_batch_track_refuses_the_whole_batch(
        self, client: SdkClient, items: list[Any], status: int, message: str, code: str
    ) -> None:
        with pytest.raises(ClientError) as caught:
            client.call("batch_track", request=items)
        assert (caught.value.name, caught.value.status) == ("AutumnDefaultError", status)
        assert caught.value.body == f'{{"message":"{message}","code":"{code}","env":"sandbox"}}'
        assert client.organisation.stats()["accepted"] == 0

    def test_batch_track_with_a_wrong_key(self, client: SdkClient) -> None:
        other = SdkClient(client.caller, Client(client.organisation.url, "am_sk_test_wrong_key"), camel=client.camel)
        with pytest.raises(ClientError) as caught:
            other.call("batch_track", request=[USE])
        assert (caught.value.status, caught.value.body) == (
            401,
            '{"message":"Invalid secret key: am_sk_test_wron*****","code":"invalid_secret_key","env":"sandbox"}',
        )

    def test_track(self, client: SdkClient) -> None:
        answer = client.call("track", **USE, value=4, async_=False)
        assert (answer["customer_id"], answer["value"]) == ("cus_1", 4)
        balance = answer["balance"]
        assert (balance["granted"], balance["usage"], balance["remaining"]) == (1000, 4, 996)
        queued = client.call("track", **USE, value=4, async_=True)
        assert (queued["value"], queued["balance"]) == (4, None)
        client.organisation.drain()
        assert remaining(client) == 992
        with pytest.raises(ClientError) as caught:
            client.call("track", customer_id="cus_2", feature_id="messages", async_=False)
        assert (caught.value.status, "Customer cus_2 not found" in caught.value.body) == (404, True)

    def test_track_tokens(self, client: SdkClient) -> None:
        markups = {"custom/mine": {"input_cost": 2, "output_cost": 10}}
        fields = {"name": "AI", "type": "ai_credit_system", "model_markups": markups}
        client.organisation.ask("/v1/features.create", {"feature_id": "ai", **fields})
        client.call("balances.create", customer_id="cus_1", feature_id="ai", included_grant=10)
        tokens = {"model_id": "custom/mine", "input_tokens": 500_000, "output_tokens": 100_000}
        answer = client.call("track_tokens", customer_id="cus_1", feature_id="ai", async_=False, **tokens)
        assert (answer["value"], answer["balance"]["remaining"]) == (2, 8)

    def test_check(self, client: SdkClient) -> None:
        asked = {"customer_id": "cus_1", "feature_id": "messages"}
        enough = client.call("check", required_balance=1000, **asked)
        assert (enough["allowed"], enough["balance"]["remaining"], enough["flag"]) == (True, 1000, None)
        assert client.call("check", required_balance=1001, **asked)["allowed"] is False
        assert client.call("check", required_balance=3, send_event=True, **asked)["balance"]["remaining"] == 997

    def test_check_of_a_flag(self, client: SdkClient) -> None:
        asked = {"customer_id": "cus_1", "feature_id": "sso"}
        assert client.call("check", **asked)["allowed"] is False
        client.call("balances.create", **asked)
        answer = client.call("check", **asked)
        assert (answer["allowed"], answer["balance"], answer["flag"]["feature_id"]) == (True, None, "sso")

    def test_check_with_a_preview(self, client: SdkClient) -> None:
        asked = {"customer_id": "cus_1", "feature_id": "messages", "with_preview": True}
        assert client.call("check", **asked).get("preview") is None
        denied = client.call("check", required_balance=1001, **asked)["preview"]
        assert (denied["title"], denied["scenario"], denied["products"]) == ("Feature Unavailable", "usage_limit", [])
        make_plan(client, "pro", price={"amount": 20, "interval": "month"})
        make_plan(client, "pack", add_on=True)
        offered = client.call("check", required_balance=1001, **asked)["preview"]
        assert offered["title"] == "Upgrade to Pro"
        assert offered["message"] == (
            "You have reached the usage limit for messages. Please upgrade to Pro to continue using this feature. "
            "Alternatively, you can purchase the Pack add on."
        )
        assert [product["id"] for product in offered["products"]] == ["pro", "pack"]
        assert offered["products"][0]["properties"]["is_free"] is False

    def test_check_with_a_lock(self, client: SdkClient) -> None:
        """What does not fit is refused; since 2.4 it may be capped instead, or overdrawn."""
        asked = {"customer_id": "cus_1", "feature_id": "messages", "required_balance": 1500}

        def held(behaviour: str | None) -> tuple[bool, float]:
            more = {} if behaviour is None else {"overage_behavior": behaviour}
            lock = {"lock_id": f"lock_{behaviour}", "enabled": True, **more}
            answer = client.call("check", lock=lock, **asked)
            usage = client.organisation.ask("/v1/customers.get", {"customer_id": "cus_1"})
            return answer["allowed"], usage["balances"].get("messages", {"usage": 1000})["usage"]

        def release(behaviour: str) -> None:
            client.call("balances.finalize", lock_id=f"lock_{behaviour}", action="release")

        # A grant of a plan: a loose one that is drained would be hidden, and what is released would not come back.
        client.call("balances.delete", customer_id="cus_1", feature_id="messages")
        make_plan(client, items=[{"feature_id": "messages", "included": 1000, "reset": MONTH}])
        client.call("billing.attach", customer_id="cus_1", plan_id="free")
        assert held(None) == (False, 0)
        capped = held("cap")
        if capped == (False, 0):
            pytest.skip("this client is too old to say what a lock does")
        assert capped == (True, 1000)
        release("cap")
        assert held("overflow") == (True, 1500)
        release("overflow")
        assert held(None) == (False, 0)

    # -- balances

    def test_balances_create(self, client: SdkClient) -> None:
        made = client.call("balances.create", customer_id="cus_1", feature_id="messages", included_grant=5, reset=MONTH)
        assert made == {"success": True}
        assert remaining(client) == 1005

    def test_balances_update(self, client: SdkClient) -> None:
        answer = client.call("balances.update", customer_id="cus_1", feature_id="messages", remaining=7)
        assert answer == {"success": True}
        assert remaining(client) == 7

    def test_balances_delete(self, client: SdkClient) -> None:
        answer = client.call("balances.delete", customer_id="cus_1", feature_id="messages")
        assert answer == {"success": True}
        assert client.call("customers.get_or_create", customer_id="cus_1")["balances"] == {}

    def test_balances_finalize(self, client: SdkClient) -> None:
        lock = {"lock_id": "lock_1", "enabled": True}
        client.call("check", customer_id="cus_1", feature_id="messages", required_balance=10, lock=lock)
        assert remaining(client) == 990
        answer = client.call("balances.finalize", lock_id="lock_1", action="confirm", override_value=4)
        assert answer == {"success": True}
        assert remaining(client) == 996

    def test_balances_list(self, client: SdkClient) -> None:
        make_plan(client)
        client.call("billing.attach", customer_id="cus_1", plan_id="free")
        first = client.call("balances.list", customer_id="cus_1", limit=1)
        assert first["has_more"] is True
        rest = client.call("balances.list", limit=1, start_cursor=first["next_cursor"], customer_id="cus_1")
        assert (rest["has_more"], rest["next_cursor"]) == (False, None)
        rows = [*first["list"], *rest["list"]]
        assert [(row["plan_id"], row["remaining"], row["status"]) for row in rows] == [
            ("free", 100, "active"),
            (None, 1000, "active"),
        ]
        assert {(row["customer_id"], row["feature_id"], row["entity_id"]) for row in rows} == {
            ("cus_1", "messages", None)
        }
        assert len(client.call("balances.list", plan_id="free")["list"]) == 1
        assert len(client.call("balances.list", plan_id=None)["list"]) == 1

    # -- events

    def test_events_list(self, client: SdkClient) -> None:
        for value in (1, 2):
            client.call("track", customer_id="cus_1", feature_id="messages", value=value, async_=False)
            client.organisation.advance("1s")
        first = client.call("events.list", customer_id="cus_1", limit=1)
        assert [(event["value"], event["feature_id"]) for event in first["list"]] == [(2, "messages")]
        rest = client.call("events.list", customer_id="cus_1", limit=1, start_cursor=first["next_cursor"])
        assert ([event["value"] for event in rest["list"]], rest["next_cursor"]) == ([1], None)

    def test_events_aggregate(self, client: SdkClient) -> None:
        for value in (1, 2):
            client.call("track", customer_id="cus_1", feature_id="messages", value=value, async_=False)
        answer = client.call("events.aggregate", customer_id="cus_1", feature_id="messages", range="7d")
        assert answer["total"] == {"messages": {"count": 2, "sum": 3}}
        assert sum(each["values"]["messages"] for each in answer["list"]) == 3

    # -- customers

    def test_customers_get_or_create(self, client: SdkClient) -> None:
        given = {"customer_id": "cus_2", "name": "Ada", "email": "ada@example.com", "metadata": {"team": "a"}}
        made = client.call("customers.get_or_create", **given)
        assert (made["id"], made["name"], made["email"]) == ("cus_2", "Ada", "ada@example.com")
        assert (made["metadata"], made["balances"], made["subscriptions"]) == ({"team": "a"}, {}, [])
        assert client.call("customers.get_or_create", customer_id="cus_2")["created_at"] == made["created_at"]

    def test_customers_get(self, client: SdkClient) -> None:
        found = client.call("customers.get", customer_id="cus_1")
        assert found["balances"]["messages"]["remaining"] == 1000
        with pytest.raises(ClientError) as caught:
            client.call("customers.get", customer_id="unknown")
        assert (caught.value.name, caught.value.status) == ("AutumnDefaultError", 404)
        assert (
            caught.value.body == '{"message":"Customer unknown not found","code":"customer_not_found","env":"sandbox"}'
        )

    def test_customers_list(self, client: SdkClient) -> None:
        client.organisation.advance("1s")
        client.call("customers.get_or_create", customer_id="cus_2", name="Ada")
        first = client.call("customers.list", limit=1)
        assert [each["id"] for each in first["list"]] == ["cus_2"]
        rest = client.call("customers.list", limit=1, start_cursor=first["next_cursor"])
        assert ([each["id"] for each in rest["list"]], rest["next_cursor"]) == (["cus_1"], None)
        assert [each["id"] for each in client.call("customers.list", search="ada")["list"]] == ["cus_2"]

    def test_customers_update(self, client: SdkClient) -> None:
        limits = {"spend_limits": [{"feature_id": "messages", "enabled": True, "overage_limit": 5}]}
        answer = client.call("customers.update", customer_id="cus_1", name="Ada", billing_controls=limits)
        assert answer["name"] == "Ada"
        assert answer["billing_controls"]["spend_limits"][0]["overage_limit"] == 5

    def test_customers_delete(self, client: SdkClient) -> None:
        assert client.call("customers.delete", customer_id="cus_1") == {"success": True}
        with pytest.raises(ClientError) as caught:
            client.call("customers.delete", customer_id="cus_1")
        assert caught.value.status == 404

    def test_customers_advance_test_clock(self, client: SdkClient) -> None:
        client.call("balances.create", customer_id="cus_1", feature_id="messages", included_grant=5, reset=MONTH)
        client.call("track", customer_id="cus_1", feature_id="messages", value=3, async_=False)
        later = (int(time.time()) + 40 * 24 * 3600) * 1000
        answer = client.call("customers.advance_test_clock", customer_id="cus_1", frozen_time=later + 999)
        assert answer == {"customer_id": "cus_1", "frozen_time": later, "status": "ready"}
        assert remaining(client) == 1005
        with pytest.raises(ClientError) as caught:
            client.call("customers.advance_test_clock", customer_id="cus_1", frozen_time=later - HOUR)
        assert (caught.value.status, "later than the current clock time" in caught.value.body) == (400, True)

    def test_customers_list_subscriptions(self, client: SdkClient) -> None:
        for plan_id, price in (("pro", 20), ("free", 0)):
            make_plan(client, plan_id, group="main", **({"price": {"amount": price, **MONTH}} if price else {}))
            client.organisation.advance("1s")
            client.call("billing.attach", customer_id="cus_1", plan_id=plan_id, no_billing_changes=True)
        answer = client.call("customers.list_subscriptions")
        assert [(each["plan_id"], each["status"], each["customer_id"]) for each in answer["list"]] == [
            ("free", "scheduled", "cus_1"),
            ("pro", "active", "cus_1"),
        ]
        assert (answer["has_more"], answer["next_cursor"]) == (False, None)
        active = client.call("customers.list_subscriptions", customer_id="cus_1", statuses=["active"])
        assert [each["plan_id"] for each in active["list"]] == ["pro"]
        assert client.call("customers.list_subscriptions", customer_id="unknown")["list"] == []

    def test_customers_list_purchases(self, client: SdkClient) -> None:
        make_plan(client, "pack", price={"amount": 5, "interval": "one_off"}, add_on=True)
        client.call("billing.attach", customer_id="cus_1", plan_id="pack", no_billing_changes=True)
        answer = client.call("customers.list_purchases", customer_id="cus_1", plan_id="pack")
        assert [(each["plan_id"], each["status"], each["quantity"]) for each in answer["list"]] == [
            ("pack", "active", 1)
        ]

    # -- entities

    def test_entities_create(self, client: SdkClient) -> None:
        made = client.call("entities.create", customer_id="cus_1", entity_id="seat_1", feature_id="seats", name="Desk")
        assert (made["id"], made["name"], made["customer_id"]) == ("seat_1", "Desk", "cus_1")

    def test_entities_get(self, client: SdkClient) -> None:
        client.call("entities.create", customer_id="cus_1", entity_id="seat_1", feature_id="seats")
        found = client.call("entities.get", customer_id="cus_1", entity_id="seat_1")
        assert (found["feature_id"], found["balances"]["messages"]["remaining"]) == ("seats", 1000)

    def test_entities_list(self, client: SdkClient) -> None:
        for entity_id in ("seat_1", "seat_2"):
            client.call("entities.create", customer_id="cus_1", entity_id=entity_id, feature_id="seats")
            client.organisation.advance("1s")
        first = client.call("entities.list", customer_id="cus_1", limit=1)
        rest = client.call("entities.list", customer_id="cus_1", limit=1, start_cursor=first["next_cursor"])
        assert [each["id"] for each in (*first["list"], *rest["list"])] == ["seat_2", "seat_1"]

    def test_entities_update(self, client: SdkClient) -> None:
        client.call("entities.create", customer_id="cus_1", entity_id="seat_1", feature_id="seats")
        limits = {"spend_limits": [{"feature_id": "messages", "enabled": True, "overage_limit": 9}]}
        answer = client.call("entities.update", customer_id="cus_1", entity_id="seat_1", billing_controls=limits)
        assert answer["id"] == "seat_1"
        found = client.organisation.ask("/v1/entities.get", {"customer_id": "cus_1", "entity_id": "seat_1"})
        assert found["billing_controls"]["spend_limits"][0]["overage_limit"] == 9

    def test_entities_delete(self, client: SdkClient) -> None:
        client.call("entities.create", customer_id="cus_1", entity_id="seat_1", feature_id="seats")
        assert client.call("entities.delete", customer_id="cus_1", entity_id="seat_1") == {"success": True}
        assert client.call("entities.list", customer_id="cus_1")["list"] == []

    # -- features

    def test_features_create(self, client: SdkClient) -> None:
        schema = [{"metered_feature_id": "messages", "credit_cost": 2}]
        fields = {"name": "Credits", "type_": "credit_system", "credit_schema": schema}
        made = client.call("features.create", feature_id="credits", **fields)
        assert (made["id"], made["type"], made["archived"]) == ("credits", "credit_system", False)
        (cost,) = made["credit_schema"]
        assert (cost["metered_feature_id"], cost["credit_cost"]) == ("messages", 2)

    def test_features_get(self, client: SdkClient) -> None:
        found = client.call("features.get", feature_id="messages")
        assert (found["name"], found["event_names"]) == ("Messages", ["message.sent"])

    def test_features_list(self, client: SdkClient) -> None:
        answer = client.call("features.list")
        assert [each["id"] for each in answer["list"]] == ["messages", "seats", "sso"]

    def test_features_update(self, client: SdkClient) -> None:
        answer = client.call("features.update", feature_id="messages", name="Letters")
        assert (answer["id"], answer["name"]) == ("messages", "Letters")

    def test_features_delete(self, client: SdkClient) -> None:
        assert client.call("features.delete", feature_id="sso") == {"success": True}
        assert len(client.organisation.ask("/v1/features.list", {})["list"]) == 2

    # -- plans

    def test_plans_create(self, client: SdkClient) -> None:
        made = make_plan(client, "pro", price={"amount": 20, "interval": "month"})
        assert (made["id"], made["version"], made["price"]["amount"]) == ("pro", 1, 20)
        (item,) = made["items"]
        assert (item["feature_id"], item["included"], item["reset"]["interval"]) == ("messages", 100, "month")

    def test_plans_get(self, client: SdkClient) -> None:
        make_plan(client)
        assert client.call("plans.get", plan_id="free")["name"] == "Free"

    def test_plans_list(self, client: SdkClient) -> None:
        make_plan(client)
        make_plan(client, "pro", price={"amount": 20, "interval": "month"})
        assert [each["id"] for each in client.call("plans.list")["list"]] == ["free", "pro"]
        stands = client.call("plans.list", request={"customer_id": "cus_1"})["list"][0]["customer_eligibility"]
        assert stands["attach_action"] == "activate"

    def test_plans_update(self, client: SdkClient) -> None:
        make_plan(client)
        answer = client.call("plans.update", plan_id="free", name="Gratis")
        assert (answer["name"], answer["version"], len(answer["items"])) == ("Gratis", 1, 1)

    def test_plans_delete(self, client: SdkClient) -> None:
        make_plan(client)
        assert client.call("plans.delete", plan_id="free") == {"success": True}
        assert client.call("plans.list")["list"] == []

    # -- billing

    def test_billing_attach(self, client: SdkClient) -> None:
        make_plan(client)
        answer = client.call("billing.attach", customer_id="cus_1", plan_id="free")
        assert (answer["customer_id"], answer["payment_url"]) == ("cus_1", None)
        assert remaining(client) == 1100

    def test_billing_attach_that_has_to_be_paid(self, client: SdkClient) -> None:
        make_plan(client, "pro", price={"amount": 20, "interval": "month"})
        shown = client.call("billing.preview_attach", customer_id="cus_1", plan_id="pro")
        assert (shown["total"], shown["redirect_to_checkout"], shown["checkout_type"]) == (20, True, "stripe_checkout")
        answer = client.call("billing.attach", customer_id="cus_1", plan_id="pro")
        assert answer["payment_url"] is not None
        assert remaining(client) == 1000

    def test_billing_update(self, client: SdkClient) -> None:
        make_plan(client)
        client.call("billing.attach", customer_id="cus_1", plan_id="free")
        cancel = {"plan_id": "free", "cancel_action": "cancel_immediately", "no_billing_changes": True}
        answer = client.call("billing.update", customer_id="cus_1", **cancel)
        assert (answer["customer_id"], answer["payment_url"]) == ("cus_1", None)
        assert remaining(client) == 1000

    def test_billing_preview_attach(self, client: SdkClient) -> None:
        for plan_id, price in (("pro", 20), ("max", 50)):
            make_plan(client, plan_id, group="main", price={"amount": price, "interval": "month"})
        make_plan(client, group="main")
        asked = {"customer_id": "cus_1", "no_billing_changes": True}
        first = client.call("billing.preview_attach", plan_id="pro", **asked)
        assert (first["total"], first["line_items"], first["redirect_to_checkout"]) == (0, [], False)
        assert ([each["plan_id"] for each in first["incoming"]], first["outgoing"]) == (["pro"], [])
        client.call("billing.attach", plan_id="pro", **asked)
        dearer = client.call("billing.preview_attach", plan_id="max", **asked)
        (incoming,), (outgoing,) = dearer["incoming"], dearer["outgoing"]
        assert (incoming["plan_id"], incoming["effective_at"]) == ("max", None)
        assert (outgoing["plan_id"], outgoing["effective_at"]) == ("pro", None)
        cheaper = client.call("billing.preview_attach", plan_id="free", **asked)
        (incoming, ending), (outgoing,) = cheaper["incoming"], cheaper["outgoing"]
        assert incoming["effective_at"] == outgoing["effective_at"] == ending["expires_at"] is not None
        found = client.organisation.ask("/v1/customers.get", {"customer_id": "cus_1"})
        assert [each["plan_id"] for each in found["subscriptions"]] == ["pro"]  # the preview changed nothing

    def test_billing_preview_attach_shows_lines_and_the_next_cycle(self, client: SdkClient) -> None:
        use = {"amount": 0.1, "interval": "month", "billing_method": "usage_based"}
        pack = {"amount": 5, "interval": "month", "billing_method": "prepaid", "billing_units": 100}
        items = [{"feature_id": "messages", "included": 50, "price": each} for each in (use, pack)]
        make_plan(client, "pro", price={"amount": 20, "interval": "month"}, items=items)
        coupon = {"type": "percentage_discount", "value": 10, "duration": {"type": "one_off", "length": None}}
        given = {"id": "ten", "name": "Ten", "plan_ids": None, "promo_codes": [{"code": "TEN"}], **coupon}
        client.call("rewards.create", coupon=given)
        wanted = {"feature_quantities": [{"feature_id": "messages", "quantity": 250}], "plan_id": "pro"}
        shown = client.call(
            "billing.preview_attach", customer_id="cus_1", discounts=[{"promotion_code": "TEN"}], **wanted
        )
        assert [
            (each["plan_id"], each["subtotal"], each["total"], each["quantity"]) for each in shown["line_items"]
        ] == [
            ("pro", 20, 18, 1),
            ("pro", 10, 9, 250),
        ]
        (discount,) = shown["line_items"][0]["discounts"]
        assert discount == {"amount_off": 2, "percent_off": 10, "reward_id": "ten", "reward_name": "Ten"}
        assert (shown["subtotal"], shown["total"], shown["currency"]) == (30, 27, "usd")
        following = shown["next_cycle"]
        assert following["starts_at"] == shown["line_items"][0]["period"]["end"]
        assert (following["total"], [each["feature_id"] for each in following["usage_line_items"]]) == (
            30,
            ["messages"],
        )

    def test_rewards(self, client: SdkClient) -> None:
        given = {
            "id": "launch",
            "name": "Launch",
            "type": "fixed_discount",
            "value": 5,
            "duration": {"type": "months", "length": 3},
            "plan_ids": ["pro"],
            "promo_codes": [{"code": "LAUNCH", "global_max_redemption": 10, "first_time_transaction": True}],
        }
        made = client.call("rewards.create", coupon=given)["coupon"]
        assert {name: made[name] for name in given} == given
        assert client.call("rewards.get", reward_id="launch")["coupon"] == made
        assert client.call("rewards.list") == {"coupons": [made], "feature_grants": []}
        assert client.call("rewards.delete", reward_id="launch") == {"success": True}
        with pytest.raises(ClientError) as caught:
            client.call("rewards.get", reward_id="launch")
        assert caught.value.status == 404

    def test_billing_preview_update(self, client: SdkClient) -> None:
        pack = {"amount": 5, "interval": "month", "billing_method": "prepaid", "billing_units": 100}
        make_plan(client, "pro", items=[{"feature_id": "messages", "included": 50, "price": pack}])
        asked = {"customer_id": "cus_1", "plan_id": "pro"}
        bought = [{"feature_id": "messages", "quantity": 150}]
        client.call("billing.attach", feature_quantities=bought, no_billing_changes=True, **asked)
        wanted = [{"feature_id": "messages", "quantity": 350}]
        more = client.call("billing.preview_update", feature_quantities=wanted, **asked)
        assert (more["intent"], more["total"]) == ("update_quantity", 0)
        assert (more["outgoing"][0]["feature_quantities"], more["incoming"][0]["feature_quantities"]) == (
            bought,
            wanted,
        )
        ending = client.call("billing.preview_update", cancel_action="cancel_end_of_cycle", **asked)
        assert (ending["intent"], ending["outgoing"][0]["canceled_at"]) == ("cancel_end_of_cycle", None)
        assert ending["incoming"][0]["expires_at"] > ending["incoming"][0]["canceled_at"]
        ended = client.call("billing.preview_update", cancel_action="cancel_immediately", **asked)
        assert [each["plan_id"] for each in ended["outgoing"]] == ["pro"]
        assert remaining(client) == 1150

    def test_invoices_list(self, client: SdkClient) -> None:
        assert client.call("invoices.list", customer_id="cus_1")["list"] == []
        make_plan(client, "pro", price={"amount": 20, "interval": "month"}, items=[])
        sent = {"enabled": True, "enable_plan_immediately": True}
        outcome = client.call("billing.attach", customer_id="cus_1", plan_id="pro", invoice_mode=sent)
        (invoice,) = client.call("invoices.list", customer_id="cus_1")["list"]
        assert (invoice["status"], invoice["total"], invoice["plan_ids"]) == ("open", 20, ["pro"])
        assert invoice["hosted_invoice_url"] == outcome["payment_url"]
        for item in invoice.get("items", []):  # older clients do not show them
            assert (item["plan_id"], item["amount"]) == ("pro", 20)

    def test_billing_multi_attach(self, client: SdkClient) -> None:
        make_plan(client, "pro", price={"amount": 20, "interval": "month"}, items=[])
        make_plan(client, "extra", price={"amount": 5, "interval": "one_off"}, items=[], add_on=True)
        sent = {"enabled": True, "enable_plan_immediately": True}
        plans = [{"plan_id": "pro"}, {"plan_id": "extra"}]
        outcome = client.call("billing.multi_attach", customer_id="cus_1", plans=plans, invoice_mode=sent)
        assert (outcome["invoice"]["status"], outcome["invoice"]["total"]) == ("open", 25)

    def test_billing_preview_multi_attach(self, client: SdkClient) -> None:
        make_plan(client, "pro", price={"amount": 20, "interval": "month"}, items=[])
        make_plan(client, "extra", price={"amount": 5, "interval": "one_off"}, items=[], add_on=True)
        plans = [{"plan_id": "pro"}, {"plan_id": "extra"}]
        shown = client.call("billing.preview_multi_attach", customer_id="cus_1", plans=plans)
        assert ([each["plan_id"] for each in shown["incoming"]], shown["total"]) == (["pro", "extra"], 25)
        assert (shown["redirect_to_checkout"], shown["next_cycle"]["total"]) == (True, 20)

    def test_billing_multi_update(self, client: SdkClient) -> None:
        make_plan(client, "free")
        client.call("billing.attach", customer_id="cus_1", plan_id="free")
        outcome = client.call("billing.multi_update", **_UPDATES)
        assert outcome["customer_id"] == "cus_1"
        assert client.call("customers.get", customer_id="cus_1")["subscriptions"] == []

    def test_billing_preview_multi_update(self, client: SdkClient) -> None:
        sent = {"enabled": True, "enable_plan_immediately": True}
        for plan_id, group in (("pro", "a"), ("max", "b")):
            make_plan(client, plan_id, price={"amount": 20, "interval": "month"}, items=[], group=group)
            client.call("billing.attach", customer_id="cus_1", plan_id=plan_id, invoice_mode=sent)
        updates = [{"plan_id": each, "cancel_action": "cancel_end_of_cycle"} for each in ("pro", "max")]
        shown = client.call("billing.preview_multi_update", customer_id="cus_1", updates=updates)
        assert (shown["customer_id"], shown["currency"], shown["total"]) == ("cus_1", "usd", 0)
        assert [each["plan_ids"] for each in shown["subscriptions"]] == [["pro"], ["max"]]
        (outgoing,) = shown["subscriptions"][0]["outgoing"]
        assert (outgoing["plan_id"], outgoing["effective_at"] is not None) == ("pro", True)

    def test_billing_create_schedule(self, client: SdkClient) -> None:
        for plan_id, amount in (("pro", 20), ("max", 50)):
            make_plan(client, plan_id, price={"amount": amount, "interval": "month"}, items=[])
        now = client.call("customers.get_or_create", customer_id="cus_1")["created_at"]
        starts = {"pro": now, "max": now + 40 * 86_400_000}  # version 1.2 of the client takes instants only
        phases = [{"starts_at": starts_at, "plans": [{"plan_id": plan_id}]} for plan_id, starts_at in starts.items()]
        wanted = {"customer_id": "cus_1", "phases": phases}
        waiting = client.call("billing.create_schedule", **wanted)
        assert (waiting["status"], waiting["schedule_id"], waiting["phases"]) == ("pending_payment", None, [])
        assert "/checkout/co_" in waiting["payment_url"]
        sent = {"enabled": True, "enable_plan_immediately": True}
        made = client.call("billing.create_schedule", **{**wanted, "invoice_mode": sent})
        assert (made["status"], made["entity_id"], made["invoice"]["status"]) == ("created", None, "open")
        first, second = made["phases"]
        assert first["starts_at"] < second["starts_at"]
        assert [len(each["customer_product_ids"]) for each in (first, second)] == [1, 1]

    def test_billing_setup_payment(self, client: SdkClient) -> None:
        make_plan(client, "pro", price={"amount": 20, "interval": "month"}, items=[])
        opened = client.call("billing.setup_payment", customer_id="cus_1", plan_id="pro")
        assert (opened["customer_id"], "/checkout/co_" in opened["url"]) == ("cus_1", True)

    def test_billing_open_customer_portal(self, client: SdkClient) -> None:
        opened = client.call("billing.open_customer_portal", customer_id="cus_1", return_url="https://shop.test/a?b=c")
        assert (opened["customer_id"], "/portal/cus_" in opened["url"]) == ("cus_1", True)

    # -- what is not emulated

    @pytest.mark.parametrize("group", sorted({method.split(".")[0] for method in UNSUPPORTED}))
    def test_what_is_not_emulated_says_so_and_what_to_use(self, client: SdkClient, group: str) -> None:
        known = client.methods()
        asked = [each for each in UNSUPPORTED if each.startswith(f"{group}.") and client.named(each) in known]
        if not asked:
            pytest.skip(f"this client has no {group}")
        for method in asked:
            name, arguments = UNSUPPORTED[method]
            with pytest.raises(ClientError) as caught:
                client.call(method, **arguments)
            assert (caught.value.name, caught.value.status) == ("AutumnDefaultError", 400)
            assert caught.value.body.startswith(f'{{"message":"{name} is not emulated: ')
            assert caught.value.body.endswith('","code":"invalid_request","env":"sandbox"}')
            assert "Instead, " in caught.value.body
