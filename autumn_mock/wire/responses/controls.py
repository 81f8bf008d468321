"""Billing controls."""

from __future__ import annotations

from typing import Any

import msgspec

from autumn_mock.domain.controls import BillingControls
from autumn_mock.store.changes import ENCODER

#: By kind of control: what was set, field by field.
ControlsBody = dict[str, list[dict[str, Any]]]

_KINDS = ("auto_topups", "spend_limits", "usage_limits", "usage_alerts", "overage_allowed")


def controls_body(controls: BillingControls, source: str | None = None) -> ControlsBody:
    """Billing controls as they were set; with ``source``, each entry names where it is from."""
    body = {
        kind: [{**control_body(entry), **({"source": source} if source else {})} for entry in entries]
        for kind in _KINDS
        if (entries := getattr(controls, kind)) is not None
    }
    if controls.balance_allocations is not None:
        body["balance_allocations"] = msgspec.json.decode(ENCODER.encode(controls.balance_allocations))
    return body


def control_body(entry: Any) -> dict[str, Any]:
    """One control as it was set."""
    return {**msgspec.json.decode(ENCODER.encode(entry)), "enabled": entry.enabled}
