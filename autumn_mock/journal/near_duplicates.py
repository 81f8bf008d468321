"""Items that were sent again with another idempotency key or timestamp, or added up in a larger amount.

An identifier that is made at each try does not identify a usage. Such items can only be compared by the customer, the
entity, the feature, the amount, the properties and the time, so nothing that is concluded here is certain:

- Items that failed, and that a later request has again with new identifiers, are not lost.
- Items that were taken without a reply to their client, and that the client has not sent again unchanged, were probably
  taken twice if a request soon afterwards has all of them with new identifiers, or if the next usage of the same
  customer and feature is larger: a client that adds up what it could not send sends one larger amount.

Items that repeat a usage, or are a retry, by their identifiers are not considered (``explained``).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from functools import cached_property

from msgspec import Struct

from autumn_mock.journal.bodies import Item
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.journal.retries import RETRY_WINDOW, Loss, Occurrence


class Group:
    """Some items of a request, by what can be compared without their identifiers."""

    def __init__(self, entry: RequestEntry, items: Sequence[Item]) -> None:
        self.entry = entry
        self.items = items

    @cached_property
    def _counts(self) -> Counter[Hashable]:
        return Counter(item.without_identifiers for item in self.items)

    @cached_property
    def _sums(self) -> dict[Hashable, float]:
        return _sums(self.items)

    @cached_property
    def _targets(self) -> set[Hashable]:
        return {item.target for item in self.items}

    def has_again(self, other: Group) -> bool:
        """Whether it has all items of another group, identifiers apart."""
        return other._counts <= self._counts

    def shares_target(self, other: Group) -> bool:
        """Whether both have usage of one customer and feature."""
        return not self._targets.isdisjoint(other._targets)

    def may_sum(self, other: Group) -> bool:
        """Whether its amounts may include those of another group: all are larger, with the same properties."""
        return all(abs(self._sums.get(name, 0.0)) > abs(amount) for name, amount in other._sums.items())

    @property
    def has_identifiers(self) -> bool:
        """Whether it has what a client may make anew at each try."""
        return any(item.has_key or item.has_timestamp for item in self.items)


def _sums(items: Iterable[Item]) -> dict[Hashable, float]:
    found: dict[Hashable, float] = {}
    for item in items:
        name = (item.target, item.properties)
        found[name] = found.get(name, 0.0) + item.amount
    return found


class Unexplained:
    """The items that were taken and are not ``explained``: neither a repeated usage nor a retry, by their identifiers.

    An item with a key or a timestamp that an earlier request had, too, is explained by that.

    ``entries`` are in the order in which they were received.
    """

    def __init__(self, entries: Sequence[RequestEntry], explained: Collection[Occurrence]) -> None:
        self.groups: list[Group] = []
        #: Whether a client sent an item with an idempotency key or a timestamp again: it does not make them anew.
        self.keeps_identifiers = False
        seen: set[bytes] = set()
        for entry in entries:
            sent = entry.sent
            if entry.has_taken:
                items = [
                    item
                    for index, item in enumerate(sent)
                    if index not in entry.refusals and (entry.id, index) not in explained and item.key not in seen
                ]
                if items:
                    self.groups.append(Group(entry, items))
            for item in sent:
                if item.has_key or item.has_timestamp:
                    self.keeps_identifiers = self.keeps_identifiers or item.key in seen
                    seen.add(item.key)
        self._received = [group.entry.received for group in self.groups]

    def after(self, entry: RequestEntry) -> Iterator[Group]:
        """Those of the requests that were sent after another one had ended."""
        for index in range(bisect_left(self._received, entry.ended), len(self.groups)):
            yield self.groups[index]

    def again(self, wanted: Group, last: RequestEntry, used: Used) -> RequestEntry | None:
        """The first request soon after ``last`` that has all wanted items, and is not used."""
        for group in self.after(last):
            if group.entry.received > last.ended + RETRY_WINDOW:
                return None
            if group.entry.call == last.call and not _is_used(group, last, used) and group.has_again(wanted):
                return group.entry
        return None

    def sum(self, wanted: Group, last: RequestEntry, used: Used) -> RequestEntry | None:
        """The next request with usage of the same customer and feature, if the wanted amounts may be included in it."""
        for group in self.after(last):
            if group.shares_target(wanted):
                return group.entry if group.may_sum(wanted) and not _is_used(group, last, used) else None
        return None


#: The requests that were found to send items again, by id: each with the first request of those items if they had
#: failed, and None if they had been taken.
Used = dict[int, RequestEntry | None]


def _is_used(group: Group, last: RequestEntry, used: Used) -> bool:
    """Whether a request sends something else again. Tries that failed after ``last`` belong to the same usage."""
    if group.entry.id not in used:
        return False
    first = used[group.entry.id]
    return first is None or not first.follows(last)


# -- failed, and sent again with new identifiers


def without_resent(losses: Sequence[Loss], unexplained: Unexplained) -> tuple[list[Loss], Used]:
    """The losses, without those whose items a later request has with new identifiers; and such requests.

    The tries of a client that makes identifiers at each try are one loss. A client that sent any item with identifiers
    again makes them once; for it such a request, like a larger amount, only raises a doubt.
    """
    kept: list[tuple[Loss, Group, bool]] = []
    for loss in losses:
        group = Group(loss.requests[0], loss.items)
        is_single = len(loss.requests) == 1 and not unexplained.keeps_identifiers
        number = _earlier_try(kept, group) if is_single else None
        if number is None:
            kept.append((loss, group, is_single))
        else:
            earlier = kept[number][0]
            kept[number] = (Loss([*earlier.requests, *loss.requests], loss.items), group, True)
    used: Used = {}
    found = []
    for loss, group, is_single in kept:
        last = loss.requests[-1]
        again = unexplained.again(group, last, used)
        if again is not None:
            used[again.id] = loss.requests[0]
        loss.doubt = again or unexplained.sum(group, last, used)
        loss.is_sum = again is None
        if again is None or not is_single:
            found.append(loss)
    return found, used


def _earlier_try(kept: Sequence[tuple[Loss, Group, bool]], group: Group) -> int | None:
    """The index of the last loss that a failed request continues: it has all of its items, with new identifiers."""
    entry = group.entry
    for index in range(len(kept) - 1, -1, -1):
        loss, earlier, is_single = kept[index]
        last = loss.requests[-1]
        if last.ended + RETRY_WINDOW < entry.received:
            return None
        is_next = is_single and last.call == entry.call and entry.follows(last)
        if is_next and earlier.has_identifiers and group.has_again(earlier):
            return index
    return None


# -- taken without a reply, and sent again with new identifiers


class Resend(Struct, eq=False):
    """Items that were probably taken more than once."""

    #: The request whose reply was lost, and those that probably sent its items again.
    requests: list[RequestEntry]
    #: One for each time that an item was probably taken too much.
    items: list[Item]
    #: Whether the last request has a larger amount, and not the same items.
    is_sum: bool


def resends(entries: Sequence[RequestEntry], unexplained: Unexplained, explained: Used) -> list[Resend]:
    """What was taken without a reply and was probably sent again. ``explained``: the requests with failed items."""
    last_with = {item.key: entry.id for entry in entries for item in entry.sent}
    found: dict[int, Resend] = {}
    used = dict(explained)
    for group in unexplained.groups:
        entry = group.entry
        if entry.is_known_accepted:
            continue
        unanswered = [item for item in group.items if last_with[item.key] == entry.id]
        if not unanswered:
            continue
        wanted = Group(entry, unanswered)
        if wanted.has_identifiers and unexplained.keeps_identifiers:
            continue
        again = unexplained.again(wanted, entry, used) if wanted.has_identifiers else None
        larger = unexplained.sum(wanted, entry, used) if again is None else None
        later = again or larger
        if later is None or later.received > entry.ended + RETRY_WINDOW:
            continue
        used[later.id] = None
        resend = found.pop(entry.id, None) or Resend([entry], [], is_sum=False)
        resend.requests.append(later)
        resend.items += unanswered
        resend.is_sum = again is None
        found[later.id] = resend
    return list(found.values())
