"""Applies worker faults to the messages that a worker has taken from one environment."""

from __future__ import annotations

from collections.abc import Callable, Collection

from autumn_mock.faults.armed import Subject
from autumn_mock.faults.board import FaultBoard
from autumn_mock.faults.sites import MessageEffects, WorkerFault
from autumn_mock.ingest.environment_queue import Delivery, Held
from autumn_mock.ingest.queue import Queue
from autumn_mock.journal.messages import Effect, MessageJournal, MessageNote
from autumn_mock.store.environment import Environment


class WorkerFaults:
    """The faults of one batch of deliveries. Each message is matched once, when it is first taken."""

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
        #: All names of a call, as rules may use them.
        self._names_of = names_of
        #: Ids of the messages to drop.
        self.dropped: set[str] = set()

    def before_deduction(self, deliveries: list[Delivery], queue: Queue) -> list[Delivery]:
        """The deliveries to deduct now, in this order. Held ones go back to the queue; see also :attr:`dropped`."""
        due: list[tuple[Delivery, MessageEffects]] = []
        held: list[Held] = []
        for delivery in deliveries:
            effects = delivery.effects
            if effects is None:
                effects = delivery.effects = self._effects(delivery)
                for hold in effects.holds:
                    self._note(delivery, "held", hold.armed.rule.text)
                if effects.holds:
                    held.append(Held(delivery, tuple(effects.holds)))
                    continue
            due.append((delivery, effects))
        if held:
            queue.hold(held)
        waiting = self._environment.messages
        for delivery, effects in due:
            if delivery.message.id not in waiting:  # deducted before; the worker skips it
                self._note(delivery, "absorbed")
            elif effects.dropped_by is not None:
                self.dropped.add(delivery.message.id)
                self._note(delivery, "dropped", effects.dropped_by.rule.text)
        return self._reversed(due)

    def _effects(self, delivery: Delivery) -> MessageEffects:
        message = delivery.message
        organisation = self._environment.organisation
        orgs = (organisation.id, organisation.slug)
        subject = Subject.of_items(orgs, self._names_of(message.call), (message.item,))
        return self._board.effects_on(message.item, message.accepted_at, subject, delivery.once)

    def _reversed(self, due: list[tuple[Delivery, MessageEffects]]) -> list[Delivery]:
        """The deliveries with the reordered ones in reverse order, in the positions that they had."""
        moved = [delivery for delivery, _ in due]
        rules: dict[int, WorkerFault] = {
            position: each.reversed_by for position, (_, each) in enumerate(due) if each.reversed_by is not None
        }
        for position, other in zip(rules, reversed(rules), strict=True):
            moved[position] = due[other][0]
            if position != other:
                self._note(moved[position], "reordered", rules[other].rule.text)
        return moved

    def crash(self, group: list[Delivery]) -> str | None:
        """Why the worker crashes after deducting a group; None: it does not. Each rule crashes it once a message."""
        for delivery in group:
            if delivery.effects is not None and delivery.effects.crashes:
                rule = delivery.effects.crashes.pop(0).rule.text
                self._note(delivery, "crashed", rule)
                return f"{rule} at message {delivery.message.id}"
        return None

    def redelivered(self, group: list[Delivery]) -> list[Delivery]:
        """The deliveries of a group that are delivered a second time."""
        again = []
        for delivery in group:
            if delivery.effects is not None and delivery.effects.redelivered_by is not None:
                again.append(delivery)
                self._note(delivery, "duplicated", delivery.effects.redelivered_by.rule.text)
        return again

    def _note(self, delivery: Delivery, effect: Effect, rule: str = "") -> None:
        self._journal.note(self._environment.name, delivery.message.id, MessageNote(effect, rule))
