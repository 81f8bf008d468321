"""Events: what was asked to be recorded, and what it really took."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from autumn_mock.domain.plan import Reset
from autumn_mock.domain.record import Instant, Record


class Deduction(Record, frozen=True, kw_only=True):
    """What one row (or rollover) lost; negative when it got something back. In the row's own units."""

    balance_id: str
    feature_id: str
    value: Decimal
    plan_id: str | None = None
    reset: Reset | None = None
    resets_at: Instant | None = None


class Event(Record, frozen=True, kw_only=True):
    """One row of events.list. ``value`` is what was requested, ``deductions`` what happened."""

    id: str
    timestamp: Instant
    #: The feature id or the event name of the call.
    name: str
    #: The customer's internal id.
    customer: str
    value: Decimal
    entity_id: str | None = None
    properties: dict[str, Any] | None = None
    deductions: tuple[Deduction, ...] = ()
    #: The queued message that it was made from; None for a synchronous call.
    message_id: str | None = None
