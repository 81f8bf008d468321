"""Retries that were one too many or one too few: usage that was charged twice, and usage that was lost.

Requests are processed in the order in which they were received. An item with a timestamp is recognised in any request.
Without one, equal items may be equal usages, so they count as sent again only with their whole batch; outside of a
batch only if no reply reached the client, and soon after that. Items with an idempotency key cannot be charged twice.
Requests that ran concurrently are no retries of each other. Items that were sent again with new identifiers are
recognised in :mod:`autumn_mock.journal.near_duplicates`.

*Charged twice*: each item of an accepted request is a usage, or repeats an earlier one. A usage that is repeated after
it was charged is a double charge. *Lost*: each item of a failed request opens a debt, and each item of an accepted
request settles one. Debts that are open at the end are losses.

An example, with items ``a`` and ``b`` that have timestamps:

=======  =====  ===================  =============================  ============================
request  items  reply                double charges                 open debts
=======  =====  ===================  =============================  ============================
1        a b    503 of the service                                  a, b (of 1)
2        a      202, but truncated   a is charged                   b; a is settled
3        a b    202                  a of 2 again; b is charged     none: b is settled
4        b      503 of the service                                  none: b was accepted before
5        b      202                  b of 3 again                   none
=======  =====  ===================  =============================  ============================

The double charge of ``a`` has the requests 2 and 3, and the client did not know better, because no reply reached it
(``was_known`` is false). That of ``b`` has the requests 3 and 5, and the client knew. Nothing is lost.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from heapq import heappop, heappush, heapreplace
from itertools import count

from msgspec import Struct

from autumn_mock.journal.bodies import BATCH_CALLS, Item
from autumn_mock.journal.requests import RequestEntry

#: Seconds after a request within which a client that got no reply sends it again.
RETRY_WINDOW = 60.0

#: The statuses of failures of the service, or of something before it.
_FAILURES = (None, 500, 502, 503, 504)


# -- charged twice


#: An item as one request has it: the id of its request, and its index in the body.
Occurrence = tuple[int, int]


class DoubleCharge(Struct):
    """Items that were accepted more than once."""

    #: The request that was sent again, and its retries.
    requests: list[RequestEntry]
    #: One for each charge too many.
    items: list[Item]
    #: Whether the client had received a reply of success.
    was_known: bool


class _Batch:
    """What a client meant to send once, and the requests with it."""

    def __init__(self, entry: RequestEntry) -> None:
        self.requests = [entry]
        #: By ``was_known``: the charges too many, and the number of requests at the last one.
        self._again: dict[bool, tuple[list[Item], int]] = {}

    def repeat(self, entry: RequestEntry) -> None:
        """Add a request that has some of the items."""
        if self.requests[-1] is not entry:
            self.requests.append(entry)

    def charge_again(self, item: Item, was_known: bool) -> None:
        """Add a charge too many, by the last request."""
        items, _ = self._again.get(was_known, ([], 0))
        items.append(item)
        self._again[was_known] = (items, len(self.requests))

    def double_charges(self) -> Iterable[DoubleCharge]:
        for was_known, (items, end) in self._again.items():
            known = (index for index, entry in enumerate(self.requests) if entry.is_known_accepted)
            start = next(known) if was_known else 0
            yield DoubleCharge(self.requests[start:end], items, was_known)


class _Usage(Struct, eq=False, gc=False):
    """One copy of an item in a batch."""

    batch: _Batch
    #: The first and the last request with it.
    first: RequestEntry
    last: RequestEntry
    is_charged: bool = False
    #: Whether the client received a reply of success.
    is_known: bool = False


#: The usages of each item; the n-th copy in a request is the n-th usage.
_Usages = dict[Item, list[_Usage]]


class _Charges:
    """Follows each usage through the accepted requests."""

    def __init__(self) -> None:
        self.batches: list[_Batch] = []
        #: The items that repeat a usage.
        self.repeats: set[Occurrence] = set()
        self._timed: _Usages = {}
        #: By signature, a heap of the batches that ran concurrently; the first to end is on top.
        self._untimed: dict[Hashable, list[tuple[float, int, _Usages]]] = {}
        self._numbers = count()

    def add(self, entry: RequestEntry) -> None:
        """Charge the items of an accepted request. Requests are added in the order in which they were received."""
        batch = _Batch(entry)
        self.batches.append(batch)
        untimed = self._untimed_usages(entry)
        copies: dict[Item, int] = {}
        is_known, received = entry.is_known_accepted, entry.received
        for index, item in enumerate(entry.sent):
            if item.has_key:
                continue
            usages = (self._timed if item.has_timestamp else untimed).setdefault(item, [])
            copy = copies[item] = copies.get(item, -1) + 1
            earlier = usages[copy] if copy < len(usages) and received >= usages[copy].first.ended else None
            if earlier is not None and _is_repeated(item, earlier, entry):
                usage = earlier
                usage.batch.repeat(entry)
                usage.last = entry
                self.repeats.add((entry.id, index))
            else:
                usage = _Usage(batch, entry, entry)
                if earlier is None:
                    usages.append(usage)
                else:
                    usages[copy] = usage
            if index not in entry.refusals:
                if usage.is_charged:
                    usage.batch.charge_again(item, usage.is_known)
                usage.is_charged = True
            usage.is_known = usage.is_known or is_known

    def _untimed_usages(self, entry: RequestEntry) -> _Usages:
        """Those of an equal batch that has ended, if there is one; else new ones."""
        batches = self._untimed.setdefault(entry.signature, [])
        if batches and batches[0][0] <= entry.received:
            usages = batches[0][2]
            heapreplace(batches, (entry.ended, next(self._numbers), usages))
        else:
            usages = {}
            heappush(batches, (entry.ended, next(self._numbers), usages))
        return usages


def _is_repeated(item: Item, usage: _Usage, entry: RequestEntry) -> bool:
    """Whether an equal item is the same usage. Equal single calls without identifiers are ordinary traffic."""
    if item.has_timestamp or entry.call in BATCH_CALLS:
        return True
    return not usage.is_known and entry.received - usage.last.ended <= RETRY_WINDOW


def double_charges(entries: Iterable[RequestEntry]) -> tuple[list[DoubleCharge], set[Occurrence]]:
    """What was charged twice: one for each batch, and for whether the client knew that it was accepted; and all
    items that repeat a usage."""
    charges = _Charges()
    for entry in entries:
        if entry.has_taken:
            charges.add(entry)
    return [each for batch in charges.batches for each in batch.double_charges()], charges.repeats


# -- lost


class Loss(Struct, eq=False):
    """Items that failed and that are in no later request."""

    #: The failed requests with them.
    requests: list[RequestEntry]
    items: list[Item]
    #: A later request that may have them with other identifiers, or added up in a larger amount.
    doubt: RequestEntry | None = None
    is_sum: bool = False


class _Debts:
    """Follows each failed item until a request has it again."""

    def __init__(self) -> None:
        self._failed: list[list[RequestEntry]] = []
        #: By item, a heap of one debt per copy: from when it can be settled, and its index in ``_failed``.
        self._open: dict[Item, list[tuple[float, int]]] = {}
        #: Items that are recognised anywhere, and whole batches of others, that were accepted before.
        self._accepted: set[Item] = set()
        self._accepted_batches: set[Hashable] = set()
        #: The accepted items that settled a debt.
        self.recovered: set[Occurrence] = set()

    def accept(self, entry: RequestEntry) -> None:
        """Settle debts with all items of an accepted request: its client does not know which were refused."""
        for index, item in enumerate(entry.sent):
            if self._take(item, entry) is not None:
                self.recovered.add((entry.id, index))
            if index not in entry.refusals and (item.has_timestamp or item.has_key):
                self._accepted.add(item)
        if not entry.is_known_accepted:
            self._accepted_batches.add(entry.signature)
        elif entry.call not in BATCH_CALLS:  # an equal single call is another usage from now on
            self._accepted_batches.discard(entry.signature)

    def fail(self, entry: RequestEntry) -> None:
        """Open debts for the items of a failed request, except for those that were accepted before."""
        if entry.signature in self._accepted_batches:
            return
        new = len(self._failed)
        self._failed.append([entry])
        owed = []
        for item in entry.sent:
            if item not in self._accepted:
                number = self._take(item, entry)
                owed.append((item, new if number is None else number))
        for number in {number for _, number in owed} - {new}:
            self._failed[number].append(entry)
        for item, number in owed:
            heappush(self._open.setdefault(item, []), (entry.ended, number))

    def _take(self, item: Item, entry: RequestEntry) -> int | None:
        """Remove a debt that a request can settle with an item, if there is one; returns its index."""
        debts = self._open.get(item)
        return heappop(debts)[1] if debts and debts[0][0] <= entry.received else None

    def losses(self) -> list[Loss]:
        lost: dict[int, list[Item]] = {}
        for item, debts in self._open.items():
            for _, number in debts:
                lost.setdefault(number, []).append(item)
        return [Loss(_with_any(self._failed[number], lost[number]), lost[number]) for number in sorted(lost)]


def _with_any(entries: list[RequestEntry], items: list[Item]) -> list[RequestEntry]:
    wanted = set(items)
    return [entry for entry in entries if not wanted.isdisjoint(entry.sent)]


def losses(entries: Iterable[RequestEntry]) -> tuple[list[Loss], set[Occurrence]]:
    """What failed and was not sent again, one for each batch; and the accepted items that had failed."""
    debts = _Debts()
    for entry in entries:
        if entry.is_accepted:
            debts.accept(entry)
        elif has_failed(entry):
            debts.fail(entry)
    return debts.losses(), debts.recovered


def has_failed(entry: RequestEntry) -> bool:
    """Whether nothing was taken, for a reason that passes, and the client did not receive a reply of success."""
    if entry.status == 429:
        return entry.service_status in (None, 429)
    if entry.service_status is None:
        return entry.status in _FAILURES
    return entry.service_status == 503 and not entry.is_known_accepted
