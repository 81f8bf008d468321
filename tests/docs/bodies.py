"""The reference of request bodies: types, limits and versions from the endpoints' declarations, meanings from here."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, NamedTuple

from autumn_mock.domain.version import Version
from autumn_mock.web.endpoint import Endpoint
from autumn_mock.web.resources.registry import ENDPOINTS
from autumn_mock.wire.versions import CHANGES
from tests.docs.objects import markdown
from tests.docs.tables import table

Json = dict[str, Any]

#: The calls of the page, in its order.
CALLS = (
    "balances.track",
    "balances.batch_track",
    "balances.track_tokens",
    "balances.batch_track_tokens",
    "balances.check",
    "balances.finalize",
    "balances.create",
    "balances.update",
    "customers.get_or_create",
    "customers.get",
    "entities.create",
    "events.list",
    "events.aggregate",
)
#: Objects that are described once, by the call and the field where they are found.
SHARED = {
    "customer_data": ("balances.track", "customer_data"),
    "entity_data": ("balances.track", "entity_data"),
}
#: Objects whose fields are not listed: purchases and settings, which the OpenAPI document has.
_CLOSED = {*SHARED, "billing_controls", "billing_details", "config", "internal_options"}
_BY_NAME = {each.name: each for each in ENDPOINTS}

#: What each field means, by its path; ``CALL FIELD`` where a call means something else by it.
MEANINGS = {
    "customer_id": "The customer. Any text, not only the characters that `customers.*` takes.",
    "feature_id": "The feature.",
    "entity_id": "An entity of the customer, such as a seat.",
    "event_name": "Instead of `feature_id`: an event; each feature that lists it in `event_names` is deducted from.",
    "value": "How much, in units of the feature; below zero it is given back. 1 without it.",
    "properties": "What the event is kept with: for filters, groups and rate cards.",
    "idempotency_key": "See [idempotency keys](idempotency.md).",
    "timestamp": "When it was used, in ms since 1970, not in the future; now without it. It dates the event; what "
    "is left today is deducted from.",
    "overage_behavior": "If the balance does not suffice: `cap` deducts what there is (the default), `overflow` all, "
    "`reject` nothing: 400, and the item of a batch is lost. `reject` is not for `event_name`.",
    "customer_data": "What to create an unknown customer with, before version 2.1: [customer_data](#customer_data).",
    "entity_data": "The same of an unknown entity; see [entity_data](#entity_data).",
    "skip_event": "true: deduct, and write no event.",
    "async": "true: queue it and answer 202; false: deduct at once. Without it, versions from 2.5 on queue. No effect "
    "in a batch.",
    "lock": "Hold the amount until `balances.finalize`. Not for `event_name`: ignored.",
    "lock.lock_id": "Your id of the lock; 409 while there is one with it.",
    "lock.enabled": "Always true.",
    "lock.hashed_key": "Accepted, and kept with the item.",
    "lock.expires_at": "In ms since 1970. What a `check` holds is given back then; of a `track` or an item it is not.",
    "lock.overage_behavior": "From version 2.4 on; as of `track`. `reject` without it.",
    "model_id": "The model, as `provider/model`; see [models and tokens](calls.md#models-and-tokens).",
    "balances.track_tokens feature_id": "The feature of AI credits; without it, the one that the customer has.",
    "input_tokens": "Tokens of the prompt.",
    "output_tokens": "Tokens of the answer.",
    "cache_read_tokens": "Tokens of the prompt that were read from the cache.",
    "cache_write_tokens": "Tokens that were written to the cache.",
    "audio_input_tokens": "Tokens of audio in the prompt.",
    "audio_output_tokens": "Tokens of audio in the answer.",
    "reasoning_tokens": "Tokens of reasoning.",
    "balances.check feature_id": "The feature. Exactly one of it and `product_id` is needed.",
    "required_balance": "How much is needed, in units of the feature. 1 without it.",
    "send_event": "true: deduct it, too, if it is allowed.",
    "balances.check lock": "Hold the amount if it is allowed, until `balances.finalize`.",
    "balances.check lock.expires_at": "When what is held is given back, in ms since 1970, at most a day ahead.",
    "with_preview": "true: the answer has `preview`, what to offer a customer who is not allowed.",
    "product_id": "Instead of `feature_id`: whether the customer is on this plan.",
    "required_quantity": "The older name of `required_balance`, which counts if both are sent.",
    "lock_id": "The id of the lock.",
    "action": "`confirm` charges what is held, `release` gives it back.",
    "override_value": "With `confirm`: charge this much instead of what is held, in units of the feature.",
    "balances.finalize properties": "Those of the event of the difference; without it, the lock's own.",
    "included_grant": "How much is granted, in units of the feature.",
    "unlimited": "true: without a limit, and without `included_grant`.",
    "reset": "How often the balance is filled again; never without it.",
    "reset.interval": "The unit.",
    "reset.interval_count": "How many of these units. 1 without it.",
    "rollover": "What is left at a reset is kept.",
    "rollover.max": "How much at most, in units of the feature; null: all.",
    "rollover.max_percentage": "How much at most, in percent of the grant.",
    "rollover.duration": "For how long: `length` months, or for ever.",
    "rollover.length": "How many months.",
    "expires_at": "When the balance ends, in ms since 1970.",
    "next_reset_at": "When it is filled again next, in ms since 1970; needs `reset`.",
    "balance_id": "Your id of the balance, unique for the customer.",
    "granted_balance": "The older name of `included_grant`, which counts if both are sent.",
    "balances.update balance_id": "Which balance: your id, or that of an answer.",
    "remaining": "Set what is left to this, in units of the feature.",
    "add_to_balance": "Add this to what is left; below zero, take it.",
    "usage": "Set what is used to this.",
    "interval": "Only balances with this interval.",
    "balances.update included_grant": "Set what is granted to this.",
    "balances.update granted_balance": "Accepted, without effect.",
    "balances.update next_reset_at": "When the balance is filled again that is filled next, in ms since 1970.",
    "current_balance": "The older name of `remaining`, which counts if both are sent.",
    "customer_entitlement_id": "The older name of `balance_id`.",
    "customers.get_or_create customer_id": "Your id: letters, digits, `_`, `-`, `:`. null: a customer without one.",
    "customers.get customer_id": "Your id.",
    "name": "A name, for people.",
    "email": "An address.",
    "fingerprint": "What recognises the same person again: a second trial is refused.",
    "metadata": "Kept, and shown in answers.",
    "stripe_id": "The id at the payment provider; kept.",
    "create_in_stripe": "Accepted: there is no payment provider.",
    "auto_enable_plan_id": "The plan that a new customer gets: a free one, or one with a trial that needs no card.",
    "processors": "Accepted, and kept.",
    "send_email_receipts": "Kept; nothing is sent.",
    "currency": "Three letters, such as `usd`.",
    "billing_controls": "Top-ups, limits of spending and usage, alerts; see `GET /_mock/openapi.json`.",
    "billing_details": "Accepted: there is no payment provider.",
    "config": "Kept.",
    "internal_options": "`default_group`, `disable_defaults`: which default plans a new customer gets.",
    "expand": "What else the answer has.",
    "with_autumn_id": "true: the answer has the internal id, too.",
    "customers.get_or_create entity_id": "An entity that the answer is about; created with `entity_data`.",
    "customers.get_or_create entity_data": "What to create the entity with; see [entity_data](#entity_data).",
    "entities.create feature_id": "The feature that it is a seat of.",
    "entities.create entity_id": "Your id of it, unique for the customer.",
    "entities.create customer_data": "What to create an unknown customer with; see [customer_data](#customer_data).",
    "start_cursor": "`next_cursor` of the page before; empty for the first page.",
    "limit": "How many a page has at most.",
    "events.list customer_id": "Only events of this customer.",
    "events.list entity_id": "Only those of this entity.",
    "events.list feature_id": "Only those of this feature, or of these.",
    "events.aggregate customer_id": "Only events of this customer; of all without it.",
    "events.aggregate entity_id": "Only those of this entity.",
    "events.aggregate feature_id": "The feature, or the features.",
    "custom_range": "A range of your own; not together with `range`.",
    "custom_range.start": "In ms since 1970.",
    "custom_range.end": "In ms since 1970.",
    "filter_by": "Only events with these properties, at most five of them.",
    "range": "The last hours or days, or cycles of the bill (`bc`).",
    "group_by": "`properties.NAME`, `$customer_id`, `$entity_id`, `$plan_id`, or `$feature_id`.",
    "bin_size": "The width of a bin.",
    "timezone": "Where days begin, such as `Europe/Berlin`; UTC without it.",
    "max_groups": "How many groups are listed at most; the rest is added up.",
    "measure": "`sum` of values, or `count` of events.",
    "aggregate_on": "`deducted`: what was deducted, instead of what was sent.",
}


class Field(NamedTuple):
    """One field of a body."""

    path: str
    required: bool
    type: str
    meaning: str


def reference() -> str:
    """A section for each call, then the shared objects."""
    parts = [f"## {name}\n\n{_about(_BY_NAME[name])}" for name in CALLS]
    for name, (call, field) in SHARED.items():
        rows = _rows(_fields(call, _body(_BY_NAME[call])["properties"][field], ""))
        parts.append(f"## {name}\n\n{rows}")
    return "\n".join(parts)


def fields(call: str) -> list[Field]:
    """The fields of the body of a call, or of its items, at the newest version."""
    return list(_fields(call, _body(_BY_NAME[call]), ""))


def _about(endpoint: Endpoint) -> str:
    """The routes, the shape, the fields and what older versions may send."""
    schema = _schema(endpoint, Version.NEWEST)
    routes = ", ".join(f"`{route}`" for route in endpoint.routes)
    count, _, period = endpoint.limit.limit.partition("/")
    whose = "customer" if endpoint.limit.per_customer else "organisation"
    limit = f"{count} requests per {period.removeprefix('1 ')} and {whose}"
    text = f"{routes}; scope {' or '.join(f'`{each}`' for each in endpoint.scopes)}; {limit}."
    if schema["type"] == "array":
        text += f" An array of {schema['minItems']} to {schema['maxItems']} items."
        same = next(
            (name for name in CALLS if _body(_BY_NAME[name]) == schema["items"] and name != endpoint.name), None
        )
        if same is not None:
            return f"{text} The fields of an item are those of [{same}](#{same.replace('.', '')}).\n"
    notes = "".join(f"\n- {each}\n" for each in _versions(endpoint))
    return f"{text}\n\n{_rows(fields(endpoint.name))}{notes}"


def _versions(endpoint: Endpoint) -> Iterator[str]:
    """What is different in older versions."""
    for version, changes in CHANGES.items():
        upgrade = changes.requests.get(endpoint.name)
        if upgrade is not None:
            yield f"Before {_short(version)}: {markdown(inspect.getdoc(upgrade) or '')}"
    newest = _schema(endpoint, Version.NEWEST)
    last: Version | None = None
    for version in Version:
        if _schema(endpoint, version) != newest:
            last = version
    if last is not None:
        old, new = (_schema(endpoint, each).get("properties", {}) for each in (last, Version.NEWEST))
        gone = ", ".join(f"`{each}`" for each in old if each not in new)
        more = ", ".join(f"`{each}`" for each in new if each not in old)
        yield f"Up to {_short(last)}: {gone or 'nothing'} instead of {more}."


def _rows(found: list[Field] | Iterator[Field]) -> str:
    rows = [(f"`{each.path}`{' *' if each.required else ''}", each.type, each.meaning) for each in found]
    return table(("field", "type and limits", "meaning"), rows)


def _short(version: Version) -> str:
    return version.value.removesuffix(".0")


def _schema(endpoint: Endpoint, version: Version) -> Json:
    schema = endpoint.request_at(version)
    assert schema is not None
    return schema.json_schema()


def _body(endpoint: Endpoint) -> Json:
    """The object that a body is, or each of its items."""
    schema = _schema(endpoint, Version.NEWEST)
    items: Json = schema.get("items", schema)
    return items


def _fields(call: str, schema: Json, prefix: str) -> Iterator[Field]:
    for name, each in schema["properties"].items():
        path = f"{prefix}{name}"
        single = call.replace(".batch_", ".")
        meaning = MEANINGS.get(f"{single} {path}") or MEANINGS[path]
        yield Field(path, name in schema.get("required", ()), kind(each), meaning)
        if each.get("properties") and name not in _CLOSED:
            yield from _fields(call, each, f"{path}.")


def kind(schema: Json) -> str:
    """The type of a field with its limits."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind(each) for each in schema["anyOf"]))
    if "const" in schema:
        return f"`{str(schema['const']).lower()}`"
    if "enum" in schema:
        return " ".join(f"`{each}`" for each in schema["enum"]) + _default(schema)
    limits = []
    if schema["type"] == "array":
        return f"list of {kind(schema['items'])}"
    if schema.get("minLength") == 1:
        limits.append("not empty")
    if "maxLength" in schema:
        limits.append(f"at most {schema['maxLength']} characters")
    if "exclusiveMinimum" in schema:
        limits.append(f"above {schema['exclusiveMinimum']}")
    elif "minimum" in schema:
        limits.append(f"at least {schema['minimum']}")
    if "maximum" in schema:
        limits.append(f"at most {schema['maximum']}")
    if schema.get("format"):
        limits.append(schema["format"])
    return ", ".join([schema["type"], *limits]) + _default(schema)


def _default(schema: Json) -> str:
    default = schema.get("default", "")
    return f"; `{str(default).lower()}` without it" if default != "" else ""
