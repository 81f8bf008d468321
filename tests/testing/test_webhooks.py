"""Webhooks in the fixture: receivers, records, and waiting for one."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from autumn_mock.testing.embedded import Emulator
from autumn_mock.testing.mock import AutumnMock, StillOpen
from tests.testing.calls import CUSTOMER, ask
from tests.webhooks.receiver import Receiver

PLAN = {"plan_id": "new_plan", "name": "New", "items": [{"feature_id": "messages", "included": 5}]}
SHORT = 0.05


def attach(mock: AutumnMock) -> None:
    ask(mock, "plans.create", PLAN)
    ask(mock, "billing.attach", {"customer_id": CUSTOMER, "plan_id": "new_plan"})


def actions(payload: dict[str, Any]) -> list[tuple[str, str]]:
    found = payload["data"]["plan_changes"]
    return [(each["action"], each["subscription"]["plan_id"]) for each in found]


def test_recorded_webhooks_need_no_receiver(autumn_mock: AutumnMock) -> None:
    autumn_mock.webhooks.record()
    attach(autumn_mock)
    sent = autumn_mock.wait_for_webhook("billing.updated", customer=CUSTOMER)
    assert (sent.status, sent.endpoint, sent.payload["type"]) == ("recorded", "", "billing.updated")
    assert ("activated", "new_plan") in actions(sent.payload)
    assert [each.type for each in autumn_mock.webhooks] == ["billing.updated", "customer.products.updated"]
    assert len(autumn_mock.webhooks) == 2
    assert repr(autumn_mock.webhooks) == "<MockWebhooks billing.updated, customer.products.updated>"
    assert autumn_mock.webhooks.of("billing.updated", CUSTOMER) == [sent]
    assert autumn_mock.webhooks.of(customer="nobody") == []


def test_a_receiver_added_by_the_test_gets_signed_webhooks(autumn_mock: AutumnMock) -> None:
    with Receiver() as receiver:
        autumn_mock.webhooks.send_to(receiver.url)
        attach(autumn_mock)
        sent = autumn_mock.wait_for_webhook("customer.products.updated", customer=CUSTOMER)
        assert sent.status == "delivered"
        assert [receiver.get().verify()["type"] for _ in range(2)] == ["billing.updated", sent.type]


def test_each_webhook_is_returned_once(autumn_mock: AutumnMock) -> None:
    autumn_mock.webhooks.record()
    attach(autumn_mock)
    autumn_mock.wait_for_webhook("billing.updated")
    with pytest.raises(StillOpen) as caught:
        autumn_mock.wait_for_webhook("billing.updated", customer=CUSTOMER, timeout=SHORT)
    assert str(caught.value).startswith(f"no billing.updated about {CUSTOMER} was delivered within {SHORT} s; sent: ")
    assert f"customer.products.updated about {CUSTOMER}: recorded" in str(caught.value)


def test_a_webhook_is_waited_for(autumn_mock: AutumnMock) -> None:
    autumn_mock.webhooks.record()
    later = threading.Timer(SHORT, attach, [autumn_mock])
    later.start()
    assert autumn_mock.wait_for_webhook("billing.updated").payload["data"]["customer_id"] == CUSTOMER
    later.join()


def test_time_that_passes_sends_webhooks_without_a_request(autumn_mock: AutumnMock) -> None:
    autumn_mock.webhooks.record()
    trial = {"duration_length": 1, "duration_type": "day", "card_required": False}
    ask(autumn_mock, "plans.create", {**PLAN, "free_trial": trial})
    ask(autumn_mock, "billing.attach", {"customer_id": CUSTOMER, "plan_id": "new_plan"})
    autumn_mock.wait_for_webhook("billing.updated")
    autumn_mock.clock.advance("2d")
    sent = autumn_mock.wait_for_webhook("billing.updated", timeout=30)
    assert actions(sent.payload) == [("expired", "new_plan")]
    assert sent.payload["data"]["tags"] == ["trial_ended"]


def test_asyncio_waits_too(autumn_mock: AutumnMock) -> None:
    autumn_mock.webhooks.record()
    attach(autumn_mock)
    sent = asyncio.run(autumn_mock.wait_for_webhook_async("billing.updated"))
    assert sent.type == "billing.updated"
    with pytest.raises(StillOpen):
        asyncio.run(autumn_mock.wait_for_webhook_async("billing.updated", timeout=SHORT))


def test_waiting_before_any_webhook_is_made_is_an_error(autumn_mock: AutumnMock) -> None:
    with pytest.raises(AssertionError, match=r"call autumn_mock\.webhooks\.send_to\(URL\)"):
        autumn_mock.wait_for_webhook("billing.updated")
    attach(autumn_mock)
    assert len(autumn_mock.webhooks) == 0


@pytest.mark.parametrize(("url", "secret"), [("nowhere", None), ("http://127.0.0.1:9", "short")])
def test_send_to_refuses(autumn_mock: AutumnMock, url: str, secret: str | None) -> None:
    with pytest.raises(ValueError, match=r"http://|whsec_"):
        autumn_mock.webhooks.send_to(url, **({} if secret is None else {"secret": secret}))


def test_closing_an_organisation_removes_its_receivers(autumn_mock_server: Emulator) -> None:
    for number in range(105):  # more than a server may have at a time
        mock = autumn_mock_server.fresh()
        mock.webhooks.send_to(f"http://127.0.0.1:9/{number}")
        mock.webhooks.record()
        autumn_mock_server.close_organisation(mock.organisation)
    assert autumn_mock_server.webhooks.endpoints() == []
    assert not autumn_mock_server.webhooks.is_used
