"""Track items: validated usage that is not yet deducted."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import field

from autumn_mock.domain.record import Instant, Record

OverageBehavior = Literal["cap", "overflow", "reject"]


class LockRequest(Record, frozen=True, kw_only=True):
    """The request to hold a deduction until it is finalized. ``expires_at`` is in ms."""

    lock_id: str
    enabled: bool
    hashed_key: str | None = None
    expires_at: int | float | None = None


class TrackItem(Record, frozen=True, kw_only=True):
    """One item of balances.track and balances.batch_track.

    Exactly one of ``feature_id`` and ``event_name`` is set.
    """

    customer_id: str
    feature_id: str | None = None
    event_name: str | None = None
    entity_id: str | None = None
    value: int | float = 1
    properties: dict[str, Any] | None = None
    idempotency_key: str | None = None
    timestamp: Instant | None = None
    overage_behavior: OverageBehavior = "cap"
    customer_data: dict[str, Any] | None = None
    entity_data: dict[str, Any] | None = None
    skip_event: bool = False
    async_: bool | None = field(default=None, name="async")
    lock: LockRequest | None = None
    #: What is deducted where that is not ``value``: tokens without cost still deduct one. Clients cannot set it.
    taken: int | float | None = None

    @property
    def claim_key(self) -> str | None:
        """What its idempotency key is claimed as; None without one."""
        return f"track:{self.idempotency_key}" if self.idempotency_key else None
