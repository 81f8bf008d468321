"""What worker faults do to a handful of messages of one environment."""

from __future__ import annotations

from collections.abc import Callable, Collection

from autumn_mock.faults.armed import ArmedRule, ItemSubject
from autumn_mock.faults.board import FaultBoard
from autumn_mock.ingest.environment_queue import Delivery, Held, Hold
from autumn_mock.ingest.queue import Queue
from autumn_mock.journal.messages import MessageJournal, MessageNote, MessageNoteKind
from autumn_mock.store.environment import Environment

_HOLDS = ("worker:pause", "worker:slow", "worker:delay")


class WorkerFaults:
    """Decides once for each message, when it is first taken, and then lets it happen."""

    def __init__(
        self,
        environment: Environment,
        board: FaultBoard,
        journal: MessageJournal,
        names_of: Callable[[str], Collection[str]],
    ) -> None:
        self._environment = environment
        self._board = board
        self._journal = journal
        self._names_of = names_of
        #: Ids of the messages that are to be lost.
        self.dropped: set[str] = set()

    def strike(self, deliveries: list[Delivery], queue: Queue) -> list[Delivery]:
        """What is left to work off of a handful, in its order: some may have to wait."""
        going: list[Delivery] = []
        held: list[Held] = []
        for delivery in deliveries:
            hold = self._strike(delivery)
            if hold is None:
                going.append(delivery)
            else:
                held.append(hold)
        if held:
            queue.hold(held)
        waiting = self._environment.messages
        for each in going:
            if each.message.id not in waiting:  # worked off before: the guard will pass it over
                self._journal.note(self._environment.name, each.message.id, MessageNote("absorbed"))
            elif _struck(each, "worker:drop"):
                self.dropped.add(each.message.id)
                self._note(each, "dropped", "worker:drop")
        return self._reordered(going)

    def _strike(self, delivery: Delivery) -> Held | None:
        """Hold a message against the rules, unless that was done before; says if it has to wait."""
        if delivery.struck is not None:
            return None
        message = delivery.message
        item = message.item
        organisation = self._environment.organisation
        origin = ItemSubject((organisation.id, organisation.slug), self._names_of(message.call), (item,))
        delivery.struck = self._board.strike_message(item, origin, delivery.once)
        holds = [
            Hold(armed, self._board.hold(armed, message.accepted_at))
            for armed in delivery.struck
            if armed.kind.name in _HOLDS
        ]
        for each in holds:
            self._note(delivery, "held", each.armed.kind.name)
        return Held(delivery, tuple(holds)) if holds else None

    def _reordered(self, deliveries: list[Delivery]) -> list[Delivery]:
        """Those that are struck change places: the last comes first."""
        places = [place for place, each in enumerate(deliveries) if _struck(each, "worker:reorder")]
        moved = list(deliveries)
        for place, other in zip(places, reversed(places), strict=True):
            moved[place] = deliveries[other]
            if place != other:
                self._note(deliveries[other], "reordered", "worker:reorder")
        return moved

    def crash(self, group: list[Delivery]) -> str | None:
        """Whether the worker dies now that a group is deducted, and of which rule. Each message kills only once."""
        for delivery in group:
            armed = _struck(delivery, "worker:crash")
            if armed is not None and delivery.struck is not None:
                delivery.struck = [each for each in delivery.struck if each is not armed]
                self._note(delivery, "crashed", "worker:crash", armed)
                return f"{armed.rule.text} at message {delivery.message.id}"
        return None

    def duplicates(self, group: list[Delivery]) -> list[Delivery]:
        """Those of a group that are delivered again."""
        doubled = [each for each in group if _struck(each, "worker:duplicate")]
        for each in doubled:
            self._note(each, "duplicated", "worker:duplicate")
        return doubled

    def _note(self, delivery: Delivery, fate: MessageNoteKind, kind: str, armed: ArmedRule | None = None) -> None:
        armed = armed or _struck(delivery, kind)
        rule = armed.rule.text if armed is not None else ""
        self._journal.note(self._environment.name, delivery.message.id, MessageNote(fate, rule))


def _struck(delivery: Delivery, kind: str) -> ArmedRule | None:
    """The rule of a kind that struck a message."""
    for armed in delivery.struck or ():
        if armed.kind.name == kind:
            return armed
    return None
