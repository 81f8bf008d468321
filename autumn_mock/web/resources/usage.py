"""Recording and checking usage: batch_track, track, check, finalize."""

from __future__ import annotations

from typing import Any

import msgspec

from autumn_mock.domain.track import TrackItem
from autumn_mock.domain.version import Version
from autumn_mock.ingest.accept import EnqueueContext, accept_batch, accept_track
from autumn_mock.operations import check, finalize, track
from autumn_mock.operations.tokens import token_item, token_items
from autumn_mock.operations.upgrade_options import offer
from autumn_mock.web.context import SUCCESS, Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.wire.batch import read_batch, read_track
from autumn_mock.wire.requests import (
    BATCH_TRACK,
    BATCH_TRACK_TOKENS,
    CHECK,
    CHECK_QUERY,
    FINALIZE,
    TRACK,
    TRACK_QUERY,
    TRACK_TOKENS,
)
from autumn_mock.wire.responses import shapes
from autumn_mock.wire.responses.preview import offer_body
from autumn_mock.wire.responses.usage import check_body, plan_check_body, queued_body, track_body


def _intake(request: RequestContext) -> EnqueueContext:
    engine = request.engine
    board, endpoint = engine.board_for(request.call.environment), request.endpoint
    assert endpoint is not None
    return EnqueueContext(engine.queue, board, endpoint.name, endpoint.names, request.once)


@endpoint(
    "POST /v1/balances.batch_track",
    scopes="balances:write",
    request=BATCH_TRACK,
    reads_raw=True,
    answers={202: shapes.SUCCESS},
    limit="batch_track",
    journals_body=True,
)
def batch_track(request: RequestContext) -> Answer:
    return _batch(request, read_batch(request.raw, request.call.now))


def _batch(request: RequestContext, items: list[TrackItem]) -> Answer:
    """Queue checked items."""
    request.items = request.refused = len(items)
    refused = accept_batch(request.call, _intake(request), items, len(request.raw))
    request.refused = len(refused)
    return Answer({"success": True}, request.engine.settings.batch_status)


@endpoint(
    "POST /v1/balances.track",
    "POST /v1/track",
    "POST /v1/events",
    scopes="balances:write",
    request=TRACK,
    query=TRACK_QUERY,
    reads_raw=True,
    answers={200: shapes.TRACK, 202: shapes.QUEUED},
    limit="track",
    journals_body=True,
)
def track_(request: RequestContext) -> Answer:
    return _track(request, read_track(_with_value(request), request.call.now))


def _track(request: RequestContext, item: TrackItem) -> Answer:
    """Record a usage now, or queue it when the client or its version wants that."""
    call = request.call
    later = call.version.tracks_async if item.async_ is None else item.async_
    if not later:
        return Answer(track_body(track.track(call, item), request.expand), kind="track")
    request.items = request.refused = 1
    accept_track(call, _intake(request), item)
    request.refused = 0
    return Answer(queued_body(item), 202, kind="track")


def _with_value(request: RequestContext) -> Any:
    """The body; below 2.0 a value may stand among the properties."""
    fields = request.fields
    properties = fields.get("properties")
    if request.call.version >= Version.V2_0 or not isinstance(properties, dict) or "value" not in properties:
        return request.json
    rest = {name: value for name, value in properties.items() if name != "value"}
    return {"value": properties["value"], **fields, "properties": rest}


@endpoint(
    "POST /v1/balances.track_tokens",
    "POST /v1/track_tokens",
    scopes="balances:write",
    request=TRACK_TOKENS,
    query=TRACK_QUERY,
    answers={200: shapes.TRACK, 202: shapes.QUEUED},
    limit="track",
    journals_body=True,
)
def track_tokens(request: RequestContext) -> Answer:
    return _track(request, token_item(request.call, request.params, request.call.now))


@endpoint(
    "POST /v1/balances.batch_track_tokens",
    scopes="balances:write",
    request=BATCH_TRACK_TOKENS,
    answers={202: shapes.SUCCESS},
    limit="batch_track",
    journals_body=True,
)
def batch_track_tokens(request: RequestContext) -> Answer:
    return _batch(request, token_items(request.call, request.params))


@endpoint(
    "POST /v1/balances.check",
    "POST /v1/check",
    "POST /v1/entitled",
    scopes="balances:read",
    request=CHECK,
    query=CHECK_QUERY,
    answers=shapes.CHECK,
    limit="check",
    public=("POST /v1/check", "POST /v1/entitled"),
    journals_body=True,
)
def check_(request: RequestContext) -> Answer:
    params = request.params
    if params.get("product_id"):
        return Answer(plan_check_body(check.check_plan(request.call, params)))
    required = params.get("required_balance")
    if required is None:
        required = params.get("required_quantity")
    usage = {
        name: params[name]
        for name in (
            "customer_id",
            "feature_id",
            "entity_id",
            "properties",
            "lock",
            "customer_data",
            "entity_data",
            "skip_event",
        )
        if params.get(name) is not None
    }
    behaviour = _check_behaviour(request)
    item = msgspec.convert(
        {**usage, "value": 1 if required is None else required, "overage_behavior": behaviour}, TrackItem
    )
    result = check.check(request.call, params, item)
    body = check_body(result, request.expand)
    if params.get("with_preview"):
        environment = request.call.environment
        body["preview"] = offer_body(offer(request.call, result), environment.features.by_key, environment.env)
    return Answer(body, kind="check")


def _check_behaviour(request: RequestContext) -> str:
    """What a check that takes something does with what does not fit: a lock may say, since 2.4."""
    lock = request.params.get("lock") or {}
    return lock.get("overage_behavior", "reject") if request.call.version >= Version.V2_4 else "reject"


@endpoint("POST /v1/balances.finalize", scopes="balances:write", request=FINALIZE, limit="track", journals_body=True)
def finalize_(request: RequestContext) -> Answer:
    finalize.finalize(request.call, request.params)
    return SUCCESS
