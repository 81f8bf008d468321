"""What the recordings do not show of the calls' schemas."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from autumn_mock.wire.requests.balances import (
    BalanceRollover,
    BalancesCreate,
    Check,
    CheckQuery,
    Finalize,
    SetUsage,
)
from autumn_mock.wire.requests.billing import BillingAttach, BillingUpdate, SubscriptionsList
from autumn_mock.wire.requests.controls import CustomerControlsUpdate, UsageUpdate
from autumn_mock.wire.requests.customers import (
    AdvanceTestClock,
    CustomersDelete,
    CustomersGet,
    CustomersGetOrCreate,
    CustomersList,
    CustomersListOffset,
    CustomersUpdate,
)
from autumn_mock.wire.requests.entities import EntitiesCreate, EntitiesList
from autumn_mock.wire.requests.events import EventsAggregate, EventsList, EventsListOffset
from autumn_mock.wire.requests.features import FeaturesCreate
from autumn_mock.wire.requests.older import OldAttach
from autumn_mock.wire.requests.plans import PlansCreate, PlansGet, PlansUpdate
from autumn_mock.wire.requests.track import TrackQuery
from autumn_mock.wire.schema import Params, ValidationFailed, parse


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        (
            Finalize,
            {},
            "[Validation Errors] lock_id: must be a string (received undefined); "
            "action: must be one of: confirm, release",
        ),
        (
            Finalize,
            {"lock_id": "l", "action": "confirm", "override_value": "1"},
            "override_value: must be a number (received string)",
        ),
        (Check, {"customer_id": "c"}, "input: Must provide either product_id or feature_id"),
        (
            TrackQuery,
            {"expand": ["x"]},
            'expand.0: Invalid input: expected "balance.feature"',
        ),
        (TrackQuery, {"skip_cache": "1"}, "skip_cache: must be a boolean (received string)"),
        (SetUsage, {"customer_id": "", "feature_id": "f", "value": 1}, "customer_id: cannot be empty"),
        (CustomersList, {"limit": 5001}, "limit: Too big: expected number to be <=5000"),
        (CustomersListOffset, {"limit": 1001}, "limit: Too big: expected number to be <=1000"),
        (
            EntitiesCreate,
            {},
            "[Validation Errors] feature_id: must be a string (received undefined); "
            "customer_id: must be a string (received undefined); "
            "entity_id: must be a string (received undefined)",
        ),
        (
            FeaturesCreate,
            {},
            "[Validation Errors] name: must be a string (received undefined); "
            "type: must be one of: boolean, metered, credit_system, ai_credit_system; "
            "feature_id: must be a string (received undefined)",
        ),
        (
            FeaturesCreate,
            {"name": "C", "feature_id": "c", "type": "credit_system", "credit_schema": [], "consumable": False},
            "consumable: Credit system features must be consumable.",
        ),
        (
            FeaturesCreate,
            {"name": "C", "feature_id": "c", "type": "credit_system", "credit_schema": [{"metered_feature_id": "m"}]},
            "credit_schema.0.credit_cost: must be a number (received undefined)",
        ),
        (
            PlansCreate,
            {"plan_id": "", "name": ""},
            "[Validation Errors] plan_id: cannot be empty; "
            "plan_id: must contain only letters, numbers, underscores, hyphens; name: cannot be empty",
        ),
        (PlansGet, {"plan_id": ""}, "plan_id: cannot be empty"),
        (
            PlansCreate,
            {
                "plan_id": "p",
                "name": "P",
                "items": [{"feature_id": "f", "price": {"interval": "month", "billing_method": "prepaid"}}],
            },
            "items.0: If 'price' is present, either 'amount' or 'tiers' must be defined.",
        ),
        (
            BillingAttach,
            {"customer_id": "c", "plan_id": "p", "feature_quantities": [{"feature_id": "f", "quantity": -1}]},
            "feature_quantities.0.quantity: quantity must be >= 0",
        ),
        (
            BillingAttach,
            {"customer_id": "c", "plan_id": "p", "feature_quantities": [{"feature_id": "f", "quantity": 10**13 + 1}]},
            "feature_quantities.0.quantity: quantity cannot exceed 10 trillion",
        ),
        (
            OldAttach,
            {"customer_id": "c", "product_id": "p", "options": [{"feature_id": "f", "quantity": 1e300}]},
            "options.0.quantity: quantity cannot exceed 10 trillion",
        ),
        (EventsList, {"feature_id": ""}, "feature_id: Invalid input"),
        (
            EventsList,
            {"filter_by": dict.fromkeys("abcdef", "x")},
            "filter_by: filter_by supports a maximum of 5 filters",
        ),
        (
            SubscriptionsList,
            {"entity_id": "e"},
            "entity_id: entity_id requires customer_id",
        ),
        (
            AdvanceTestClock,
            {"customer_id": ""},
            "[Validation Errors] customer_id: cannot be empty; frozen_time: must be a number (received undefined)",
        ),
    ],
)
def test_parse_of_a_request_refuses(schema: type[Params], value: Any, message: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        parse(schema, value)
    assert caught.value.message == message


ADVICE = "Use only letters, numbers, underscores, hyphens, and colons."


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", "can't be an empty string"),
        ("a b@c.d", f"cannot contain @ symbol. {ADVICE}"),
        ("a b.c", f"cannot contain spaces. {ADVICE}"),
        ("a/b.c", f"cannot contain periods. {ADVICE}"),
        ("a/b!", f"cannot contain '/'. {ADVICE}"),
        ("a\n", f"cannot contain '\n'. {ADVICE}"),
        ("\u00e9", f"cannot contain '\u00e9'. {ADVICE}"),
        (5, "must be a string (received number)"),
        (None, "must be a string (received null)"),
    ],
)
def test_parse_of_customers_get_refuses_an_invalid_customer_id(value: Any, text: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        parse(CustomersGet, {"customer_id": value})
    assert caught.value.message == f"customer_id: {text}"


@pytest.mark.parametrize("value", ["a", "A-Z_0:9", "x" * 5000, None])
def test_parse_of_customers_get_or_create_accepts_a_customer_id_or_null(value: str | None) -> None:
    assert parse(CustomersGetOrCreate, {"customer_id": value}).customer_id == value


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        ({}, CustomersList(start_cursor="", limit=50)),
        ({}, CustomersListOffset(offset=0, limit=10)),
        ({"limit": "7"}, EventsListOffset(offset=0, limit=7)),
        ({"customer_id": " c "}, EntitiesList(customer_id="c")),
        ({"feature_id": []}, EventsAggregate(feature_id=[], bin_size="day")),
        ({"expand": "balance.feature,flag.feature"}, CheckQuery(expand=["balance.feature", "flag.feature"])),
        ({"plan_id": "p", "price": None}, PlansUpdate(plan_id="p", price=None)),
        ({"plan_id": "p"}, PlansUpdate(plan_id="p", price=UNSET)),
        ({"customer_id": "c"}, CustomersDelete(customer_id="c", delete_in_stripe=False)),
        (
            {"customer_id": "c", "feature_id": "f", "rollover": {"length": 1.0}},
            BalancesCreate(customer_id="c", feature_id="f", rollover=BalanceRollover(duration="month", length=1)),
        ),
        (
            {"customer_id": "c", "billing_controls": {"usage_limits": [{"feature_id": "f", "usage": 3}]}},
            CustomersUpdate(
                customer_id="c",
                billing_controls=CustomerControlsUpdate(usage_limits=[UsageUpdate(feature_id="f", usage=3)]),
            ),
        ),
        (
            {"customer_id": "c", "billing_cycle_anchor": "now"},
            BillingUpdate(customer_id="c", billing_cycle_anchor="now"),
        ),
    ],
)
def test_parse_of_a_request_gives_its_struct(value: Any, parsed: Params) -> None:
    assert parse(type(parsed), value) == parsed
