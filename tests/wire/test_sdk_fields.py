"""Every field and every fixed word that the published Python SDK can send has a place in its call's schema."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import pytest

from autumn_mock.wire import requests
from autumn_mock.wire.schema import Array, CommaSeparated, Issues, Object, Schema

pytest.importorskip("autumn_sdk", reason="the SDK comes with the test extra")

#: features.create and features.update are missing: their models cannot be imported from 1.2.0.
OPERATIONS: dict[str, Schema] = {
    "TrackParams": requests.TRACK,
    "RequestBody": requests.TRACK,
    "TrackTokensParams": requests.TRACK_TOKENS,
    "CheckParams": requests.CHECK,
    "FinalizeBalanceParams": requests.FINALIZE,
    "CreateBalanceParams": requests.BALANCES_CREATE,
    "UpdateBalanceParams": requests.BALANCES_UPDATE,
    "DeleteBalanceParams": requests.BALANCES_DELETE,
    "ListBalancesParams": requests.BALANCES_LIST,
    "GetOrCreateCustomerParams": requests.CUSTOMERS_GET_OR_CREATE,
    "GetCustomerParams": requests.CUSTOMERS_GET,
    "ListCustomersParams": requests.CUSTOMERS_LIST,
    "UpdateCustomerParams": requests.CUSTOMERS_UPDATE,
    "DeleteCustomerParams": requests.CUSTOMERS_DELETE,
    "AdvanceTestClockParams": requests.ADVANCE_TEST_CLOCK,
    "CreateEntityParams": requests.ENTITIES_CREATE,
    "GetEntityParams": requests.ENTITIES_GET,
    "ListEntitiesParams": requests.ENTITIES_LIST,
    "UpdateEntityParams": requests.ENTITIES_UPDATE,
    "DeleteEntityParams": requests.ENTITIES_DELETE,
    "GetFeatureParams": requests.FEATURES_GET,
    "DeleteFeatureParams": requests.FEATURES_DELETE,
    "CreatePlanParams": requests.PLANS_CREATE,
    "UpdatePlanParams": requests.PLANS_UPDATE,
    "GetPlanParams": requests.PLANS_GET,
    "ListPlansParams": requests.PLANS_LIST,
    "DeletePlanParams": requests.PLANS_DELETE,
    "AttachParams": requests.BILLING_ATTACH,
    "UpdateSubscriptionParams": requests.BILLING_UPDATE,
    "EventsListParams": requests.EVENTS_LIST,
    "EventsAggregateParams": requests.EVENTS_AGGREGATE,
    "ListSubscriptionsParams": requests.SUBSCRIPTIONS_LIST,
    "ListPurchasesParams": requests.PURCHASES_LIST,
}


def model_of(annotation: Any) -> Any:
    """The model somewhere inside an annotation, when there is exactly one."""
    if hasattr(annotation, "model_fields"):
        return annotation
    models = [model for model in map(model_of, get_args(annotation)) if model is not None]
    return models[0] if len(models) == 1 else None


def object_of(schema: Schema) -> Object | None:
    """The object that a schema is about, behind lists and permissions to be left out."""
    while not isinstance(schema, Object):
        inner = schema.item if isinstance(schema, Array) else getattr(schema, "inner", None)
        if inner is None:
            return None
        schema = inner
    return schema


def words_of(annotation: Any) -> set[str]:
    """The fixed words that an annotation allows."""
    if get_origin(annotation) is Literal:
        return {word for word in get_args(annotation) if isinstance(word, str)}
    return {word for part in get_args(annotation) for word in words_of(part)}


def refused(words: set[str], schema: Schema) -> set[str]:
    """The words that a schema, or the items of a list, would not take."""
    while (inner := schema.item if isinstance(schema, Array) else getattr(schema, "inner", None)) is not None:
        schema = inner
    schema = schema.array.item if isinstance(schema, CommaSeparated) else schema
    issues = {word: Issues(0) for word in words}
    for word, found in issues.items():
        schema.check(word, (), found)
    return {word for word, found in issues.items() if found}


def missing(model: Any, schema: Object, path: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = field.alias or name
        place = f"{path}{key}"
        if key not in schema.fields:
            yield place
            continue
        yield from (f"{place}={word}" for word in sorted(refused(words_of(field.annotation), schema.fields[key])))
        inner_model, inner_schema = model_of(field.annotation), object_of(schema.fields[key])
        if inner_model is not None and inner_schema is not None:
            yield from missing(inner_model, inner_schema, f"{place}.")


@pytest.mark.parametrize("name", OPERATIONS)
def test_everything_has_a_place(name: str) -> None:
    model = getattr(importlib.import_module("autumn_sdk.models"), name)
    schema = OPERATIONS[name]
    assert isinstance(schema, Object)
    assert list(missing(model, schema)) == []
