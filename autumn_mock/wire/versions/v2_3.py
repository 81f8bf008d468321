"""Version 2.3: lists are paged by cursor; billing controls include those of plans."""

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


CHANGES = VersionChanges(
    traits=lambda before: before._replace(pages_by_cursor=True, list_limit_group="list_customers"),
    answers={"CustomerBody": _customer},
)
