"""One rule under way: what it still has to do, and what it did."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from typing import Any, Protocol

from msgspec import Struct

from autumn_mock.clock import Clock
from autumn_mock.domain.track import TrackItem
from autumn_mock.faults.grammar import Rule, route_matches


class Subject(Protocol):
    """What a rule is held against: one request, or the call that a message came from."""

    @property
    def orgs(self) -> Collection[str]:
        """The organisation's id and slug."""
        ...

    @property
    def calls(self) -> Collection[str]:
        """The names that the call goes by, its paths without the version prefix among them."""
        ...

    @property
    def customers(self) -> Collection[str]:
        """The customers that it names."""
        ...

    @property
    def features(self) -> Collection[str]:
        """The features that it names."""
        ...


class ItemSubject(Struct, frozen=True):
    """Where items come from: the :class:`Subject` of rules that strike items."""

    orgs: Collection[str]
    calls: Collection[str]
    items: Sequence[TrackItem]

    @property
    def customers(self) -> Collection[str]:
        return {item.customer_id for item in self.items}

    @property
    def features(self) -> Collection[str]:
        return {item.feature_id for item in self.items if item.feature_id}


class ArmedRule:
    """A rule and its counters. Guarded by the lock of its board."""

    def __init__(self, number: int, rule: Rule, clock: Clock) -> None:
        self.number = number
        self.rule = rule
        self.kind = rule.kind
        self.options = rule.options
        self._clock = clock
        #: Draws for this rule alone, so that no other rule and no other thread changes what comes.
        self.random = random.Random(rule.options.get("seed"))  # noqa: S311  # repeatable, and no secret
        self._armed_at = clock.now()
        #: When its ttl is over, on the organisation's clock (ms); None: never.
        self.expires_at = self._armed_at + rule.options["ttl"] if "ttl" in rule.options else None
        self._seen = 0
        self._let_through = 0
        #: Calls that a flapping queue has seen.
        self._turns = 0
        #: Whether it was cleared.
        self.is_disarmed = False
        #: Calls, messages or replies that it struck.
        self.fired = 0
        #: Items that it refused.
        self.refused = 0
        #: Where the next message of worker:slow may go, in ms of the clock.
        self._next_slot = 0.0

    def __repr__(self) -> str:
        return f"<{self.rule.text}: fired {self.fired}, {'completed' if self.completed else 'armed'}>"

    # -- proof

    @property
    def remaining(self) -> int | None:
        """How often it will strike yet; None: no limit."""
        if self.is_over:
            return 0
        times = self.options.get("times")
        return None if times is None else max(times - self.fired, 0)

    @property
    def is_over(self) -> bool:
        """Whether it was cleared or its ttl has passed."""
        return self.is_disarmed or (self.expires_at is not None and self._clock.now() >= self.expires_at)

    @property
    def completed(self) -> bool:
        """Whether it will strike no more."""
        return self.remaining == 0

    def report(self) -> dict[str, Any]:
        """What it did so far."""
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

    # -- striking

    def concerns(self, subject: Subject) -> bool:
        """Whether it is about a request at all."""
        options = self.options
        if "org" in options and options["org"] not in subject.orgs:
            return False
        if "route" in options and not any(route_matches(options["route"], call) for call in subject.calls):
            return False
        if "customer" in options and options["customer"] not in subject.customers:
            return False
        return not ("feature" in options and options["feature"] not in subject.features)

    def strikes(self) -> bool:
        """Whether it strikes the next thing that it concerns: each call of this counts one."""
        if not self.is_due():
            return False
        self.fired += 1
        return True

    def is_due(self) -> bool:
        """The same of a rule that only changes a figure, which strikes when somebody says so."""
        return not self.completed and self._is_past_start() and self._is_picked()

    def _is_past_start(self) -> bool:
        if self._let_through < self.options.get("after", 0):
            self._let_through += 1
            return False
        return True

    def _is_picked(self) -> bool:
        """Whether the next one counted is one of every n, and wins its draw."""
        self._seen += 1
        if self._seen % self.options.get("every", 1):
            return False
        return not (self.kind.has_rate and "rate" in self.options) or self.random.random() < self.options["rate"]

    # -- striking items

    def refusals(self, items: Sequence[TrackItem]) -> list[int]:
        """The indexes of a batch's items that cannot be queued because of it. ``times`` and ``after`` count batches;
        of enqueue:fail, ``every`` and ``rate`` count items."""
        if self.completed:
            return []
        indexes = [index for index, item in enumerate(items) if self._names(item)]
        if not indexes or not self._is_past_start():
            return []
        if self.kind.name == "enqueue:fail":
            refused = [index for index in indexes if self._names_index(index, len(items)) and self._is_picked()]
        elif self.kind.name == "queue:flap":
            refused = indexes if self._is_down() and self._is_picked() else []
        else:
            refused = indexes if self._is_picked() else []
        if refused:
            self.fired += 1
            self.refused += len(refused)
        return refused

    def _names(self, item: TrackItem) -> bool:
        options = self.options
        if "customer" in options and options["customer"] != item.customer_id:
            return False
        if "feature" in options and options["feature"] != item.feature_id:
            return False
        return not ("event" in options and options["event"] != item.event_name)

    def _names_index(self, index: int, count: int) -> bool:
        options = self.options
        if "items" in options and index not in options["items"]:
            return False
        if "first" in options and index >= options["first"]:
            return False
        return not ("last" in options and index < count - options["last"])

    def _is_down(self) -> bool:
        """Whether a flapping queue is down: it begins so. Lengths of time pass from when the rule was armed."""
        given = self.options.get("down") or self.options.get("up") or ("calls", 1)
        (unit, down), (_, up) = self.options.get("down", given), self.options.get("up", given)
        if unit == "ms":
            place = self._clock.now() - self._armed_at
        else:
            place = self._turns
            self._turns += 1
        return bool(place % (down + up) < down)

    # -- striking messages

    def strikes_message(self, item: TrackItem) -> bool:
        """Whether it strikes a message that a worker has taken."""
        return self._names(item) and self.strikes()

    def holds_until(self, accepted_at: int, now: int) -> float | None:
        """Until when a message that it struck has to wait; None: until the rule is over. All in ms of the clock of the
        message's organisation, where it is ``now``."""
        if self.kind.name == "worker:delay":
            return float(accepted_at + self.rule.argument)
        ahead = now - self._clock.now()  # a rule of the server has the server's clock
        if self.kind.name == "worker:slow":
            slot = max(float(now - ahead), self._next_slot)
            self._next_slot = slot + 1000 / float(self.options["rate"])
            return slot + ahead
        return None if self.expires_at is None else float(self.expires_at + ahead)
