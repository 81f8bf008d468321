"""Version 1.2: the features of a customer by their ids; before, a list with an entry for each interval."""

from __future__ import annotations

from typing import Any

from autumn_mock.domain.amount import amount, number
from autumn_mock.wire.versions.declaration import Json, VersionChanges


def _customer(body: Json) -> Json:
    return {**body, "features": [entry for feature in body["features"].values() for entry in _entries(feature)]}


def _entries(feature: Json) -> list[Json]:
    """A feature, once for each interval: rows of one interval are added up."""
    rows: dict[tuple[Any, ...], list[Json]] = {}
    for row in feature.get("breakdown") or [{**feature, "interval": _single(feature["interval"])}]:
        rows.setdefault((row["interval"], row["interval_count"] or 1, row["overage_allowed"]), []).append(row)
    return [_entry(feature["id"], each) for each in rows.values()]


def _single(interval: str | None) -> str | None:
    return None if interval == "multiple" else interval


def _entry(feature_id: str, rows: list[Json]) -> Json:
    resets = [row["next_reset_at"] for row in rows if row["next_reset_at"] is not None]
    limits = [{"usage_limit": row.get("usage_limit") or row["included_usage"]} for row in rows]
    return {
        "feature_id": feature_id,
        "interval": rows[0]["interval"],
        "interval_count": rows[0]["interval_count"],
        "unlimited": False,
        **{name: _sum(rows, name) for name in ("balance", "usage", "included_usage")},
        "next_reset_at": min(resets, default=None),
        "overage_allowed": rows[0]["overage_allowed"],
        "usage_limit": _sum(limits, "usage_limit") or None,
    }


def _sum(rows: list[Json], name: str) -> int | float:
    return number(sum((amount(row[name]) for row in rows), amount(0)))


CHANGES = VersionChanges(answers={"CustomerBody": _customer})
