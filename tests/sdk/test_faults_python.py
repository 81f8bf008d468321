"""The official Python client with its own retries on, against a service that fails: when usage is charged once, and
when it is charged again for each retry, and that the findings say so."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from autumn_sdk import Autumn, models
from autumn_sdk.errors import AutumnDefaultError
from autumn_sdk.utils import BackoffStrategy, RetryConfig

from tests.support.client import Client

Item = models.RequestBodyTypedDict
#: Two uses that are known again wherever they turn up, 6 messages together.
BATCH: list[Item] = [
    {"customer_id": "cus_1", "feature_id": "messages", "value": value, "timestamp": 1_700_000_000_000}
    for value in (2, 4)
]
HANG = "reply:hang after=enqueue route=balances.batch_track"


def connect(organisation: Client, timeout: int = 30_000, **options: Any) -> Autumn:
    """A client that retries for ``timeout`` ms, at first after 1 ms and at most 50 ms apart, or as Retry-After asks."""
    backoff = BackoffStrategy(1, 50, 1.0, timeout)
    return Autumn(
        secret_key=organisation.key,
        server_url=organisation.url,
        retry_config=RetryConfig("backoff", backoff, True),
        **options,
    )


def arm(organisation: Client, rule: str) -> None:
    organisation.ask("/_mock/faults", {"rule": rule})


def listed(organisation: Client, view: str) -> list[dict[str, Any]]:
    return list(organisation.get(f"/_mock/{view}").body["list"])


def deliveries(organisation: Client) -> list[dict[str, Any]]:
    return [entry for entry in listed(organisation, "requests") if entry["call"] == "balances.batch_track"]


@pytest.mark.parametrize("fail_open", [True, False])
def test_a_queue_that_is_down_for_a_while_costs_nothing(organisation: Client, fail_open: bool) -> None:
    arm(organisation, "queue:down times=2")
    with connect(organisation, fail_open=fail_open) as client:
        assert client.batch_track(request=BATCH).success is True
    stats = organisation.drain()
    assert [entry["status"] for entry in deliveries(organisation)] == [503, 503, 202]
    assert (stats["offered"], stats["refused"], stats["deducted"]) == (6, 4, 2)
    assert organisation.balance("cus_1") == 1000 - 6
    [rule] = listed(organisation, "faults")
    assert (rule["fired"], rule["refused"], rule["completed"]) == (2, 4, True)
    assert listed(organisation, "findings") == []


def is_charged_for_each_delivery(organisation: Client) -> None:
    """The batch was accepted several times, and the finding says how much that is too much."""
    organisation.drain()
    taken = deliveries(organisation)
    count = len(taken)
    assert count > 1
    assert {(entry["status"], entry["service_status"], entry["reply"]) for entry in taken} == {(None, 202, "lost")}
    assert organisation.balance("cus_1") == 1000 - 6 * count
    [finding] = listed(organisation, "findings")
    assert (finding["code"], finding["certain"]) == ("resent_after_lost_reply", True)
    assert finding["requests"] == [entry["id"] for entry in taken]
    assert (finding["items"], finding["amounts"]) == (2 * (count - 1), {"messages": 6.0 * (count - 1)})
    audit = organisation.get("/_mock/audit").body
    assert (audit["balanced"], audit["organisations"][0]["double"]) == (True, [])  # each was accepted on its own


def test_a_reply_that_never_comes_is_charged_for_each_retry(organisation: Client) -> None:
    """Failing open, the default, turns the time-out into a 503: the one status that is safe to retry."""
    arm(organisation, HANG)
    with connect(organisation, 1000, timeout_ms=400) as client, pytest.raises(AutumnDefaultError) as caught:
        client.batch_track(request=BATCH)
    assert (caught.value.status_code, caught.value.body) == (503, "")
    is_charged_for_each_delivery(organisation)


def test_a_client_that_does_not_fail_open_is_charged_likewise(organisation: Client) -> None:
    arm(organisation, HANG)
    with (
        connect(organisation, 1000, timeout_ms=400, fail_open=False) as client,
        pytest.raises(httpx.ReadTimeout),
    ):
        client.batch_track(request=BATCH)
    is_charged_for_each_delivery(organisation)


def test_the_async_client_is_charged_likewise(organisation: Client) -> None:
    arm(organisation, HANG)

    async def talk() -> None:
        async with connect(organisation, 1000, timeout_ms=400) as client:
            await client.batch_track_async(request=BATCH)

    with pytest.raises(AutumnDefaultError):
        asyncio.run(talk())
    is_charged_for_each_delivery(organisation)


def test_a_connection_that_is_reset_is_charged_for_each_retry(organisation: Client) -> None:
    arm(organisation, "reply:reset after=enqueue times=2")
    with connect(organisation) as client:
        assert client.batch_track(request=BATCH).success is True
    organisation.drain()
    assert organisation.balance("cus_1") == 1000 - 6 * 3
    [finding] = listed(organisation, "findings")
    assert (finding["code"], finding["amounts"]) == ("resent_after_lost_reply", {"messages": 12.0})


def test_an_idempotency_key_in_each_item_makes_retries_safe(organisation: Client) -> None:
    arm(organisation, f"{HANG} times=2")
    keyed: list[Item] = [{**item, "idempotency_key": f"use {number}"} for number, item in enumerate(BATCH)]
    with connect(organisation, timeout_ms=400) as client:
        assert client.batch_track(request=keyed).success is True
    stats = organisation.drain()
    assert (stats["accepted"], stats["deducted"], stats["lost"]) == (6, 2, 4)
    assert organisation.balance("cus_1") == 1000 - 6
    assert listed(organisation, "findings") == []


def test_without_retries_a_failed_batch_is_lost_and_reported(organisation: Client) -> None:
    arm(organisation, "queue:down times=1")
    with (
        Autumn(secret_key=organisation.key, server_url=organisation.url) as client,
        pytest.raises(AutumnDefaultError),
    ):
        client.batch_track(request=BATCH)
    [finding] = listed(organisation, "findings")
    assert (finding["code"], finding["amounts"]) == ("not_resent_after_503", {"messages": 6.0})
