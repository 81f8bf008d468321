"""The rules that are armed, in one environment or on the whole server."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence

from autumn_mock.clock import Clock
from autumn_mock.domain.track import TrackItem
from autumn_mock.faults.armed import ArmedRule, Subject
from autumn_mock.faults.grammar import Rule
from autumn_mock.faults.vocabulary import Site


class FaultBoard:
    """The armed rules. May be used from any thread.

    ``server`` is the board of the whole server: its rules strike here, too. All boards of a server share one lock,
    because a rule of the server counts what it does in every environment together.
    """

    def __init__(
        self, clock: Clock, on_change: Callable[[], None] = lambda: None, server: FaultBoard | None = None
    ) -> None:
        self._clock = clock
        #: Called when rules come or go, so that what a rule holds up can go on.
        self._on_change = on_change
        self._server = server
        self._lock: threading.Lock = server._lock if server is not None else threading.Lock()
        #: Of a server's own board: what rules are numbered by, here and in its environments.
        self._numbers: Iterator[int] = itertools.count(1)
        # Replaced, never changed: readers take it without the lock to see if there is anything to do.
        self._own: tuple[ArmedRule, ...] = ()
        #: Rules of single requests, as long as somebody has to do with them.
        self._once: weakref.WeakSet[ArmedRule] = weakref.WeakSet()

    def __repr__(self) -> str:
        return f"<FaultBoard {list(self._own)}>"

    def arm(self, rule: Rule) -> ArmedRule:
        """Let a rule strike from now on."""
        with self._lock:
            armed = ArmedRule(next((self._server or self)._numbers), rule.seeded(), self._clock)
            self._own += (armed,)
        self._on_change()
        return armed

    def once(self, rules: Iterable[Rule]) -> tuple[ArmedRule, ...]:
        """Rules for one request, which nobody else sees. Clearing everything ends them, too."""
        armed = tuple(ArmedRule(0, rule.seeded(), self._clock) for rule in rules)
        if armed:
            with self._lock:
                self._once.update(armed)
        return armed

    def armed(self) -> Sequence[ArmedRule]:
        """Every rule that was armed here; its report tells what it did."""
        return self._own

    @property
    def _rules(self) -> tuple[ArmedRule, ...]:
        """All that may strike here, those of the server first."""
        return self._own if self._server is None else self._server._own + self._own

    def clear(self, number: int | None = None) -> int:
        """Disarm one rule by its number, or all that were armed here; says how many that were."""
        with self._lock:
            gone = [armed for armed in self._own if number in (None, armed.number)]
            for armed in (*gone, *(self._once if number is None else ())):
                armed.is_disarmed = True
            self._own = tuple(armed for armed in self._own if not armed.is_disarmed)
        self._on_change()
        return len(gone)

    def start_over(self, rules: Iterable[Rule] = ()) -> int:
        """Disarm everything and arm the rules that it began with; says how many went. A server's board numbers anew."""
        cleared = self.clear()
        self._numbers = itertools.count(1)
        for rule in rules:
            self.arm(rule)
        return cleared

    def has(self, site: Site) -> bool:
        """Whether any rule acts at a site. Costs next to nothing."""
        return any(armed.kind.site == site for armed in self._rules)

    def strike(self, site: Site, subject: Subject, once: Sequence[ArmedRule] = ()) -> list[ArmedRule]:
        """The rules that strike a request at a site; ``once``: those for this request alone."""
        if not self._rules and not once:
            return []
        with self._lock:
            return [
                armed
                for armed in (*self._rules, *once)
                if armed.kind.site == site and not armed.kind.is_setting
                if armed.concerns(subject) and armed.strikes()
            ]

    def setting(self, site: Site, subject: Subject, once: Sequence[ArmedRule] = ()) -> ArmedRule | None:
        """The newest rule that changes a figure for a request. Whoever acts on it says so with :meth:`fire`."""
        if not self._rules and not once:
            return None
        with self._lock:
            for armed in reversed((*self._rules, *once)):
                is_it = armed.kind.site == site and armed.kind.is_setting
                if is_it and armed.concerns(subject) and armed.is_due():
                    return armed
            return None

    def fire(self, armed: ArmedRule) -> None:
        """Count that a rule struck."""
        with self._lock:
            armed.fired += 1

    def refusals(self, items: Sequence[TrackItem], subject: Subject, once: Sequence[ArmedRule] = ()) -> dict[int, str]:
        """The indexes of items that cannot be queued, with the rule that says so."""
        if not self._rules and not once:
            return {}
        with self._lock:
            refused: dict[int, str] = {}
            for armed in (*self._rules, *once):
                if armed.kind.site == "enqueue" and armed.concerns(subject):
                    for index in armed.refusals(items):
                        refused.setdefault(index, armed.rule.text)
            return refused

    def strike_message(self, item: TrackItem, subject: Subject, once: Sequence[ArmedRule] = ()) -> list[ArmedRule]:
        """The rules that strike a message which a worker has taken."""
        with self._lock:
            return [
                armed
                for armed in (*self._rules, *once)
                if armed.kind.site == "worker" and armed.concerns(subject) and armed.strikes_message(item)
            ]

    def hold(self, armed: ArmedRule, accepted_at: int) -> float | None:
        """Until when (ms of this board's clock) a rule holds a message; None: until it is over."""
        with self._lock:
            return armed.holds_until(accepted_at, self._clock.now())
