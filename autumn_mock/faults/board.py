"""The armed rules: one board for each environment, and one for the whole server."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from autumn_mock.clock import Clock
from autumn_mock.domain.payment import CardCharge, ChargeProblem, Refusal
from autumn_mock.domain.track import TrackItem
from autumn_mock.faults.armed import ArmedRule, Subject
from autumn_mock.faults.grammar import Rule
from autumn_mock.faults.sites import EnqueueFault, LimitFault, MessageEffects, PaymentFault, ReplyFault, WorkerFault
from autumn_mock.locks import Level, new_lock
from autumn_mock.store.environment import Environment

_Name = tuple[str, str]
#: Completed rules that a board still reports, with their counters.
COMPLETED_KEPT = 100
#: The base class of the kinds of one site.
F = TypeVar("F", bound=ArmedRule)


class FaultBoard:
    """The rules of an environment, or of the server. Thread-safe.

    ``server`` is the server's board: its rules apply here too. All boards of a server share one lock, because a rule of
    the server has one counter for all environments. ``on_change`` is called when rules are armed or cleared, so that
    held messages are checked again.
    """

    def __init__(
        self, clock: Clock, on_change: Callable[[], None] = lambda: None, server: FaultBoard | None = None
    ) -> None:
        self._clock = clock
        self._on_change = on_change
        self._server = server
        self._lock: threading.Lock = server._lock if server is not None else new_lock(Level.FAULT_BOARD)
        #: On the server's board: the ids of rules, unique across all boards.
        self._numbers: Iterator[int] = itertools.count(1)
        # Replaced, never changed in place: readers check without the lock whether there is any rule.
        self._own: tuple[ArmedRule, ...] = ()
        #: The rules that completed last; they cost requests nothing.
        self._completed: deque[ArmedRule] = deque()
        #: Rules of single requests, and older completed rules, while something refers to them.
        self._unlisted: weakref.WeakSet[ArmedRule] = weakref.WeakSet()
        #: On the server's board: how often rules had fired that are no longer listed, by their text; None: not kept.
        self._ended: Counter[str] | None = None

    def __repr__(self) -> str:
        return f"<FaultBoard {list(self._own)}>"

    # -- arming

    def arm(self, rule: Rule) -> ArmedRule:
        """Arm a rule."""
        with self._lock:
            self._retire_completed()
            armed = rule.armed(next((self._server or self)._numbers), self._clock)
            self._own += (armed,)
        self._on_change()
        return armed

    def once(self, rules: Iterable[Rule]) -> tuple[ArmedRule, ...]:
        """Arm rules for one request only. Clearing all rules ends them too."""
        armed = tuple(rule.armed(0, self._clock) for rule in rules)
        if armed:
            with self._lock:
                self._unlisted.update(armed)
        return armed

    def armed(self) -> Sequence[ArmedRule]:
        """The rules that were armed on this board, without all but the last completed ones."""
        with self._lock:
            return sorted((*self._completed, *self._own), key=lambda armed: armed.number)

    def clear(self, number: int | None = None) -> int:
        """Disarm one rule of this board, or all; returns how many."""
        with self._lock:
            cleared = [armed for armed in (*self._completed, *self._own) if number in (None, armed.number)]
            for armed in (*cleared, *(self._unlisted if number is None else ())):
                armed.is_disarmed = True
            self._keep_fired(cleared)
            self._own = tuple(armed for armed in self._own if not armed.is_disarmed)
            self._completed = deque(armed for armed in self._completed if not armed.is_disarmed)
        self._on_change()
        return len(cleared)

    def start_over(self, rules: Iterable[Rule] = ()) -> int:
        """Disarm all rules and arm these; returns how many were disarmed. The server's board restarts its numbering."""
        cleared = self.clear()
        self._numbers = itertools.count(1)
        for rule in rules:
            self.arm(rule)
        return cleared

    # -- triggering

    @property
    def _rules(self) -> tuple[ArmedRule, ...]:
        """All rules that apply here, the server's first."""
        return self._own if self._server is None else self._server._own + self._own

    def has(self, site: type[ArmedRule]) -> bool:
        """Whether any rule of a site is armed. Takes no lock."""
        return any(isinstance(armed, site) for armed in self._rules)

    def trigger(self, site: type[F], subject: Subject, once: Sequence[ArmedRule] = ()) -> list[F]:
        """The rules of a site that fire on a request; ``once``: the rules of this request only."""
        if not self._rules and not once:
            return []
        with self._triggering():
            return [
                armed
                for armed in (*self._rules, *once)
                if isinstance(armed, site) and armed.matches(subject) and armed.trigger()
            ]

    def on_reply(self, subject: Subject, once: Sequence[ArmedRule] = ()) -> list[ReplyFault]:
        """The rules that fire on the reply of a request, in the order in which they are applied.

        A rule does not fire where another one leaves it without effect: it waits for the next request.
        """
        if not self._rules and not once:
            return []
        with self._triggering():
            fired: list[ReplyFault] = []
            matching = [
                armed for armed in (*self._rules, *once) if isinstance(armed, ReplyFault) and armed.matches(subject)
            ]
            for armed in sorted(matching, key=lambda each: each.order):
                if any(each.leaves_nothing_to(armed) for each in fired):
                    armed.pass_over()
                elif armed.trigger():
                    fired.append(armed)
            return fired

    def refusals(self, items: Sequence[TrackItem], subject: Subject, once: Sequence[ArmedRule] = ()) -> dict[int, str]:
        """The indexes of items that cannot be queued, with the text of the rule that refuses each."""
        if not self._rules and not once:
            return {}
        with self._triggering():
            refused: dict[int, str] = {}
            for armed in (*self._rules, *once):
                if isinstance(armed, EnqueueFault) and armed.matches(subject):
                    for index in armed.on_enqueue(items, refused):
                        refused.setdefault(index, armed.rule.text)
            return refused

    def effects_on(
        self, item: TrackItem, accepted_at: int, subject: Subject, once: Sequence[ArmedRule] = ()
    ) -> MessageEffects:
        """What rules do to a message that a worker has taken; ``accepted_at`` is in ms of this board's clock."""
        effects = MessageEffects(accepted_at, self._clock.now())
        with self._triggering():
            for armed in (*self._rules, *once):
                if (
                    isinstance(armed, WorkerFault)
                    and armed.matches(subject)
                    and armed.matches_item(item)
                    and armed.trigger()
                ):
                    armed.on_message(effects)
        return effects

    def charges(
        self,
        orgs: Collection[str],
        calls: Collection[str],
        once: Sequence[ArmedRule] = (),
        triggered: list[str] | None = None,
    ) -> ChargeProblem:
        """A function that returns why a charge fails, None if it succeeds.

        It adds the texts of the rules that fire to ``triggered``.
        """

        def problem(charge: CardCharge) -> Refusal | None:
            values = {
                "occasion": (charge.occasion,),
                "customer_id": (charge.customer_id,),
                "plan_id": charge.plan_ids,
                "feature_id": (charge.feature_id or "",),
            }
            armed = self.trigger(PaymentFault, Subject(orgs, calls, lambda field: values[field]), once)
            if triggered is not None:
                triggered.extend(each.rule.text for each in armed)
            refusals = [each.on_charge() for each in armed]
            failures = [each for each in refusals if each.succeeds_in is None]
            return next(iter([*failures, *refusals]), None)

        return problem

    def limit_refused(self, armed: LimitFault) -> None:
        """A replaced limit refused a request."""
        with self._triggering():
            armed.on_refusal()

    @contextmanager
    def _triggering(self) -> Iterator[None]:
        """Hold the lock, and afterwards retire what has completed, so that later requests do not pass it."""
        with self._lock:
            yield
            for board in (self, self._server):
                if board is not None:
                    board._retire_completed()

    def _retire_completed(self) -> None:
        completed = [armed for armed in self._own if armed.completed]
        if not completed:
            return
        for armed in completed:
            armed.is_retired = True
        self._completed += completed
        self._own = tuple(armed for armed in self._own if not armed.is_retired)
        while len(self._completed) > COMPLETED_KEPT:
            dropped = self._completed.popleft()
            self._keep_fired([dropped])
            self._unlisted.add(dropped)

    def _keep_fired(self, ended: Iterable[ArmedRule]) -> None:
        """Remember how often rules fired that are not listed any more."""
        kept = (self._server or self)._ended
        if kept is not None:
            for armed in ended:
                kept[armed.rule.text] += armed.fired


class FaultBoards:
    """The boards of a server. A board is made when its environment first needs it, and survives resets.

    ``startup_rules`` returns the rules that an environment begins with, by its name; ``on_change`` as for a board.
    """

    def __init__(
        self, clock: Clock, startup_rules: Callable[[_Name], Iterable[Rule]], on_change: Callable[[], None]
    ) -> None:
        #: The rules of the whole server.
        self.server = FaultBoard(clock, on_change)
        self._startup_rules = startup_rules
        self._on_change = on_change
        self._lock = new_lock(Level.FAULT_BOARDS)
        self._boards: dict[_Name, FaultBoard] = {}

    def __repr__(self) -> str:
        return f"<FaultBoards of {len(self._boards)} environments>"

    def of(self, environment: Environment) -> FaultBoard:
        """The board of an environment."""
        board = self._boards.get(environment.name)
        if board is None:
            with self._lock:
                board = self._boards.get(environment.name)
                if board is None:
                    board = FaultBoard(environment.clock, self._on_change, self.server)
                    board.start_over(self._startup_rules(environment.name))
                    self._boards[environment.name] = board
        return board

    def keep_fired(self) -> None:
        """Let :meth:`fired` include rules that are cleared, or whose environment is deleted or reset, from now on."""
        self.server._ended = Counter()

    def fired(self) -> Counter[str]:
        """How often each rule fired, by its text; 0 for one that was armed and never did."""
        found = Counter(self.server._ended or ())
        with self._lock:
            boards = [self.server, *self._boards.values()]
        for armed in (each for board in boards for each in board.armed()):
            found[armed.rule.text] += armed.fired
        return found

    def names(self) -> list[_Name]:
        """The environments that have a board."""
        with self._lock:
            return list(self._boards)

    def start_over(self, name: _Name | None = None) -> int:
        """Disarm the rules of one environment, or all, and arm the startup rules; returns how many were disarmed."""
        with self._lock:
            cleared = self.server.start_over() if name is None else 0
            for known, board in self._boards.items():
                if name in (None, known):
                    cleared += board.start_over(self._startup_rules(known))
            return cleared

    def forget(self, name: _Name) -> None:
        """Disarm the rules of a deleted environment."""
        with self._lock:
            board = self._boards.pop(name, None)
        if board is not None:
            board.clear()
