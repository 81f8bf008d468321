"""The faults of one request: which rules fire, and what they do to it and to its reply."""

from __future__ import annotations

import email.utils
from collections.abc import Callable, Collection, Iterator
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Response

from autumn_mock.clock import stopwatch
from autumn_mock.durations import parse_duration
from autumn_mock.faults.armed import ArmedRule
from autumn_mock.faults.board import FaultBoard
from autumn_mock.faults.kinds.auth import AuthFault
from autumn_mock.faults.kinds.limit import LimitFault
from autumn_mock.faults.kinds.reply import ReplyFault, ReplyOutcome, Substitute
from autumn_mock.operations.errors import ApiError, queue_unavailable
from autumn_mock.store.environment import Environment
from autumn_mock.web.context import RequestContext
from autumn_mock.web.parking import RequestParking
from autumn_mock.web.replies import TOO_MANY_REQUESTS, error_reply, text_reply
from autumn_mock.web.waitress_adapter import abort_connection, flush, is_client_disconnected

F = TypeVar("F", bound=ArmedRule)
#: Seconds between two pieces of a body that is sent slowly.
_PIECE_INTERVAL_S = 0.02


class RequestSubject:
    """A request, as rules are matched against it. Its body is parsed only when a rule needs it."""

    def __init__(self, incoming: RequestContext, environment: Environment) -> None:
        organisation = environment.organisation
        self.orgs: Collection[str] = (organisation.id, organisation.slug)
        endpoint = incoming.endpoint
        self.calls: Collection[str] = endpoint.names if endpoint is not None else ()
        self._incoming = incoming

    @property
    def customers(self) -> Collection[str]:
        """The customers in its path, its query and its body, which may be a list."""
        return self._named("customer_id")

    @property
    def features(self) -> Collection[str]:
        """The features, likewise."""
        return self._named("feature_id")

    def _named(self, name: str) -> set[str]:
        incoming = self._incoming
        bodies = incoming.json if isinstance(incoming.json, list) else [incoming.json]
        found = [
            incoming.path.get(name),
            incoming.query.get(name),
            *(each.get(name) for each in bodies if isinstance(each, dict)),
        ]
        return {each for each in found if isinstance(each, str)}


class RequestFaults:
    """Triggers the rules at each step of a request. Each method is called once, in the order of its definition."""

    def __init__(
        self, board: FaultBoard, request: RequestContext, environment: Environment, parking: RequestParking
    ) -> None:
        self._board = board
        self._environ = request.http.environ
        self._subject = RequestSubject(request, environment)
        self._environment = environment
        self._once = request.once
        self._parking = parking
        self._triggered: list[str] = []
        self._replies: list[ReplyFault] = []
        #: What the client receives of the reply.
        self.reply_status: ReplyOutcome = "sent"
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
        return bool(self._trigger(AuthFault))

    def limit(self, *, is_batch: bool) -> LimitFault | None:
        """The rule that changes the limit of the request: an exhausted limit first, then the newest rule."""
        armed = self._board.trigger(LimitFault, self._subject, self._once)
        found = [each for each in reversed(armed) if each.applies(is_batch=is_batch)]
        exhausted = [each for each in found if each.replacement is None]
        self._triggered += [each.rule.text for each in exhausted]
        return next(iter([*exhausted, *found]), None)

    def count_limit_refusal(self, armed: LimitFault) -> None:
        """The replaced limit refused the request."""
        self._board.count_refusal(armed)
        self._triggered.append(armed.rule.text)

    def before_service(self) -> Response | None:
        """Delay the request, or end it with the returned reply before the service handles it."""
        self._replies = self._trigger(ReplyFault)
        early = [armed for armed in self._replies if armed.rule.phase == "before"]
        for place, armed in enumerate(early):
            if not armed.ends_request:
                self._wait(armed)
                continue
            self._replies = early[: place + 1]  # the others do not apply
            self.reached_service = False
            self.reply_status = armed.outcome
            substitute = armed.substitute()
            if substitute is None:
                return Response("", 503)  # not sent: the connection ends without a reply
            return _substituted(substitute, None, self._environment)
        return None

    def after_service(self, reply: Response) -> Response:
        """The reply as the rules change it."""
        if not self.reached_service:
            return reply
        share, spread_s = 1.0, 0.0
        slowest: ReplyFault | None = None
        for armed in self._replies:
            if armed.rule.phase == "before":
                continue
            if armed.outcome == "lost" or self.reply_status == "sent":
                self.reply_status = armed.outcome
            substitute = armed.substitute()
            if substitute is not None:
                reply = _substituted(substitute, reply, self._environment)
            original = reply.get_data()
            body = armed.replace_body(original)
            if body is not original:
                reply.set_data(body)
            reply.headers["Content-Type"] = armed.replace_content_type(reply.headers["Content-Type"])
            share = min(share, armed.body_share)
            if armed.spread_s():
                slowest, spread_s = armed, armed.spread_s()
        if share < 1 or slowest is not None:
            self._send_in_pieces(reply, share, slowest, spread_s)
        return reply

    @property
    def is_silent(self) -> bool:
        """Whether no reply is sent."""
        return any(armed.connection != "keep" for armed in self._replies)

    @property
    def is_pending(self) -> bool:
        """Whether :meth:`complete` has something to do."""
        return any(
            armed.connection != "keep" or (armed.waits and armed.rule.phase == "after") for armed in self._replies
        )

    def complete(self) -> bool:
        """Wait, and end the connection if a rule says so. False if the client has closed the connection meanwhile."""
        for armed in self._replies:
            if armed.connection == "keep" and armed.rule.phase == "before":
                continue
            if armed.waits:
                self._wait(armed)
            if armed.connection != "keep":
                abort_connection(self._environ, reset=armed.connection == "reset")
        return not is_client_disconnected(self._environ)

    # -- details

    def _wait(self, armed: ReplyFault) -> None:
        self._parking.wait(armed.wait_s(), lambda: armed.is_over or is_client_disconnected(self._environ))

    def _send_in_pieces(self, reply: Response, share: float, slowest: ReplyFault | None, spread_s: float) -> None:
        """Send a part of the body, or all of it slowly, with the length of the whole body."""
        whole = reply.get_data()
        sent = whole[: int(len(whole) * share)]
        reply.response = iter([sent]) if slowest is None else self._dribble(slowest, sent, spread_s, self._environ)
        reply.headers["Content-Length"] = str(len(whole))

    def _dribble(self, armed: ReplyFault, content: bytes, spread_s: float, environ: Any) -> Iterator[bytes]:
        """The content in pieces: at any moment as much as is due, counted from the start."""
        started, sent = stopwatch(), 0
        interval = max(spread_s / max(len(content), 1), _PIECE_INTERVAL_S)
        try:
            with self._parking.spare_thread():
                while sent < len(content):
                    self._parking.pause(interval, lambda: armed.is_over or is_client_disconnected(environ))
                    share = 1.0 if armed.is_over else min((stopwatch() - started) / spread_s, 1.0)
                    due = max(int(len(content) * share), sent + 1)
                    yield content[sent:due]
                    flush(environ)
                    sent = due
        finally:
            if sent < len(content):  # the client has closed the connection
                self.on_loss()


def _substituted(substitute: Substitute, reply: Response | None, environment: Environment) -> Response:
    """A substitute as an HTTP reply; a success keeps the reply of the service."""
    if substitute.body == "service" and reply is not None:
        reply.status_code = substitute.status
    elif substitute.status < 300 and reply is not None:
        reply.status_code = substitute.status
        reply.set_data(b"")
    else:
        reply = _failure(substitute.status, substitute.body, environment.env)
    if substitute.retry_after is not None:
        reply.headers["Retry-After"] = _retry_after(substitute.retry_after, environment.clock.now())
    return reply


def _failure(status: int, body: str, env: str) -> Response:
    phrase = _phrase(status)
    if body == "empty":
        return Response(b"", status, content_type="text/plain")
    if body == "html":
        title = f"{status} {phrase}"
        page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body><h1>{title}</h1></body>\r\n</html>\r\n"
        return Response(page, status, content_type="text/html")
    if status == 429:
        return text_reply(TOO_MANY_REQUESTS, 429)
    if status == 503:
        error = queue_unavailable()
        return error_reply(ApiError(503, error.message, error.code), env)
    return error_reply(ApiError(status, phrase, "internal_error"), env)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _retry_after(value: str, now: int) -> str:
    """The value of the header; a relative date counts from ``now`` (ms)."""
    if not value.startswith("date+"):
        return value
    return email.utils.formatdate((now + parse_duration(value.removeprefix("date+"))) / 1000, usegmt=True)
