"""events.list and events.aggregate."""

from __future__ import annotations

from typing import Final, Literal

from autumn_mock.wire.requests.common import OFFSET, START_CURSOR, page_limit
from autumn_mock.wire.schema import (
    Params,
    array,
    coerced_number,
    enum,
    field,
    integer,
    number,
    obj,
    record,
    rule,
    string,
    union,
)

_MOST_FILTERS = 5
_TOO_MANY_FILTERS = "filter_by supports a maximum of 5 filters"
_GROUPS = ("$customer_id", "$entity_id", "$plan_id", "$feature_id")

_FEATURES = union(string(min=1), array(string(min=1)))
_RANGE: Final = enum("24h", "7d", "30d", "90d", "last_cycle", "1bc", "3bc")


class ListRange(Params):
    """Instants in ms, both included."""

    start: float | None = field(coerced_number(), default=None)
    end: float | None = field(coerced_number(), default=None)


class EventFilters(Params):
    customer_id: str | None = field(string(), default=None)
    entity_id: str | None = field(string(min=1), default=None)
    feature_id: str | list[str] | None = field(_FEATURES, default=None)
    custom_range: ListRange | None = field(obj(ListRange), default=None)
    filter_by: dict[str, str] | None = field(
        record(string()).refine(lambda filters: len(filters) <= _MOST_FILTERS, _TOO_MANY_FILTERS), default=None
    )
    range: str | None = field(_RANGE, default=None)


class EventsList(EventFilters, leading=("start_cursor", "limit")):
    start_cursor: str = field(START_CURSOR, default="")
    limit: int = field(page_limit(5000), default=50)


class EventsListOffset(EventFilters, leading=("offset", "limit")):
    offset: int = field(OFFSET, default=0)
    limit: int = field(page_limit(1000), default=100)


class AggregateRange(Params):
    """Instants in ms, both included."""

    start: float = field(number())
    end: float = field(number())

    @rule("start must be before end")
    def _is_in_order(self) -> bool:
        return self.start < self.end


class EventsAggregate(Params):
    """Without a range the operation takes ``1bc``."""

    customer_id: str | None = field(string(min=1), default=None)
    entity_id: str | None = field(string(min=1), default=None)
    feature_id: str | list[str] = field(_FEATURES)
    group_by: str | None = field(
        string().refine(
            lambda value: value.startswith("properties.") or value in _GROUPS,
            'group_by must start with "properties." or be "$customer_id", "$entity_id", "$plan_id", or "$feature_id"',
        ),
        default=None,
    )
    range: str | None = field(_RANGE, default=None)
    bin_size: Literal["day", "hour", "week", "month"] = field(enum("day", "hour", "week", "month"), default="day")
    custom_range: AggregateRange | None = field(obj(AggregateRange), default=None)
    timezone: str | None = field(string(), default=None)
    filter_by: dict[str, str] | None = field(record(string()), default=None)
    max_groups: int | None = field(integer(min=1, max=250), default=None)
    measure: Literal["sum", "count"] | None = field(enum("sum", "count"), default=None)
    aggregate_on: Literal["deducted"] | None = field(enum("deducted"), default=None)

    @rule("Only one of range or custom_range may be provided", ("custom_range", "range"))
    def _has_one_range(self) -> bool:
        custom = self.custom_range
        return custom is None or not (custom.start and custom.end) or self.range is None

    @rule(_TOO_MANY_FILTERS, ("filter_by",))
    def _has_few_filters(self) -> bool:
        return len(self.filter_by or {}) <= _MOST_FILTERS

    @rule('group_by "$feature_id" requires aggregate_on to be "deducted"', ("group_by",))
    def _groups_what_is_deducted(self) -> bool:
        return self.group_by != "$feature_id" or self.aggregate_on == "deducted"
