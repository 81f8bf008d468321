"""What became of usage that was sent more than once, or not often enough: charged twice, or lost.

An item with a timestamp is known again wherever it turns up. Without one, equal items may be equal uses: they count as
sent again only when the whole batch is. An idempotency key keeps an item from a second charge altogether.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from heapq import heappop, heappush, heapreplace
from itertools import count
from math import inf

from msgspec import Struct

from autumn_mock.journal.attempts import (
    Attempt,
    Item,
    follows,
    is_accepted,
    is_told_accepted,
    over,
)
from autumn_mock.journal.requests import RequestEntry

#: What a failed request is answered with by the service, or by something before it.
_FAILURES = (None, 500, 502, 503, 504)


# -- charged twice


class DoubleCharge(Struct):
    """Items that were accepted more than once."""

    #: The request that was sent again, and the ones that did so.
    requests: list[RequestEntry]
    #: One for each charge too many.
    items: list[Item]
    #: Whether the client had been told that they were accepted; if not, it could not know.
    was_told: bool


class _Batch:
    """What a client meant to send once, and the requests that brought it."""

    def __init__(self, attempt: Attempt) -> None:
        self.requests = [attempt.entry]
        #: The charges too many and how many requests there were at the last one, by whether the client had been told.
        self._again: dict[bool, tuple[list[Item], int]] = {}

    def bring(self, entry: RequestEntry) -> None:
        if self.requests[-1] is not entry:
            self.requests.append(entry)

    def charge_again(self, item: Item, was_told: bool) -> None:
        items, _ = self._again.get(was_told, ([], 0))
        items.append(item)
        self._again[was_told] = (items, len(self.requests))

    def double_charges(self) -> Iterable[DoubleCharge]:
        for was_told, (items, end) in self._again.items():
            told = (index for index, entry in enumerate(self.requests) if is_told_accepted(entry))
            start = next(told) if was_told else 0
            yield DoubleCharge(self.requests[start:end], items, was_told)


class _Use(Struct, eq=False, gc=False):
    """One copy of an item in a batch."""

    batch: _Batch
    #: The request that brought it first.
    first: RequestEntry
    is_charged: bool = False
    #: Whether the client was told that it is.
    is_told: bool = False


#: The uses of each item; the n-th copy in a request is the n-th use.
_Uses = dict[Item, list[_Use]]


class _Charges:
    """Follows each use through the requests that were accepted with it."""

    def __init__(self) -> None:
        self.batches: list[_Batch] = []
        self._timed: _Uses = {}
        #: Of each signature the batches that ran side by side, the one that is over first in front.
        self._untimed: dict[Hashable, list[tuple[float, int, _Uses]]] = {}
        self._numbers = count()

    def add(self, attempt: Attempt) -> None:
        """Charge what a request brought. Requests are added in the order in which they came."""
        entry = attempt.entry
        batch = _Batch(attempt)
        self.batches.append(batch)
        untimed = self._untimed_uses(attempt)
        copies: dict[Item, int] = {}
        is_told = is_told_accepted(entry)
        for index, item in enumerate(attempt.items):
            if item.has_key:
                continue
            uses = (self._timed if item.has_timestamp else untimed).setdefault(item, [])
            copy = copies[item] = copies.get(item, -1) + 1
            if copy < len(uses) and follows(entry, uses[copy].first):
                use = uses[copy]
                use.batch.bring(entry)
            else:
                use = _Use(batch, entry)
                uses.append(use)
            if index not in entry.refusals:
                if use.is_charged:
                    use.batch.charge_again(item, use.is_told)
                use.is_charged = True
            use.is_told = use.is_told or is_told

    def _untimed_uses(self, attempt: Attempt) -> _Uses:
        """Those of the same batch, if one is over; new ones otherwise."""
        batches = self._untimed.setdefault(attempt.signature, [])
        entry = attempt.entry
        if batches and batches[0][0] <= entry.received:
            uses = batches[0][2]
            heapreplace(batches, (over(entry), next(self._numbers), uses))
        else:
            uses = {}
            heappush(batches, (over(entry), next(self._numbers), uses))
        return uses


def double_charges(attempts: Iterable[Attempt]) -> list[DoubleCharge]:
    """What was charged twice, one for each batch and each state of the client's knowledge."""
    charges = _Charges()
    for attempt in attempts:
        if attempt.entry.items is not None and is_accepted(attempt.entry):
            charges.add(attempt)
    return [each for batch in charges.batches for each in batch.double_charges()]


# -- lost


class Loss(Struct, eq=False):
    """Items that failed and that no later request brought."""

    #: The requests that failed with them.
    requests: list[RequestEntry]
    items: list[Item]
    #: False when a later request may have brought them added up in other items.
    is_certain: bool = True


class _Debts:
    """Follows each failed item until a request brings it."""

    def __init__(self) -> None:
        self._failed: list[list[Attempt]] = []
        #: Of each item one debt per copy, that which could be paid first in front: from when, and its place in
        #: ``_failed``.
        self._open: dict[Item, list[tuple[float, int]]] = {}
        #: Items that are known again, and whole batches of others, that were accepted before.
        self._settled: set[Item] = set()
        self._settled_batches: set[Hashable] = set()

    def accept(self, attempt: Attempt) -> None:
        """A request that was accepted pays for all it brings: of items that were refused its client knows nothing."""
        refused = attempt.entry.refusals
        for index, item in enumerate(attempt.items):
            self._take(item, attempt.entry)
            if index not in refused and (item.has_timestamp or item.has_key):
                self._settled.add(item)
        if not is_told_accepted(attempt.entry):
            self._settled_batches.add(attempt.signature)

    def fail(self, attempt: Attempt) -> None:
        """A request that failed is in debt with its items, unless it only repeats what had been accepted."""
        if attempt.signature in self._settled_batches:
            return
        new = len(self._failed)
        self._failed.append([attempt])
        owed = []
        for item in attempt.items:
            if item not in self._settled:
                place = self._take(item, attempt.entry)
                owed.append((item, new if place is None else place))
        for place in {place for _, place in owed} - {new}:
            self._failed[place].append(attempt)
        for item, place in owed:
            heappush(self._open.setdefault(item, []), (over(attempt.entry), place))

    def _take(self, item: Item, entry: RequestEntry) -> int | None:
        """The debt that a request can pay with an item, if any."""
        debts = self._open.get(item)
        return heappop(debts)[1] if debts and debts[0][0] <= entry.received else None

    def losses(self) -> list[Loss]:
        lost: dict[int, list[Item]] = {}
        for item, debts in self._open.items():
            for _, place in debts:
                lost.setdefault(place, []).append(item)
        return [Loss(_holders(self._failed[place], lost[place]), lost[place]) for place in sorted(lost)]


def _holders(attempts: list[Attempt], items: list[Item]) -> list[RequestEntry]:
    wanted = set(items)
    return [attempt.entry for attempt in attempts if not wanted.isdisjoint(attempt.items)]


def losses(attempts: Iterable[Attempt]) -> list[Loss]:
    """What was lost because it failed and was not sent again, one for each batch."""
    debts = _Debts()
    used: dict[tuple[str, str], float] = {}  # when usage of a customer and a feature last came in
    for attempt in attempts:
        if is_accepted(attempt.entry):
            debts.accept(attempt)
            used.update(
                dict.fromkeys([(item.customer_id, item.name) for item in attempt.items], attempt.entry.received)
            )
        elif _has_failed(attempt.entry):
            debts.fail(attempt)
    found = debts.losses()
    for loss in found:
        end = over(loss.requests[-1])
        loss.is_certain = all(
            item.is_marked or used.get((item.customer_id, item.name), -inf) < end for item in loss.items
        )
    return found


def _has_failed(entry: RequestEntry) -> bool:
    """Whether nothing was queued, and the client was not told otherwise."""
    if entry.service_status is None:
        return entry.status in _FAILURES
    return entry.service_status == 503 and not is_told_accepted(entry)
