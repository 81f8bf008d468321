"""Locks: a deduction that can still be confirmed, changed or undone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from autumn_mock.domain.record import Instant, Record


class Mutation(Record, frozen=True, kw_only=True):
    """One step of a deduction: ``native`` deducted from one balance for ``units`` of the tracked feature."""

    balance_id: str
    units: Decimal
    native: Decimal
    rollover_id: str | None = None
    entity_id: str | None = None


class Lock(Record, frozen=True, kw_only=True):
    """The receipt of a deduction that can still be released."""

    id: str
    #: The customer's internal id.
    customer: str
    feature_id: str
    created_at: Instant
    #: When the receipt is deleted and the deduction becomes final (ms).
    forgotten_at: Instant
    mutations: tuple[Mutation, ...]
    entity_id: str | None = None
    #: When a lock of a check expires and its amount is returned (ms).
    releases_at: Instant | None = None
    properties: dict[str, Any] | None = None
    skip_event: bool = False
    #: Applies to what is deducted beyond the held amount on confirmation.
    overage_behavior: Literal["cap", "overflow"] = "cap"


class Claim(Record, frozen=True, kw_only=True):
    """An idempotency key (or the mark of a finalize) that is claimed until ``expires_at`` (ms)."""

    key: str
    expires_at: Instant
