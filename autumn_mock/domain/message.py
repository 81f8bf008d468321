"""A queued item, and the counts of what became of all items that clients offered.

An item is in exactly one of these states, so the sums always balance:
``offered = refused + accepted`` and ``accepted = ready + in_flight + deducted + lost``.
"""

from __future__ import annotations

from typing import Any

from autumn_mock.domain.record import Count, Instant, Record
from autumn_mock.domain.track import TrackItem


def message_ids(request_id: str, count: int | None) -> list[str]:
    """The ids of the messages of a request: one for each of the ``count`` items of a batch; None: of a single track."""
    return [request_id] if count is None else [f"{request_id}-{index}" for index in range(count)]


class Message(Record, frozen=True, kw_only=True):
    """An accepted item that waits for a worker."""

    #: See :func:`message_ids`. Redelivery of a message is recognised by it.
    id: str
    request_id: str
    index: Count
    item: TrackItem
    accepted_at: Instant
    #: False for an async track, which claims its idempotency key when it is accepted.
    claims_key: bool = True
    #: The canonical name of the call that brought it.
    call: str = "balances.batch_track"


class LostItem(Record, frozen=True, kw_only=True):
    """An accepted item that a worker dropped; the real service only logs it."""

    #: The id of its message: that of the request, and the item's index.
    id: str
    #: When it was dropped, on the organisation's clock (ms).
    at: Instant
    #: The error's code: ``customer_not_found``, ``insufficient_balance``, ``duplicate_idempotency_key`` ...
    reason: str
    #: The error's text.
    message: str
    #: What the client sent: ``customer_id``, ``feature_id`` or ``event_name``, ``value`` ...
    item: TrackItem


class EnqueueFailure(Record, frozen=True, kw_only=True):
    """What the real service logs when items of a batch could not be queued."""

    #: The id of the request.
    id: str
    #: When it happened, on the organisation's clock (ms).
    at: Instant
    #: ``batch_track_enqueue_failure`` if nothing was queued, else ``batch_track_enqueue_partial_failure``.
    type: str
    #: The text of the service's log.
    message: str
    #: How many items were queued.
    success_count: Count
    #: How many were not.
    failure_count: Count
    #: How many the batch had.
    total_count: Count
    #: ``{"index": i}`` of the first 25 refused items.
    failures: tuple[dict[str, int], ...]
    #: How many more were refused.
    omitted_failure_count: Count
    #: Why, such as the rule that refused them.
    error: str
    #: The name of the error in the service's log.
    error_name: str
    #: Every refused item with its index, for tests.
    items: tuple[dict[str, Any], ...] = ()


class ItemCounters(Record, frozen=True, kw_only=True):
    """How many items of one environment were offered, and what became of them. Files and the audit call them ``books``.

    ``ready`` and ``in_flight`` are counted by the queue.
    """

    offered: Count = 0
    refused: Count = 0
    deducted: Count = 0
    lost: Count = 0
    lost_by_reason: dict[str, int] = {}
    #: Events that were dropped because there were too many.
    forgotten: Count = 0

    @property
    def accepted(self) -> int:
        return self.offered - self.refused

    def plus(self, other: ItemCounters) -> ItemCounters:
        """Both added up."""
        reasons = dict(self.lost_by_reason)
        for reason, count in other.lost_by_reason.items():
            reasons[reason] = reasons.get(reason, 0) + count
        return ItemCounters(
            offered=self.offered + other.offered,
            refused=self.refused + other.refused,
            deducted=self.deducted + other.deducted,
            lost=self.lost + other.lost,
            lost_by_reason=reasons,
            forgotten=self.forgotten + other.forgotten,
        )
