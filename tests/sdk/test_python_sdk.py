"""The official Python client, as published, against a real server."""

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


def batch(*items: Item) -> list[Item]:
    return list(items)


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


# -- batch_track


def test_a_batch_of_one_is_accepted_and_deducted(client: Autumn, organisation: Client) -> None:
    answer = client.batch_track(request=batch({"customer_id": "cus_1", "feature_id": "messages", "value": 7}))
    assert answer.success is True
    organisation.drain()
    assert organisation.balance("cus_1") == 993


def test_a_value_left_out_counts_as_one(client: Autumn, organisation: Client) -> None:
    client.batch_track(request=batch({"customer_id": "cus_1", "feature_id": "messages"}))
    organisation.drain()
    assert organisation.balance("cus_1") == 999


def test_a_batch_of_a_thousand_is_accepted_and_deducted(client: Autumn, organisation: Client) -> None:
    half: Item = {**ITEM, "value": 0.5}
    assert client.batch_track(request=[half] * 1000).success is True
    counts = organisation.drain()
    assert (counts["accepted"], counts["deducted"], counts["lost"]) == (1000, 1000, 0)
    assert organisation.balance("cus_1") == 500


def test_a_batch_of_a_thousand_and_one_is_refused_whole(client: Autumn, organisation: Client) -> None:
    with pytest.raises(AutumnDefaultError) as caught:
        client.batch_track(request=[ITEM] * 1001)
    assert caught.value.status_code == 400
    assert caught.value.body == (
        '{"message":"input: Too big: expected array to have <=1000 items","code":"invalid_inputs","env":"sandbox"}'
    )
    assert organisation.stats()["accepted"] == 0


def test_an_empty_batch_is_refused(client: Autumn) -> None:
    with pytest.raises(AutumnDefaultError) as caught:
        client.batch_track(request=[])
    assert refusal(caught) == (
        400,
        {"message": "input: Too small: expected array to have >=1 items", "code": "invalid_inputs", "env": "sandbox"},
    )


def test_an_unknown_feature_refuses_the_whole_batch(client: Autumn, organisation: Client) -> None:
    with pytest.raises(AutumnDefaultError) as caught:
        client.batch_track(request=batch(ITEM, {"customer_id": "cus_1", "feature_id": "nope"}))
    assert caught.value.status_code == 404
    assert caught.value.body == '{"message":"Feature nope not found","code":"feature_not_found","env":"sandbox"}'
    organisation.drain()
    assert organisation.balance("cus_1") == 1000


def test_an_unknown_event_refuses_the_whole_batch(client: Autumn) -> None:
    with pytest.raises(AutumnDefaultError) as caught:
        client.batch_track(request=batch({"customer_id": "cus_1", "event_name": "nope"}))
    assert refusal(caught) == (
        404,
        {"message": "No features found for event name: nope", "code": "invalid_request", "env": "sandbox"},
    )


def test_an_event_is_deducted_from_the_features_that_list_it(client: Autumn, organisation: Client) -> None:
    client.batch_track(request=batch({"customer_id": "cus_1", "event_name": "message.sent", "value": 3}))
    organisation.drain()
    assert organisation.balance("cus_1") == 997


def test_an_unknown_customer_is_accepted_and_lost(client: Autumn, organisation: Client) -> None:
    answer = client.batch_track(request=batch({"customer_id": "cus_nobody", "feature_id": "messages"}))
    assert answer.success is True
    assert organisation.drain()["lost"] == 1


def test_every_field_that_the_client_knows_is_taken(client: Autumn, organisation: Client) -> None:
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


def test_a_wrong_key_is_refused_with_most_of_it_hidden(organisation: Client) -> None:
    with connect(organisation, key="am_sk_test_wrong_key") as client, pytest.raises(AutumnDefaultError) as caught:
        client.batch_track(request=[ITEM])
    assert caught.value.status_code == 401
    assert caught.value.body == (
        '{"message":"Invalid secret key: am_sk_test_wron*****","code":"invalid_secret_key","env":"sandbox"}'
    )


def test_a_queue_that_is_down_is_told_even_where_the_client_fails_open(organisation: Client) -> None:
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


def test_ten_of_twelve_at_once_are_accepted(client: Autumn, organisation: Client) -> None:
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


def test_the_real_clock_limits_a_burst_too(client: Autumn) -> None:
    def send(times: int) -> None:
        for _ in range(times):
            client.batch_track(request=[ITEM])

    with pytest.raises(AutumnDefaultError) as caught:
        send(500)  # which takes no machine 50 seconds
    assert caught.value.status_code == 429
    assert caught.value.headers["retry-after"] == "1"


def test_a_server_that_answers_200_is_understood(organisation_200: Client) -> None:
    with connect(organisation_200) as client:
        assert client.batch_track(request=[ITEM]).success is True
    organisation_200.drain()
    assert organisation_200.balance("cus_1") == 999


def test_the_async_client_does_the_same(organisation: Client) -> None:
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


# -- track and check


def test_track_told_not_to_wait_in_the_queue_answers_with_the_balance(client: Autumn) -> None:
    answer = client.track(customer_id="cus_1", feature_id="messages", value=4, async_=False)
    assert (answer.customer_id, answer.value) == ("cus_1", 4)
    assert answer.balance is not None
    assert (answer.balance.granted, answer.balance.usage, answer.balance.remaining) == (1000, 4, 996)


def test_track_is_queued_by_default(client: Autumn, organisation: Client) -> None:
    answer = client.track(customer_id="cus_1", feature_id="messages", value=4)
    assert (answer.customer_id, answer.value, answer.balance) == ("cus_1", 4, None)
    organisation.drain()
    assert organisation.balance("cus_1") == 996


def test_track_by_event_and_below_zero(client: Autumn, organisation: Client) -> None:
    client.track(customer_id="cus_1", event_name="message.sent", value=10, async_=False)
    client.track(customer_id="cus_1", feature_id="messages", value=-4, async_=False)
    assert organisation.balance("cus_1") == 994


def test_track_for_an_unknown_customer_is_refused(client: Autumn) -> None:
    with pytest.raises(AutumnDefaultError) as caught:
        client.track(customer_id="cus_nobody", feature_id="messages", async_=False)
    assert refusal(caught) == (
        404,
        {"message": "Customer cus_nobody not found", "code": "customer_not_found", "env": "sandbox"},
    )


def test_check_allows_what_is_left_and_no_more(client: Autumn) -> None:
    enough = client.check(customer_id="cus_1", feature_id="messages", required_balance=1000)
    assert (enough.allowed, enough.customer_id) == (True, "cus_1")
    assert enough.balance is not None
    assert enough.balance.remaining == 1000
    assert client.check(customer_id="cus_1", feature_id="messages", required_balance=1001).allowed is False


def test_check_that_sends_an_event_deducts(client: Autumn, organisation: Client) -> None:
    answer = client.check(customer_id="cus_1", feature_id="messages", required_balance=3, send_event=True)
    assert answer.allowed is True
    assert organisation.balance("cus_1") == 997


def test_a_lock_holds_and_finalizing_settles(client: Autumn, organisation: Client) -> None:
    client.check(customer_id="cus_1", feature_id="messages", required_balance=10, lock=models.Lock(lock_id="lock_1"))
    assert organisation.balance("cus_1") == 990
    assert client.balances.finalize(lock_id="lock_1", action="confirm", override_value=4).success is True
    assert organisation.balance("cus_1") == 996


# -- the rest of the way there


def test_a_customer_is_created_once_and_found(client: Autumn) -> None:
    made = client.customers.get_or_create(customer_id="cus_2", name="Ada", email="ada@example.com")
    assert (made.id, made.name, made.email, made.env) == ("cus_2", "Ada", "ada@example.com", "sandbox")
    again = client.customers.get_or_create(customer_id="cus_2")
    assert (again.created_at, again.name) == (made.created_at, "Ada")
    found = client.customers.get(customer_id="cus_2")
    assert (found.id, found.balances, found.flags) == ("cus_2", {}, {})
    listed = client.customers.list()
    assert [customer.id for customer in listed.list] == ["cus_2", "cus_1"]


def test_a_balance_is_granted(client: Autumn) -> None:
    client.customers.get_or_create(customer_id="cus_2")
    done = client.balances.create(
        customer_id="cus_2", feature_id="messages", included_grant=25, reset={"interval": "month"}
    )
    assert done.success is True
    balance = client.customers.get(customer_id="cus_2").balances["messages"]
    assert (balance.granted, balance.remaining, balance.usage) == (25, 25, 0)
    assert balance.next_reset_at is not None


def test_a_free_plan_is_attached(client: Autumn) -> None:
    item: models.CreatePlanItemPlanItemTypedDict = {
        "feature_id": "messages",
        "included": 100,
        "reset": {"interval": "month"},
    }
    plan = client.plans.create(plan_id="free", name="Free", items=[item])
    assert (plan.id, plan.price) == ("free", None)
    assert [(each.id, each.items[0].included) for each in client.plans.list().list] == [("free", 100)]
    attached = client.billing.attach(customer_id="cus_1", plan_id="free")
    assert (attached.customer_id, attached.payment_url) == ("cus_1", None)
    customer = client.customers.get(customer_id="cus_1")
    assert [(each.plan_id, each.status) for each in customer.subscriptions] == [("free", "active")]
    assert customer.balances["messages"].remaining == 1100


def test_a_boolean_feature_is_a_flag(client: Autumn) -> None:
    without = client.check(customer_id="cus_1", feature_id="sso")
    assert (without.allowed, without.flag, without.balance) == (False, None, None)
    client.plans.create(plan_id="pro", name="Pro", items=[models.CreatePlanItemPlanItem(feature_id="sso")])
    client.billing.attach(customer_id="cus_1", plan_id="pro")
    granted = client.check(customer_id="cus_1", feature_id="sso")
    assert granted.allowed is True
    assert granted.flag is not None
    assert (granted.flag.feature_id, granted.flag.plan_id) == ("sso", "pro")
    assert list(client.customers.get(customer_id="cus_1").flags) == ["sso"]


def test_an_entity_is_created_found_listed_and_deleted(client: Autumn) -> None:
    made = client.entities.create(customer_id="cus_1", entity_id="seat_1", feature_id="seats", name="Desk")
    assert (made.id, made.name, made.customer_id) == ("seat_1", "Desk", "cus_1")
    found = client.entities.get(customer_id="cus_1", entity_id="seat_1")
    assert found.balances["messages"].remaining == 1000
    listed = client.entities.list(customer_id="cus_1")
    assert [entity.id for entity in listed.list] == ["seat_1"]
    assert client.entities.delete(customer_id="cus_1", entity_id="seat_1").success is True
    assert client.entities.list(customer_id="cus_1").list == []


def test_events_are_listed_newest_first(client: Autumn, organisation: Client) -> None:
    for value in (1, 2, 3):
        client.track(customer_id="cus_1", feature_id="messages", value=value, properties={"n": value}, async_=False)
        organisation.advance("1s")
    first = client.events.list(customer_id="cus_1", limit=2)
    assert [(event.value, event.feature_id) for event in first.list] == [(3, "messages"), (2, "messages")]
    assert first.next_cursor is not None
    rest = client.events.list(customer_id="cus_1", limit=2, start_cursor=first.next_cursor)
    assert ([event.value for event in rest.list], rest.next_cursor) == ([1], None)


def test_events_are_added_up(client: Autumn) -> None:
    for value in (1, 2):
        client.track(customer_id="cus_1", feature_id="messages", value=value, async_=False)
    answer = client.events.aggregate(customer_id="cus_1", feature_id="messages", range="7d")
    assert (answer.total["messages"].count, answer.total["messages"].sum) == (2, 3)
    assert sum(each.values["messages"] for each in answer.list) == 3
