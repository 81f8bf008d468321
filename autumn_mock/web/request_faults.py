"""The faults of one request: which rules fire, and what they do to it and to its reply."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TypeVar

from flask import Response

from autumn_mock.clock import stopwatch
from autumn_mock.faults.armed import ArmedRule, Subject
from autumn_mock.faults.board import FaultBoard
from autumn_mock.faults.sites import AuthFault, LimitFault, ReplyFault, ReplyOutcome, ReplyPlan, Wait
from autumn_mock.journal.bodies import BATCH_CALLS, TRACK_CALLS
from autumn_mock.operations.errors import ApiError, queue_unavailable, service_unavailable
from autumn_mock.parking import parking
from autumn_mock.store.environment import Environment
from autumn_mock.web.context import RequestContext
from autumn_mock.web.replies import TOO_MANY_REQUESTS, error_reply, text_reply
from autumn_mock.web.waitress_adapter import abort_connection, flush, is_client_disconnected, truncated

F = TypeVar("F", bound=ArmedRule)
#: Statuses whose reply ends with its headers: a body would be taken for the next reply.
_WITHOUT_BODY = (204, 205, 304)
#: Seconds between two pieces of a body that is sent slowly.
_PIECE_INTERVAL_S = 0.02


class RequestFaults:
    """Triggers the rules at each step of a request, and keeps what they do to its reply.

    The methods are called in the order of the request's steps. Those that trigger rules are called at most once.
    """

    def __init__(self, board: FaultBoard, request: RequestContext, environment: Environment) -> None:
        self._board = board
        self._environ = request.http.environ
        orgs = (environment.organisation.id, environment.organisation.slug)
        calls = request.endpoint.names if request.endpoint is not None else ()
        self._subject = Subject(orgs, calls, lambda field: _values(request, field))
        self._environment = environment
        self._once = request.once
        #: Whether the request is for the queue.
        self._queues: Callable[[], bool] = lambda: _queues(request)
        self._triggered: list[str] = []
        #: Why a charge fails. Does not refer to the request.
        self.charge_problem = board.charges(orgs, calls, request.once, self._triggered)
        #: The rules that act on the reply of the service.
        self._after: list[ReplyFault] = []
        #: How the reply is sent; None: as the service made it.
        self._plan: ReplyPlan | None = None
        #: Whether the service handled the request.
        self.reached_service = True
        #: Called when a reply that was recorded as sent turns out to be lost.
        self.on_loss: Callable[[], None] = lambda: None

    @property
    def triggered(self) -> tuple[str, ...]:
        """The texts of the rules that fired on the request. Rules that refused items are recorded with the items."""
        return tuple(self._triggered)

    def _trigger(self, site: type[F]) -> list[F]:
        armed = self._board.trigger(site, self._subject, self._once)
        self._triggered += [each.rule.text for each in armed]
        return armed

    def revokes_key(self) -> bool:
        """Whether a rule makes the key unknown."""
        return any(armed.on_key() for armed in self._trigger(AuthFault))

    def limit(self, *, is_batch: bool) -> LimitFault | None:
        """The rule that changes the limit of the request: an exhausted limit first, then the newest rule."""
        armed = self._board.trigger(LimitFault, self._subject, self._once)
        found = [each for each in reversed(armed) if each.on_limit(is_batch=is_batch)]
        exhausted = [each for each in found if each.replacement is None]
        self._triggered += [each.rule.text for each in exhausted]
        return next(iter([*exhausted, *found]), None)

    def limit_refused(self, armed: LimitFault) -> None:
        """The replaced limit refused the request."""
        self._board.limit_refused(armed)
        self._triggered.append(armed.rule.text)

    def before_service(self) -> Response | None:
        """Delay the request, or end it with the returned reply before the service handles it."""
        fired = self._board.on_reply(self._subject, self._once)
        self._triggered += [each.rule.text for each in fired]
        self._after = [armed for armed in fired if armed.rule.phase == "after"]
        if len(self._after) == len(fired):
            return None
        plan = self._plan_of(Response("", 503))
        for armed in fired:
            if armed.rule.phase == "before":
                armed.on_reply(plan)
                if plan.outcome != "sent":  # it is the last rule that fired
                    self._plan, self.reached_service = plan, False
                    return _response(plan)
                self._pass_waits(plan)
        return None

    def after_service(self, reply: Response) -> Response:
        """The reply as the rules change it."""
        if not self._after:
            return reply
        plan = self._plan = self._plan_of(reply)
        for armed in self._after:
            armed.on_reply(plan)
        changed = _response(plan)
        if plan.spread is not None:
            parking().require_room()
        if plan.body and (plan.share < 1 or plan.spread is not None):
            sent = plan.body[: int(len(plan.body) * plan.share)]
            pieces = iter([sent]) if plan.spread is None else self._dribble(plan.spread, sent)
            changed.response = pieces if plan.share == 1 else truncated(pieces)
            changed.headers["Content-Length"] = str(len(plan.body))
        return changed

    @property
    def reply_status(self) -> ReplyOutcome:
        """What the client receives of the reply."""
        return self._plan.outcome if self._plan is not None else "sent"

    @property
    def is_silent(self) -> bool:
        """Whether no reply is sent."""
        return self._plan is not None and self._plan.ending is not None

    @property
    def sent_body(self) -> bytes | None:
        """As much of a body as is sent of one that is truncated or slow."""
        return self._plan.body[: int(len(self._plan.body) * self._plan.share)] if self._plan is not None else None

    @property
    def is_pending(self) -> bool:
        """Whether :meth:`complete` has something to do."""
        return self._plan is not None and (self._plan.ending is not None or bool(self._plan.waits))

    def complete(self) -> bool:
        """Wait, and end the connection if a rule says so. False if the client has closed the connection meanwhile."""
        if self._plan is not None:
            self._pass_waits(self._plan)
            if self._plan.ending is not None:
                abort_connection(self._environ, reset=self._plan.ending == "reset")
        return not is_client_disconnected(self._environ)

    # -- details

    def _plan_of(self, reply: Response) -> ReplyPlan:
        env, now = self._environment.env, self._environment.clock.now()
        headers = list(reply.headers.items())
        return ReplyPlan(
            reply.status_code, headers, reply.get_data(), now, lambda status, text: self._error(status, text, env)
        )

    def _error(self, status: int, message: str, env: str) -> tuple[str, bytes]:
        """Content type and body of the service's own error with a status."""
        if status == 429:
            reply = text_reply(TOO_MANY_REQUESTS, status)
        elif status == 503:
            unavailable = queue_unavailable() if self._queues() else service_unavailable()
            reply = error_reply(ApiError(status, unavailable.message, unavailable.code), env)
        else:
            reply = error_reply(ApiError(status, message, "internal_error"), env)
        return reply.headers["Content-Type"], reply.get_data()

    def _is_over(self, wait: Wait) -> bool:
        return wait.armed.is_over or is_client_disconnected(self._environ)

    def _pass_waits(self, plan: ReplyPlan) -> None:
        while plan.waits:
            parking().wait(plan.waits[0].seconds, lambda: self._is_over(plan.waits[0]))
            del plan.waits[0]

    def _dribble(self, spread: Wait, content: bytes) -> Iterator[bytes]:
        """The content in pieces: at any moment as much as is due, counted from the start."""
        started, sent = stopwatch(), 0
        seconds = spread.seconds or _PIECE_INTERVAL_S
        interval = max(seconds / max(len(content), 1), _PIECE_INTERVAL_S)
        try:
            with parking().spare_thread(may_refuse=False):
                while sent < len(content):
                    parking().pause(interval, lambda: self._is_over(spread))
                    share = 1.0 if spread.armed.is_over else min((stopwatch() - started) / seconds, 1.0)
                    due = max(int(len(content) * share), sent + 1)
                    yield content[sent:due]
                    flush(self._environ)
                    sent = due
        finally:
            if sent < len(content):  # the client has closed the connection
                self.on_loss()


def _values(request: RequestContext, field: str) -> Collection[str | None]:
    """The values of a field in the path, the query and the body, which may be a list."""
    bodies = request.json if isinstance(request.json, list) else [request.json]
    found = [request.path.get(field), request.query.get(field)]
    return [*found, *(body.get(field) for body in bodies if isinstance(body, dict))]


def _queues(request: RequestContext) -> bool:
    """Whether a request is for the queue: a batch, or a usage that says so."""
    call = request.endpoint.name if request.endpoint is not None else ""
    return call in BATCH_CALLS or (call in TRACK_CALLS and request.fields.get("async") is True)


def _response(plan: ReplyPlan) -> Response:
    if plan.status in _WITHOUT_BODY:
        plan.body = b""
    reply = Response(plan.body, plan.status, headers=plan.headers)
    if plan.status in (204, 304):
        del reply.headers["Content-Type"], reply.headers["Content-Length"]
    return reply
