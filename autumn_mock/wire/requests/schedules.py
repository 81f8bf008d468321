"""billing.create_schedule: plans that follow each other."""

from __future__ import annotations

from typing import Literal

from autumn_mock.wire import schema as z
from autumn_mock.wire.requests.multi_attach import BoughtTogether, PlanToAttach


class StartingAfter(z.Params):
    """How long after the phase before it a phase begins."""

    duration_type: Literal["month", "year"] = z.field(z.enum("month", "year"))
    duration_count: int = z.field(z.integer(min=1))


class Phase(z.Params):
    """Plans that begin together, and end when the next phase begins. ``starts_at``: an instant (ms), or ``now``."""

    plans: list[PlanToAttach] = z.field(z.array(z.obj(PlanToAttach), min=1))
    starts_at: str | int | None = z.field(z.union(z.literal("now"), z.instant()), default=None)
    starting_after: StartingAfter | None = z.field(z.obj(StartingAfter), default=None)
    billing_cycle_anchor: Literal["phase_start"] | None = z.field(z.literal("phase_start"), default=None)

    @z.rule("Each phase must include exactly one of starts_at or starting_after")
    def _begins_once(self) -> bool:
        return (self.starts_at is None) is not (self.starting_after is None)


class CreateSchedule(BoughtTogether):
    """Phases in their order. ``unscheduled_plans`` are bought with the first, and do not end with it."""

    phases: list[Phase] = z.field(z.array(z.obj(Phase), min=1))
    unscheduled_plans: list[PlanToAttach] | None = z.field(z.array(z.obj(PlanToAttach)), default=None)
    preserve_add_ons: bool | None = z.field(z.boolean(), default=None)
