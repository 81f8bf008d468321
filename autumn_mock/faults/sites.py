"""The sites where faults act: a base class for each, with the hook that its kinds implement.

The hooks act on plain records. The records of replies know nothing of HTTP libraries; the web layer carries them out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import ClassVar, Literal, get_args

import msgspec
from msgspec import Struct

from autumn_mock.domain.payment import DECLINE_REASONS, Occasion, Refusal
from autumn_mock.domain.track import TrackItem
from autumn_mock.faults.armed import ArmedRule, Subject
from autumn_mock.faults.options import EVENT, Option, decline_reason, name

#: What the client receives of a reply: the service's, a changed one, or not (all of) it.
ReplyOutcome = Literal["sent", "altered", "lost"]


# -- authentication and rate limits


class AuthFault(ArmedRule):
    """Acts on the API key of a request."""

    def on_key(self) -> bool:
        """Whether the key is treated as unknown."""
        raise NotImplementedError


class LimitFault(ArmedRule):
    """Acts on the rate limit of a request."""

    def on_limit(self, *, is_batch: bool) -> bool:
        """Whether it changes the limit of this request; ``is_batch``: of a batch of usage."""
        raise NotImplementedError

    @property
    def replacement(self) -> str | None:
        """The limit to use, such as ``3/second``; None: the limit counts as exhausted."""
        return None

    def on_refusal(self) -> None:
        """The replacement refused the request."""


# -- the queue


class EnqueueFault(ArmedRule):
    """Refuses items when they are queued. ``times`` and ``after`` count batches."""

    def on_enqueue(self, items: Sequence[TrackItem], known: Collection[int]) -> list[int]:
        """The indexes of the items of a batch that cannot be queued; ``known``: those that other rules refuse."""
        if self.completed:
            return []
        matching = [index for index, item in enumerate(items) if self.matches_item(item)]
        if not matching or not self.is_past_start():
            return []
        refused = [index for index in self.select(matching, len(items)) if index not in known]
        if refused:
            self.fired += 1
            self.refused += len(refused)
        return refused

    def select(self, matching: list[int], count: int) -> list[int]:  # noqa: ARG002  # kinds may need the batch's size
        """Those of the matching indexes of a batch of ``count`` items that it refuses."""
        return matching if self.is_selected() else []


# -- payments

#: The plans that a payment is for.
PLAN = Option("plan", name, "only payments for this plan", "ID")


class PaymentFault(ArmedRule):
    """Acts on the pretended charge of a card: declines it, unless its kind says otherwise."""

    own_options: ClassVar[tuple[Option, ...]] = (
        PLAN,
        Option("reason", decline_reason, f"{', '.join(DECLINE_REASONS)}; without it the first", "REASON"),
    )
    #: When it acts.
    occasions: ClassVar[frozenset[Occasion]]

    def matches(self, subject: Subject) -> bool:
        if self.occasions.isdisjoint(subject.values("occasion")):
            return False
        plans = subject.values("plan_id")
        return ("plan" not in self.options or self.options["plan"] in plans) and super().matches(subject)

    def on_charge(self) -> Refusal:
        """What becomes of the charge."""
        return DECLINE_REASONS[self.options.get("reason", next(iter(DECLINE_REASONS)))]


# -- messages


class Hold(Struct, frozen=True):
    """A rule that holds a message back."""

    armed: ArmedRule
    #: In ms of the organisation's clock; infinity: until the rule is cleared.
    until: float

    @property
    def end(self) -> float:
        """When it ends, on the organisation's clock: 0 once the rule is cleared, infinity if only that can end it."""
        return 0 if self.armed.is_disarmed else self.until


class MessageEffects(Struct):
    """What the rules that fired on a message do to it."""

    #: When the message was accepted, in ms of the organisation's clock.
    accepted_at: int = 0
    #: What that clock reads now.
    now: int = 0
    holds: list[Hold] = msgspec.field(default_factory=list)
    #: The rule that loses the message instead of having it deducted.
    dropped_by: WorkerFault | None = None
    #: The rule that deducts it in reverse order with others that are taken together.
    reversed_by: WorkerFault | None = None
    #: The rule that delivers it again after its deduction.
    redelivered_by: WorkerFault | None = None
    #: The rules that crash its worker after the deduction was committed, before the acknowledgement; one crash each.
    crashes: list[WorkerFault] = msgspec.field(default_factory=list)


class WorkerFault(ArmedRule):
    """Acts on a message that a worker has taken. Each message is matched once, when it is first taken."""

    own_options: ClassVar[tuple[Option, ...]] = (EVENT,)

    def on_message(self, effects: MessageEffects) -> None:
        """Add what the rule does to the message."""
        raise NotImplementedError


# -- replies


class Wait(Struct, frozen=True):
    """A time that passes because of a rule, and ends with it."""

    armed: ArmedRule
    #: None: until the rule is over or the client closes the connection.
    seconds: float | None


class ReplyPlan(Struct):
    """A reply that faults change, and how it is sent."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    #: In ms of the organisation's clock.
    now: int
    #: Content type and body of the service's own error with a status and a message.
    error: Callable[[int, str], tuple[str, bytes]]
    outcome: ReplyOutcome = "sent"
    #: Passed one after the other before anything is sent.
    waits: list[Wait] = msgspec.field(default_factory=list)
    #: What becomes of the connection instead of a reply.
    ending: Literal["close", "reset"] | None = None
    #: The part of the body that is sent before the connection is closed.
    share: float = 1.0
    #: The time over which the body is sent in pieces.
    spread: Wait | None = None

    def alter(self, *, status: int | None = None, body: bytes | None = None) -> None:
        """Change the status, the body, or both."""
        self.status = self.status if status is None else status
        self.body = self.body if body is None else body
        if self.outcome != "lost":
            self.outcome = "altered"

    def replace(self, status: int, content_type: str, body: bytes) -> None:
        """Another reply, without the headers of this one."""
        self.headers = [("Content-Type", content_type)]
        self.alter(status=status, body=body)

    def set_header(self, name: str, value: str) -> None:
        """Set a header, in place of one of the same name."""
        self.headers = [each for each in self.headers if each[0].lower() != name.lower()] + [(name, value)]
        self.alter()

    def wait(self, armed: ArmedRule, seconds: float | None) -> None:
        """Send the reply later."""
        self.waits.append(Wait(armed, seconds))

    def lose(self, ending: Literal["close", "reset"]) -> None:
        """Send no reply."""
        self.ending = ending
        self.outcome = "lost"

    def truncate(self, share: float) -> None:
        """Send a part of the body."""
        self.share = min(self.share, share)
        self.outcome = "lost"


#: What a rule changes, in the order in which the rules of a request are applied: when the reply is sent; whether there
#: is one; status and body; the body alone; a header; how much of the body is sent, and how fast.
ReplyPart = Literal["time", "connection", "reply", "body", "header", "length", "speed"]
_PARTS: tuple[ReplyPart, ...] = get_args(ReplyPart)


class ReplyFault(ArmedRule):
    """Acts on the reply, before the service handles the request (``before=enqueue``) or after.

    A rule that alters or loses the reply before the service handles the request ends the request.
    """

    changes: ClassVar[ReplyPart] = "reply"

    @property
    def order(self) -> tuple[bool, int]:
        """The place among the rules of a request."""
        return self.rule.phase == "after", _PARTS.index(self.changes)

    def leaves_nothing_to(self, later: ReplyFault) -> bool:
        """Whether a later rule of the same request could change nothing that is seen."""
        if self.changes == "time":
            return False
        if self.rule.phase == "before":
            return True
        return later.changes == self.changes or (self.changes == "connection" and later.changes != "time")

    def on_reply(self, reply: ReplyPlan) -> None:
        """Change the reply, or how it is sent."""
        raise NotImplementedError
