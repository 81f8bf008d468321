"""The journal's entry of a request that was just served. All of it is references to what exists already."""

from __future__ import annotations

import email.utils

from flask import Response

from autumn_mock.clock import stopwatch
from autumn_mock.domain.organisation import shown_key
from autumn_mock.journal.bodies import RequestBody
from autumn_mock.journal.exchange import MAX_BODY_KEPT, MAX_REPLY_KEPT, Exchange, header_names
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.journal.secrets import masked, masked_header
from autumn_mock.web.context import RequestContext
from autumn_mock.web.replies import error_message

#: Characters of an ``x-request-id`` that is recorded and sent back.
_MOST_OF_ID = 200


def entry_of(number: int, request: RequestContext, reply: Response, service_status: int | None) -> RequestEntry:
    """The entry of a request whose reply is ready. ``service_status``: before faults changed it; None: not reached."""
    http, faults, environment, endpoint = request.http, request.faults, request.environment, request.endpoint
    org, env = environment.name if environment is not None else ("", "")
    now = (environment.clock if environment is not None else request.engine.clock).now()
    replied = stopwatch()
    refusals = _refusals(request) if request.refused else {}
    content = _journalled_body(request)
    return RequestEntry(
        id=number,
        request_id=request.request_id,
        at=request.now if faults is not None else now,
        received=request.started,
        replied=replied,
        method=http.method,
        path=http.path,
        call=endpoint.name if endpoint is not None else "",
        status=None if faults is not None and faults.is_silent else reply.status_code,
        service_status=service_status,
        duration_ms=round((replied - request.started) * 1000, 3),
        org=org,
        env=env,
        parsed_customer=_customer_id(request),
        message=masked(error_message(reply) or "") or None if reply.status_code >= 400 else None,
        api_version=request.header("X_API_VERSION"),
        size=len(request.raw),
        items=request.items,
        refused=request.refused,
        refusals=refusals,
        faults=(*(faults.triggered if faults is not None else ()), *dict.fromkeys(refusals.values())),
        reply=faults.reply_status if faults is not None else "sent",
        retry_after=_retry_after(reply, now),
        note=request.note,
        next_page=request.next_page,
        correlation_id=correlation_id_of(request) or "",
        deducted=request.deducted,
        content=content,
        exchange=_exchange(request, reply, content),
    )


def _customer_id(request: RequestContext) -> str:
    """The customer that a request names, as far as it was parsed; of a batch, that of its first item."""
    parsed = request.params[0] if request.params else None
    if isinstance(parsed, list):
        parsed = parsed[0] if parsed else None
    found = getattr(parsed, "customer_id", None)
    return found if isinstance(found, str) else ""


def _journalled_body(request: RequestContext) -> RequestBody | None:
    """The body for the journal, once the request is authenticated."""
    endpoint = request.endpoint
    if request.faults is None or endpoint is None or not endpoint.journals_body or len(request.raw) > MAX_BODY_KEPT:
        return None
    key = request.header("IDEMPOTENCY_KEY")
    return RequestBody(request.raw, endpoint.name, request.parsed_items, request.version, key)


def _exchange(request: RequestContext, reply: Response, content: RequestBody | None) -> Exchange:
    """The headers and bodies for the journal: references, and copies only of the beginning of long bodies."""
    raw, environ = request.raw, request.http.environ
    names = header_names(tuple(environ))
    authorization = environ.get("HTTP_AUTHORIZATION")
    if authorization is not None:  # no key is kept
        key = request.key
        authorization = (
            masked_header("authorization", authorization) if key is None else f"Bearer {shown_key(key.hint)}"
        )
    sent = _sent_body(request, reply)
    return Exchange(
        names=names,
        values=tuple(map(environ.__getitem__, names)),
        authorization=authorization,
        path=request.path,
        query=environ.get("QUERY_STRING", ""),
        request_body=None if content is not None else raw if len(raw) <= MAX_BODY_KEPT else raw[:MAX_REPLY_KEPT],
        replied=reply.headers if sent is not None else (),
        reply_body=sent if sent is None or len(sent) <= MAX_REPLY_KEPT else sent[:MAX_REPLY_KEPT],
        reply_size=len(sent) if sent is not None else 0,
    )


def _sent_body(request: RequestContext, reply: Response) -> bytes | None:
    """The body of a reply; None when nothing is sent."""
    faults, pieces = request.faults, reply.response
    if faults is not None and faults.is_silent:
        return None
    if type(pieces) is list and len(pieces) == 1 and type(pieces[0]) is bytes:  # cheaper than get_data()
        return pieces[0]
    if reply.is_sequence:
        return reply.get_data()
    return faults.sent_body if faults is not None else None


def correlation_id_of(request: RequestContext) -> str | None:
    """The client's own id of the request; None without one that can be sent back."""
    found = request.header("X_REQUEST_ID")
    return found if found and len(found) <= _MOST_OF_ID and found.isascii() and found.isprintable() else None


def _refusals(request: RequestContext) -> dict[int, str]:
    """Index to reason of the items that could not be queued."""
    failure = request.call.environment.failures.get(request.request_id)
    return {each["index"]: each["reason"] for each in failure.items} if failure is not None else {}


def _retry_after(reply: Response, now: int) -> float | None:
    """The seconds that a reply asks the client to wait; a date counts from ``now`` (ms)."""
    value = next((value for name, value in reply.headers if name.lower() == "retry-after"), None)  # cheaper than get()
    if value is None:
        return None
    if value.isdigit():
        return float(value)
    moment = email.utils.parsedate_to_datetime(value)
    return max(moment.timestamp() - now / 1000, 0)
