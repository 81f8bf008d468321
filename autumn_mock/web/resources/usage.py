"""Recording and checking usage: batch_track, track, check, finalize."""

from __future__ import annotations

from autumn_mock.domain.track import TrackItem
from autumn_mock.ingest.accept import EnqueueContext, accept_batch, accept_track
from autumn_mock.operations import check, finalize, track
from autumn_mock.web.context import SUCCESS, Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.wire.answer import Success
from autumn_mock.wire.batch import read_batch, read_track
from autumn_mock.wire.requests.balances import Check, CheckQuery, Finalize
from autumn_mock.wire.requests.track import BATCH_TRACK, BATCH_TRACK_TOKENS, TRACK, TrackQuery, TrackTokens
from autumn_mock.wire.responses.offer import offer_body
from autumn_mock.wire.responses.usage import (
    CheckBody,
    PlanCheckBody,
    QueuedTrackBody,
    TrackBody,
    check_body,
    plan_check_body,
    queued_body,
    track_body,
)


def _intake(request: RequestContext) -> EnqueueContext:
    engine = request.engine
    board, endpoint = engine.board_for(request.call.environment), request.endpoint
    assert endpoint is not None
    return EnqueueContext(engine.queue, board, endpoint.name, endpoint.names, request.once)


@endpoint(
    "POST /v1/balances.batch_track",
    scopes="balances:write",
    request=BATCH_TRACK,
    parser=lambda request: read_batch(request.raw, request.call.now, request.call.version),
    answers={202: Success},
    limit="batch_track",
    journals_body=True,
)
def batch_track(request: RequestContext, items: list[TrackItem]) -> Answer:
    return _batch(request, items)


def _batch(request: RequestContext, items: list[TrackItem]) -> Answer:
    """Queue checked items."""
    request.items = request.refused = len(items)  # all refused, if the following raises
    refused = accept_batch(request.call, _intake(request), items, len(request.raw))
    request.refused = len(refused)
    return Answer(Success(), request.engine.settings.batch_status)


@endpoint(
    "POST /v1/balances.track",
    "POST /v1/track",
    "POST /v1/events",
    scopes="balances:write",
    request=TRACK,
    query=TrackQuery,
    parser=lambda request: read_track(request.newest_json, request.call.now),
    answers={200: TrackBody, 202: QueuedTrackBody},
    limit="track",
    journals_body=True,
)
def track_(request: RequestContext, item: TrackItem) -> Answer:
    return _track(request, item)


def _track(request: RequestContext, item: TrackItem) -> Answer:
    """Record a usage now, or queue it if the request, or its version, is asynchronous."""
    call = request.call
    later = call.traits.tracks_async if item.async_ is None else item.async_
    if not later:
        return Answer(track_body(track.track(call, item), request.expand))
    request.items = request.refused = 1
    accept_track(call, _intake(request), item)
    request.refused = 0
    return Answer(queued_body(item), 202)


@endpoint(
    "POST /v1/balances.track_tokens",
    "POST /v1/track_tokens",
    scopes="balances:write",
    request=TrackTokens,
    query=TrackQuery,
    answers={200: TrackBody, 202: QueuedTrackBody},
    limit="track",
    journals_body=True,
)
def track_tokens(request: RequestContext, params: TrackTokens) -> Answer:
    from autumn_mock.operations.tokens import token_item

    return _track(request, token_item(request.call, params))


@endpoint(
    "POST /v1/balances.batch_track_tokens",
    scopes="balances:write",
    request=BATCH_TRACK_TOKENS,
    answers={202: Success},
    limit="batch_track",
    journals_body=True,
)
def batch_track_tokens(request: RequestContext, batch: list[TrackTokens]) -> Answer:
    from autumn_mock.operations.tokens import token_items

    return _batch(request, token_items(request.call, batch))


@endpoint(
    "POST /v1/balances.check",
    "POST /v1/check",
    "POST /v1/entitled",
    scopes="balances:read",
    request=Check,
    query=CheckQuery,
    answers=CheckBody | PlanCheckBody,
    limit="check",
    public=("POST /v1/check", "POST /v1/entitled"),
    journals_body=True,
)
def check_(request: RequestContext, params: Check) -> Answer:
    if params.product_id:
        return Answer(plan_check_body(check.check_plan(request.call, params, params.product_id)))
    result = check.check(request.call, params)
    body = check_body(result, request.expanded)
    if params.with_preview:
        from autumn_mock.operations.upgrade_options import offer

        environment = request.call.environment
        body.preview = offer_body(offer(request.call, result), environment.features.by_key, environment.env)
    return Answer(body)


@endpoint("POST /v1/balances.finalize", scopes="balances:write", request=Finalize, limit="track", journals_body=True)
def finalize_(request: RequestContext, params: Finalize) -> Answer:
    finalize.finalize(request.call, params)
    return SUCCESS
