"""Every field and every fixed word that the published Python SDK can send has a place in its call's schema."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import pytest

from autumn_mock.wire.requests.balances import (
    BalancesCreate,
    BalancesDelete,
    BalancesList,
    BalancesUpdate,
    Check,
    Finalize,
)
from autumn_mock.wire.requests.billing import BillingAttach, BillingUpdate, SubscriptionsList
from autumn_mock.wire.requests.customers import (
    AdvanceTestClock,
    CustomersDelete,
    CustomersGet,
    CustomersGetOrCreate,
    CustomersList,
    CustomersUpdate,
)
from autumn_mock.wire.requests.entities import EntitiesCreate, EntitiesList, EntitiesUpdate, EntityId
from autumn_mock.wire.requests.events import EventsAggregate, EventsList
from autumn_mock.wire.requests.features import FeatureId
from autumn_mock.wire.requests.plans import PlansCreate, PlansDelete, PlansGet, PlansList, PlansUpdate
from autumn_mock.wire.requests.track import TRACK, TrackTokens
from autumn_mock.wire.schema import Array, Issues, Object, Params, Schema, obj

pytest.importorskip("autumn_sdk", reason="the SDK comes with the test extra")

#: features.create and features.update are missing: their models cannot be imported from 1.2.0.
REQUESTS: dict[str, type[Params] | Schema] = {
    "TrackParams": TRACK,
    "RequestBody": TRACK,
    "TrackTokensParams": TrackTokens,
    "CheckParams": Check,
    "FinalizeBalanceParams": Finalize,
    "CreateBalanceParams": BalancesCreate,
    "UpdateBalanceParams": BalancesUpdate,
    "DeleteBalanceParams": BalancesDelete,
    "ListBalancesParams": BalancesList,
    "GetOrCreateCustomerParams": CustomersGetOrCreate,
    "GetCustomerParams": CustomersGet,
    "ListCustomersParams": CustomersList,
    "UpdateCustomerParams": CustomersUpdate,
    "DeleteCustomerParams": CustomersDelete,
    "AdvanceTestClockParams": AdvanceTestClock,
    "CreateEntityParams": EntitiesCreate,
    "GetEntityParams": EntityId,
    "ListEntitiesParams": EntitiesList,
    "UpdateEntityParams": EntitiesUpdate,
    "DeleteEntityParams": EntityId,
    "GetFeatureParams": FeatureId,
    "DeleteFeatureParams": FeatureId,
    "CreatePlanParams": PlansCreate,
    "UpdatePlanParams": PlansUpdate,
    "GetPlanParams": PlansGet,
    "ListPlansParams": PlansList,
    "DeletePlanParams": PlansDelete,
    "AttachParams": BillingAttach,
    "UpdateSubscriptionParams": BillingUpdate,
    "EventsListParams": EventsList,
    "EventsAggregateParams": EventsAggregate,
    "ListSubscriptionsParams": SubscriptionsList,
    "ListPurchasesParams": SubscriptionsList,
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


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_accept_every_field_and_word_of_the_sdk(name: str) -> None:
    model = getattr(importlib.import_module("autumn_sdk.models"), name)
    request = REQUESTS[name]
    schema = obj(request) if isinstance(request, type) else request
    assert isinstance(schema, Object)
    assert list(missing(model, schema)) == []
