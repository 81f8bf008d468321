"""One armed rule: the base class of every fault kind, with the counters and modifiers that all kinds share.

A kind is a subclass in :mod:`autumn_mock.faults.kinds`. Its class attributes are its vocabulary (name, options, help);
its instances are armed rules, guarded by the lock of their board.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import Struct

from autumn_mock.clock import Clock
from autumn_mock.domain.track import TrackItem
from autumn_mock.faults.options import MODIFIERS, Option, Reader

if TYPE_CHECKING:
    from autumn_mock.faults.grammar import Rule


class Subject(Struct, frozen=True):
    """What a rule is matched against: one request, or the call that queued items."""

    #: The organisation's id and slug.
    orgs: Collection[str]
    #: All names of the call, among them its paths without the version prefix.
    calls: Collection[str]
    #: The values that it has for ``customer_id`` or ``feature_id``. Called only for rules that name one.
    values: Callable[[str], Collection[str | None]]

    @classmethod
    def of_items(cls, orgs: Collection[str], calls: Collection[str], items: Iterable[TrackItem]) -> Subject:
        """Items, with the organisation and the call that sent them."""
        return cls(orgs, calls, lambda field: {getattr(item, field) for item in items})


def route_matches(pattern: str, call: str) -> bool:
    """Whether a pattern of ``route=`` selects a call, by name (``balances.track``) or path (``/v1/track``)."""
    return fnmatchcase(call, pattern.removeprefix("/v1/"))


class ArmedRule:
    """A rule that was armed. Subclasses are the kinds of faults; the docstring of a kind is its help text."""

    # -- vocabulary of the kind

    #: How a rule of this kind begins: ``reply:delay``.
    name: ClassVar[str]
    #: A rule of this kind.
    example: ClassVar[str]
    #: Reads the value after the kind (``reply:delay 2s``); None: the kind has none.
    argument: ClassVar[Reader | None] = None
    argument_placeholder: ClassVar[str] = ""
    #: Used when the argument is omitted; None: the argument is required.
    argument_default: ClassVar[Any] = None
    #: The options of this kind alone.
    own_options: ClassVar[tuple[Option, ...]] = ()
    #: Whether ``before=enqueue`` and ``after=enqueue`` are accepted.
    has_phase: ClassVar[bool] = False
    #: Whether ``rate=`` (a probability) and ``seed=`` are accepted.
    has_rate: ClassVar[bool] = True

    @classmethod
    def summary(cls) -> str:
        """What the kind does, in one line."""
        return " ".join((cls.__doc__ or "").split())

    @classmethod
    def options_by_name(cls) -> dict[str, Option]:
        """Every option of the kind: the modifiers, then its own."""
        common = {name: option for name, option in MODIFIERS.items() if cls.has_rate or name not in ("rate", "seed")}
        return {**common, **{option.name: option for option in cls.own_options}}

    @classmethod
    def accepts_phase(cls, argument: Any) -> bool:  # noqa: ARG003  # some kinds decide by their argument
        """Whether a rule with this argument may choose its phase."""
        return cls.has_phase

    @classmethod
    def problem(cls, argument: Any, options: Mapping[str, Any]) -> tuple[str, str] | None:  # noqa: ARG003  # see above
        """What is wrong with a rule as a whole: the option to point at (empty: the end) and a message."""
        return None

    @classmethod
    def is_random(cls, argument: Any, options: Mapping[str, Any]) -> bool:  # noqa: ARG003  # see above
        """Whether a rule draws random numbers."""
        return cls.has_rate and "rate" in options

    # -- an armed rule

    def __init__(self, number: int, rule: Rule, clock: Clock) -> None:
        self.number = number
        self.rule = rule
        self.options = rule.options
        self.clock = clock
        #: Used by this rule only, so that its draws do not depend on other rules or threads.
        self.random = random.Random(rule.options.get("seed"))  # noqa: S311  # reproducible, not a secret
        #: In ms of the clock.
        self.armed_at = clock.now()
        #: When its ttl ends, in ms of the clock; None: never.
        self.expires_at = self.armed_at + rule.options["ttl"] if "ttl" in rule.options else None
        self._seen = 0
        self._skipped = 0
        #: Whether it was cleared.
        self.is_disarmed = False
        #: Whether its board has retired it; moving the clock back does not revive it.
        self.is_retired = False
        #: How often it fired: requests, batches, messages or replies.
        self.fired = 0
        #: How many items it refused.
        self.refused = 0

    def __repr__(self) -> str:
        return f"<{self.rule.text}: fired {self.fired}, {'completed' if self.completed else 'armed'}>"

    # -- report

    @property
    def remaining(self) -> int | None:
        """How often it can still fire; None: no limit."""
        if self.is_over or self.is_retired:
            return 0
        times = self.options.get("times")
        return None if times is None else max(times - self.fired, 0)

    @property
    def is_over(self) -> bool:
        """Whether it was cleared or its ttl has ended."""
        return self.is_disarmed or (self.expires_at is not None and self.clock.now() >= self.expires_at)

    @property
    def completed(self) -> bool:
        """Whether it can no longer fire."""
        return self.remaining == 0

    def report(self) -> dict[str, Any]:
        """Its counters, as ``GET /_mock/faults`` shows them."""
        return {
            "id": self.number,
            "rule": self.rule.text,
            "seed": self.options.get("seed"),
            "fired": self.fired,
            "refused": self.refused,
            "remaining": self.remaining,
            "completed": self.completed,
            "expires_at": self.expires_at,
        }

    # -- matching

    def matches(self, subject: Subject) -> bool:
        """Whether the rule applies to a request at all."""
        options = self.options
        if "org" in options and options["org"] not in subject.orgs:
            return False
        if "route" in options and not any(route_matches(options["route"], call) for call in subject.calls):
            return False
        if "customer" in options and options["customer"] not in subject.values("customer_id"):
            return False
        return not ("feature" in options and options["feature"] not in subject.values("feature_id"))

    def matches_item(self, item: TrackItem) -> bool:
        """Whether ``customer=``, ``feature=`` and ``event=`` select an item."""
        options = self.options
        if "customer" in options and options["customer"] != item.customer_id:
            return False
        if "feature" in options and options["feature"] != item.feature_id:
            return False
        return not ("event" in options and options["event"] != item.event_name)

    # -- triggering

    def trigger(self) -> bool:
        """Count a match. True if the rule fires on it, by its modifiers."""
        if not self.is_due():
            return False
        self.fired += 1
        return True

    def pass_over(self) -> None:
        """Count a match that another rule leaves no effect for: ``after=`` counts it, and nothing else does."""
        if not self.completed:
            self.is_past_start()

    def is_due(self) -> bool:
        """Count a match without firing."""
        return not self.completed and self.is_past_start() and self.is_selected()

    def is_past_start(self) -> bool:
        """Whether ``after=`` matches have been skipped; counts one."""
        if self._skipped < self.options.get("after", 0):
            self._skipped += 1
            return False
        return True

    def is_selected(self) -> bool:
        """Whether ``every=`` and ``rate=`` select the next match; counts one."""
        self._seen += 1
        if self._seen % self.options.get("every", 1):
            return False
        return not (self.has_rate and "rate" in self.options) or self.random.random() < self.options["rate"]
