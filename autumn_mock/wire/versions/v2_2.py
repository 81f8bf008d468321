"""Version 2.2: a customer's eligibility for a plan has the status of the attached plan in place of a scenario."""

from __future__ import annotations

from autumn_mock.wire.versions.declaration import Json, VersionChanges


def _plan(body: Json) -> Json:
    if "customer_eligibility" not in body:
        return body
    eligibility = body["customer_eligibility"]
    older = {"scenario": _scenario(body, eligibility), "attach_action": eligibility["attach_action"]}
    if "trial_available" in eligibility:
        older = {"trial_available": eligibility["trial_available"], **older}
    return {**body, "customer_eligibility": older}


def _scenario(plan: Json, eligibility: Json) -> str:
    """What attaching a plan would be, by the state of the plan, its price, and what attaching it does."""
    action: str = eligibility["attach_action"]
    is_free = plan["price"] is None and all(item["price"] is None for item in plan["items"])
    if action == "none":
        return "renew" if eligibility.get("canceling") else eligibility.get("status", "active")
    if is_free and action == "downgrade":
        return "cancel"
    return "new" if is_free or action in ("activate", "purchase") else action


CHANGES = VersionChanges(answers={"PlanBody": _plan})
