"""The content of a world file: organisations, and in their environments the bodies of the API's own calls.

The bodies are checked by the schemas of the calls, with their messages. A world also may not contain what a call would
ignore: unknown keys, and features and plans that the environment does not declare.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar, get_args

from msgspec import UNSET, UnsetType

from autumn_mock.domain.amount import amount
from autumn_mock.domain.organisation import OrganisationConfig
from autumn_mock.domain.plan import Interval
from autumn_mock.domain.record import LATEST
from autumn_mock.domain.token_rates import LONG_CONTEXT, LongRates, Rates
from autumn_mock.domain.track import OverageBehavior
from autumn_mock.domain.webhook import DEFAULT_SECRET
from autumn_mock.durations import parse_duration
from autumn_mock.input_files import guess
from autumn_mock.input_schema import Read, Shorthand, file_schema, maps_in, read_rule
from autumn_mock.operations.billing.payment_methods import PaymentMethod
from autumn_mock.settings import read_instant, read_secret, read_url
from autumn_mock.wire.requests.balances import BalancesCreate
from autumn_mock.wire.requests.billing import BillingAttach
from autumn_mock.wire.requests.customers import CustomersGetOrCreate
from autumn_mock.wire.requests.entities import EntitiesCreate
from autumn_mock.wire.requests.features import FeaturesCreate
from autumn_mock.wire.requests.intervals import RESET_INTERVAL
from autumn_mock.wire.requests.plans import PlansCreate, VariantParams
from autumn_mock.wire.requests.rewards import CouponDuration, CouponParams, PromoCodeParams
from autumn_mock.wire.requests.track import OVERAGE_BEHAVIOR, TRACK
from autumn_mock.wire.schema import (
    Issue,
    Object,
    Params,
    Schema,
    array,
    boolean,
    enum,
    field,
    identifier,
    integer,
    nullable,
    number,
    obj,
    optional,
    record,
    rule,
    string,
)
from autumn_mock.wire.schema.base import JsonSchema, must_be

T = TypeVar("T")

_KEY = "^am_[sp]k_(test|live)_[A-Za-z0-9_-]+$"
_RESOURCES = ("customers", "balances", "features", "plans", "analytics")
_SCOPES = (
    *(f"{each}:{right}" for each in _RESOURCES for right in ("read", "write")),
    *("admin", "owner", "superuser"),
)


def _instant(value: Any) -> int:
    instant = value
    if isinstance(value, str):
        try:
            instant = read_instant(value)
        except ValueError:
            instant = None
    if isinstance(instant, bool) or not isinstance(instant, int) or not 0 <= instant <= LATEST:
        raise ValueError("must be a date, an instant in ISO 8601 or milliseconds since 1970")
    return instant


def _moment(value: Any) -> int:
    """An instant (ms); below zero: how long before the time of loading."""
    if isinstance(value, str) and value.startswith("-"):
        before = 0
        with suppress(ValueError):
            before = parse_duration(value)
        if before < 0:
            return before
    with suppress(ValueError):
        return _instant(value)
    raise ValueError(
        "must be a date, an instant in ISO 8601, milliseconds since 1970, or a time before the load, like -3d or -1h30m"
    )


def _key(value: Any) -> str:
    if not isinstance(value, str) or re.fullmatch(_KEY, value) is None:
        raise ValueError(
            "must begin with am_sk_test_, am_sk_live_, am_pk_test_ or am_pk_live_; "
            "then letters, numbers, underscores, hyphens"
        )
    return value


def _scope(value: Any) -> str:
    if value not in _SCOPES:
        raise ValueError(f"unknown scope{guess(str(value), _SCOPES)}")
    return str(value)


def _text(read: Callable[[str], str]) -> Read[str]:
    """Text that the reader of a setting accepts."""

    def checked(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(must_be("string", value))
        return read(value)

    return Read(checked)


def _list_of(item: Schema[T]) -> Schema[list[T] | None]:
    """A list; its key may also have no value."""
    return nullable(array(item))


#: A date, an instant or milliseconds.
_INSTANT: JsonSchema = {"type": ["string", "integer"]}


#: The same, or a time before the load.
_MOMENT = Read(_moment, _INSTANT)


class KeyEntry(Params):
    """A key. Its prefix says which environment it opens."""

    key: str = field(Read(_key, {"type": "string", "pattern": _KEY}))
    scopes: list[str] | None = field(_list_of(Read(_scope, {"enum": list(_SCOPES)})), default=None)


class WebhookEntry(Params):
    """An endpoint that receives the organisation's webhooks."""

    url: str = field(_text(read_url))
    secret: str = field(_text(read_secret), default=DEFAULT_SECRET)


class PlanEntry(PlansCreate):
    """A plan, and its variants by how they differ from it. An archived one is archived after the customers."""

    variants: list[VariantParams] | None = field(_list_of(obj(VariantParams)), default=None)
    archived: bool = field(boolean(), default=False)


class FeatureEntry(FeaturesCreate):
    """A feature. An archived one is archived after the customers."""

    archived: bool = field(boolean(), default=False)


class EventEntry(Params):
    """A past use of a feature. It is tracked as at its time; without one, at the time of loading."""

    feature_id: str | None = field(string(), default=None)
    event_name: str | None = field(string(min=1), default=None)
    entity_id: str | None = field(string(), default=None)
    value: float = field(number(), default=1)
    timestamp: int | None = field(_MOMENT, default=None)
    properties: dict[str, Any] | None = field(TRACK.fields["properties"], default=None)
    overage_behavior: OverageBehavior = field(OVERAGE_BEHAVIOR, default="cap")

    @rule("Either feature_id or event_name must be provided")
    def _names_one(self) -> bool:
        return bool(self.feature_id) != bool(self.event_name)


class UsageEntry(Params):
    """What is used of a balance, or left, once the events were tracked; also its grant and its next reset.

    ``plan_id`` selects the grants of a plan, null those of none.
    """

    feature_id: str = field(string())
    entity_id: str | None = field(string(), default=None)
    plan_id: str | UnsetType | None = field(nullable(string()), default=UNSET)
    interval: Interval | None = field(RESET_INTERVAL, default=None)
    balance_id: str | None = field(string(), default=None)
    usage: float | None = field(number(), default=None)
    remaining: float | None = field(number(), default=None)
    included_grant: float | None = field(number(), default=None)
    next_reset_at: int | None = field(Read(_instant, _INSTANT), default=None)

    @rule("usage and remaining exclude each other")
    def _says_it_once(self) -> bool:
        return self.usage is None or self.remaining is None

    @rule("must have usage, remaining, included_grant or next_reset_at")
    def _sets_something(self) -> bool:
        return any(each is not None for each in (self.usage, self.remaining, self.included_grant, self.next_reset_at))


def _dated(schema: Object[dict[str, Any]], key: str) -> Object[dict[str, Any]]:
    """The body of a call, and when it was made."""
    return obj({**schema.fields, key: optional(_MOMENT)})


_ATTACH = _dated(obj(BillingAttach).omit("customer_id", "customer_data"), "started_at")
_ENTITY = _dated(obj(EntitiesCreate).omit("customer_id", "customer_data"), "created_at")
_BALANCE = _dated(obj(BalancesCreate).omit("customer_id"), "created_at")


class CustomerEntry(CustomersGetOrCreate):
    """A customer, and the calls that are made for them, without their ``customer_id``."""

    created_at: int | None = field(_MOMENT, default=None)
    entities: list[dict[str, Any]] | None = field(_list_of(_ENTITY), default=None)
    plans: list[dict[str, Any]] | None = field(_list_of(Shorthand("plan_id", _ATTACH)), default=None)
    balances: list[dict[str, Any]] | None = field(_list_of(_BALANCE), default=None)
    events: list[EventEntry] | None = field(_list_of(obj(EventEntry)), default=None)
    usage: list[UsageEntry] | None = field(_list_of(obj(UsageEntry)), default=None)
    #: ``none`` is the default, or what happens when the customer's card is charged.
    payment_method: PaymentMethod | None = field(nullable(enum(*get_args(PaymentMethod))), default=None)
    faults: list[str] | None = field(_list_of(Read(read_rule)), default=None)


class CouponEntry(CouponParams):
    """A coupon; its name is its id, and it counts on one invoice, unless it says otherwise."""

    name: str = field(string(min=1), default="")
    duration: CouponDuration = field(Shorthand("type", obj(CouponDuration)), default=CouponDuration(type="one_off"))
    promo_codes: list[PromoCodeParams] = field(array(Shorthand("code", obj(PromoCodeParams))), default=[])


class EnvironmentEntry(Params):
    """What an environment contains at the start."""

    features: list[FeatureEntry] | None = field(_list_of(obj(FeatureEntry)), default=None)
    plans: list[PlanEntry] | None = field(_list_of(obj(PlanEntry)), default=None)
    rewards: list[CouponEntry] | None = field(_list_of(obj(CouponEntry)), default=None)
    customers: list[CustomerEntry] | None = field(_list_of(obj(CustomerEntry)), default=None)
    faults: list[str] | None = field(_list_of(Read(read_rule)), default=None)


_CONFIG = obj(
    {name: optional(boolean()) for name in OrganisationConfig.__struct_fields__ if not name.endswith("_alerts")},
    OrganisationConfig,
)


class LongRatesEntry(Params):
    """What calls with more than ``above`` input tokens cost, in dollars per million tokens."""

    above: int = field(integer(min=0), default=LONG_CONTEXT)
    input: float = field(number(min=0))
    output: float = field(number(min=0))
    cache_read: float | None = field(nullable(number(min=0)), default=None)
    cache_write: float | None = field(nullable(number(min=0)), default=None)


class RatesEntry(Params):
    """What a language model costs, in dollars per million tokens; what has no price costs what text does."""

    input: float = field(number(min=0))
    output: float = field(number(min=0))
    cache_read: float | None = field(nullable(number(min=0)), default=None)
    cache_write: float | None = field(nullable(number(min=0)), default=None)
    audio_input: float | None = field(nullable(number(min=0)), default=None)
    audio_output: float | None = field(nullable(number(min=0)), default=None)
    reasoning: float | None = field(nullable(number(min=0)), default=None)
    long: list[LongRatesEntry] | None = field(_list_of(obj(LongRatesEntry)), default=None)


def rates_of(entry: RatesEntry) -> Rates:
    """The rates of an entry, exact as it is written."""
    long = [LongRates(**_amounts(each), above=each.above) for each in entry.long or ()]
    return Rates(**_amounts(entry), long=tuple(sorted(long, key=lambda each: each.above)))


def _amounts(entry: Params) -> dict[str, Any]:
    prices = {name: getattr(entry, name) for name in entry.__struct_fields__ if name not in ("long", "above")}
    return {name: None if price is None else amount(price) for name, price in prices.items()}


class OrganisationEntry(Params):
    """An organisation. ``created_at`` None: the time of loading."""

    id: str | None = field(identifier(), default=None)
    slug: str = field(identifier())
    name: str | None = field(string(min=1), default=None)
    created_at: int | None = field(Read(_instant, _INSTANT), default=None)
    config: OrganisationConfig | None = field(nullable(_CONFIG), default=None)
    #: By ``provider/model``.
    model_prices: dict[str, RatesEntry] | None = field(nullable(record(obj(RatesEntry))), default=None)
    keys: list[KeyEntry] | None = field(_list_of(Shorthand("key", obj(KeyEntry))), default=None)
    webhooks: list[WebhookEntry] | None = field(_list_of(Shorthand("url", obj(WebhookEntry))), default=None)
    sandbox: EnvironmentEntry | None = field(nullable(obj(EnvironmentEntry)), default=None)
    live: EnvironmentEntry | None = field(nullable(obj(EnvironmentEntry)), default=None)


class WorldEntries(Params):
    """A whole file."""

    organisations: list[OrganisationEntry] = field(array(obj(OrganisationEntry)))


#: Keys whose value is the id of a feature, or of a plan, or a list of ids, wherever they are.
_FEATURE_KEYS = ("feature_id", "metered_feature_id", "entity_feature_id")
_PLAN_KEYS = ("plan_id", "auto_enable_plan_id", "plan_ids", "remove_plan_ids")


def unknown_names(data: Any) -> Iterator[Issue]:
    """Features and plans that are named in an environment that does not declare them."""
    for path, environment, schema in maps_in(obj(WorldEntries), data):
        if schema is not obj(EnvironmentEntry):
            continue
        features = ("feature", _declared(environment.get("features"), "feature_id"))
        plans = ("plan", [*_declared(environment.get("plans"), "plan_id"), *_variants(environment.get("plans"))])
        known = {**dict.fromkeys(_FEATURE_KEYS, features), **dict.fromkeys(_PLAN_KEYS, plans)}
        for inner_path, fields, _ in maps_in(schema, environment, path):
            for key, value in fields.items():
                kind, names = known.get(key, ("", []))
                for path_of_name, name in _names((*inner_path, key), value) if kind else ():
                    if name not in names:
                        yield Issue(path_of_name, f"there is no {kind} {name!r}{guess(name, names)}")


def _names(path: tuple[str | int, ...], value: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """An id, or the ids of a list, with their paths. The schema reports values of other types."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        yield from (((*path, index), name) for index, name in enumerate(value) if isinstance(name, str))


def _variants(plans: Any) -> Iterator[str]:
    for each in plans if isinstance(plans, list) else ():
        if isinstance(each, dict):
            yield from _declared(each.get("variants"), "variant_plan_id")


def _declared(entries: Any, key: str) -> list[str]:
    names = [each.get(key) for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []
    return [name for name in names if isinstance(name, str)]


def world_schema() -> dict[str, Any]:
    """The JSON Schema of world files."""
    return file_schema(obj(WorldEntries), "A world of autumn-mock: the initial state of a server")
