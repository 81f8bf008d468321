"""Accepted items that wait for a worker: one first-in-first-out queue for each environment.

A worker takes a batch of one environment, which is then busy: no other worker takes from it until the batch is
finished. So deduction within one environment is sequential, in the order of acceptance. That costs nothing: a
deduction holds the environment's lock and the interpreter's, and several workers on one environment only take turns at
both (measured: four of them deduct a fifth fewer items than one). Environments are served in turn; with ``N`` workers,
``N`` of them are worked on at a time.

The queue mirrors the stored messages: losing it loses nothing. An environment without messages has no entry in it.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from autumn_mock.domain.message import Message
from autumn_mock.faults.armed import ArmedRule
from autumn_mock.faults.sites import MessageEffects
from autumn_mock.ingest.environment_queue import Delivery, EnvironmentQueue, Held
from autumn_mock.locks import Level, new_lock
from autumn_mock.parking import wait_for
from autumn_mock.store.environment import Environment

_Name = tuple[str, str]


class Queue:
    """The queues of all environments. All methods may be called from any thread."""

    def __init__(self, capacity: int = 1 << 62) -> None:
        #: How many messages may wait. A limit for callers that accept messages; loading a database may exceed it.
        self._capacity = capacity
        # One lock guards everything below, and both conditions share it.
        self._lock = new_lock(Level.QUEUE)
        #: A batch may be available, or the time to wait for one has changed.
        self._arrived = threading.Condition(self._lock)
        #: Messages were finished with, or will not be.
        self._settled = threading.Condition(self._lock)
        #: In the order of their turns: an environment that was served goes to the end.
        self._queues: dict[_Name, EnvironmentQueue] = {}
        self._ready = self._in_flight = 0
        self._all_paused = False
        self._paused: set[_Name] = set()
        self._closed = False
        #: Set at shutdown: all waits for messages end.
        self._released = False
        #: Threads in :meth:`wait_until`, which need to know of every message that is finished.
        self._watchers = 0

    def __repr__(self) -> str:
        ready, in_flight = self.counts()
        return f"<Queue [{ready} ready, {in_flight} in flight{', paused' if self.paused else ''}]>"

    # -- inspection

    def counts(self, name: _Name | None = None) -> tuple[int, int]:
        """Messages that are ready (held ones included) and in flight, of one environment or of all."""
        with self._lock:
            return self._counts(name)

    def _counts(self, name: _Name | None) -> tuple[int, int]:
        if name is None:
            return self._ready, self._in_flight
        queue = self._queues.get(name)
        return (len(queue), queue.in_flight) if queue is not None else (0, 0)

    def room(self) -> int:
        """How many more messages may wait."""
        with self._lock:
            return max(self._capacity - self._ready - self._in_flight, 0)

    @property
    def paused(self) -> bool:
        """True while all environments are paused together."""
        return self._all_paused

    def is_paused(self, name: _Name | None = None) -> bool:
        """True if an environment is paused, alone or with all others; without a name: if all are."""
        return self._all_paused or name in self._paused

    def held(self, name: _Name | None = None) -> list[Held]:
        """The messages that faults hold back, of one environment or of all."""
        with self._lock:
            return [held for queue in self._selected(name) for held in queue.held()]

    def peek(self, name: _Name | None = None, limit: int = 100) -> list[tuple[Environment, Message, Held | None]]:
        """The first messages that wait, each with its environment and what holds it back; none is taken."""
        with self._lock:
            waiting = ((queue.environment, *each) for queue in self._selected(name) for each in queue.peek())
            return list(itertools.islice(waiting, limit))

    def explain(self, name: _Name | None = None) -> dict[str, Any]:
        """Why messages wait: whether the queue is paused, and which rules hold how many messages."""
        rules: dict[str, int] = {}
        for held in self.held(name):
            text = held.last.armed.rule.text
            rules[text] = rules.get(text, 0) + 1
        return {"paused": self.is_paused(name), "held": [{"rule": rule, "items": n} for rule, n in rules.items()]}

    def _selected(self, name: _Name | None) -> Iterator[EnvironmentQueue]:
        if name is None:
            yield from self._queues.values()
        elif name in self._queues:
            yield self._queues[name]

    # -- adding, taking, finishing

    def put(self, environment: Environment, messages: Iterable[Message], once: Sequence[ArmedRule] = ()) -> None:
        """Add messages of one environment. ``once``: rules for these messages alone."""
        self._add(environment, [Delivery(environment, message, once) for message in messages] if once else [*messages])

    def put_again(self, environment: Environment, deliveries: Iterable[Delivery]) -> None:
        """Add messages of one environment that were delivered before, behind the others."""
        self._add(environment, [Delivery(environment, each.message, (), MessageEffects()) for each in deliveries])

    def _add(self, environment: Environment, deliveries: Sequence[Message | Delivery]) -> None:
        if not deliveries:
            return
        with self._lock:
            queue = self._queue_of(environment)
            queue.ready.extend(deliveries)
            self._ready += len(deliveries)
            if not queue.in_flight:
                self._arrived.notify()

    def _queue_of(self, environment: Environment) -> EnvironmentQueue:
        queue = self._queues.get(environment.name)
        if queue is None:
            queue = self._queues[environment.name] = EnvironmentQueue(environment)
        elif queue.environment is not environment:  # its organisation was closed and opened again
            queue.environment = environment
        return queue

    def take(self, limit: int) -> list[Delivery]:
        """Wait for messages and take up to ``limit`` of one environment; empty once the queue is closed.

        The environment stays busy until each of them was passed to :meth:`done`, :meth:`hold` or :meth:`give_back`.
        """
        with self._lock:
            while not self._closed:
                queue = self._next()
                if queue is not None:
                    taken = queue.take(limit)
                    self._ready -= len(taken)
                    self._in_flight += len(taken)
                    # Served last, it goes to the end of the order.
                    name = queue.environment.name
                    self._queues[name] = self._queues.pop(name)
                    if self._next() is not None:
                        self._arrived.notify()  # another worker can serve that one
                    return taken
                waits = [each.seconds_to_release() for each in self._available()]
                self._arrived.wait(min((wait for wait in waits if wait is not None), default=None))
            return []

    def _available(self) -> Iterator[EnvironmentQueue]:
        """The environments that are neither busy nor paused."""
        if not self._all_paused:
            for name, queue in self._queues.items():
                if not queue.in_flight and name not in self._paused:
                    yield queue

    def _next(self) -> EnvironmentQueue | None:
        """The environment whose turn it is."""
        for queue in self._available():
            queue.release_due()
            if queue.ready:
                return queue
        return None

    def done(self, environment: Environment, count: int) -> None:
        """Report that messages taken before are finished with."""
        with self._lock:
            self._land(environment, count)

    def hold(self, held: Sequence[Held]) -> None:
        """Hold messages back that were taken, until they may be taken again."""
        with self._lock:
            for each in held:
                self._queues[each.delivery.environment.name].hold(each)
                self._ready += 1
                self._land(each.delivery.environment, 1)

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Put messages taken before back in front, because nothing could be done with them."""
        with self._lock:
            for delivery in reversed(deliveries):
                self._queues[delivery.environment.name].ready.appendleft(delivery)
                self._ready += 1
                self._land(delivery.environment, 1)

    def _land(self, environment: Environment, count: int) -> None:
        """Count messages of an environment as no longer in flight."""
        queue = self._queues[environment.name]
        queue.in_flight -= count
        self._in_flight -= count
        if self._watchers or not queue.in_flight:
            self._settled.notify_all()
        if not queue.in_flight:
            self._forget_if_empty(queue)

    def _forget_if_empty(self, queue: EnvironmentQueue) -> None:
        if not len(queue) and not queue.in_flight:
            del self._queues[queue.environment.name]

    def clear(self, name: _Name | None = None) -> int:
        """Drop what waits, of one environment or of all; returns how many messages that were."""
        with self._lock:
            dropped = 0
            for queue in list(self._selected(name)):
                dropped += queue.clear()
                self._forget_if_empty(queue)
            self._ready -= dropped
            self._settled.notify_all()
            return dropped

    # -- pausing and waiting

    def pause(self, name: _Name | None = None) -> None:
        """Stop workers from taking messages, of one environment or of all, until :meth:`resume`.

        Messages in flight are finished.
        """
        with self._lock:
            if name is None:
                self._all_paused = True
            else:
                self._paused.add(name)
            self._settled.notify_all()

    def resume(self, name: _Name | None = None) -> None:
        """Let messages be taken again; without a name also those of environments that were paused alone."""
        with self._lock:
            if name is None:
                self._all_paused = False
                self._paused.clear()
            else:
                self._paused.discard(name)
        self.wake()

    def wake(self) -> None:
        """Check again what may be taken: rules, pauses or a clock have changed."""
        with self._lock:
            for queue in self._queues.values():
                queue.recheck_holds()
            self._arrived.notify_all()
            self._settled.notify_all()

    def wait_idle(
        self, timeout: float, name: _Name | None = None, is_abandoned: Callable[[], bool] = lambda: False
    ) -> bool:
        """Wait until nothing is ready or in flight, of one environment or of all.

        ``timeout`` in seconds. Returns False when it has passed, or at once when what is left will not be worked off:
        it is paused, or a fault holds it for good; or soon after ``is_abandoned()``.
        """
        with self._lock:
            wait_for(
                self._settled,
                lambda: self._released or sum(self._counts(name)) == 0 or self._is_stuck(name),
                timeout,
                is_abandoned,
            )
            return sum(self._counts(name)) == 0

    def wait_in_flight(self, timeout: float, name: _Name | None = None) -> bool:
        """Wait until nothing is in flight, whatever still waits; False when ``timeout`` (s) has passed."""
        with self._lock:
            return self._settled.wait_for(lambda: self._counts(name)[1] == 0, timeout)

    def wait_until(self, is_reached: Callable[[], bool], timeout: float, name: _Name) -> bool:
        """Wait for a condition that finished messages of an environment bring about.

        ``is_reached`` is called with the queue's lock held: it must not acquire a lock of the same or of a lower level
        (see :mod:`autumn_mock.locks`), which includes the lock of an environment.

        ``timeout`` in seconds. Returns False when it has passed, or at once when what waits will not be worked off.
        """
        with self._lock:
            self._watchers += 1
            try:
                self._settled.wait_for(lambda: self._released or is_reached() or self._holds_back(name), timeout)
                return is_reached()
            finally:
                self._watchers -= 1

    def _holds_back(self, name: _Name) -> bool:
        """True if messages wait and none of them will be taken without a change from outside."""
        return self._counts(name)[0] > 0 and self._is_stuck(name)

    def is_stuck(self, name: _Name | None = None) -> bool:
        """True if what waits will not be worked off: it is paused, or faults hold it for good."""
        with self._lock:
            return self._is_stuck(name)

    def _is_stuck(self, name: _Name | None) -> bool:
        if self._counts(name)[1]:
            return False
        return all(self.is_paused(each.environment.name) or each.is_stuck for each in self._selected(name))

    def release(self) -> None:
        """End all waits for messages, now and later: the server is about to stop."""
        with self._lock:
            self._released = True
            self._settled.notify_all()

    def close(self) -> None:
        """Make :meth:`take` return empty, now and later."""
        with self._lock:
            self._closed = True
            self._arrived.notify_all()
            self._settled.notify_all()
