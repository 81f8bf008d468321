"""The published Python client where it differs from the others; its methods are in ``test_every_method_python``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from autumn_sdk import Autumn, models
from autumn_sdk.errors import AutumnDefaultError

from tests.support.client import Client

Item = models.RequestBodyTypedDict
ITEM: Item = {"customer_id": "cus_1", "feature_id": "messages", "value": 1}


def connect(organisation: Client, key: str | None = None) -> Autumn:
    # Failing open, the default, would make up answers where the server has none.
    return Autumn(secret_key=key or organisation.key, server_url=organisation.url, fail_open=False)


@pytest.fixture
def client(organisation: Client) -> Iterator[Autumn]:
    with connect(organisation) as client:
        yield client


def refusal(caught: pytest.ExceptionInfo[AutumnDefaultError]) -> tuple[int, object]:
    """Status and decoded body."""
    return caught.value.status_code, json.loads(caught.value.body)


def test_batch_track_accepts_every_field_of_the_client(client: Autumn, organisation: Client) -> None:
    item: Item = {
        "customer_id": "cus_1",
        "feature_id": "messages",
        "value": 2.5,
        "properties": {"model": "small", "nested": {"list": [1, None]}},
        "timestamp": 1_700_000_000_000,
        "overage_behavior": "overflow",
        "idempotency_key": "once",
    }
    assert client.batch_track(request=[item, item]).success is True
    organisation.drain()
    assert organisation.balance("cus_1") == 997.5  # the key was used before, so the second is dropped


def test_batch_track_raises_503_although_the_client_fails_open(organisation: Client) -> None:
    with (
        Autumn(secret_key=organisation.key, server_url=organisation.url) as client,
        pytest.raises(AutumnDefaultError) as caught,
    ):
        client.batch_track(request=[ITEM], http_headers={"x-autumn-mock-fault": "queue:down"})
    assert refusal(caught) == (
        503,
        {"message": "Async track is not available right now", "code": "internal_error", "env": "sandbox"},
    )
    assert caught.value.headers["retry-after"] == "1"
    assert organisation.stats()["accepted"] == 0


def test_batch_track_of_twelve_at_once_is_limited_to_ten(client: Autumn, organisation: Client) -> None:
    organisation.freeze()  # however slow the machine, they all fall into one second

    def send(_number: int) -> AutumnDefaultError | None:
        try:
            client.batch_track(request=[ITEM])
        except AutumnDefaultError as error:
            return error
        return None

    with ThreadPoolExecutor(12) as pool:
        errors = [error for error in pool.map(send, range(12)) if error is not None]
    assert len(errors) == 2
    for error in errors:
        assert error.status_code == 429
        assert error.body == "Too many requests, please try again later."
        assert error.headers["content-type"].startswith("text/plain")
        assert error.headers["retry-after"] == "1"
    organisation.drain()
    assert organisation.balance("cus_1") == 990
    organisation.advance("1s")
    assert client.batch_track(request=[ITEM]).success is True


def test_batch_track_is_limited_by_the_real_clock(client: Autumn) -> None:
    def send(times: int) -> None:
        for _ in range(times):
            client.batch_track(request=[ITEM])

    with pytest.raises(AutumnDefaultError) as caught:
        send(500)  # which takes no machine 50 seconds
    assert caught.value.status_code == 429
    assert caught.value.headers["retry-after"] == "1"


def test_batch_track_accepts_200(organisation_200: Client) -> None:
    with connect(organisation_200) as client:
        assert client.batch_track(request=[ITEM]).success is True
    organisation_200.drain()
    assert organisation_200.balance("cus_1") == 999


def test_batch_track_async(organisation: Client) -> None:
    async def talk() -> int:
        async with connect(organisation) as client:
            answers = await asyncio.gather(*(client.batch_track_async(request=[ITEM] * 10) for _ in range(5)))
            assert all(answer.success for answer in answers)
            with pytest.raises(AutumnDefaultError) as caught:
                await client.batch_track_async(request=[ITEM] * 1001)
            return int(caught.value.status_code)

    assert asyncio.run(talk()) == 400
    organisation.drain()
    assert organisation.balance("cus_1") == 950


def test_track_is_queued_by_default(client: Autumn, organisation: Client) -> None:
    answer = client.track(customer_id="cus_1", feature_id="messages", value=4)
    assert (answer.customer_id, answer.value, answer.balance) == ("cus_1", 4, None)
    organisation.drain()
    assert organisation.balance("cus_1") == 996
