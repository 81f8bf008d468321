"""Version 2.3: lists are paged by cursor; billing controls include those of plans; eligibility has no scenario."""

from __future__ import annotations

from autumn_mock.wire.versions.declaration import Json, VersionChanges


def _customer(body: Json) -> Json:
    """Billing controls without those of plans, and without ``source``."""
    controls = {}
    for kind, entries in body["billing_controls"].items():
        own = [
            {name: value for name, value in entry.items() if name != "source"}
            for entry in entries
            if entry.get("source") != "plan"
        ]
        if own:
            controls[kind] = own
    return {**body, "billing_controls": controls}


_SCENARIOS = {"activate": "new", "purchase": "new", "none": "active"}


def _eligibility(body: Json) -> Json:
    """A customer's eligibility for a plan, with ``scenario`` in place of the attached plan's status."""
    action = body["attach_action"]
    old = {"trial_available": body["trial_available"]} if "trial_available" in body else {}
    return {**old, "scenario": _SCENARIOS.get(action, action), "attach_action": action}


CHANGES = VersionChanges(
    traits=lambda before: before._replace(pages_by_cursor=True, list_limit_group="list_customers"),
    answers={"CustomerBody": _customer, "EligibilityBody": _eligibility},
)
