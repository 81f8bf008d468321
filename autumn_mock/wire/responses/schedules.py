"""The answer of ``billing.create_schedule``."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from autumn_mock.operations.billing.schedules import Schedule
from autumn_mock.wire.answer import Body
from autumn_mock.wire.responses.billing import BilledInvoiceBody, RequiredActionBody, attached_body


class PhaseBody(Body, kw_only=True):
    """A phase that was made."""

    phase_id: str
    starts_at: int
    customer_product_ids: list[str]


class ScheduleBody(Body, kw_only=True):
    """A schedule, or (``pending_payment``) where it is paid first."""

    customer_id: str
    entity_id: str | None
    status: Literal["created", "pending_payment"]
    schedule_id: str | None
    phases: list[PhaseBody]
    invoice: BilledInvoiceBody | UnsetType = UNSET
    payment_url: str | None
    required_action: RequiredActionBody | UnsetType = UNSET


def schedule_body(schedule: Schedule, base: str) -> ScheduleBody:
    """What was made of a schedule."""
    billed = attached_body(schedule.outcome, base)
    return ScheduleBody(
        customer_id=billed.customer_id,
        entity_id=schedule.outcome.entity_id,
        status="pending_payment" if schedule.id is None else "created",
        schedule_id=schedule.id,
        phases=[
            PhaseBody(
                phase_id=each.id, starts_at=each.starts_at, customer_product_ids=[one.id for one in each.attached]
            )
            for each in schedule.phases
        ],
        invoice=billed.invoice,
        payment_url=billed.payment_url,
        required_action=billed.required_action,
    )
