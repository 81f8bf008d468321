"""What single changes of API versions do to a body."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from autumn_mock.domain.feature import Feature
from autumn_mock.domain.plan import BasePrice, FreeTrial, ItemPrice, Plan, PlanItem, Reset
from autumn_mock.domain.version import Version
from autumn_mock.operations.plan_diff import Conflict, PlanDiff
from autumn_mock.wire.responses.catalog import _change_fields, _conflict_body
from autumn_mock.wire.responses.preview import _included
from autumn_mock.wire.versions import CHANGES, _Downgrades, upgraded
from autumn_mock.wire.versions.products import listed_product

_ROW = {"plan_id": "p", "status": "active", "started_at": 7, "quantity": 1}


@pytest.mark.parametrize(
    ("version", "answer", "body", "older"),
    [
        (
            Version.V2_3,
            "CustomerBody",
            {"billing_controls": {"usage_limits": [{"source": "plan"}, {"limit": 1, "source": "customer"}]}},
            {"billing_controls": {"usage_limits": [{"limit": 1}]}},
        ),
        (
            Version.V2_3,
            "CustomerBody",
            {"billing_controls": {"spend_limits": [{"source": "plan"}]}},
            {"billing_controls": {}},
        ),
        (
            Version.V2_1,
            "CheckBody",
            {"allowed": True, "balance": None, "flag": {"id": "f"}},
            {"allowed": True, "balance": {"id": "f"}},
        ),
        (
            Version.V2_1,
            "CustomerBody",
            {
                "subscriptions": [dict(_ROW), {**_ROW, "started_at": 5}],
                "purchases": [],
                "balances": {},
                "flags": {},
            },
            {
                "subscriptions": [{**_ROW, "started_at": 5, "quantity": 2}],
                "scheduled_subscriptions": [],
                "balances": {},
            },
        ),
        (
            Version.V2_0,
            "TrackBody",
            {"customer_id": "c", "named_feature_id": None, "event_name": "e", "balance": None},
            {"id": "placeholder", "code": "event_received", "customer_id": "c", "event_name": "e"},
        ),
        (Version.V1_1, "CheckBody", {"allowed": False}, {"allowed": False, "balances": []}),
    ],
)
def test_changes_downgrade_an_answer(version: Version, answer: str, body: Any, older: Any) -> None:
    assert CHANGES[version].answers[answer](body) == older


_PAID: dict[str, Any] = {"price": {"amount": 1}, "items": []}
_FREE: dict[str, Any] = {"price": None, "items": [{"price": None}]}


@pytest.mark.parametrize(
    ("plan", "eligibility", "scenario"),
    [
        (_PAID, {"attach_action": "none", "status": "active", "canceling": False}, "active"),
        (_PAID, {"attach_action": "none", "status": "active", "canceling": True}, "renew"),
        (_PAID, {"attach_action": "none", "status": "scheduled", "canceling": False}, "scheduled"),
        (_PAID, {"attach_action": "purchase"}, "new"),
        (_PAID, {"attach_action": "activate"}, "new"),
        (_PAID, {"attach_action": "upgrade"}, "upgrade"),
        (_PAID, {"attach_action": "downgrade"}, "downgrade"),
        (_FREE, {"attach_action": "downgrade"}, "cancel"),
        (_FREE, {"attach_action": "upgrade"}, "new"),
    ],
)
def test_eligibility_was_a_scenario(plan: Any, eligibility: Any, scenario: str) -> None:
    older = CHANGES[Version.V2_2].answers["PlanBody"]
    shown = older({**plan, "customer_eligibility": {**eligibility, "trial_available": True}})["customer_eligibility"]
    assert shown == {"trial_available": True, "scenario": scenario, "attach_action": eligibility["attach_action"]}
    assert older(plan) == plan


@pytest.mark.parametrize(
    ("body", "newer"),
    [
        ({"value": 1}, {"value": 1}),
        ({"properties": {"value": 3, "a": 1}}, {"value": 3, "properties": {"a": 1}}),
        ({"value": 2, "properties": {"value": 3}}, {"value": 2, "properties": {}}),
        ([1], [1]),
    ],
)
def test_upgraded_track_takes_the_value_from_the_properties(body: Any, newer: Any) -> None:
    assert upgraded("balances.track", body, Version.V1_2) == newer


class Base(msgspec.Struct):
    """An answer with a field that is renamed twice."""

    field: int


class Answer(Base):
    """One that inherits it."""


def test_renamed_fields_get_the_key_of_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    for version, key in ((Version.V2_4, "middle"), (Version.V2_5, "new")):
        changes = msgspec.structs.replace(CHANGES[version], renamed={"Base": {"field": key}})
        monkeypatch.setitem(CHANGES, version, changes)

    def in_version(version: Version) -> dict[str, int]:
        body = {"new": 1, "other": 2}
        for downgrade in _Downgrades(version)[Answer]:
            body = downgrade(body)
        return body

    assert in_version(Version.V2_5) == {"new": 1, "other": 2}
    assert in_version(Version.V2_4) == {"middle": 1, "other": 2}
    assert in_version(Version.V2_3) == {"field": 1, "other": 2}


def _plan(**price: Any) -> dict[str, Any]:
    feature = {"id": "f", "name": "F", "type": "credit_system", "display": None, "credit_schema": None}
    item = {
        "feature_id": "f",
        "feature": feature,
        "unlimited": False,
        "granted_balance": 5,
        "reset": None,
        "price": {"interval": "month", "usage_model": "prepaid", "billing_units": 1, **price},
        "display": None,
    }
    common = dict.fromkeys(("id", "name", "group", "env", "version", "created_at", "base_variant_id", "price"))
    flags = dict.fromkeys(("add_on", "default", "archived"), False)
    return {**common, **flags, "features": [item], "customer_eligibility": {"scenario": "new"}}


def test_listed_product_shows_tiers_in_place_of_a_price() -> None:
    tiers = [{"to": 10, "amount": 1}]
    body = listed_product(_plan(tiers=tiers, interval_count=2))
    (item,) = body["items"]
    assert (item["tiers"], "price" in item, item["interval_count"]) == (tiers, False, 2)
    assert (item["feature_type"], body["scenario"]) == ("single_use", "new")
    (item,) = listed_product(_plan(amount=3))["items"]
    assert (item["price"], "tiers" in item, "interval_count" in item) == (3, False, False)


def test_prepaid_quantity_of_a_feature_that_the_plan_does_not_have_includes_nothing() -> None:
    items = (PlanItem(feature_id="g", included=Decimal(3), entitlement_id="g"),)
    assert _included(Plan(id="p", name="P", version=1, created_at=0, items=items), "f") == Decimal(0)


_FEATURES = {
    name: Feature(id=name, name=name.upper(), type="metered", consumable=True, created_at=0) for name in ("f", "g")
}


@pytest.mark.parametrize(
    ("item", "item_filter"),
    [
        (None, None),
        ({}, {"feature_id": "f"}),
        ({"reset": Reset(interval="month")}, {"feature_id": "f", "interval": "month"}),
        (
            {"price": ItemPrice(interval="month", interval_count=2, billing_method="prepaid", price_id="p")},
            {"feature_id": "f", "billing_method": "prepaid", "interval": "month", "interval_count": 2},
        ),
    ],
)
def test_conflict_names_the_item_or_the_base_price(item: dict[str, Any] | None, item_filter: Any) -> None:
    conflict = Conflict(None if item is None else PlanItem(feature_id="f", entitlement_id="f", **item))
    body = msgspec.to_builtins(_conflict_body(conflict, _FEATURES))
    assert body.get("item_filter") == item_filter
    assert body["reason"] == ("base_price_divergence" if item is None else "value_divergence")


def test_version_change_shows_a_new_price_and_trial() -> None:
    def plan(**fields: Any) -> Plan:
        return Plan(id="p", name="P", version=1, created_at=0, **fields)

    trial = FreeTrial(duration_length=7, duration_type="day", card_required=False)
    paid = plan(price=BasePrice(amount=Decimal(20), interval="month", price_id="price"), free_trial=trial)
    fields = _change_fields(PlanDiff(plan(), paid, (), ()), _FEATURES, "sandbox")
    assert fields["customize"]["price"] == {"amount": 20, "interval": "month"}
    assert fields["customize"]["free_trial"]["duration_length"] == 7
    assert (fields["price_change"]["previous"], fields["price_change"]["current"]["amount"]) == (None, 20)
    assert fields["item_changes"] == []
    assert _change_fields(None, _FEATURES, "sandbox")["customize"] is None
