"""Accepting: what is refused, what is reported, and what is kept."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from autumn_mock.ingest.accept import MAX_FAILURES, MAX_LOGGED, MAX_MESSAGE_SIZE
from autumn_mock.operations.errors import ApiError
from tests.support.world import NOW, IngestWorld, item


@pytest.fixture
def world() -> IngestWorld:
    made = IngestWorld()
    made.customer("c", {"messages": 100})
    return made


def fails(world: IngestWorld, status: int, code: str, message: str, *items: Any, size: int = 0) -> ApiError:
    with pytest.raises(ApiError) as caught:
        world.batch(items, size)
    error = caught.value
    assert (error.status, error.code, error.message) == (status, code, message)
    return error


def unavailable(world: IngestWorld, *items: Any, size: int = 0) -> None:
    error = fails(world, 503, "internal_error", "Async track is not available right now", *items, size=size)
    assert error.retry_after == 1


def test_accept_batch_queues_without_deducting(world: IngestWorld) -> None:
    assert world.batch([item(5), item(3)]) == {}
    assert world.signed_balances() == {"messages": 100}
    assert [(each.index, each.item.value, each.accepted_at) for each in world.messages()] == [(0, 5, NOW), (1, 3, NOW)]
    assert (world.counters.offered, world.counters.refused, world.counters.accepted) == (2, 0, 2)
    assert world.queue.counts() == (2, 0)
    assert len(world.environment.events) == 0


def test_accept_batch_gives_each_item_an_id(world: IngestWorld) -> None:
    world.batch([item(), item()])
    first, second = world.messages()
    assert (first.id, second.id) == (f"{first.request_id}-0", f"{first.request_id}-1")
    assert first.claims_key


@pytest.mark.parametrize(
    ("bad", "code", "message"),
    [
        (item(1, "nope"), "feature_not_found", "Feature nope not found"),
        (item(1, None, event_name="nope"), "invalid_request", "No features found for event name: nope"),
    ],
)
def test_accept_batch_refuses_a_batch_with_an_unknown_feature(
    world: IngestWorld, bad: Any, code: str, message: str
) -> None:
    fails(world, 404, code, message, item(), bad, item())
    assert world.messages() == []
    assert world.counters.offered == 0
    assert world.queue.counts() == (0, 0)


def test_accept_batch_accepts_an_unknown_customer(world: IngestWorld) -> None:
    assert world.batch([item(customer_id="nobody")]) == {}
    assert world.counters.accepted == 1


# -- refusals


def test_accept_batch_counts_refused_items_and_succeeds(world: IngestWorld) -> None:
    world.arm("enqueue:fail items=1,3")
    refused = world.batch(item(n) for n in range(5))
    assert refused == {1: "enqueue:fail items=1,3", 3: "enqueue:fail items=1,3"}
    assert [each.index for each in world.messages()] == [0, 2, 4]
    assert (world.counters.offered, world.counters.refused, world.counters.accepted) == (5, 2, 3)
    assert world.counts().balanced


def test_accept_batch_fails_if_no_item_was_queued(world: IngestWorld) -> None:
    world.arm("enqueue:fail first=2")
    unavailable(world, item(), item())
    assert world.messages() == []
    assert (world.counters.offered, world.counters.refused) == (2, 2)
    assert len(world.batch([item(), item(), item()])) == 2


def test_accept_batch_succeeds_with_one_queued_item(world: IngestWorld) -> None:
    world.arm("enqueue:fail first=999")
    assert len(world.batch(item() for _ in range(1000))) == 999
    world.arm("enqueue:fail last=1")
    unavailable(world, *[item() for _ in range(1000)])


def test_accept_batch_records_and_logs_a_partial_failure(world: IngestWorld, caplog: pytest.LogCaptureFixture) -> None:
    world.arm("enqueue:fail items=0,2")
    with caplog.at_level(logging.WARNING, "autumn_mock.ingest"):
        world.batch([item(7), item(), item(2, None, event_name="action-event")])
    (failure,) = world.environment.failures
    assert (failure.type, failure.message) == (
        "batch_track_enqueue_partial_failure",
        "[track] batch track enqueue had partial failures",
    )
    assert (failure.success_count, failure.failure_count, failure.total_count) == (1, 2, 3)
    assert (failure.failures, failure.omitted_failure_count) == (({"index": 0}, {"index": 2}), 0)
    assert (failure.at, failure.error, failure.error_name) == (NOW, "enqueue:fail items=0,2", "QueueError")
    assert [(each["index"], each["customer_id"], each["value"]) for each in failure.items] == [(0, "c", 7), (2, "c", 2)]
    assert [(each["feature_id"], each["event_name"]) for each in failure.items] == [
        ("messages", None),
        (None, "action-event"),
    ]
    assert caplog.messages == [
        "[track] Queue fallback failed (SQS) type=track_queue_fallback_failed index=0 "
        "error=enqueue:fail items=0,2 errorName=QueueError",
        "[track] Queue fallback failed (SQS) type=track_queue_fallback_failed index=2 "
        "error=enqueue:fail items=0,2 errorName=QueueError",
        "[track] batch track enqueue had partial failures type=batch_track_enqueue_partial_failure success_count=1 "
        "failure_count=2 total_count=3 failures=[{'index': 0}, {'index': 2}] omitted_failure_count=0",
    ]


def test_accept_batch_records_a_total_failure(world: IngestWorld) -> None:
    world.arm("queue:down")
    unavailable(world, item(), item())
    (failure,) = world.environment.failures
    assert (failure.type, failure.message) == ("batch_track_enqueue_failure", "[track] batch track enqueue failed")
    assert (failure.success_count, failure.failure_count, failure.total_count) == (0, 2, 2)


@pytest.mark.parametrize(("count", "omitted"), [(MAX_LOGGED, 0), (MAX_LOGGED + 1, 1), (100, 75)])
def test_accept_batch_logs_the_first_failures_only(
    world: IngestWorld, caplog: pytest.LogCaptureFixture, count: int, omitted: int
) -> None:
    world.arm(f"enqueue:fail first={count}")
    with caplog.at_level(logging.WARNING, "autumn_mock.ingest"):
        world.batch(item() for _ in range(101))
    (failure,) = world.environment.failures
    assert failure.failures == tuple({"index": index} for index in range(MAX_LOGGED))
    assert failure.omitted_failure_count == omitted
    assert failure.failure_count == len(failure.items) == count
    assert len(caplog.messages) == MAX_LOGGED + 1


def test_accept_batch_records_no_failure_of_a_queued_batch(world: IngestWorld) -> None:
    world.batch([item()])
    assert len(world.environment.failures) == 0


def test_accept_batch_drops_the_oldest_failures(world: IngestWorld) -> None:
    world.arm("enqueue:fail first=1")
    for _ in range(MAX_FAILURES + 3):
        world.batch([item(), item()])
    kept = list(world.environment.failures)
    assert len(kept) == MAX_FAILURES
    assert world.counters.refused == MAX_FAILURES + 3
    assert kept[-1].id == world.messages()[-1].request_id


# -- size


def test_accept_batch_refuses_an_item_above_a_mebibyte(world: IngestWorld) -> None:
    fits = item(properties={"p": "x" * (MAX_MESSAGE_SIZE - 200)})
    large = item(properties={"p": "x" * MAX_MESSAGE_SIZE})
    assert world.batch([fits, large, item()], size=3 * MAX_MESSAGE_SIZE) == {1: "message too large"}
    unavailable(world, large, size=2 * MAX_MESSAGE_SIZE)
    assert world.counts().balanced


def test_accept_track_refuses_a_large_item(world: IngestWorld) -> None:
    with pytest.raises(ApiError) as caught:
        world.track_async(item(properties={"p": "x" * MAX_MESSAGE_SIZE}))
    assert caught.value.status == 503
    assert world.counters.refused == 1


# -- what cannot be made durable


def test_accept_batch_refuses_what_cannot_be_written(world: IngestWorld) -> None:
    world.disk.refusals = 1
    unavailable(world, item(), item())
    assert world.messages() == []
    assert world.queue.counts() == (0, 0)
    assert world.counts().balanced
    assert world.batch([item()]) == {}


# -- async tracks


def test_accept_track_claims_its_key_at_once(world: IngestWorld) -> None:
    world.track_async(item(idempotency_key="k"))
    (message,) = world.messages()
    assert not message.claims_key
    with pytest.raises(ApiError) as caught:
        world.track_async(item(idempotency_key="k"))
    error = caught.value
    assert (error.status, error.code, error.message) == (
        409,
        "duplicate_idempotency_key",
        "Another request with idempotency key track:k has already been received",
    )
    assert world.counters.offered == 1


def test_accept_track_releases_the_key_when_refused(world: IngestWorld) -> None:
    world.arm("queue:down times=1")
    with pytest.raises(ApiError) as caught:
        world.track_async(item(idempotency_key="k"))
    assert caught.value.status == 503
    world.track_async(item(idempotency_key="k"))
    assert (world.counters.offered, world.counters.refused) == (2, 1)


def test_accept_track_of_an_unknown_feature_claims_no_key(world: IngestWorld) -> None:
    with pytest.raises(ApiError) as caught:
        world.track_async(item(1, "nope", idempotency_key="k"))
    assert caught.value.status == 404
    assert len(world.environment.claims) == 0


@pytest.mark.parametrize("key", [None, "k"])
def test_accept_track_refuses_what_cannot_be_written(world: IngestWorld, key: str | None) -> None:
    """Whether the disk fails when the key is claimed or when the message is queued."""
    world.disk.refusals = 5
    with pytest.raises(ApiError) as caught:
        world.track_async(item() if key is None else item(idempotency_key=key))
    assert caught.value.status == 503
    world.disk.refusals = 0
    assert world.messages() == []
    assert len(world.environment.claims) == 0


def test_accept_batch_claims_no_keys(world: IngestWorld) -> None:
    world.batch([item(idempotency_key="k"), item(idempotency_key="k")])
    assert len(world.environment.claims) == 0
    assert world.counters.accepted == 2
