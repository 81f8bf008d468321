"""``/_mock/webhooks``: endpoints added at run time, webhooks by hand and again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from flask.testing import FlaskClient

from autumn_mock.domain.webhook import WebhookType
from tests.web.conftest import KEY, Post
from tests.webhooks.receiver import Receiver

ENDPOINTS, TRIGGER, PATH = "/_mock/webhooks/endpoints", "/_mock/webhooks/trigger", "/_mock/webhooks"
LIMIT = "balances.limit_reached"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def drain(post: Post) -> None:
    assert post("/_mock/drain", {"webhooks": True}).get_json()["drained"]


def test_endpoint_added_at_run_time_receives_webhooks(client: FlaskClient, post: Post, receiver: Receiver) -> None:
    post("/v1/features.list", {})  # the environment exists before its endpoint
    added = post(ENDPOINTS, {"url": receiver.url})
    assert (added.status_code, added.get_json()) == (201, {"url": receiver.url, "org": "org_autumn_mock"})
    post("/v1/balances.track", {"customer_id": "cus_456", "feature_id": "messages", "value": 1000})
    drain(post)
    [delivery] = client.get(PATH).get_json()["list"]
    assert (delivery["type"], delivery["status"]) == (LIMIT, "delivered")
    assert client.get(ENDPOINTS).get_json()["list"] == [{"url": receiver.url, "org": "org_autumn_mock"}]


def test_trigger_and_resend(client: FlaskClient, post: Post, receiver: Receiver) -> None:
    post(ENDPOINTS, {"url": receiver.url}, None)
    body = {"type": LIMIT, "customer_id": "cus_123", "entity_id": "seat_1", "data": {"limit_type": "spend_limit"}}
    sent = post(TRIGGER, body).get_json()["data"]
    assert sent == {
        "customer_id": "cus_123",
        "entity_id": "seat_1",
        "feature_id": "messages",
        "limit_type": "spend_limit",
    }
    drain(post)
    [delivery] = client.get(PATH).get_json()["list"]
    assert post(f"{PATH}/{delivery['id']}/resend").get_json() == {"resent": 1}
    drain(post)
    again = client.get(PATH).get_json()["list"]
    assert [each["id"] for each in again] == [delivery["id"]] * 2
    assert [each["status"] for each in again] == ["delivered"] * 2
    assert [each.verify() for each in receiver.take(2)] == [{"type": LIMIT, "data": sent}] * 2


def test_every_type_can_be_triggered_without_a_key(post: Post, receiver: Receiver) -> None:
    post(ENDPOINTS, {"url": receiver.url}, None)
    for kind in get_args(WebhookType):
        assert post(TRIGGER, {"type": kind, "customer_id": "cus_123"}, None).status_code == 202


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        (TRIGGER, {"type": "balances.limit_reach", "customer_id": "cus_123"}, 400, f"did you mean '{LIMIT}'?"),
        (TRIGGER, {"type": LIMIT, "customer_id": "cus_none"}, 404, "Customer cus_none not found"),
        (TRIGGER, {"type": LIMIT, "customer_id": "cus_123"}, 400, "has no webhook endpoint; add one with"),
        (TRIGGER, {"type": LIMIT, "customer": "cus_123"}, 400, "did you mean 'customer_id'?"),
        (TRIGGER, {"type": LIMIT}, 400, "customer_id: must be a string"),
        (ENDPOINTS, {"url": "ftp://x"}, 400, "url: must be a URL that begins with http://"),
        (ENDPOINTS, {"url": "http://x", "secret": "s"}, 400, "secret: must be whsec_ and then base64"),
        (ENDPOINTS, {}, 400, "url is required"),
        (f"{PATH}/msg_none/resend", {}, 404, "There is no webhook msg_none here"),
    ],
)
def test_webhook_calls_refuse(post: Post, path: str, body: Any, status: int, message: str) -> None:
    refused = post(path, body)
    assert refused.status_code == status
    assert message in refused.get_json()["message"]


def test_endpoints_are_unique_and_bounded(post: Post) -> None:
    assert post(ENDPOINTS, {"url": "http://127.0.0.1:9/0"}).status_code == 201
    assert "is an endpoint already" in post(ENDPOINTS, {"url": "http://127.0.0.1:9/0"}).get_json()["message"]
    for index in range(1, 100):
        assert post(ENDPOINTS, {"url": f"http://127.0.0.1:9/{index}"}).status_code == 201
    assert "100 webhook endpoints already" in post(ENDPOINTS, {"url": "http://127.0.0.1:9/x"}).get_json()["message"]


def test_resend_is_limited_to_the_environment_of_the_key(client: FlaskClient, post: Post, receiver: Receiver) -> None:
    post(ENDPOINTS, {"url": receiver.url}, KEY)
    post(TRIGGER, {"type": LIMIT, "customer_id": "cus_123"})
    [delivery] = client.get(PATH).get_json()["list"]
    assert post(f"{PATH}/{delivery['id']}/resend", {}, "am_sk_test_other").status_code == 404
