"""Events, one by one and added up."""

from __future__ import annotations

from typing import Any

from tests.web.resources.conftest import grant

_CREDITS = {
    "feature_id": "credits",
    "name": "Credits",
    "type": "credit_system",
    "credit_schema": [{"metered_feature_id": "messages", "credit_cost": 2}],
}


def test_what_credits_lost_is_reported_though_another_feature_was_used(ask: Any) -> None:
    ask("features.create", _CREDITS)
    grant(ask, feature_id="credits", included_grant=100)
    grant(ask, feature_id="seats")
    for entity_id, value in (("a", 5), ("b", 10)):
        ask("entities.create", {"customer_id": "c", "entity_id": entity_id, "feature_id": "seats"})
        body = {"customer_id": "c", "feature_id": "messages", "value": value, "entity_id": entity_id}
        ask("balances.track", {**body, "async": False})
    asked = {"customer_id": "c", "aggregate_on": "deducted", "group_by": "$entity_id", "range": "7d"}
    (found,) = ask("events.aggregate", {**asked, "feature_id": "credits"})["deductions"]
    assert list(found["values"]) == ["credits"]
    values = found["values"]["credits"]
    assert (values["deducted"], values["events"]) == (30, 2)
    (by_feature,) = ask("events.aggregate", {**asked, "feature_id": "messages"})["deductions"]
    assert by_feature["values"]["credits"]["deducted"] == 30
    assert ask("events.aggregate", {**asked, "feature_id": "seats"})["deductions"] == []


def test_an_event_keeps_every_digit_of_its_value(ask: Any) -> None:
    value = 3.123456789012345
    ask("balances.track", {"customer_id": "c", "feature_id": "messages", "value": value, "async": False})
    assert [each["value"] for each in ask("events.list", {"customer_id": "c"})["list"]] == [value]
