"""What attaching a plan would do for a customer, as lists of plans show it.

The first that applies:

============================================  =======================
the plan                                      attaching it
============================================  =======================
is paid once                                  ``purchase``
is attached, and not a free add-on            ``none``
is an add-on, or the first main of its group  ``activate``
would replace a main plan                     ``upgrade``, ``downgrade``
============================================  =======================
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from autumn_mock.domain.customer import Customer, CustomerPlan
from autumn_mock.domain.plan import Plan
from autumn_mock.operations.billing.attachments import attached_plans, current_plan, is_upgrade, trial_available
from autumn_mock.operations.call import Call

AttachAction = Literal["activate", "upgrade", "downgrade", "purchase", "none"]


class Eligibility(Struct, frozen=True):
    """What attaching a plan would do for a customer."""

    attach_action: AttachAction
    attached: CustomerPlan | None
    #: None for a plan without a trial.
    trial_available: bool | None


def eligibility(call: Call, customer: Customer, entity_id: str | None, plan: Plan) -> Eligibility:
    """What attaching a plan to a customer (or an entity, by its id) would do."""
    held = [each for each in attached_plans(call, customer, entity_id) if each.plan_id == plan.id]
    attached = min(held, key=lambda each: each.status == "scheduled", default=None)
    action = _action(call, customer, entity_id, plan, attached)
    trial = None
    if plan.free_trial is not None:
        trial = action != "downgrade" and trial_available(call, customer, entity_id, plan)
    return Eligibility(action, attached, trial)


def _action(
    call: Call, customer: Customer, entity_id: str | None, plan: Plan, attached: CustomerPlan | None
) -> AttachAction:
    if plan.is_one_off:
        return "purchase"
    if attached is not None and not (plan.add_on and plan.is_free):
        return "none"
    current = None if plan.add_on else current_plan(call, customer, plan, entity_id)
    if current is None:
        return "activate"
    return "upgrade" if is_upgrade(current.plan, plan) else "downgrade"
