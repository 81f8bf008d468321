"""The features and plans of an API as entries of a world, from the bodies of its lists."""

from __future__ import annotations

from collections.abc import Iterable

from autumn_mock.data.fitting import fitted
from autumn_mock.data.public_client import Json
from autumn_mock.wire.requests.ignored import reasons_of
from autumn_mock.wire.requests.items import BasePriceParams, PlanItemParams
from autumn_mock.wire.schema import obj
from autumn_mock.worlds.entries import FeatureEntry, PlanEntry

#: Without what has no effect, such as the ids of parts of plans: every server gives them itself.
_ITEM = obj(PlanItemParams).omit(*reasons_of(PlanItemParams))
_PRICE = obj(BasePriceParams).omit(*reasons_of(BasePriceParams))
#: What a plan shows when nothing was sent.
_CONFIG = {"ignore_past_due": False}


def feature_entry(body: Json) -> Json:
    """A feature as ``features.list`` shows it."""
    entry: Json = fitted(obj(FeatureEntry), {**body, "feature_id": body["id"]})
    if entry["type"] != "metered":
        entry.pop("consumable", None)
    if not entry.get("event_names"):
        entry.pop("event_names", None)
    return _in_order(entry, "feature_id", "name", "type")


def item_entry(body: Json) -> Json:
    """An item of a plan."""
    entry: Json = fitted(_ITEM, body)
    return {key: value for key, value in entry.items() if value is not False and (key, value) != ("included", 0)}


def price_entry(body: Json | None) -> Json | None:
    """The base price of a plan."""
    return None if body is None else fitted(_PRICE, body)


def plan_entry(body: Json) -> Json:
    """A plan as ``plans.list`` shows it, with its variants."""
    known = {**body, "plan_id": body["id"], "variants": None, "items": None, "price": None}
    if body.get("config") == _CONFIG:
        del known["config"]
    entry: Json = fitted(obj(PlanEntry), known)
    entry.update(offer_of(body))
    if body.get("variants"):
        entry["variants"] = [_variant_entry(each) for each in body["variants"]]
    return _in_order({key: value for key, value in entry.items() if value not in ({}, [])}, "plan_id", "name")


def offer_of(body: Json) -> Json:
    """What a plan costs and contains, as ``plans.create`` takes it: ``price``, ``items``, ``free_trial``."""
    offer: Json = {"items": [item_entry(each) for each in body["items"]]}
    if body.get("price") is not None:
        offer["price"] = price_entry(body["price"])
    if body.get("free_trial") is not None:
        offer["free_trial"] = {key: value for key, value in body["free_trial"].items() if value is not None}
    return offer


def _variant_entry(body: Json) -> Json:
    """A variant by how it differs from its base; null in ``customize`` removes something."""
    customize = dict(body["customize"])
    if customize.get("add_items"):
        customize["add_items"] = [item_entry(each) for each in customize["add_items"]]
    return {"variant_plan_id": body["variant_plan_id"], "name": body["name"], "customize": customize}


def plan_entries(bodies: Iterable[Json]) -> list[Json]:
    """The plans of a list that are not variants of others in it, in the order in which they can be created."""
    plans = list(bodies)
    described = {each["variant_plan_id"] for plan in plans for each in plan.get("variants") or ()}
    found = [plan for plan in reversed(plans) if plan["id"] not in described]
    # A licence is of a plan that exists.
    found.sort(key=lambda plan: (bool(plan.get("licenses")), plan["created_at"]))
    return [plan_entry(plan) for plan in found]


def _in_order(entry: Json, *first: str) -> Json:
    """The entry, beginning with certain keys."""
    return {**{key: entry[key] for key in first}, **entry}
