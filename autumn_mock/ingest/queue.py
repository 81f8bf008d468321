"""Accepted items that wait for a worker.

Items of one customer share a shard, so they are worked off one after the other, in the order they came, while
customers of other shards proceed beside them. Within a shard every environment has a lane of its own, and the lanes
take turns. The queue is a mirror of what is stored; losing it loses nothing.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from autumn_mock.domain.books import Message
from autumn_mock.faults.armed import ArmedRule
from autumn_mock.ingest.environment_queue import Delivery, EnvironmentQueue, Held
from autumn_mock.store.environment import Environment

_Name = tuple[str, str]


class _Shard:
    """The lanes that one worker empties."""

    def __init__(self, lock: threading.Lock) -> None:
        #: Something may be taken, or the time to wait has changed.
        self.arrived = threading.Condition(lock)
        #: By environment; whoever had its turn goes to the end.
        self.lanes: dict[_Name, EnvironmentQueue] = {}

    def lane(self, environment: Environment) -> EnvironmentQueue:
        lane = self.lanes.get(environment.name)
        if lane is None:
            lane = self.lanes[environment.name] = EnvironmentQueue(environment)
        return lane


class Queue:
    """Messages by shard. All methods may be called from any thread."""

    def __init__(self, shards: int, capacity: int = 1 << 62) -> None:
        #: How many messages may wait. It is a promise of whoever accepts, and not kept when a database is loaded.
        self._capacity = capacity
        # One lock guards everything below; the conditions share it, so that only those are woken who have to.
        self._lock = threading.Lock()
        self._settled = threading.Condition(self._lock)
        self._shards = [_Shard(self._lock) for _ in range(shards)]
        self._ready: dict[_Name, int] = {}
        self._in_flight: dict[_Name, int] = {}
        self._all_paused = False
        self._paused: set[_Name] = set()
        self._closed = False
        #: Whether nobody is to wait any more.
        self._released = False
        #: How many want to know of every message that is finished with.
        self._watched = 0

    def __repr__(self) -> str:
        ready, in_flight = self.counts()
        return f"<Queue [{ready} ready, {in_flight} in flight{', paused' if self.paused else ''}]>"

    # -- looking

    def counts(self, name: _Name | None = None) -> tuple[int, int]:
        """How many are ready (held ones among them) and in flight, of one environment or of all."""
        with self._lock:
            return self._counts(name)

    def _counts(self, name: _Name | None) -> tuple[int, int]:
        if name is not None:
            return self._ready.get(name, 0), self._in_flight.get(name, 0)
        return sum(self._ready.values()), sum(self._in_flight.values())

    def room(self) -> int:
        """How many more messages may wait."""
        with self._lock:
            return max(self._capacity - sum(self._counts(None)), 0)

    @property
    def paused(self) -> bool:
        """Whether the whole queue is."""
        return self._all_paused

    def is_paused(self, name: _Name | None = None) -> bool:
        """Whether an environment is paused, by itself or with all others; without a name: whether all are."""
        return self._all_paused or name in self._paused

    def held(self, name: _Name | None = None) -> list[Held]:
        """What faults keep back, of one environment or of all."""
        with self._lock:
            return [held for lane in self._lanes(name) for held in lane.held()]

    def peek(self, name: _Name | None = None, limit: int = 100) -> list[tuple[Delivery, Held | None]]:
        """The messages that wait, and what holds them: nothing is taken."""
        with self._lock:
            waiting: list[tuple[Delivery, Held | None]] = []
            for lane in self._lanes(name):
                waiting += [(delivery, None) for delivery in lane.ready]
                waiting += [(held.delivery, held) for held in lane.held()]
            return waiting[:limit]

    def _lanes(self, name: _Name | None) -> Iterator[EnvironmentQueue]:
        for shard in self._shards:
            for owner, lane in shard.lanes.items():
                if name in (None, owner):
                    yield lane

    # -- in and out

    def put(self, environment: Environment, messages: Iterable[Message], once: Sequence[ArmedRule] = ()) -> None:
        """Add messages of one environment; ``once``: rules for them alone."""
        self._add(environment, [Delivery(environment, message, once) for message in messages])

    def put_again(self, environment: Environment, deliveries: Iterable[Delivery]) -> None:
        """Add messages of one environment that were delivered before, behind the others."""
        self._add(environment, [Delivery(environment, each.message, (), []) for each in deliveries])

    def _add(self, environment: Environment, deliveries: list[Delivery]) -> None:
        name = environment.name
        shards, count = self._shards, len(self._shards)
        touched = set()
        waiting: dict[str, deque[Delivery]] = {}
        with self._lock:
            for delivery in deliveries:
                customer = delivery.message.item.customer_id
                ready = waiting.get(customer)
                if ready is None:
                    shard = shards[hash((name, customer)) % count]
                    touched.add(shard)
                    ready = waiting[customer] = shard.lane(environment).ready
                ready.append(delivery)
            self._ready[name] = self._ready.get(name, 0) + len(deliveries)
            for shard in touched:
                shard.arrived.notify()

    def take(self, shard: int, limit: int) -> list[Delivery]:
        """Wait for messages of a shard and take up to ``limit`` of one environment; empty once the queue is closed."""
        waiting = self._shards[shard]
        with self._lock:
            while not self._closed:
                lane = self._next_lane(waiting)
                if lane is not None:
                    ready = lane.ready
                    taken = [ready.popleft() for _ in range(min(limit, len(ready)))]
                    name = lane.environment.name
                    self._ready[name] -= len(taken)
                    self._in_flight[name] = self._in_flight.get(name, 0) + len(taken)
                    return taken
                waits = [wait for each in waiting.lanes.values() if (wait := each.wait()) is not None]
                waiting.arrived.wait(min(waits) if waits else None)
            return []

    def _next_lane(self, shard: _Shard) -> EnvironmentQueue | None:
        """The lane whose turn it is; it goes to the end of the line. Empty ones are forgotten."""
        if self._all_paused:
            return None
        for name, lane in list(shard.lanes.items()):
            lane.release()
            if not len(lane):
                del shard.lanes[name]
            elif lane.ready and name not in self._paused:
                del shard.lanes[name]
                shard.lanes[name] = lane
                return lane
        return None

    def done(self, environment: Environment, count: int) -> None:
        """Say that messages taken before are finished with."""
        with self._lock:
            name = environment.name
            self._in_flight[name] -= count
            if self._watched or not self._in_flight[name]:
                self._settled.notify_all()

    def hold(self, held: list[Held]) -> None:
        """Keep messages back that were taken, until they may be taken again."""
        with self._lock:
            for each in held:
                name = self._return(each.delivery)
                self._shard_of(each.delivery).lane(each.delivery.environment).hold(each)
                if not self._in_flight[name]:
                    self._settled.notify_all()

    def give_back(self, deliveries: list[Delivery]) -> None:
        """Put messages taken before in front again, because nothing could be done with them."""
        with self._lock:
            for delivery in reversed(deliveries):
                name = self._return(delivery)
                shard = self._shard_of(delivery)
                shard.lane(delivery.environment).ready.appendleft(delivery)
                shard.arrived.notify()
                if not self._in_flight[name]:
                    self._settled.notify_all()

    def _return(self, delivery: Delivery) -> _Name:
        """Count a message that was in flight as ready."""
        name = delivery.environment.name
        self._in_flight[name] -= 1
        self._ready[name] = self._ready.get(name, 0) + 1
        return name

    def _shard_of(self, delivery: Delivery) -> _Shard:
        key = (delivery.environment.name, delivery.message.item.customer_id)
        return self._shards[hash(key) % len(self._shards)]

    # -- holding up

    def pause(self, name: _Name | None = None) -> None:
        """Let nothing be taken, of one environment or at all, until :meth:`resume`; what is in flight is finished."""
        with self._lock:
            if name is None:
                self._all_paused = True
            else:
                self._paused.add(name)
            self._settled.notify_all()

    def resume(self, name: _Name | None = None) -> None:
        """Let messages be taken again; without a name, those of environments that were paused by themselves, too."""
        with self._lock:
            if name is None:
                self._all_paused = False
                self._paused.clear()
            else:
                self._paused.discard(name)
        self.wake()

    def wake(self) -> None:
        """Look again at what may be taken: rules, pauses or a clock have changed."""
        with self._lock:
            for lane in self._lanes(None):
                lane.look_again()
            for shard in self._shards:
                shard.arrived.notify_all()
            self._settled.notify_all()

    def wait_idle(self, timeout: float, name: _Name | None = None) -> bool:
        """Wait until nothing is ready or in flight, of one environment or of all.

        ``timeout`` in seconds. False when time ran out, or at once when what is left will not go by itself: it is
        paused, or a fault holds it for good.
        """
        with self._lock:
            self._settled.wait_for(
                lambda: self._released or sum(self._counts(name)) == 0 or self._is_stuck(name), timeout
            )
            return sum(self._counts(name)) == 0

    def wait_in_flight(self, timeout: float, name: _Name | None = None) -> bool:
        """Wait until nothing is in flight, whatever still waits; False when time ran out (s)."""
        with self._lock:
            return self._settled.wait_for(lambda: self._counts(name)[1] == 0, timeout)

    def wait_until(self, is_reached: Callable[[], bool], timeout: float, name: _Name) -> bool:
        """Wait until something is true that the end of an environment's messages brings about.

        ``timeout`` in seconds. False when time ran out, or at once when what waits will not go by itself.
        """
        with self._lock:
            self._watched += 1
            try:
                self._settled.wait_for(lambda: self._released or is_reached() or self._holds_back(name), timeout)
                return is_reached()
            finally:
                self._watched -= 1

    def _holds_back(self, name: _Name) -> bool:
        """Whether something waits, and nothing of it will go by itself."""
        return self._counts(name)[0] > 0 and self._is_stuck(name)

    def is_stuck(self, name: _Name | None = None) -> bool:
        """Whether what waits will not go by itself: it is paused, or faults hold it for good."""
        with self._lock:
            return self._is_stuck(name)

    def _is_stuck(self, name: _Name | None) -> bool:
        if self._counts(name)[1]:
            return False
        return all(self.is_paused(lane.environment.name) or lane.is_stuck for lane in self._lanes(name) if len(lane))

    def clear(self, name: _Name | None = None) -> int:
        """Drop what waits, of one environment or of all; says how many that were."""
        with self._lock:
            dropped = 0
            for shard in self._shards:
                for owner in [each for each in shard.lanes if name in (None, each)]:
                    dropped += len(shard.lanes.pop(owner))
            for known in [name] if name is not None else list(self._ready):
                self._ready[known] = 0
            self._settled.notify_all()
            return dropped

    def release(self) -> None:
        """Let everybody go who waits for messages to be finished with: there is no time for that any more."""
        with self._lock:
            self._released = True
            self._settled.notify_all()

    def close(self) -> None:
        """Let every waiting worker go."""
        with self._lock:
            self._closed = True
            for shard in self._shards:
                shard.arrived.notify_all()
            self._settled.notify_all()

    def explain(self, name: _Name | None = None) -> dict[str, Any]:
        """Why something still waits: whether it is paused, and which rules hold how many messages."""
        rules: dict[str, int] = {}
        for held in self.held(name):
            text = held.last.armed.rule.text
            rules[text] = rules.get(text, 0) + 1
        return {"paused": self.is_paused(name), "held": [{"rule": rule, "items": n} for rule, n in rules.items()]}
