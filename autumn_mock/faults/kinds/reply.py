"""Faults of the reply.

A reply fault acts before the service has done its work (``before=enqueue``) or after it. The classes say what the
client receives, without HTTP; :mod:`autumn_mock.web.request_faults` carries it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from msgspec import Struct

from autumn_mock.faults.armed import ArmedRule
from autumn_mock.faults.options import (
    Option,
    body_kind,
    content_type,
    duration,
    duration_range,
    retry_after,
    status,
)

#: What the client receives of the reply: all of it as the service sent it, another reply, or not (all of) it.
ReplyOutcome = Literal["sent", "altered", "lost"]

#: A status below this is a success; the reply keeps the service's body.
_SUCCESS = 300


class Substitute(Struct, frozen=True):
    """A reply to send instead of the service's."""

    status: int
    #: ``json`` as Autumn sends errors, ``html`` as a proxy does, or ``empty``.
    body: str
    retry_after: str | None


class ReplyFault(ArmedRule):
    """Changes, delays or withholds the reply."""

    #: What becomes of the reply.
    outcome: ClassVar[ReplyOutcome] = "sent"
    #: Whether the service does not see a request on which the rule fires before it.
    ends_request: ClassVar[bool] = True
    #: Whether the reply waits, for :meth:`wait_s`.
    waits: ClassVar[bool] = False
    #: What becomes of the connection instead of a reply.
    connection: ClassVar[Literal["keep", "close", "reset"]] = "keep"
    #: The part of the body that is sent.
    body_share: ClassVar[float] = 1.0

    def wait_s(self) -> float | None:
        """How long the reply waits, in seconds; None: until the rule is over or the client closes the connection."""
        return 0

    def substitute(self) -> Substitute | None:
        """The reply to send instead; None: the service's own."""
        return None

    def replace_body(self, body: bytes) -> bytes:
        """The body to send instead of the service's."""
        return body

    def replace_content_type(self, original: str) -> str:
        """The content type to send instead of the service's."""
        return original

    def spread_s(self) -> float:
        """Over how many seconds the body is sent."""
        return 0


class ReplaceStatus(ReplyFault):
    """Another status."""

    name = "reply:status"
    summary = "this status instead; below 300 the reply keeps its body"
    example = "reply:status 502 body=html"
    argument = status
    argument_placeholder = "STATUS"
    own_options = (
        Option("retry-after", retry_after, "the Retry-After header: seconds, date+5s, or a quoted date", "WHEN"),
        Option("body", body_kind, "json as Autumn sends it (default), html as a proxy does, or empty", "KIND"),
    )
    has_phase = True
    outcome = "altered"

    @classmethod
    def accepts_phase(cls, argument: Any) -> bool:
        return int(argument) >= _SUCCESS

    @classmethod
    def problem(cls, argument: Any, options: Mapping[str, Any]) -> tuple[str, str] | None:
        if argument < _SUCCESS and options.get("body", "empty") != "empty":
            return "body", "a success keeps the body of the service, or has none: body=empty"
        return None

    def substitute(self) -> Substitute | None:
        default = "service" if self.rule.argument < _SUCCESS else "json"
        return Substitute(self.rule.argument, self.options.get("body", default), self.options.get("retry-after"))


class DelayReply(ReplyFault):
    """A later reply."""

    name = "reply:delay"
    summary = "the reply is sent this much later; 1s-3s is a random delay"
    example = "reply:delay 2s after=enqueue"
    argument = duration_range
    argument_placeholder = "TIME"
    has_phase = True
    ends_request = False
    waits = True

    @classmethod
    def is_random(cls, argument: Any, options: Mapping[str, Any]) -> bool:
        return argument[0] != argument[1] or super().is_random(argument, options)

    def wait_s(self) -> float | None:
        shortest, longest = self.rule.argument
        return self.random.uniform(shortest, longest) / 1000


class HangReply(ReplyFault):
    """No reply, on an open connection."""

    name = "reply:hang"
    summary = "no reply; the connection stays open until the client gives up"
    example = "reply:hang after=enqueue"
    has_phase = True
    outcome = "lost"
    connection = "close"
    waits = True

    def wait_s(self) -> float | None:
        return None


class ResetConnection(ReplyFault):
    """No reply, and a reset."""

    name = "reply:reset"
    summary = "no reply; the connection is reset"
    example = "reply:reset after=enqueue times=1"
    has_phase = True
    outcome = "lost"
    connection = "reset"


class TruncateReply(ReplyFault):
    """A part of the reply."""

    name = "reply:truncate"
    summary = "half of the reply, then the connection is closed"
    example = "reply:truncate times=1"
    outcome = "lost"
    body_share = 0.5


class MalformedReply(ReplyFault):
    """A body that does not parse."""

    name = "reply:malformed"
    summary = "a body that is not valid JSON"
    example = "reply:malformed times=1"
    outcome = "altered"

    def replace_body(self, body: bytes) -> bytes:  # noqa: ARG002  # the same for every call
        return b'{"success": tru, "message": "the rest of th'


class EmptyReply(ReplyFault):
    """No body."""

    name = "reply:empty"
    summary = "the status and no body"
    example = "reply:empty"
    outcome = "altered"

    def replace_body(self, body: bytes) -> bytes:  # noqa: ARG002  # see the class
        return b""


class ReplaceContentType(ReplyFault):
    """Another content type."""

    name = "reply:content-type"
    summary = "the body with another content type"
    example = "reply:content-type text/plain"
    argument = content_type
    argument_placeholder = "TYPE"
    argument_default = "text/html"
    outcome = "altered"

    def replace_content_type(self, original: str) -> str:  # noqa: ARG002  # see the class
        return str(self.rule.argument)


class DribbleReply(ReplyFault):
    """A body in small pieces."""

    name = "reply:dribble"
    summary = "the body is sent in small pieces over this time"
    example = "reply:dribble 3s"
    argument = duration
    argument_placeholder = "TIME"
    argument_default = 2000

    def spread_s(self) -> float:
        return float(self.rule.argument) / 1000
