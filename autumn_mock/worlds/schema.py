"""What a world file may hold: a frame of organisations around the bodies of the API's own calls.

The bodies are checked by the schemas of the calls, in their words. On top of that a world may not hold what a call
would pass over in silence: keys that do not exist, and names of features and plans that the world does not declare.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from autumn_mock.domain.organisation import OrganisationConfig
from autumn_mock.faults.grammar import RuleError, parse_rule
from autumn_mock.settings import read_instant, read_secret, read_url
from autumn_mock.wire.requests.balances import BalancesCreate
from autumn_mock.wire.requests.billing import BillingAttach
from autumn_mock.wire.requests.customers import CustomersGetOrCreate
from autumn_mock.wire.requests.entities import EntitiesCreate
from autumn_mock.wire.requests.features import FeaturesCreate
from autumn_mock.wire.requests.plans import PlansCreate
from autumn_mock.wire.schema import (
    Array,
    Issue,
    Issues,
    JsonSchema,
    Object,
    Schema,
    array,
    boolean,
    identifier,
    nullish,
    obj,
    optional,
    string,
)
from autumn_mock.wire.schema.compounds import Default, Nullable, Optional
from autumn_mock.worlds.document import KeyPath, guess

#: The end of the year 9999, in ms: calendars go no further.
_END_OF_TIME = 253_402_300_800_000
_META_SCOPES = ("admin", "owner", "superuser")
_RESOURCES = ("customers", "balances", "features", "plans", "analytics")
_SCOPES = (*(f"{each}:{right}" for each in _RESOURCES for right in ("read", "write")), *_META_SCOPES)


class Moment(Schema):
    """A date, an instant in ISO 8601, or milliseconds; given out as milliseconds."""

    def check(self, value: Any, path: KeyPath, issues: Issues) -> Any:
        instant = value
        if isinstance(value, str):
            try:
                instant = read_instant(value)
            except (ValueError, OverflowError):
                instant = None
        if isinstance(instant, bool) or not isinstance(instant, int) or not 0 <= instant < _END_OF_TIME:
            issues.append(Issue(path, "must be a date, an instant in ISO 8601 or milliseconds since 1970"))
        return instant

    def json_schema(self) -> JsonSchema:
        return {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "integer", "minimum": 0}]}


class Shorthand(Schema):
    """An object, or a text that stands for the object with this one key."""

    def __init__(self, key: str, inner: Object) -> None:
        self.key = key
        self.inner = inner

    def spelled_out(self, value: Any) -> Any:
        """The object that ``value`` stands for."""
        return {self.key: value} if isinstance(value, str) else value

    def check(self, value: Any, path: KeyPath, issues: Issues) -> Any:
        return self.inner.check(self.spelled_out(value), path, issues)

    def json_schema(self) -> JsonSchema:
        return {"anyOf": [{"type": "string"}, self.inner.json_schema()]}


def _list_of(item: Schema) -> Schema:
    """A list that may be left out, also with its key still there and nothing behind it."""
    return nullish(array(item))


_KEY = obj(
    {
        "key": string().refine(
            lambda key: re.fullmatch(r"am_[sp]k_(test|live)_[A-Za-z0-9_]+", key) is not None,
            "must begin with am_sk_test_, am_sk_live_, am_pk_test_ or am_pk_live_; then letters, numbers, underscores",
        ),
        "scopes": _list_of(string().refine(_SCOPES.__contains__, lambda scope: f"is no scope{guess(scope, _SCOPES)}")),
    }
)


def _reads(read: Callable[[str], object]) -> Callable[[str], bool]:
    """Whether a reader of a setting takes a text."""

    def takes(value: str) -> bool:
        try:
            read(value)
        except ValueError:
            return False
        return True

    return takes


_WEBHOOK = obj(
    {
        "url": string().refine(_reads(read_url), "must be a URL that begins with http:// or https://"),
        "secret": optional(string().refine(_reads(read_secret), "must be whsec_ and then base64")),
    }
)


def _rule_problem(value: str) -> str:
    """What is wrong with a fault rule, in one line; empty for a good one."""
    try:
        parse_rule(value)
    except RuleError as error:
        return error.line
    return ""


_FAULTS = _list_of(string().refine(lambda rule: not _rule_problem(rule), _rule_problem))

#: The customer of what stands inside a customer is that customer.
_CUSTOMER = obj(CustomersGetOrCreate).extend(
    {
        "entities": _list_of(obj(EntitiesCreate).omit("customer_id", "customer_data")),
        "plans": _list_of(Shorthand("plan_id", obj(BillingAttach).omit("customer_id", "customer_data"))),
        "balances": _list_of(obj(BalancesCreate).omit("customer_id")),
        "faults": _FAULTS,
    }
)

_ENVIRONMENT = obj(
    {
        "features": _list_of(obj(FeaturesCreate)),
        "plans": _list_of(obj(PlansCreate)),
        "customers": _list_of(_CUSTOMER),
        "faults": _FAULTS,
    }
)

_ORGANISATION = obj(
    {
        "id": optional(identifier()),
        "slug": identifier(),
        "name": optional(string(min=1)),
        "created_at": optional(Moment()),
        "config": nullish(obj({name: optional(boolean()) for name in OrganisationConfig.__struct_fields__})),
        "keys": _list_of(Shorthand("key", _KEY)),
        "webhooks": _list_of(Shorthand("url", _WEBHOOK)),
        "sandbox": nullish(_ENVIRONMENT),
        "live": nullish(_ENVIRONMENT),
    }
)

WORLD = obj({"organisations": array(_ORGANISATION)})

#: Keys that name a feature, and keys that name a plan, wherever they stand.
_NAMES_A_FEATURE = {"feature_id", "metered_feature_id", "entity_feature_id"}
_NAMES_A_PLAN = {"plan_id", "auto_enable_plan_id"}


class _Map(NamedTuple):
    """A map in the data whose keys are known, where it is, and its schema."""

    path: KeyPath
    fields: dict[str, Any]
    schema: Object


def unknown_keys(data: Any) -> Iterator[Issue]:
    """Keys that the API knows nothing of."""
    for path, fields, schema in _maps(WORLD, data, ()):
        for key in fields:
            if key not in schema.fields:
                yield Issue((*path, key), f"there is no such key{guess(key, schema.fields)}")


def unknown_names(data: Any) -> Iterator[Issue]:
    """Names of features and plans that their environment does not declare."""
    for path, environment, schema in _maps(WORLD, data, ()):
        if schema is not _ENVIRONMENT:
            continue
        known = {
            **dict.fromkeys(_NAMES_A_FEATURE, ("feature", _declared(environment.get("features"), "feature_id"))),
            **dict.fromkeys(_NAMES_A_PLAN, ("plan", _declared(environment.get("plans"), "plan_id"))),
        }
        for inner_path, fields, _ in _maps(_ENVIRONMENT, environment, path):
            for key, name in fields.items():
                kind, names = known.get(key, ("", []))
                if kind and isinstance(name, str) and name not in names:
                    yield Issue((*inner_path, key), f"there is no {kind} {name!r}{guess(name, names)}")


def _declared(entries: Any, key: str) -> list[str]:
    names = [each.get(key) for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []
    return [name for name in names if isinstance(name, str)]


def _maps(schema: Schema, value: Any, path: KeyPath) -> Iterator[_Map]:
    """Every map with known keys.

    Not looked into: records, which hold the caller's own keys, and unions, which in these bodies hold single values.
    """
    while isinstance(schema, (Optional, Nullable, Default)):
        schema = schema.inner
    if isinstance(schema, Shorthand):
        value = schema.spelled_out(value)
        schema = schema.inner
    if isinstance(schema, Object) and isinstance(value, dict):
        yield _Map(path, value, schema)
        for key, inner in value.items():
            if key in schema.fields:
                yield from _maps(schema.fields[key], inner, (*path, key))
    elif isinstance(schema, Array) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _maps(schema.item, item, (*path, index))
