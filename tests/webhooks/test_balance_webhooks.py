"""Which webhooks a server sends, when, and to which endpoint."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from autumn_mock import create_app
from autumn_mock.domain.webhook import DEFAULT_SECRET
from autumn_mock.engine import Engine
from autumn_mock.operations import track
from autumn_mock.settings import read_secret, read_url
from autumn_mock.store.changes import Change
from tests.support.world import World, item, monthly
from tests.webhooks.conftest import KEY, Ask, asking
from tests.webhooks.receiver import TIMEOUT, Receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
FEATURE = {"feature_id": "tokens", "name": "Tokens", "type": "metered", "consumable": True}


def furnish(ask: Ask, customer: str = "cus_w", grant: float = 10, key: str = KEY, **fields: Any) -> None:
    """A feature ``tokens`` and a customer who has some of them."""
    if not any(each["id"] == "tokens" for each in ask("/v1/features.list", {}, key)["list"]):
        ask("/v1/features.create", FEATURE, key)
    ask("/v1/customers.get_or_create", {"customer_id": customer, **fields}, key)
    ask("/v1/balances.create", {"customer_id": customer, "feature_id": "tokens", "included_grant": grant}, key)


def use(value: float, customer: str = "cus_w", **more: Any) -> dict[str, Any]:
    return {"customer_id": customer, "feature_id": "tokens", "value": value, **more}


def received(ask: Ask, receiver: Receiver) -> list[Any]:
    """What has arrived by now, verified: pairs of a type's last word and the data's."""
    ask("/_mock/drain", {"webhooks": True}, None)
    found = []
    while not receiver.is_empty:
        payload = receiver.get().verify()
        if not payload["type"].startswith("balances."):
            continue
        data = payload["data"]
        assert data["feature_id"] == "tokens"
        found.append(data.get("limit_type") or data["usage_alert"]["threshold"])
    return found


ALERTS = {"usage_alerts": [{"feature_id": "tokens", "threshold": 5, "threshold_type": "usage"}]}


# -- when


def test_a_track(ask: Ask, receiver: Receiver) -> None:
    furnish(ask)
    ask("/v1/balances.track", use(10))
    assert received(ask, receiver) == ["included"]


def test_a_check_that_uses_and_a_lock(ask: Ask, receiver: Receiver) -> None:
    furnish(ask, billing_controls=ALERTS)
    ask("/v1/balances.check", {"customer_id": "cus_w", "feature_id": "tokens", "required_balance": 10})
    assert received(ask, receiver) == []
    used = {"customer_id": "cus_w", "feature_id": "tokens", "required_balance": 4}
    ask("/v1/balances.check", {**used, "send_event": True})
    ask("/v1/balances.check", {**used, "lock": {"enabled": True, "lock_id": "lock"}})
    assert received(ask, receiver) == [5]


def test_the_difference_of_a_finalize(ask: Ask, receiver: Receiver) -> None:
    furnish(ask)
    held = {"customer_id": "cus_w", "feature_id": "tokens", "required_balance": 4}
    ask("/v1/balances.check", {**held, "lock": {"enabled": True, "lock_id": "lock"}})
    ask("/v1/balances.finalize", {"lock_id": "lock", "action": "confirm", "override_value": 10})
    assert received(ask, receiver) == ["included"]


def test_edits_of_a_balance(ask: Ask, receiver: Receiver) -> None:
    furnish(ask)
    edited = {"customer_id": "cus_w", "feature_id": "tokens"}
    for edit in ({"remaining": 3}, {"remaining": 0}):
        ask("/v1/balances.update", {**edited, **edit})
    assert received(ask, receiver) == ["included"]
    furnish(ask, "cus_x")
    ask("/v1/usage", {"customer_id": "cus_x", "feature_id": "tokens", "value": 10})
    assert received(ask, receiver) == ["included"]


def test_an_edit_of_a_grant_sends_no_webhook(ask: Ask, receiver: Receiver) -> None:
    furnish(ask, billing_controls=ALERTS)
    ask("/v1/balances.update", {"customer_id": "cus_w", "feature_id": "tokens", "included_grant": 20})
    assert received(ask, receiver) == []


def test_items_of_a_batch_send_webhooks_in_their_order(ask: Ask, receiver: Receiver) -> None:
    furnish(ask, billing_controls=ALERTS)
    ask("/v1/balances.batch_track", [use(4), use(1), use(5), use(-10), use(9.5, skip_event=True)])
    # The row is loose and drained after 10, so nothing is there to give back to, nor to reach a limit of.
    assert received(ask, receiver) == [5, "included"]
    furnish(ask, "cus_x")
    ask("/v1/balances.batch_track", [use(9, "cus_x"), use(-9, "cus_x"), use(9, "cus_x"), use(1, "cus_x")])
    assert received(ask, receiver) == ["included"]


def test_each_crossing_within_a_transaction_sends_a_webhook(ask: Ask, receiver: Receiver) -> None:
    ask("/v1/features.create", FEATURE)
    ask("/v1/plans.create", {"plan_id": "p", "name": "P", "items": [monthly(10, "tokens")]})
    ask("/v1/customers.get_or_create", {"customer_id": "cus_w"})
    ask("/v1/billing.attach", {"customer_id": "cus_w", "plan_id": "p"})
    ask("/v1/balances.batch_track", [use(10), use(-2), use(5), use(5)])
    assert received(ask, receiver) == ["included", "included"]


def test_a_failed_call_sends_no_webhook(ask: Ask, receiver: Receiver, emulator: Engine) -> None:
    furnish(ask)
    client = create_app(emulator).test_client()
    refused = client.post(
        "/v1/balances.track", json=use(11, overage_behavior="reject"), headers={"authorization": f"Bearer {KEY}"}
    )
    assert refused.status_code == 400
    ask("/v1/balances.batch_track", [use(11, overage_behavior="reject"), use(10, "nobody")])
    assert received(ask, receiver) == []


def test_a_refused_write_sends_no_webhook() -> None:
    world = World()
    world.customer()
    world.balance(10)
    heard: list[Any] = []
    world.environment.listener = lambda _, webhooks: heard.extend(webhooks)
    kept = world.environment._sink

    def full(_: Change) -> None:
        raise OSError("full")

    world.environment._sink = full
    with pytest.raises(OSError, match="full"):
        track.track(world.call(), item(10))
    assert heard == []
    world.environment._sink = kept
    track.track(world.call(), item(10))
    assert [each.data["limit_type"] for each in heard] == ["included"]


def test_no_webhooks_are_computed_without_endpoints() -> None:
    with Engine() as emulator:
        ask = asking(emulator)
        furnish(ask)
        ask("/v1/balances.track", use(10))
        assert all(each.listener is None for each in emulator.state.environments())
        assert ask("/_mock/webhooks") == {"list": []}


# -- how often


def test_an_alert_is_sent_once_a_minute(ask: Ask, receiver: Receiver) -> None:
    furnish(ask, billing_controls=ALERTS)
    ask("/_mock/clock", {"freeze": True})
    for _ in range(3):
        ask("/v1/balances.track", use(6))
        ask("/v1/balances.track", use(-6))
    assert received(ask, receiver) == [5]
    ask("/_mock/clock", {"advance": "1m"})
    ask("/v1/balances.track", use(6))
    assert received(ask, receiver) == [5]


def test_two_customers_have_an_alert_each(ask: Ask, receiver: Receiver) -> None:
    for customer in ("cus_w", "cus_x"):
        furnish(ask, customer, billing_controls=ALERTS)
        ask("/v1/balances.track", use(6, customer))
    assert received(ask, receiver) == [5, 5]


# -- the receiver


def test_a_receiver_that_hangs_does_not_delay_requests() -> None:
    with Receiver(held=True) as receiver, Engine(webhook_url=(receiver.url,), rate_limit="off") as emulator:
        ask = asking(emulator)
        furnish(ask)
        started = time.monotonic()
        ask("/v1/balances.track", use(10))
        receiver.get()
        for number in range(20):
            furnish(ask, f"cus_{number}")
            ask("/v1/balances.track", use(10, f"cus_{number}"))
        ask("/_mock/drain", {})
        assert time.monotonic() - started < TIMEOUT / 2
        client = create_app(emulator).test_client()
        waited = client.post("/_mock/drain", json={"webhooks": True, "timeout": 0.05})
        assert waited.status_code == 504
        assert waited.json is not None
        assert waited.json["message"] == "21 webhooks were not attempted yet: 0.05 s were not enough"
        receiver.let_go.set()
        ask("/_mock/drain", {"webhooks": True})
        assert [each["status"] for each in ask("/_mock/webhooks")["list"]] == ["delivered"] * 21


def test_drain_requires_a_boolean_for_webhooks(emulator: Engine) -> None:
    reply = create_app(emulator).test_client().post("/_mock/drain", json={"webhooks": 1})
    assert reply.status_code == 400
    assert reply.json is not None
    assert reply.json["message"] == "webhooks: must be true or false"


def test_every_endpoint_gets_the_same_message() -> None:
    with Receiver() as one, Receiver() as two, Engine(webhook_url=(one.url, two.url, one.url)) as emulator:
        ask = asking(emulator)
        furnish(ask)
        ask("/v1/balances.track", use(10))
        first, second = one.get(), two.get()
        assert first.verify() == second.verify()
        assert first.headers["svix-id"] == second.headers["svix-id"]
        ask("/_mock/drain", {"webhooks": True})
        assert one.is_empty


# -- inspection and reset


def test_the_list_of_deliveries_of_a_key_and_of_all(ask: Ask, receiver: Receiver) -> None:
    for key in (KEY, "am_sk_test_other"):
        furnish(ask, "cus_w", key=key)
        ask("/v1/balances.track", use(10), key)
    ask("/_mock/drain", {"webhooks": True}, None)
    entries = ask("/_mock/webhooks", None, None)["list"]
    assert len(entries) == 2
    assert len({each["org"] for each in entries}) == 2
    [entry] = ask("/_mock/webhooks")["list"]
    assert entry in entries
    assert entry["id"].startswith("msg_")
    assert {key: entry[key] for key in ("env", "type", "endpoint", "status", "attempts", "error")} == {
        "env": "sandbox",
        "type": "balances.limit_reached",
        "endpoint": receiver.url,
        "status": "delivered",
        "attempts": 1,
        "error": None,
    }
    assert entry["payload"] == {
        "type": "balances.limit_reached",
        "data": {"customer_id": "cus_w", "feature_id": "tokens", "limit_type": "included"},
    }


@pytest.mark.parametrize("key", [KEY, None])
def test_reset_clears_deliveries_and_alerts(ask: Ask, receiver: Receiver, key: str | None) -> None:
    for _ in range(2):
        ask("/_mock/clock", {"freeze": True})
        furnish(ask, billing_controls=ALERTS)
        ask("/v1/balances.track", use(6))
        assert received(ask, receiver) == [5]
        assert ask("/_mock/reset", {}, key)["cleared"]["webhooks"] == 1
        assert ask("/_mock/webhooks", None, None) == {"list": []}


# -- whom


def test_an_endpoint_of_a_world_receives_its_organisation_only(tmp_path: Path) -> None:
    with Receiver() as one, Receiver() as two, Receiver() as everyone:
        path = tmp_path / "world.yaml"
        path.write_text(
            f"""
organisations:
  - slug: one
    keys: [am_sk_test_one, am_sk_live_one]
    webhooks:
      - url: {one.url}
        secret: {SECRET}
  - slug: two
    keys: [am_sk_test_two]
    webhooks: ["{two.url}"]
  - slug: three
    keys: [am_sk_test_three]
"""
        )
        with Engine(world=str(path), webhook_url=(everyone.url,), webhook_secret=SECRET) as emulator:
            ask = asking(emulator)
            keys = ("am_sk_test_one", "am_sk_live_one", "am_sk_test_two", "am_sk_test_three")
            for key in keys:
                furnish(ask, key, key=key)
                ask("/v1/balances.track", use(10, key), key)
            ask("/_mock/drain", {"webhooks": True}, None)
            assert [each.verify(SECRET)["data"]["customer_id"] for each in one.take(2)] == list(keys[:2])
            assert two.get().verify(DEFAULT_SECRET)["data"]["customer_id"] == "am_sk_test_two"
            assert [each.verify(SECRET)["data"]["customer_id"] for each in everyone.take(4)] == list(keys)
            assert one.is_empty
            assert two.is_empty


@pytest.mark.parametrize("url", ["http://x", "https://x.dev:8443/a?b=c", "http://[::1]:80/"])
def test_urls(url: str) -> None:
    assert read_url(url) == url


@pytest.mark.parametrize(
    "url", ["", "x", "ftp://x", "http://", "http://x:99999", "http://x:0", "http://x y", "http://ü", "http://[", "x:1"]
)
def test_invalid_urls(url: str) -> None:
    with pytest.raises(ValueError, match="must be a URL that begins with http"):
        read_url(url)


def test_secrets() -> None:
    assert read_secret(SECRET) == SECRET
    assert read_secret(DEFAULT_SECRET) == DEFAULT_SECRET
    for wrong in ("", "whsec_", "whsec_a", "whsec_ü", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ\n"):
        with pytest.raises(ValueError, match="must be whsec_ and then base64"):
            read_secret(wrong)


# -- alerts of the organisation


def configure(emulator: Engine, **alerts: Any) -> None:
    client = create_app(emulator).test_client()
    headers = {"authorization": f"Bearer {KEY}", "x-api-version": "2.3.0"}
    reply = client.patch("/v1/organization/config", json=alerts, headers=headers)
    assert (reply.status_code, reply.json) == (200, {"success": True})


def test_alerts_of_an_organisation_watch_every_customer_besides_their_own(
    emulator: Engine, ask: Ask, receiver: Receiver
) -> None:
    alert = {"threshold": 4, "threshold_type": "usage", "name": "common"}
    configure(emulator, sandbox_usage_alerts=[alert, {**alert, "threshold": 3, "enabled": False}])
    furnish(ask, billing_controls=ALERTS)
    furnish(ask, "cus_x")
    ask("/v1/balances.track", use(6))
    ask("/v1/balances.track", use(4, "cus_x"))
    ask("/v1/balances.track", use(1, "cus_x"))
    assert received(ask, receiver) == [5, 4, 4]
    config = ask("/v1/organization")["config"]
    assert config["sandbox_usage_alerts"] == [{**alert, "enabled": True}, {**alert, "threshold": 3, "enabled": False}]
    assert config["usage_alerts"] == []


def test_alerts_of_the_live_environment_are_not_those_of_the_sandbox(
    emulator: Engine, ask: Ask, receiver: Receiver
) -> None:
    configure(emulator, usage_alerts=[{"threshold": 4, "threshold_type": "usage"}])
    furnish(ask)
    ask("/v1/balances.track", use(6))
    assert received(ask, receiver) == []


def test_alerts_of_an_organisation_are_durable(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    for expected in ([], [4]):
        with Engine(db=path) as engine:
            reply = create_app(engine).test_client().get("/v1/organization", headers={"authorization": f"Bearer {KEY}"})
            assert [each["threshold"] for each in reply.get_json()["config"]["sandbox_usage_alerts"]] == expected
            configure(engine, sandbox_usage_alerts=[{"threshold": 4, "threshold_type": "usage"}])
