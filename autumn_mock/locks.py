"""Every lock of the server, what it guards, and the order in which locks are acquired.

The order is a hierarchy: a thread that holds a lock acquires only locks of a higher :class:`Level`. Two locks of one
level are not held together, except those of environments, which are acquired in the order of their names. As long as
every thread keeps to this, no two threads can wait for each other.

With ``AUTUMN_MOCK_DEBUG_LOCKS=1`` (the tests set it) acquiring a lock out of order raises :class:`LockOrderError`.
Otherwise the functions here return the locks of :mod:`threading`, and the order costs nothing.

Three rules besides:

- Requests and maintenance are *inside* the :class:`~autumn_mock.barrier.RequestBarrier` of their organisation while
  they use its data. ``RequestBarrier.closed`` waits until they have left, so it is called with the lifecycle's lock
  and no other.
- Callbacks run under a lock only where its owner says so: the predicate of ``Queue.wait_until`` (queue), the listener
  of an environment (environment). Listeners of a clock and of a fault board run without their lock.
- Nothing waits for the network or for a client with a lock held. The disk is written with the environment's lock held,
  because a change counts as made only once it is in the log.
"""

from __future__ import annotations

import os
import threading
from enum import IntEnum
from types import TracebackType
from typing import cast

#: Whether locks check the order in which they are acquired.
DEBUG = os.environ.get("AUTUMN_MOCK_DEBUG_LOCKS") == "1"


class Level(IntEnum):
    """What each lock guards, in the order of acquisition."""

    #: ``Lifecycle``: organisations being opened, closed, reset and restored. One such operation at a time.
    LIFECYCLE = 1
    #: ``State``: the tables of organisations and keys, which environments and clocks exist.
    STATE = 2
    #: ``FairLock`` of an ``Environment``: its tables and counters, and the transaction that changes them.
    ENVIRONMENT = 3
    #: ``FaultBoards``: which environments have a board.
    FAULT_BOARDS = 4
    #: ``FaultBoard`` (all boards of a server share one): the armed rules and their counters.
    FAULT_BOARD = 5
    #: ``Queue``: messages that wait or are in flight, pauses, waiting workers.
    QUEUE = 6
    #: ``Clocks``: the record of a clock that was moved.
    CLOCK_RECORDS = 7
    #: ``Database``: the one checkpoint that may be under way.
    CHECKPOINT = 8
    #: ``Database``: which log file receives appends.
    LOG_SWITCH = 9
    #: ``WriteAheadLog``: the end of a log file.
    LOG = 10
    #: ``Outbox``: keys of webhooks that were sent.
    OUTBOX = 11
    #: ``Sender`` (one per endpoint): deliveries that wait.
    SENDER = 12
    #: ``WebhookJournal``: deliveries and their state.
    WEBHOOK_JOURNAL = 13
    #: ``MessageJournal``: what happened to queued messages.
    MESSAGE_JOURNAL = 14
    #: ``RequestJournal``: the last requests.
    REQUEST_JOURNAL = 15
    #: ``RequestBarrier``: how many requests are inside, and which organisations are closed.
    BARRIER = 16
    #: ``ClockStorage``: the counters of rate limits.
    RATE_LIMITS = 17
    #: ``RequestParking``: requests that wait, and the extra threads they are given.
    PARKING = 18
    #: ``Clock`` (one per organisation): its offset.
    CLOCK = 19
    #: ``LiveStates``: the states that pages are shown, and how many pages listen.
    LIVE_STATES = 20
    #: ``DeferredApplication``: whether the control API's application was made.
    CONTROL_APP = 21
    #: ``store.documents``: the decoders of records, which are built once.
    DECODERS = 22


class LockOrderError(AssertionError):
    """A lock was acquired out of order: another thread could deadlock with this one."""


def new_lock(level: Level) -> threading.Lock:
    """A lock that is not reentrant."""
    return cast("threading.Lock", _CheckedLock(level)) if DEBUG else threading.Lock()


def new_rlock(level: Level, name: tuple[str, ...] = ()) -> threading.RLock:
    """A reentrant lock. ``name`` orders those of one level; without names no two of them are held together."""
    return cast("threading.RLock", _CheckedLock(level, name, is_reentrant=True)) if DEBUG else threading.RLock()


class _CheckedLock:
    """A lock of debug mode. Has what :class:`threading.Condition` needs of one."""

    def __init__(self, level: Level, name: tuple[str, ...] = (), *, is_reentrant: bool = False) -> None:
        self._level = level
        self._name = name
        self._is_reentrant = is_reentrant
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<{self._level.name} lock {' '.join(self._name)}>"

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        held = _held_locks()
        if self in held:
            if self._is_reentrant:
                held.append(self)
                return True
            if not blocking:
                return False
            raise LockOrderError(f"{self} is acquired twice, and is not reentrant")
        for other in held:
            if not other._comes_before(self):
                raise LockOrderError(f"{self} is acquired while {other} is held: the order is the other way round")
        is_acquired = self._lock.acquire(blocking, timeout)
        if is_acquired:
            held.append(self)
        return is_acquired

    def release(self) -> None:
        held = _held_locks()
        held.reverse()
        held.remove(self)  # the acquisition made last
        held.reverse()
        if self not in held:
            self._lock.release()

    def locked(self) -> bool:
        return self._lock.locked()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _comes_before(self, other: _CheckedLock) -> bool:
        if self._level == other._level:
            return self._name < other._name
        return self._level < other._level


_thread = threading.local()


def _held_locks() -> list[_CheckedLock]:
    """The locks that this thread holds; one acquired twice is in it twice."""
    held: list[_CheckedLock] | None = getattr(_thread, "held", None)
    if held is None:
        held = _thread.held = []
    return held
