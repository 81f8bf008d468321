"""Applies worker faults to the messages that a worker has taken from one environment."""

from __future__ import annotations

from collections.abc import Callable, Collection

from autumn_mock.faults.armed import ItemSubject
from autumn_mock.faults.board import FaultBoard
from autumn_mock.faults.kinds.worker import WorkerFault
from autumn_mock.ingest.environment_queue import Delivery, Held, Hold
from autumn_mock.ingest.queue import Queue
from autumn_mock.journal.messages import MessageJournal, MessageNote
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
        due: list[Delivery] = []
        held: list[Held] = []
        for delivery in deliveries:
            hold = self._match(delivery)
            if hold is None:
                due.append(delivery)
            else:
                held.append(hold)
        if held:
            queue.hold(held)
        waiting = self._environment.messages
        for each in due:
            if each.message.id not in waiting:  # deducted before; the worker skips it
                self._journal.note(self._environment.name, each.message.id, MessageNote("absorbed"))
                continue
            for armed in each.faults or ():
                if armed.drops:
                    self.dropped.add(each.message.id)
                    self._note(each, armed)
                    break
        return self._reversed(due)

    def _match(self, delivery: Delivery) -> Held | None:
        """Match a delivery against the rules, unless that was done before; how it is held, if it is."""
        if delivery.faults is not None:
            return None
        message = delivery.message
        organisation = self._environment.organisation
        subject = ItemSubject((organisation.id, organisation.slug), self._names_of(message.call), (message.item,))
        delivery.faults = self._board.trigger_message(message.item, subject, delivery.once)
        holds = []
        for armed in delivery.faults:
            until = self._board.hold_until(armed, message.accepted_at)
            if until is not None:
                holds.append(Hold(armed, until))
                self._note(delivery, armed)
        return Held(delivery, tuple(holds)) if holds else None

    def _reversed(self, deliveries: list[Delivery]) -> list[Delivery]:
        """The deliveries with the reordered ones in reverse order, in the positions that they had."""
        by_position = {
            position: next(armed for armed in each.faults or () if armed.reverses)
            for position, each in enumerate(deliveries)
            if any(armed.reverses for armed in each.faults or ())
        }
        moved = list(deliveries)
        for position, other in zip(by_position, reversed(by_position), strict=True):
            moved[position] = deliveries[other]
            if position != other:
                self._note(deliveries[other], by_position[other])
        return moved

    def crash(self, group: list[Delivery]) -> str | None:
        """Why the worker crashes after deducting a group; None: it does not. A message crashes one worker only."""
        for delivery in group:
            for armed in delivery.faults or ():
                if armed.crashes:
                    delivery.faults = [each for each in delivery.faults or () if each is not armed]
                    self._note(delivery, armed)
                    return f"{armed.rule.text} at message {delivery.message.id}"
        return None

    def redelivered(self, group: list[Delivery]) -> list[Delivery]:
        """The deliveries of a group that are delivered a second time."""
        again = []
        for delivery in group:
            for armed in delivery.faults or ():
                if armed.redelivers:
                    again.append(delivery)
                    self._note(delivery, armed)
                    break
        return again

    def _note(self, delivery: Delivery, armed: WorkerFault) -> None:
        self._journal.note(self._environment.name, delivery.message.id, MessageNote(armed.effect, armed.rule.text))
