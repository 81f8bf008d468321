"""Prefixed ids that sort by the time they were made, as Autumn's KSUIDs do; with a seed they are reproducible.

A KSUID is 27 base-62 characters: seconds, then noise. Ours are seconds, a counter, and the noise of a process,
which keeps ids of one second in the order they were made and costs a tenth of a real one.

With a seed, an id is made of the number of its request and of its number within that request, so that it does not
depend on which thread is faster. The ids that a worker makes for a queued item belong to the request of that item.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

from autumn_mock.clock import wall_clock

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: Seconds are counted from here, as KSUIDs do.
_EPOCH = 1_400_000_000
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_counter = itertools.count(int.from_bytes(os.urandom(4), "big"))
_last: tuple[int, int, str] = (0, -1, "")


def _base62(value: int, width: int) -> str:
    digits = []
    for _ in range(width):
        value, digit = divmod(value, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


_noise = _base62(int.from_bytes(os.urandom(10), "big"), 11)


class _IdSequence:
    """What the seeded ids of one request have in common."""

    __slots__ = ("head", "next", "noise")

    def __init__(self, head: str, noise: str, number: int = 0) -> None:
        #: The seconds, and the number of the request.
        self.head = head
        self.noise = noise
        #: The number of the next id.
        self.next = number

    def new_id(self, prefix: str) -> str:
        number = self.next
        self.next = number + 1
        return f"{prefix}_{self.head}{_base62(number, 4)}{self.noise}"


class _Local(threading.local):
    """The ids of the request, or the message, that a thread works for."""

    sequence: _IdSequence | None = None


_local = _Local()
#: The noise of the seeds in use: an id that ends in one of them is seeded.
_seeded: set[str] = set()
#: All seeded ids are of this second: 2026-01-01.
_SEEDED_SECOND = _base62(1_767_225_600 - _EPOCH, 6)
#: The numbers of the ids of queued items: those of an item begin at a multiple of the second.
_FIRST_OF_ITEMS, _PER_ITEM = 1_000_000, 10_000


class SeededIds:
    """Makes reproducible ids for one server."""

    def __init__(self, seed: int, *, has_data: bool = False) -> None:
        """``has_data``: ids of an earlier run exist, so those of this run begin at the present second."""
        self._digest = blake2b(str(seed).encode(), digest_size=8).digest()
        self._noise = _base62(int.from_bytes(self._digest, "big"), 11)
        self._second = _base62(wall_clock() // 1000 - _EPOCH, 6) if has_data else _SEEDED_SECOND
        self._requests = itertools.count()
        _seeded.add(self._noise)

    def next_sequence(self) -> _IdSequence:
        """The ids of the next request."""
        return _IdSequence(self._second + _base62(next(self._requests), 6), self._noise)

    def skip(self, content: bytes) -> None:
        """Make no more ids that ``content`` may have, if it is of another run with the same seed."""
        jump = int.from_bytes(blake2b(content, digest_size=4).digest(), "big")
        self._requests = itertools.count(next(self._requests) + jump + 1)

    def token(self) -> str:
        """A reproducible text of 24 hexadecimal digits."""
        return blake2b(f"{next(self._requests)}".encode(), key=self._digest, digest_size=12).hexdigest()


def begin_request(ids: SeededIds | None) -> str:
    """The id of a request. Further ids that the thread makes belong to it."""
    if _seeded:
        _local.sequence = ids.next_sequence() if ids is not None else None
    return new_id("req")


def resume_request(request_id: str, index: int) -> None:
    """Further ids that the thread makes belong to an item of a request."""
    if _seeded:
        noise = request_id[-11:]
        start = _FIRST_OF_ITEMS + index * _PER_ITEM
        _local.sequence = _IdSequence(request_id[4:16], noise, start) if noise in _seeded else None


@contextmanager
def ids_from(ids: SeededIds | None) -> Iterator[None]:
    """Ids that the thread makes in the block belong together, outside of any request."""
    before = _local.sequence
    _local.sequence = ids.next_sequence() if ids is not None else None
    try:
        yield
    finally:
        _local.sequence = before


def new_id(prefix: str) -> str:
    """A fresh id such as ``cus_ent_3MThqOI954NdYodDBPIxc5x5ePf``."""
    global _last
    if _seeded:
        sequence = _local.sequence
        if sequence is not None:
            return sequence.new_id(prefix)
    second = wall_clock() // 1000  # not the emulated time: an id only has to sort and be unique
    high, low = divmod(next(_counter), 3844)
    last = _last
    if last[0] == second and last[1] == high:
        head = last[2]
    else:
        head = _base62(second - _EPOCH, 6) + _base62(high, 8)
        _last = (second, high, head)
    return f"{prefix}_{head}{_PAIRS[low]}{_noise}"
