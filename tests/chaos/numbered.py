"""Items with numbers, the reply about each, and whether it agrees with what was deducted."""

from __future__ import annotations

import enum
import itertools
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinydb import TinyDB


class Verdict(enum.Enum):
    """What the answer to a request says about its items."""

    #: Answered 200 or 202: each of them is deducted once.
    CHARGED = "charged"
    #: Answered 4xx or 503: none of them ever is.
    REFUSED = "refused"
    #: No answer: all of them are deducted once, or none is.
    OPEN = "open"


@dataclass(frozen=True)
class Item:
    """One use. Values are such that doubles add them up exactly."""

    number: int
    customer: str
    value: float


class Notebook:
    """What was sent and answered; may be written by many threads."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._requests: dict[int, tuple[tuple[Item, ...], Verdict]] = {}
        self.kinds: Counter[str] = Counter()
        #: Replies that are wrong in every case.
        self.wrong: list[str] = []

    def item(self, customer: str, value: float) -> Item:
        """A new item."""
        return Item(next(self._numbers), customer, value)

    def note(self, items: tuple[Item, ...], verdict: Verdict, kind: str) -> None:
        """Write down what the last answer about these items says; a later one about the same items replaces it."""
        with self._lock:
            self._requests[items[0].number] = (items, verdict)
            self.kinds[f"{kind} {verdict.value}"] += 1

    def complain(self, text: str) -> None:
        """Write down an answer that is wrong whatever became of the items."""
        with self._lock:
            self.wrong.append(text)

    def count(self, verdict: Verdict) -> int:
        """How many items have a verdict."""
        return sum(len(items) for items, given in self._requests.values() if given is verdict)

    def check(self, deducted: Mapping[int, int]) -> dict[str, float]:
        """Compare with how often each number was deducted; returns what each customer should have used."""
        assert not self.wrong, "\n".join(self.wrong)
        used: dict[str, float] = {}
        known = set()
        for items, verdict in self._requests.values():
            times = {deducted.get(item.number, 0) for item in items}
            wanted: tuple[set[int], ...] = {
                Verdict.CHARGED: ({1},),
                Verdict.REFUSED: ({0},),
                Verdict.OPEN: ({0}, {1}),
            }[verdict]
            assert times in wanted, f"{verdict.value}, but deducted (number: times) {_counts(items, deducted)}"
            for item in items:
                known.add(item.number)
                if times == {1}:
                    used[item.customer] = used.get(item.customer, 0) + item.value
        assert deducted.keys() <= known, f"numbers that were not sent: {sorted(deducted.keys() - known)[:10]}"
        return used


def _counts(items: Iterable[Item], deducted: Mapping[int, int]) -> str:
    return ", ".join(f"{item.number}: {deducted.get(item.number, 0)}" for item in items)[:500]


def tables_of(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Every table of a database at rest, read by nothing but TinyDB itself."""
    with TinyDB(path) as file:
        return {name: [dict(document) for document in file.table(name)] for name in file.tables()}


def deducted_numbers(events: Iterable[Mapping[str, Any]]) -> Counter[int]:
    """How often each number was deducted, according to events, each of which took the whole of its value."""
    numbers: Counter[int] = Counter()
    for event in events:
        number = (event.get("properties") or {}).get("n")
        if number is not None:
            numbers[number] += 1
            taken = sum(deduction["value"] for deduction in event.get("deductions", ()))
            assert taken == event["value"], f"number {number} asked for {event['value']}, and {taken} was taken"
    return numbers
