"""Customers of an API as entries of a world, from what its calls show of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from autumn_mock.data.catalogue import offer_of
from autumn_mock.data.fitting import fitted
from autumn_mock.data.public_client import Json
from autumn_mock.domain.plan import Reset
from autumn_mock.ledger.intervals import first_reset
from autumn_mock.wire.schema import obj
from autumn_mock.worlds.entries import CustomerEntry

#: An id of an attached plan that begins so is the server's own.
_OWN_PLAN = "cus_prod_"
#: Lists of controls of which a plan's share is shown with the customer's.
_CUSTOMER = "customer"


class SandboxCustomer(NamedTuple):
    """A customer as it is shown: with entities, plans in full, and rows of balances."""

    #: ``customers.get`` with ``subscriptions.plan``, ``purchases.plan`` and ``payment_method``.
    body: Json
    #: Its rows of ``entities.list``, oldest first.
    entities: list[Json]
    #: Its rows of ``balances.list``, oldest first.
    rows: list[Json]


class _Attached(NamedTuple):
    """A plan of a customer, or of one of its entities."""

    body: Json
    entity_id: str | None
    #: What it costs and contains, for this customer.
    offer: Json


def customer_entry(account: SandboxCustomer, catalogue: Mapping[str, Json], *, has_defaults: bool, now: int) -> Json:
    """The entry of a customer.

    ``catalogue``: the plans by id, as they are shown. ``has_defaults``: whether new customers get plans. ``now`` (ms):
    when it was read.
    """
    body = account.body
    entry: Json = {"customer_id": body["id"]}
    known = {**body, "customer_id": body["id"], "billing_controls": _controls(body.get("billing_controls"))}
    for unlike in ("payment_method", "entities", "plans", "balances", "entity_id", "created_at"):
        known.pop(unlike, None)
    entry |= {key: value for key, value in fitted(obj(CustomerEntry), known).items() if value not in ({}, [], False)}
    entry |= _since("created_at", body, now)
    if has_defaults:
        entry["internal_options"] = {"disable_defaults": True}
    if body.get("payment_method"):
        entry["payment_method"] = "ok"
    attached = list(_attached(account, catalogue))
    lists = {
        "entities": [_entity_entry(each, now) for each in account.entities],
        "plans": [_plan_entry(each, attached, account.rows, catalogue, now) for each in attached],
        "balances": list(_loose(account, now)),
        "usage": list(_usage(account, attached, now)),
    }
    return entry | {name: entries for name, entries in lists.items() if entries}


def _since(key: str, body: Json, now: int) -> Json:
    """When something began, unless the server's clock is ahead of this machine's: then it begins with the load."""
    return {key: body[key]} if body[key] <= now else {}


def _controls(body: Json | None) -> Json:
    """The controls of a customer or entity itself: those of its plans are shown with them."""
    own = {
        kind: [each for each in entries if each.get("source", _CUSTOMER) == _CUSTOMER]
        for kind, entries in (body or {}).items()
        if kind != "balance_allocations"
    }
    return {kind: entries for kind, entries in own.items() if entries}


def _entity_entry(body: Json, now: int) -> Json:
    known = {
        "entity_id": body["id"],
        "feature_id": body["feature_id"],
        "name": body.get("name"),
        **_since("created_at", body, now),
        "billing_controls": _controls(body.get("billing_controls")) or None,
    }
    return {key: value for key, value in known.items() if value is not None}


# -- plans


def _attached(account: SandboxCustomer, catalogue: Mapping[str, Json]) -> Iterator[_Attached]:
    """The plans, oldest first; add-ons after the plan that began with them."""
    found = []
    for body, entity_id in ((account.body, None), *((each, each["id"]) for each in account.entities)):
        for plan in (*body["subscriptions"], *body["purchases"]):
            if plan["scope"] == ("customer" if entity_id is None else "entity"):
                shown = plan.get("plan") or catalogue.get(plan["plan_id"])
                if shown is not None:
                    found.append(_Attached(plan, entity_id, offer_of(shown)))
    add_ons = {plan_id for plan_id, plan in catalogue.items() if plan.get("add_on")}
    found.reverse()  # they are listed newest first
    yield from sorted(found, key=lambda each: (each.body["started_at"], each.body["plan_id"] in add_ons))


def _plan_entry(
    attached: _Attached, others: Iterable[_Attached], rows: Iterable[Json], catalogue: Mapping[str, Json], now: int
) -> Json:
    body = attached.body
    entry: Json = {"plan_id": body["plan_id"], **_times(attached, others, now)}
    if attached.entity_id is not None:
        entry["entity_id"] = attached.entity_id
    if "id" in body and not body["id"].startswith(_OWN_PLAN):
        entry["subscription_id"] = body["id"]
    quantities = [
        {"feature_id": row["feature_id"], "quantity": row["included_grant"] + row["prepaid_grant"]}
        for row in _rows_of(attached, rows)
        if (row.get("price") or {}).get("billing_method") == "prepaid"
    ]
    if quantities:
        entry["feature_quantities"] = quantities
    customize = _customize(attached.offer, offer_of(catalogue[body["plan_id"]]))
    if attached.offer.get("free_trial") and body.get("trial_ends_at") is None:
        customize.pop("free_trial", None)
        entry["free_trial"] = None  # it is over, or there was none
    if customize:
        entry["customize"] = customize
    return entry


def _times(attached: _Attached, others: Iterable[_Attached], now: int) -> Json:
    """When a plan began and ends. One that follows another at its end is attached when that was cancelled."""
    body, level = attached.body, [each.body for each in others if each.entity_id == attached.entity_id]
    if body.get("status") == "scheduled":
        for each in level:
            if each["expires_at"] == body["started_at"] and each.get("canceled_at") is not None:
                return {"started_at": min(each["canceled_at"], now), "plan_schedule": "end_of_cycle"}
        return {"starts_at": body["started_at"]}
    ends = body.get("expires_at")
    is_followed = any(each.get("status") == "scheduled" and each["started_at"] == ends for each in level)
    return {**_since("started_at", body, now), **({} if ends is None or is_followed else {"ends_at": ends})}


def _customize(own: Json, catalogue: Json) -> Json:
    """How a customer's plan differs from the one in the catalogue."""
    changed = {key for key in ("price", "items", "free_trial") if own.get(key) != catalogue.get(key)}
    return {key: own.get(key) for key in sorted(changed)}


def _rows_of(attached: _Attached, rows: Iterable[Json]) -> Iterator[Json]:
    """The rows of a customer that a plan grants, also those that it splits over entities."""
    for row in rows:
        if row["plan_id"] == attached.body["plan_id"] and row["entity_id"] in (None, attached.entity_id):
            yield row


# -- balances


def _loose(account: SandboxCustomer, now: int) -> Iterator[Json]:
    """What was granted by no plan, boolean features included."""
    for row in account.rows:
        if row["plan_id"] is not None:
            continue
        entry: Json = {"feature_id": row["feature_id"], "balance_id": row["id"], **_since("created_at", row, now)}
        entry |= {"unlimited": True} if row["unlimited"] else {"included_grant": row["included_grant"]}
        reset = row["reset"]
        if reset is not None and reset["interval"] != "one_off":
            entry["reset"] = {key: reset[key] for key in ("interval", "interval_count") if key in reset}
            entry["next_reset_at"] = reset["resets_at"]
        yield entry | {key: row[key] for key in ("entity_id", "expires_at") if row.get(key) is not None}
    for flag in account.body["flags"].values():
        if flag["plan_id"] is None:
            expiry = {} if flag["expires_at"] is None else {"expires_at": flag["expires_at"]}
            yield {"feature_id": flag["feature_id"], "balance_id": flag["id"], **expiry}


def _usage(account: SandboxCustomer, attached: list[_Attached], now: int) -> Iterator[Json]:
    """What is used of each row, and its next reset where that does not follow from the beginning of its plan."""
    for row in account.rows:
        if row["unlimited"]:
            continue
        plan = next((each for each in attached if row in _rows_of(each, account.rows)), None)
        if plan is not None and plan.body.get("status") == "scheduled":
            continue
        item = _item_of(row, plan)
        select: Json = {"feature_id": row["feature_id"], "plan_id": row["plan_id"]}
        if row["entity_id"] is not None:
            select["entity_id"] = row["entity_id"]
        if row["plan_id"] is None:
            select["balance_id"] = row["id"]
        elif row["reset"] is not None and len(list(_alike(row, account.rows))) > 1:
            select["interval"] = row["reset"]["interval"]
        if item is not None and "entity_feature_id" in item:
            yield from _shares(row, select, account.entities)
            continue
        sets = _sets(row, item, plan, now, taken=_seats(row, account.entities))
        if sets:
            yield select | sets


def _sets(row: Json, item: Json | None, plan: _Attached | None, now: int, *, taken: int) -> Json:
    sets: Json = {}
    if item is not None and row["included_grant"] != item.get("included", 0):
        sets["included_grant"] = row["included_grant"]
    if row["usage"] != taken:
        sets["usage"] = row["usage"]
    if plan is not None and row["reset"] is not None and row["reset"]["resets_at"] is not None:
        every = Reset(interval=row["reset"]["interval"], interval_count=row["reset"].get("interval_count", 1))
        if row["reset"]["resets_at"] != first_reset(every, plan.body["started_at"], now):
            sets["next_reset_at"] = row["reset"]["resets_at"]
    return sets


def _alike(row: Json, rows: Iterable[Json]) -> Iterator[Json]:
    names = ("feature_id", "plan_id", "entity_id")
    return (each for each in rows if all(each[name] == row[name] for name in names))


def _item_of(row: Json, plan: _Attached | None) -> Json | None:
    """The item of a plan that grants a row."""
    interval = (row["reset"] or {}).get("interval", "one_off")
    items: list[Json] = [] if plan is None else plan.offer["items"]
    found = [each for each in items if each["feature_id"] == row["feature_id"]]
    same: Iterable[Json] = (each for each in found if (each.get("reset") or {}).get("interval", "one_off") == interval)
    return next(iter(same), next(iter(found), None))


def _seats(row: Json, entities: Iterable[Json]) -> int:
    """The usage that the creation of entities makes: each takes one of its feature."""
    if row["reset"] is not None or row["entity_id"] is not None:
        return 0
    return sum(each["feature_id"] == row["feature_id"] for each in entities)


def _shares(row: Json, select: Json, entities: Iterable[Json]) -> Iterator[Json]:
    """What each entity used of a row that is split over them."""
    for entity in entities:
        balance: Any = entity["balances"].get(row["feature_id"])
        for share in (balance or {}).get("breakdown", ()):
            if share["id"] == row["id"] and share["usage"]:
                yield {**select, "entity_id": entity["id"], "usage": share["usage"]}
