"""Events."""

from __future__ import annotations

from autumn_mock.operations import events
from autumn_mock.operations.aggregate import aggregate
from autumn_mock.operations.events import EventPage
from autumn_mock.web.context import Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.web.pagination import paged
from autumn_mock.wire.answer import CursorPage
from autumn_mock.wire.cursor import decode_cursor, encode_cursor
from autumn_mock.wire.requests.events import EventsAggregate, EventsList, EventsListOffset
from autumn_mock.wire.responses.aggregate import AggregateBody, aggregate_body
from autumn_mock.wire.responses.usage import EventBody, EventsOffsetPage, event_body


@endpoint(
    "POST /v1/events.list",
    "POST /v1/events/list",
    scopes="analytics:read",
    request=paged(EventsList, EventsListOffset),
    answers=CursorPage[EventBody],
    limit="events",
)
def list_(request: RequestContext, params: EventsList | EventsListOffset) -> Answer:
    call = request.call
    if isinstance(params, EventsList):
        before = decode_cursor(params.start_cursor) if params.start_cursor else None
        if before is not None:
            before = (before[0] // 1000, before[1])  # this list counts in microseconds
        page = events.list_events(call, params, before=before)
        last = page.rows[-1] if page.has_more else None
        following = encode_cursor(last.timestamp * 1000, last.id) if last is not None else None
        return Answer(CursorPage(rows=_bodies(request, page), next_cursor=following))
    page = events.list_events(call, params, offset=params.offset)
    return Answer(
        EventsOffsetPage(
            rows=_bodies(request, page),
            has_more=page.has_more,
            total=len(page.rows),
            offset=params.offset,
            limit=params.limit,
        )
    )


def _bodies(request: RequestContext, page: EventPage) -> list[EventBody]:
    customers = request.call.environment.customers
    bodies = []
    for event in page.rows:
        customer = customers.get(event.customer)
        bodies.append(event_body(event, customer.id if customer is not None else None))
    return bodies


@endpoint(
    "POST /v1/events.aggregate",
    "POST /v1/events/aggregate",
    "POST /v1/query",
    scopes="analytics:read",
    request=EventsAggregate,
    answers=AggregateBody,
    limit="events",
)
def aggregate_(request: RequestContext, params: EventsAggregate) -> Answer:
    result = aggregate(request.call, params)
    return Answer(aggregate_body(result))
