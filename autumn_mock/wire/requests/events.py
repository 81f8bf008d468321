"""events.list and events.aggregate."""

from __future__ import annotations

from typing import Final, Literal

from autumn_mock.wire import schema as z
from autumn_mock.wire.requests.common import OFFSET, START_CURSOR, TimeSpan, page_limit

_MOST_FILTERS = 5
_TOO_MANY_FILTERS = "filter_by supports a maximum of 5 filters"
_TWO_RANGES = "Only one of range or custom_range may be provided"
_GROUPS = ("$customer_id", "$entity_id", "$plan_id", "$feature_id")

_FEATURES = z.union(z.string(min=1), z.array(z.string(min=1)))
_RANGE: Final = z.enum("24h", "7d", "30d", "90d", "last_cycle", "1bc", "3bc")


class EventFilters(z.Params):
    customer_id: str | None = z.field(z.string(), default=None)
    entity_id: str | None = z.field(z.string(min=1), default=None)
    feature_id: str | list[str] | None = z.field(_FEATURES, default=None)
    custom_range: TimeSpan | None = z.field(z.obj(TimeSpan), default=None)
    filter_by: dict[str, str] | None = z.field(
        z.record(z.string()).refine(lambda filters: len(filters) <= _MOST_FILTERS, _TOO_MANY_FILTERS), default=None
    )
    range: str | None = z.field(_RANGE, default=None)


class EventsList(EventFilters, leading=("start_cursor", "limit")):
    start_cursor: str = z.field(START_CURSOR, default="")
    limit: int = z.field(page_limit(5000), default=50)

    @z.rule(_TWO_RANGES, ("custom_range", "range"))
    def _has_one_range(self) -> bool:
        return self.custom_range is None or self.range is None


class EventsListOffset(EventFilters, leading=("offset", "limit")):
    offset: int = z.field(OFFSET, default=0)
    limit: int = z.field(page_limit(1000), default=100)


class AggregateRange(z.Params):
    """Instants in ms, both included."""

    start: float = z.field(z.number())
    end: float = z.field(z.number())

    @z.rule("start must be before end")
    def _is_in_order(self) -> bool:
        return self.start < self.end


class EventsAggregate(z.Params):
    """Without a range the operation takes ``1bc``."""

    customer_id: str | None = z.field(z.string(min=1), default=None)
    entity_id: str | None = z.field(z.string(min=1), default=None)
    feature_id: str | list[str] = z.field(_FEATURES)
    group_by: str | None = z.field(
        z.string().refine(
            lambda value: value.startswith("properties.") or value in _GROUPS,
            'group_by must start with "properties." or be "$customer_id", "$entity_id", "$plan_id", or "$feature_id"',
        ),
        default=None,
    )
    range: str | None = z.field(_RANGE, default=None)
    bin_size: Literal["day", "hour", "week", "month"] = z.field(z.enum("day", "hour", "week", "month"), default="day")
    custom_range: AggregateRange | None = z.field(z.obj(AggregateRange), default=None)
    timezone: str | None = z.field(z.string(), default=None)
    filter_by: dict[str, str] | None = z.field(z.record(z.string()), default=None)
    max_groups: int | None = z.field(z.integer(min=1, max=250), default=None)
    measure: Literal["sum", "count"] | None = z.field(z.enum("sum", "count"), default=None)
    aggregate_on: Literal["deducted"] | None = z.field(z.enum("deducted"), default=None)

    @z.rule(_TWO_RANGES, ("custom_range", "range"))
    def _has_one_range(self) -> bool:
        custom = self.custom_range
        return custom is None or not (custom.start and custom.end) or self.range is None

    @z.rule(_TOO_MANY_FILTERS, ("filter_by",))
    def _has_few_filters(self) -> bool:
        return len(self.filter_by or {}) <= _MOST_FILTERS

    @z.rule('group_by "$feature_id" requires aggregate_on to be "deducted"', ("group_by",))
    def _groups_what_is_deducted(self) -> bool:
        return self.group_by != "$feature_id" or self.aggregate_on == "deducted"
