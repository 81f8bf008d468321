"""Dispatch: a request under ``/v1`` is one call of :meth:`Dispatcher.dispatch`, which runs the steps of the real server
in its order (contract 1.1). ``docs/internals.md`` names the files that a batch passes before and after.
"""

from __future__ import annotations

import re
from random import Random

import flask
import msgspec
from flask import Response
from werkzeug.http import http_date

from autumn_mock.clock import stopwatch
from autumn_mock.domain.version import Version, default_version, is_future_version, parse_version
from autumn_mock.engine import Engine
from autumn_mock.faults.grammar import Rule, RuleError, parse_rules, require_route
from autumn_mock.ids import begin_request
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.operations.idempotency import abort, begin, commit
from autumn_mock.web.authentication import authenticate, no_session, revoked
from autumn_mock.web.context import RequestContext, read_query
from autumn_mock.web.endpoint import Endpoint
from autumn_mock.web.rate_limits import RateLimits
from autumn_mock.web.replies import json_reply, reply_to, text_reply
from autumn_mock.web.request_entry import correlation_id_of, entry_of
from autumn_mock.web.request_faults import RequestFaults
from autumn_mock.web.resources import find_route
from autumn_mock.web.waitress_adapter import is_client_disconnected
from autumn_mock.wire.answer import in_version
from autumn_mock.wire.body import json_problem
from autumn_mock.wire.requests.ignored import ignored_in
from autumn_mock.wire.schema import ValidationFailed, parse
from autumn_mock.wire.versions import fixed_shape_for

#: On every reply (contract 1.4).
_COMMON_HEADERS = [
    ("access-control-allow-credentials", "true"),
    ("access-control-expose-headers", "Content-Length"),
    ("vary", "Origin"),
    ("x-region", "us-east-2"),
]
#: Origins of pages that a browser allows to call the API: those of development servers.
_LOCAL_PAGE = re.compile(r"https?://localhost(:\d{1,5})?", re.ASCII)
_PREFLIGHT_HEADERS = [
    ("access-control-allow-methods", "POST,GET,PUT,DELETE,PATCH,OPTIONS"),
    ("access-control-allow-headers", "Authorization,Content-Type,x-api-version,idempotency-key,x-request-id"),
    ("access-control-max-age", "600"),
]
#: Scopes that include every other one.
_META_SCOPES = {"admin", "owner", "superuser"}


class Dispatcher:
    """Serves requests with an engine."""

    def __init__(self, engine: Engine, limits: RateLimits) -> None:
        self._engine = engine
        self._limits = limits
        #: Draws the seeds of random rules of the fault header when the server has a seed.
        self._seeds = Random(engine.settings.seed) if engine.settings.seed is not None else None  # noqa: S311  # reproducible, not a secret

    def dispatch(self) -> Response:
        """Serve Flask's current request."""
        http: flask.Request = flask.request._get_current_object()  # type: ignore[attr-defined]  # the proxy is slow
        route, endpoint, path = find_route(http.method, http.path)
        request = RequestContext(self._engine, http, route, endpoint, path, http.get_data(cache=False), stopwatch())
        reply: Response | None
        try:
            try:
                if http.method == "OPTIONS":
                    reply = _preflight(http)
                else:
                    faults = self._authenticate(request)
                    _negotiate_version(request)
                    self._limits.apply(request, faults)
                    _claim_idempotency_key(request)
                    reply = faults.before_service()
                    if reply is None:
                        self._enter_barrier(request)
                        served = _require_served(request)
                        _require_scope(request, served)
                        _validate(request, served)
                        reply = _handle(request, served)
            except Exception as error:
                reply = reply_to(error, http, request.key)
                if isinstance(error, ApiError) and error.note:
                    request.add_note(error.note)
            reply = _end_idempotency_key(request, reply)
            _add_headers(request, reply)
            reply, entry = self._journal(request, reply)
        except Exception as error:  # in what follows the handler
            reply = reply_to(error, http, request.key)
            _add_headers(request, reply)
            return reply
        finally:
            if request.barrier_of is not None:
                self._engine.barrier.leave(request.barrier_of)
        self._finish_reply_faults(request, entry)
        return reply

    def _authenticate(self, request: RequestContext) -> RequestFaults:
        """Identify the key and its environment, and find the fault rules that concern the request."""
        engine, http = self._engine, request.http
        key = request.key = authenticate(request)
        environment = request.environment = engine.state.environment(key.org_id, key.env)
        request.request_id = begin_request(engine.ids)
        request.now = environment.clock.now()
        request.query = read_query(http.query_string)
        board = engine.board_for(environment)
        request.once = board.once(map(self._seeded, _header_rules(request.header("X_AUTUMN_MOCK_FAULT"))))
        faults = request.faults = RequestFaults(board, request, environment)
        if faults.revokes_key():
            raise revoked(key, http)
        return faults

    def _enter_barrier(self, request: RequestContext) -> None:
        """Enter the barrier: until the request is journalled, the data of its organisation is not replaced."""
        call = request.call
        environment = call.environment
        org_id = environment.name[0]
        self._engine.barrier.enter(org_id)
        request.barrier_of = org_id
        if environment.is_gone:
            assert request.key is not None  # authenticated
            raise revoked(request.key, request.http)
        now = environment.clock.now()
        if now != call.now:  # a reset may have moved the clock meanwhile
            request.now = now
            request.call = msgspec.structs.replace(call, now=now)

    def _journal(self, request: RequestContext, reply: Response) -> tuple[Response, RequestEntry]:
        """Apply the reply faults that change the reply, and record the request, before faults delay the reply."""
        journal, faults = self._engine.journal, request.faults
        service_status = reply.status_code if faults is None or faults.reached_service else None
        if faults is not None:
            reply = faults.after_service(reply)
        entry = entry_of(journal.next_id(), request, reply, service_status)
        if faults is not None:
            faults.on_loss = lambda: journal.amend(entry, reply="lost")
        is_sent_now = faults is None or not faults.is_pending
        if is_sent_now and entry.reply == "sent" and is_client_disconnected(request.http.environ):
            entry = msgspec.structs.replace(entry, reply="not_awaited")
        journal.add(entry)
        return reply, entry

    def _seeded(self, rule: Rule) -> Rule:
        """A rule of the fault header; each has a seed of its own, or the same rule would always do the same."""
        return rule if self._seeds is None else rule.seeded(self._seeds.getrandbits(32))

    def _finish_reply_faults(self, request: RequestContext, entry: RequestEntry) -> None:
        """Delay, hang or reset the reply as the fault rules say."""
        # The faults refer to the request: without the cycle a large body is freed now, and not by the next collection.
        faults, request.faults = request.faults, None
        if faults is None or not faults.is_pending:
            return
        is_received = False
        try:
            is_received = faults.complete()
        finally:
            if not is_received and entry.reply != "lost":
                self._engine.journal.amend(entry, reply="lost")


def _preflight(http: flask.Request) -> Response:
    reply = text_reply("", 204)
    if http.headers.get("Origin"):
        reply.headers.extend(_PREFLIGHT_HEADERS)
    return reply


def _header_rules(header: str | None) -> list[Rule]:
    """The rules of the fault header. An invalid rule is an error, so that no test relies on it."""
    if not header:
        return []
    from autumn_mock.web.resources.registry import call_names

    try:
        rules = parse_rules(header)
        for rule in rules:
            require_route(rule, call_names())
        return rules
    except RuleError as error:
        raise invalid_request(f"x-autumn-mock-fault: {error}") from None


def _negotiate_version(request: RequestContext) -> None:
    """Choose the version that ``x-api-version`` names, or the organisation's default (contract 2)."""
    environment, key, header = request.environment, request.key, request.header("X_API_VERSION")
    assert environment is not None and key is not None  # noqa: PT018  # authenticated
    if request.endpoint is not None and request.endpoint.keyless:
        version = Version.NEWEST  # these calls have one shape
    elif header is None or not header.strip():
        version = default_version(environment.organisation.created_at)
    else:
        named = parse_version(header.strip())
        if named is None and not request.engine.settings.strict_versions and is_future_version(header.strip()):
            named = Version.NEWEST
            request.add_note(f"{header.strip()} is newer than all known API versions; answered as {named.value}")
        if named is None:
            raise ApiError(400, f'"{header}" is not a valid API version', "invalid_api_version")
        version = named
    assert request.faults is not None  # found with the key
    charges = request.faults.charge_problem
    request.call = Call(environment, version, request.now, request.request_id, key.publishable, charge_problem=charges)


def _claim_idempotency_key(request: RequestContext) -> None:
    key = request.header("IDEMPOTENCY_KEY")
    if key:
        begin(request.call, key)
        request.idempotency_key = key


def _end_idempotency_key(request: RequestContext, reply: Response) -> Response:
    """Commit the key, unless the request failed other than by a conflict. Returns the reply, or the commit's error."""
    key, faults = request.idempotency_key, request.faults
    if key is None or faults is None:
        return reply
    if not faults.reached_service or (reply.status_code >= 400 and reply.status_code != 409):
        abort(request.call, key)
        return reply
    try:
        commit(request.call, key)
    except OSError as error:
        return reply_to(error, request.http, request.key)
    return reply


def _require_served(request: RequestContext) -> Endpoint:
    """The endpoint. Other routes, and other methods, belong to the dashboard, which needs a session (contract 1.5)."""
    if request.endpoint is not None:
        return request.endpoint
    request.add_note(unserved_note(request.http))
    raise no_session()


def unserved_note(http: flask.Request) -> str:
    """The note about a route that is not served, with the most similar one."""
    import difflib

    from autumn_mock.web.resources.registry import ROUTES

    asked = f"{http.method} {http.path}"
    near = difflib.get_close_matches(asked, ROUTES, n=1, cutoff=0.4)
    return f"{asked} does not exist here" + (f"; the nearest route is {near[0]}" if near else "")


def _require_scope(request: RequestContext, endpoint: Endpoint) -> None:
    """Any one scope of the endpoint is enough; a write scope includes the read scope (contract 1.3)."""
    held = set(request.key.scopes) if request.key is not None else set()
    if not held or held & _META_SCOPES:
        return
    for scope in endpoint.scopes:
        implied = scope.removesuffix(":read") + ":write" if scope.endswith(":read") else scope
        if scope in held or implied in held:
            return
    raise ApiError(403, f"Insufficient scopes. Missing: {endpoint.scopes[0]}", "insufficient_scopes")


def _validate(request: RequestContext, endpoint: Endpoint) -> None:
    """Validate the query, then the body (contract 3)."""
    call = request.call
    if endpoint.query is not None:
        request.parsed_query = parse(endpoint.query, request.query, now_ms=call.now)
        request.params = (request.parsed_query,)
    request.expand = _expand(request, endpoint)
    schema = endpoint.request_at(call.version)
    try:
        if endpoint.parser is not None:
            request.params = (endpoint.parser(request),)
        elif schema is not None:
            request.params = (parse(schema, request.newest_json, now_ms=call.now),)
    except ValidationFailed:
        problem = json_problem(request.raw)
        if problem is not None:
            request.add_note(problem)
        raise
    _note_ignored(request)


def _note_ignored(request: RequestContext) -> None:
    """Note which fields of the request have no effect."""
    found: dict[str, str] = {}
    for params in (request.parsed_query, *request.params):
        # A batch is large, and nothing else in it is ignored.
        if not isinstance(params, list) or b"customer_data" in request.raw:
            found |= ignored_in(params)
    if found:
        text = ", ".join(f"{path} ({reason})" for path, reason in found.items())
        request.add_note(f"without effect here: {text}")


def _expand(request: RequestContext, endpoint: Endpoint) -> list[str]:
    query = request.query.get("expand") if endpoint.query is None else getattr(request.parsed_query, "expand", None)
    # A list has no fields, and a batch is too large to parse only for this.
    fields = {} if request.raw[:64].lstrip()[:1] == b"[" else request.fields
    asked = fields.get("expand", query)
    if isinstance(asked, str):
        asked = asked.split(",")
    return [each for each in asked if isinstance(each, str)] if isinstance(asked, list) else []


def _handle(request: RequestContext, endpoint: Endpoint) -> Response:
    answer = endpoint.handler(request, *request.params)
    if answer.body is None:
        reply = text_reply("", 303)
        reply.headers["location"] = answer.location
        return reply
    request.next_page = answer.body.next_page
    version = request.call.version
    shape = fixed_shape_for(version) if endpoint.fixed_shape else version
    return json_reply(in_version(answer.body, shape), answer.status)


def _add_headers(request: RequestContext, reply: Response) -> None:
    if request.faults is None or request.faults.reached_service:
        reply.headers.extend(_COMMON_HEADERS)
        origin = request.header("ORIGIN")
        if origin is not None and _LOCAL_PAGE.fullmatch(origin):
            reply.headers["access-control-allow-origin"] = origin
    else:  # the reply of a fault may have its own
        for name, value in _COMMON_HEADERS:
            reply.headers.setdefault(name, value)
    if request.limit is not None:
        reply.headers.extend(request.limit.headers())
    if request.engine.settings.frozen:  # Waitress would send the machine's time
        reply.headers["date"] = http_date(request.engine.clock.now() / 1000)
    correlation_id = correlation_id_of(request)
    if correlation_id is not None:
        reply.headers["x-request-id"] = correlation_id
