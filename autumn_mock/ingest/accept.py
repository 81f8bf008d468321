"""Accepts usage: a batch is validated as a whole, then each item is queued on its own (contract 4.3).

The response does not report items that could not be queued: retrying the batch would charge the others twice. Only if
no item was queued is the response an error, which is safe to retry.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

from autumn_mock.domain.message import EnqueueFailure, ItemCounters, Message, message_ids
from autumn_mock.domain.track import TrackItem
from autumn_mock.faults.armed import ArmedRule, Subject
from autumn_mock.faults.board import FaultBoard
from autumn_mock.faults.sites import WorkerFault
from autumn_mock.ingest.queue import Queue
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import queue_unavailable
from autumn_mock.operations.idempotency import idempotent
from autumn_mock.repeated_errors import RepeatedError
from autumn_mock.store.changes import ENCODER

#: Bytes of the largest message that the real queue accepts.
MAX_MESSAGE_SIZE = 1 << 20
#: Refused items that the real service names in its log.
MAX_LOGGED = 25
#: Refused batches that are kept.
MAX_FAILURES = 1000

_log = logging.getLogger("autumn_mock.ingest")
_unwritten = RepeatedError(_log)
#: What the real service logs, in its words.
_service_log = logging.getLogger("autumn_mock.service")


class EnqueueContext(Struct):
    """What accepting usage needs besides the call."""

    queue: Queue
    faults: FaultBoard
    #: The canonical name of the call, and all names that rules may use for it.
    call: str = "balances.batch_track"
    calls: Collection[str] = ("balances.batch_track",)
    #: Rules for this call alone.
    once: Sequence[ArmedRule] = ()


def accept_batch(call: Call, context: EnqueueContext, items: Sequence[TrackItem], size: int) -> dict[int, str]:
    """Queue a batch; ``size`` is that of its body in bytes. Returns the reason of each refused item by its index.

    Raises :class:`ApiError`: 404 for the first item whose feature or event name is unknown, with nothing queued; 503
    if no item could be queued.
    """
    _require_features(call, items)
    refused = _refusals(call, context, items, size)
    request_id = call.request_id
    messages = [
        Message(
            id=id,
            request_id=request_id,
            index=index,
            item=item,
            accepted_at=call.now,
            call=context.call,
        )
        for index, (id, item) in enumerate(zip(message_ids(request_id, len(items)), items, strict=True))
        if index not in refused
    ]
    return _enqueue(call, context, items, messages, refused)


def accept_track(call: Call, context: EnqueueContext, item: TrackItem) -> None:
    """Queue a track. Its idempotency key is claimed at once; 409 if it is taken."""
    _require_features(call, [item])
    [id] = message_ids(call.request_id, None)
    message = Message(
        id=id,
        request_id=call.request_id,
        index=0,
        item=item,
        accepted_at=call.now,
        claims_key=False,
        call=context.call,
    )
    with idempotent(call, item.claim_key):
        refused = _refusals(call, context, [item], MAX_MESSAGE_SIZE + 1)
        _enqueue(call, context, [item], [] if refused else [message], refused)


def _require_features(call: Call, items: Sequence[TrackItem]) -> None:
    for named in dict.fromkeys([(item.feature_id, item.event_name) for item in items]):
        call.tracked_features(*named)


def _refusals(call: Call, context: EnqueueContext, items: Sequence[TrackItem], size: int) -> dict[int, str]:
    organisation = call.environment.organisation
    subject = Subject.of_items((organisation.id, organisation.slug), context.calls, items)
    refused = context.faults.refusals(items, subject, context.once)
    if size > MAX_MESSAGE_SIZE:
        for index, item in enumerate(items):
            if len(ENCODER.encode(item)) > MAX_MESSAGE_SIZE:
                refused.setdefault(index, "message too large")
    room = context.queue.room()
    if len(items) - len(refused) > room:
        accepted = [index for index in range(len(items)) if index not in refused]
        refused.update(dict.fromkeys(accepted[room:], "the queue is full"))
    return refused


def _enqueue(
    call: Call, context: EnqueueContext, items: Sequence[TrackItem], messages: list[Message], refused: dict[int, str]
) -> dict[int, str]:
    environment = call.environment
    with _kept(), call.write() as transaction:
        transaction.put_all(messages)
        transaction.count(ItemCounters(offered=len(items), refused=len(refused)))
        if refused:
            failure = _failure(call, items, refused)
            transaction.put(failure)
            while len(environment.failures) > MAX_FAILURES:
                transaction.delete(next(iter(environment.failures)))
    if refused:
        _log_failure(failure)
    if not messages:
        raise queue_unavailable()
    context.queue.put(environment, messages, [armed for armed in context.once if isinstance(armed, WorkerFault)])
    return refused


@contextmanager
def _kept() -> Iterator[None]:
    """503 if the disk fails: what cannot be made durable is not accepted."""
    try:
        yield
    except OSError as error:
        _unwritten.log("no item was queued, because the database cannot be written: %s", error)
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
        _service_log.warning(
            "[track] Queue fallback failed (SQS) type=track_queue_fallback_failed index=%s error=%s errorName=%s",
            each["index"],
            each["reason"],
            failure.error_name,
        )
    _service_log.error(
        "%s type=%s success_count=%s failure_count=%s total_count=%s failures=%s omitted_failure_count=%s",
        failure.message,
        failure.type,
        failure.success_count,
        failure.failure_count,
        failure.total_count,
        list(failure.failures),
        failure.omitted_failure_count,
    )
