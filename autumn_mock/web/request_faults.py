"""The faults of one request: which rules strike it, and what they do to it and to its reply."""

from __future__ import annotations

import email.utils
from collections.abc import Callable, Collection, Iterator
from http import HTTPStatus
from typing import Any

from flask import Response

from autumn_mock.durations import parse_duration
from autumn_mock.faults.armed import ArmedRule
from autumn_mock.faults.board import FaultBoard
from autumn_mock.journal.requests import ReplyStatus
from autumn_mock.operations.errors import ApiError, queue_unavailable
from autumn_mock.store.environment import Environment
from autumn_mock.web.context import RequestContext
from autumn_mock.web.parking import RequestParking
from autumn_mock.web.replies import TOO_MANY_REQUESTS, error_reply, text_reply
from autumn_mock.web.waitress_adapter import abort_connection, flush, is_client_disconnected

#: Rules after which no reply comes.
_SILENT = ("reply:hang", "reply:reset")
#: Rules that send another reply than the service meant.
_ALTERING = ("reply:status", "reply:malformed", "reply:empty", "reply:content-type")


class RequestSubject:
    """A request, as rules are held against it. Its body is looked into only when a rule asks."""

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
    """Asks the rules at each place of a request's way. ``fired`` says which struck."""

    def __init__(
        self, board: FaultBoard, request: RequestContext, environment: Environment, parking: RequestParking
    ) -> None:
        self._board = board
        self._environ = request.http.environ
        self._subject = RequestSubject(request, environment)
        self._environment = environment
        self._once = request.once
        self._parking = parking
        self._fired: list[str] = []
        self._replies: list[ArmedRule] = []
        #: What becomes of the reply.
        self.fate: ReplyStatus = "sent"
        #: Whether the service did its work.
        self.reached_service = True
        #: Called when a reply that was recorded as sent did not come whole after all.
        self.on_loss: Callable[[], None] = lambda: None

    @property
    def fired(self) -> tuple[str, ...]:
        """The rules that struck the request, as they were written. Those that refused items stand with the items."""
        return tuple(self._fired)

    def _strike(self, site: Any) -> list[ArmedRule]:
        struck = self._board.strike(site, self._subject, self._once)
        self._fired += [armed.rule.text for armed in struck]
        return struck

    # -- on the way in

    def revokes_key(self) -> bool:
        """Whether the key counts as unknown."""
        return bool(self._strike("auth"))

    def exhausts_limit(self) -> bool:
        """Whether every limit counts as used up."""
        return bool(self._strike("limit"))

    def limit(self, is_batch: bool) -> ArmedRule | None:
        """The rule that sets another limit for this request, if one does: without ``route=`` it is about batches."""
        armed = self._board.setting("limit", self._subject, self._once)
        return armed if armed is not None and (is_batch or "route" in armed.options) else None

    def over_limit(self, armed: ArmedRule) -> None:
        """Say that the limit of a rule has refused the request."""
        self._board.fire(armed)
        self._fired.append(armed.rule.text)

    def before(self) -> Response | None:
        """Strike the request before the service does its work; a reply when it shall not get to it."""
        self._replies = self._strike("reply")
        for armed in self._of_phase("before"):
            if armed.kind.name == "reply:delay":
                self._wait(armed, self._seconds(armed))
                continue
            self.reached_service = False
            if armed.kind.name == "reply:status":
                self.fate = "altered"
                return _with_status(armed, None, self._environment)
            self.fate = "lost"
            return Response("", 503)  # never sent
        return None

    # -- on the way out

    def alter(self, reply: Response) -> Response:
        """The reply as the rules let it be, before it is recorded."""
        if not self.reached_service:
            return reply
        for armed in self._of_phase("after"):
            name = armed.kind.name
            if name in _SILENT or name == "reply:truncate":
                self.fate = "lost"
            elif name in _ALTERING and self.fate == "sent":
                self.fate = "altered"
            reply = self._altered(armed, reply)
        if self._is_struck_by("reply:truncate") or self._is_struck_by("reply:dribble"):
            self._sent_in_pieces(reply)
        return reply

    def _altered(self, armed: ArmedRule, reply: Response) -> Response:
        name = armed.kind.name
        if name == "reply:status":
            return _with_status(armed, reply, self._environment)
        if name == "reply:malformed":
            reply.set_data(b'{"success": tru, "message": "the rest of th')
        elif name == "reply:empty":
            reply.set_data(b"")
        elif name == "reply:content-type":
            reply.headers["Content-Type"] = armed.rule.argument
        return reply

    @property
    def is_silent(self) -> bool:
        """Whether no reply is sent at all."""
        return any(armed.kind.name in _SILENT for armed in self._acting())

    @property
    def waits(self) -> bool:
        """Whether something is left to do once the request is recorded."""
        return any(
            armed.kind.name in _SILENT or (armed.kind.name == "reply:delay" and armed.rule.phase == "after")
            for armed in self._acting()
        )

    def finish(self) -> bool:
        """Wait, hang up or reset as the rules say, after the request was recorded; False when the client has gone."""
        environ = self._environ
        for armed in self._acting():
            if armed.kind.name == "reply:delay" and armed.rule.phase == "after":
                self._wait(armed, self._seconds(armed))
            elif armed.kind.name == "reply:hang":
                self._wait(armed, None)
                abort_connection(environ, reset=False)
            elif armed.kind.name == "reply:reset":
                abort_connection(environ, reset=True)
        return not is_client_disconnected(environ)

    # -- details

    def _of_phase(self, phase: str) -> Iterator[ArmedRule]:
        return (armed for armed in self._replies if armed.rule.phase == phase)

    def _acting(self) -> list[ArmedRule]:
        """The rules whose turn came: after a strike before the service, those that strike afterwards have no part."""
        if self.reached_service:
            return self._replies
        struck = list(self._of_phase("before"))
        ending = next(place for place, armed in enumerate(struck) if armed.kind.name != "reply:delay")
        return struck[: ending + 1]

    def _wait(self, armed: ArmedRule, seconds: float | None) -> None:
        environ = self._environ
        self._parking.wait(seconds, lambda: armed.is_over or is_client_disconnected(environ))

    def _seconds(self, armed: ArmedRule) -> float:
        shortest, longest = armed.rule.argument
        return armed.random.uniform(shortest, longest) / 1000

    def _sent_in_pieces(self, reply: Response) -> None:
        """Half of the body if it is to be cut off, byte by byte if it is to dribble, under the length of the whole."""
        content = reply.get_data()
        length = len(content) // 2 if self._is_struck_by("reply:truncate") else len(content)
        dribble = next((armed for armed in self._replies if armed.kind.name == "reply:dribble"), None)
        if dribble is None:
            reply.response = iter([content[:length]])
        else:
            reply.response = self._dribble(dribble, content[:length], self._environ)
        reply.headers["Content-Length"] = str(len(content))

    def _dribble(self, armed: ArmedRule, content: bytes, environ: Any) -> Iterator[bytes]:
        pause = armed.rule.argument / 1000 / max(len(content), 1)
        left = len(content)
        try:
            with self._parking.spare_thread():
                for place in range(len(content)):
                    self._parking.wait(pause, lambda: armed.is_over or is_client_disconnected(environ))
                    yield content[place : place + 1]
                    flush(environ)
                    left -= 1
        finally:
            if left:  # the client has gone
                self.on_loss()

    def _is_struck_by(self, kind: str) -> bool:
        return any(armed.kind.name == kind for armed in self._replies)


def _with_status(armed: ArmedRule, reply: Response | None, environment: Environment) -> Response:
    """A reply with the status of a rule: the service's own for a success, and else what a failing server sends."""
    status, options = armed.rule.argument, armed.options
    if status < 300 and reply is not None:
        reply.status_code = status
        if "body" in options and options["body"] == "empty":
            reply.set_data(b"")
    else:
        reply = _failure(status, options.get("body", "json"), environment.env)
    if "retry-after" in options:
        reply.headers["Retry-After"] = _when(options["retry-after"], environment.clock.now())
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


def _when(value: str, now: int) -> str:
    if not value.startswith("date+"):
        return value
    return email.utils.formatdate((now + parse_duration(value.removeprefix("date+"))) / 1000, usegmt=True)
