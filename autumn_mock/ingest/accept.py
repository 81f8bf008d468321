"""Accepting usage: all of a batch is checked first, then each item is offered to the queue by itself.

That some items could not be queued is not told to the client: retrying the batch would charge the others twice. Only
when nothing was queued is the answer an error, one that is safe to retry.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

from autumn_mock.domain.books import Books, EnqueueFailure, Message
from autumn_mock.domain.track import TrackItem
from autumn_mock.faults.armed import ArmedRule, ItemSubject
from autumn_mock.faults.board import FaultBoard
from autumn_mock.faults.sites import WorkerFault
from autumn_mock.ingest.queue import Queue
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import queue_unavailable
from autumn_mock.operations.idempotency import idempotent
from autumn_mock.store.changes import ENCODER

#: What the real queue takes in one message, in bytes.
MAX_MESSAGE_SIZE = 1 << 20
#: How many refused items the real service names in its log.
MAX_LOGGED = 25
#: How many refused batches are remembered.
MAX_FAILURES = 1000

_log = logging.getLogger("autumn_mock.ingest")


class EnqueueContext(Struct):
    """Takes usage in: what it needs besides the environment."""

    queue: Queue
    faults: FaultBoard
    #: The canonical name of the call, and all that rules may call it.
    call: str = "balances.batch_track"
    calls: Collection[str] = ("balances.batch_track",)
    #: Rules for this call alone.
    once: Sequence[ArmedRule] = ()


def accept_batch(call: Call, intake: EnqueueContext, items: Sequence[TrackItem], size: int) -> dict[int, str]:
    """Queue a batch; ``size`` is that of its body in bytes. Returns the refused indexes with the reason of each.

    404 for the first item whose feature or event name is unknown, with nothing queued. 503 when no item at all could
    be queued.
    """
    _require_features(call, items)
    refused = _refusals(call, intake, items, size)
    request_id = call.request_id
    messages = [
        Message(
            id=f"{request_id}-{index}",
            request_id=request_id,
            index=index,
            item=item,
            accepted_at=call.now,
            call=intake.call,
        )
        for index, item in enumerate(items)
        if index not in refused
    ]
    return _enqueue(call, intake, items, messages, refused)


def accept_track(call: Call, intake: EnqueueContext, item: TrackItem) -> None:
    """Queue one track that is to be done later. Its idempotency key is claimed now; 409 when it is taken."""
    _require_features(call, [item])
    key = f"track:{item.idempotency_key}" if item.idempotency_key else None
    message = Message(
        id=call.request_id,
        request_id=call.request_id,
        index=0,
        item=item,
        accepted_at=call.now,
        claims_key=False,
        call=intake.call,
    )
    with idempotent(call, key):
        refused = _refusals(call, intake, [item], MAX_MESSAGE_SIZE + 1)
        _enqueue(call, intake, [item], [] if refused else [message], refused)


def _require_features(call: Call, items: Sequence[TrackItem]) -> None:
    for named in dict.fromkeys([(item.feature_id, item.event_name) for item in items]):
        call.tracked_features(*named)


def _refusals(call: Call, intake: EnqueueContext, items: Sequence[TrackItem], size: int) -> dict[int, str]:
    organisation = call.environment.organisation
    origin = ItemSubject((organisation.id, organisation.slug), intake.calls, items)
    refused = intake.faults.refusals(items, origin, intake.once)
    if size > MAX_MESSAGE_SIZE:
        for index, item in enumerate(items):
            if len(ENCODER.encode(item)) > MAX_MESSAGE_SIZE:
                refused.setdefault(index, "message too large")
    room = intake.queue.room()
    if len(items) - len(refused) > room:
        accepted = [index for index in range(len(items)) if index not in refused]
        refused.update(dict.fromkeys(accepted[room:], "the queue is full"))
    return refused


def _enqueue(
    call: Call, intake: EnqueueContext, items: Sequence[TrackItem], messages: list[Message], refused: dict[int, str]
) -> dict[int, str]:
    environment = call.environment
    with _kept(), call.write() as transaction:
        transaction.put_all(messages)
        transaction.book(Books(offered=len(items), refused=len(refused)))
        if refused:
            failure = _failure(call, items, refused)
            transaction.put(failure)
            while len(environment.failures) > MAX_FAILURES:
                transaction.delete(next(iter(environment.failures)))
    if refused:
        _log_failure(failure)
    if not messages:
        raise queue_unavailable()
    intake.queue.put(environment, messages, [armed for armed in intake.once if isinstance(armed, WorkerFault)])
    return refused


@contextmanager
def _kept() -> Iterator[None]:
    """503 when the disk fails: what cannot be made durable is not accepted."""
    try:
        yield
    except OSError as error:
        _log.error("nothing could be queued: %s", error)
        raise queue_unavailable() from error


def _failure(call: Call, items: Sequence[TrackItem], refused: dict[int, str]) -> EnqueueFailure:
    total = len(refused) == len(items)
    indexes = sorted(refused)
    return EnqueueFailure(
        id=call.request_id,
        at=call.now,
        type="batch_track_enqueue_failure" if total else "batch_track_enqueue_partial_failure",
        message="[track] batch track enqueue failed" if total else "[track] batch track enqueue had partial failures",
        success_count=len(items) - len(refused),
        failure_count=len(refused),
        total_count=len(items),
        failures=tuple({"index": index} for index in indexes[:MAX_LOGGED]),
        omitted_failure_count=max(len(refused) - MAX_LOGGED, 0),
        error=refused[indexes[0]],
        error_name="QueueError",
        items=tuple(_refused_item(index, items[index], refused[index]) for index in indexes),
    )


def _refused_item(index: int, item: TrackItem, reason: str) -> dict[str, Any]:
    return {
        "index": index,
        "reason": reason,
        "customer_id": item.customer_id,
        "feature_id": item.feature_id,
        "event_name": item.event_name,
        "value": item.value,
    }


def _log_failure(failure: EnqueueFailure) -> None:
    for each in failure.items[:MAX_LOGGED]:
        _log.warning(
            "[track] Queue fallback failed (SQS) type=track_queue_fallback_failed index=%s error=%s errorName=%s",
            each["index"],
            each["reason"],
            failure.error_name,
        )
    _log.error(
        "%s type=%s success_count=%s failure_count=%s total_count=%s failures=%s omitted_failure_count=%s",
        failure.message,
        failure.type,
        failure.success_count,
        failure.failure_count,
        failure.total_count,
        list(failure.failures),
        failure.omitted_failure_count,
    )
