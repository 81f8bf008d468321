"""The way of a request under /v1, in the order of the real server:

preflight, authentication, version, rate limit, ``Idempotency-Key``; then, in the operation's view, scope, query, body,
handler. A request that fails early does not count against the limits; one that fails later does.
"""

from __future__ import annotations

import difflib
import email.utils
import logging
from collections.abc import Callable

import msgspec
from flask import Flask, Response, g, request
from flask import Request as HttpRequest
from werkzeug.exceptions import HTTPException

from autumn_mock.clock import stopwatch
from autumn_mock.domain.version import Version, default_version, parse_version
from autumn_mock.engine import Engine
from autumn_mock.faults.grammar import Rule, RuleError, parse_rules, require_route
from autumn_mock.ids import new_id
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError, database_unavailable, invalid_request
from autumn_mock.operations.idempotency import abort, begin, commit
from autumn_mock.store.errors import NoSuchOrganisation
from autumn_mock.web.authentication import authenticate, no_session, revoked
from autumn_mock.web.context import RequestContext, begin_request, current
from autumn_mock.web.control.context import unknown_key
from autumn_mock.web.endpoint import Endpoint, answer_to
from autumn_mock.web.parking import RequestParking, client_is_gone
from autumn_mock.web.query import read_query
from autumn_mock.web.rate_limits import GROUPS, LimitKey, RateLimits
from autumn_mock.web.replies import COMMON_HEADERS, TOO_MANY_REQUESTS, error_reply, json_reply, text_reply
from autumn_mock.web.request import Request
from autumn_mock.web.request_faults import RequestFaults, RequestSubject
from autumn_mock.web.resources import ROUTES, call_names, endpoint_of
from autumn_mock.wire.changes import to_version
from autumn_mock.wire.schema import ValidationFailed

_METHODS = "POST,GET,PUT,DELETE,PATCH,OPTIONS"
_ALLOWED_HEADERS = "Authorization,Content-Type,x-api-version,idempotency-key,x-request-id"

#: Larger bodies are not kept in the journal, in bytes.
MAX_BODY_KEPT = 1 << 20

_log = logging.getLogger("autumn_mock.web")


class Pipeline:
    """Hooks that carry a request from the socket to its view and the reply back."""

    def __init__(self, app: Flask, engine: Engine, limits: RateLimits, parking: RequestParking) -> None:
        self._engine = engine
        self._limits = limits
        self._parking = parking
        app.before_request(self._enter)
        app.after_request(self._leave)
        app.register_error_handler(ApiError, _api_error)
        app.register_error_handler(ValidationFailed, _validation_failed)
        app.register_error_handler(HTTPException, _not_served)
        app.register_error_handler(NoSuchOrganisation, _organisation_is_gone)
        app.register_error_handler(OSError, _not_kept)
        app.register_error_handler(Exception, _internal_error)

    # -- in

    def _enter(self) -> Response | None:
        if not request.path.startswith("/v1/"):
            return None
        passage = begin_request()
        http = passage.http
        if http.method == "OPTIONS":
            return _preflight(http)
        engine = self._engine
        headers = http.headers
        endpoint = endpoint_of(http)
        key = passage.key = authenticate(
            engine.find_key,
            http.path,
            headers.get("Authorization"),
            headers.get("x-client-type"),
            is_public=endpoint is not None and f"{http.method} {http.url_rule}" in endpoint.public,
        )
        environment = passage.environment = engine.state.environment(key.org_id, key.env)
        board = engine.board_for(environment)
        once = board.once(_header_rules(headers.get("x-autumn-mock-fault")))
        # Rules may ask about a request that never gets a version, so the call has the default one until then.
        call = Call(
            environment,
            default_version(environment.organisation.created_at),
            environment.clock.now(),
            new_id("req"),
            key.publishable,
        )
        incoming = passage.incoming = Request(
            engine,
            call,
            key,
            http.get_data(cache=False),
            read_query(http.query_string),
            dict(http.view_args or {}),
            once,
            endpoint,
        )
        strikes = passage.strikes = RequestFaults(board, RequestSubject(incoming), once, self._parking)
        if strikes.key_is_revoked:
            raise revoked(key)
        version = _version(headers.get("x-api-version"))
        if version is not None:
            incoming.call = msgspec.structs.replace(call, version=version)
        if not self._is_within_limit(passage, incoming, strikes):
            return text_reply(TOO_MANY_REQUESTS, 429)
        claimed = headers.get("Idempotency-Key")
        if claimed:
            begin(incoming.call, claimed)
            passage.claimed = claimed
        refusal = strikes.before()
        if refusal is None:
            self._go_in(passage, incoming)
        return refusal

    def _go_in(self, passage: RequestContext, incoming: Request) -> None:
        """Pass the gate: until the request is in the journal, nothing of its organisation is replaced."""
        call = incoming.call
        environment = call.environment
        org_id = environment.name[0]
        self._engine.gate.enter(org_id)
        passage.inside = org_id
        if environment.is_gone:
            raise revoked(incoming.key)
        now = environment.clock.now()
        if now != call.now:  # perhaps the clock was reset meanwhile
            incoming.call = msgspec.structs.replace(call, now=now)

    def _is_within_limit(self, passage: RequestContext, incoming: Request, strikes: RequestFaults) -> bool:
        call = incoming.call
        endpoint = incoming.endpoint
        group = (endpoint.limit if endpoint is not None else GROUPS["general"]).at(call.version)
        armed = strikes.limit(is_batch=group.name == "batch_track")
        exhausted = strikes.limit_is_exhausted
        if armed is None and not exhausted and not self._limits.enabled:
            return True
        customer = _customer(incoming) if group.per_customer else None
        asked = LimitKey(call.environment.name, group, customer)
        if exhausted:
            verdict = self._limits.exhausted(asked)
        elif armed is not None:
            verdict = self._limits.hit(asked, armed.rule.argument)
            if not verdict.allowed:
                strikes.over_limit(armed)
        else:
            verdict = self._limits.hit(asked)
        passage.verdict = verdict
        return verdict.allowed

    # -- out

    def _leave(self, reply: Response) -> Response:
        passage: RequestContext | None = g.get("passage")
        if passage is None or not passage.http.path.startswith("/v1/"):
            return reply
        strikes = passage.strikes
        reached = strikes is None or strikes.reached_service
        try:
            claimed, passage.claimed = passage.claimed, None
            if claimed is not None:
                reply = _end_claim(passage, claimed, reply, reached)
            _add_headers(passage, reply)
            service_status = reply.status_code if reached else None
            if strikes is not None:
                reply = strikes.alter(reply)
            entry = self._record(passage, reply, service_status)
        finally:
            inside, passage.inside = passage.inside, None  # a failure here brings the request here once more
            if inside is not None:
                self._engine.gate.leave(inside)
        if strikes is not None and strikes.waits and not strikes.finish() and entry.reply != "lost":
            self._engine.journal.amend(entry, reply="lost")
        return reply

    def _record(self, passage: RequestContext, reply: Response, service_status: int | None) -> RequestEntry:
        """Put the request into the journal: before it waits for a fault, so that whoever looks meanwhile sees it."""
        journal, strikes = self._engine.journal, passage.strikes
        entry = self._entry(journal.next_id(), passage, reply, service_status)
        if strikes is not None:
            strikes.on_loss = lambda: journal.amend(entry, reply="lost")
        is_sent_now = strikes is None or not strikes.waits
        if is_sent_now and entry.reply == "sent" and client_is_gone(passage.http.environ):
            entry = msgspec.structs.replace(entry, reply="not_awaited")
        journal.add(entry)
        return entry

    def _entry(self, number: int, passage: RequestContext, reply: Response, service_status: int | None) -> RequestEntry:
        http, incoming, strikes, environment = passage.http, passage.incoming, passage.strikes, passage.environment
        org, env = environment.name if environment is not None else ("", "")
        now = (environment.clock if environment is not None else self._engine.clock).now()
        endpoint = endpoint_of(http)
        replied = stopwatch()
        refusals = _refusals(incoming) if incoming is not None and incoming.refused else {}
        fired = strikes.fired if strikes is not None else ()
        return RequestEntry(
            id=number,
            request_id=incoming.call.request_id if incoming is not None else "",
            at=incoming.call.now if incoming is not None else now,
            received=passage.started,
            replied=replied,
            method=http.method,
            path=http.path,
            call=endpoint.name if endpoint is not None else "",
            status=None if strikes is not None and strikes.is_silent else reply.status_code,
            service_status=service_status,
            duration_ms=round((replied - passage.started) * 1000, 3),
            org=org,
            env=env,
            api_version=http.headers.get("x-api-version"),
            size=len(incoming.raw) if incoming is not None else http.content_length or 0,
            items=incoming.items if incoming is not None else None,
            refused=incoming.refused if incoming is not None else None,
            refusals=refusals,
            faults=(*fired, *dict.fromkeys(refusals.values())),
            reply=strikes.fate if strikes is not None else "sent",
            retry_after=_retry_after(reply, now),
            note=passage.note,
            body=incoming.raw if incoming is not None and _keeps_body(incoming) else None,
        )


def view_of(endpoint: Endpoint) -> Callable[..., Response]:
    """The Flask view of an endpoint."""

    def view(**path: str) -> Response:
        passage: RequestContext = g.passage
        request = passage.incoming
        assert request is not None  # or the request would not have come this far
        request.path = path
        answer = answer_to(endpoint, request)
        return json_reply(to_version(answer.kind, answer.body, request.call.version), answer.status)

    return view


def _end_claim(passage: RequestContext, key: str, reply: Response, reached: bool) -> Response:
    """The reply to a request with an idempotency key, which lasts unless the request failed."""
    assert passage.incoming is not None  # or nothing could have been claimed
    call = passage.incoming.call
    if not reached or (reply.status_code >= 400 and reply.status_code != 409):
        abort(call, key)
        return reply
    try:
        commit(call, key)
    except OSError as error:
        return _not_kept(error)
    return reply


def _add_headers(passage: RequestContext, reply: Response) -> None:
    reply.headers.extend(COMMON_HEADERS)
    if passage.verdict is not None:
        reply.headers.extend(passage.verdict.headers())


def _keeps_body(incoming: Request) -> bool:
    endpoint = incoming.endpoint
    return endpoint is not None and endpoint.journals_body and len(incoming.raw) <= MAX_BODY_KEPT


def _refusals(incoming: Request) -> dict[int, str]:
    """Why items of a request could not be queued."""
    failure = incoming.call.environment.failures.get(incoming.call.request_id)
    return {each["index"]: each["reason"] for each in failure.items} if failure is not None else {}


def _retry_after(reply: Response, now: int) -> float | None:
    """How long (s) a reply asks the client to wait; a date counts from ``now`` (ms)."""
    value = reply.headers.get("Retry-After")
    if value is None:
        return None
    if value.isdigit():
        return float(value)
    moment = email.utils.parsedate_to_datetime(value)
    return max(moment.timestamp() - now / 1000, 0)


def _preflight(http: HttpRequest) -> Response:
    reply = text_reply("", 204)
    if http.headers.get("Origin"):
        reply.headers["access-control-allow-methods"] = _METHODS
        reply.headers["access-control-allow-headers"] = _ALLOWED_HEADERS
        reply.headers["access-control-max-age"] = "600"
    return reply


def _version(header: str | None) -> Version | None:
    """The version that a request names; None when it names none."""
    if header is None or not header.strip():
        return None
    version = parse_version(header.strip())
    if version is None:
        raise ApiError(400, f'"{header}" is not a valid API version', "invalid_api_version")
    return version


def _header_rules(header: str | None) -> list[Rule]:
    """The rules of the fault header; one that does not parse is told, or a test would believe it armed."""
    if not header:
        return []
    try:
        rules = parse_rules(header)
        for rule in rules:
            require_route(rule, call_names())
        return rules
    except RuleError as error:
        raise invalid_request(f"x-autumn-mock-fault: {error}") from None


def _customer(incoming: Request) -> str | None:
    """The customer id that a limit counts by: from the path, the body or the query."""
    found = incoming.path.get("customer_id") or incoming.fields.get("customer_id") or incoming.query.get("customer_id")
    return found if isinstance(found, str) else None


def _api_error(error: ApiError) -> Response:
    return error_reply(error, current().env)


def _validation_failed(error: ValidationFailed) -> Response:
    return error_reply(ApiError(400, error.message, "invalid_inputs"), current().env)


def _not_served(error: HTTPException) -> Response:
    """A route that is not served falls through to the dashboard, which wants a session; so does a wrong method."""
    if error.code == 500:  # what Flask makes of an error on the way out
        return _internal_error(error)
    if error.code == 413:
        return error_reply(invalid_request("The body is larger than this server takes.", status=413), current().env)
    asked = f"{request.method} {request.path}"
    if request.path.startswith("/_mock"):
        return error_reply(ApiError(404, f"There is no {asked} here", "not_found"), current().env)
    near = difflib.get_close_matches(asked, ROUTES, n=1, cutoff=0.4)
    passage = current()
    passage.note = f"{asked} does not exist here" + (f"; the nearest route is {near[0]}" if near else "")
    _log.warning("%s", passage.note)
    return error_reply(no_session(), passage.env)


def _organisation_is_gone(_error: NoSuchOrganisation) -> Response:
    """Somebody removed it while the request was under way, and its keys with it."""
    passage = current()
    return error_reply(revoked(passage.key) if passage.key is not None else unknown_key(), passage.env)


def _not_kept(error: OSError) -> Response:
    """The disk refused what would have been changed, so nothing was: the call can be made again."""
    _log.error("%s %s could not be kept: %s", request.method, request.path, error)
    return error_reply(database_unavailable(), current().env)


def _internal_error(_error: Exception) -> Response:
    _log.exception("%s %s failed", request.method, request.path)
    return error_reply(ApiError(500, "Unknown error", "internal_error"), current().env)
