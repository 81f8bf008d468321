"""The words that messages of findings are made of."""

from __future__ import annotations

from collections.abc import Iterable

from autumn_mock.counting import count_of
from autumn_mock.journal.bodies import BATCH_CALLS, Item
from autumn_mock.journal.requests import RequestEntry


def is_batch(entry: RequestEntry) -> bool:
    """Whether it sent a batch whose body is kept."""
    return entry.call in BATCH_CALLS and entry.content is not None


def call(entry: RequestEntry) -> str:
    """The name of its call, or its route."""
    return entry.call or f"{entry.method} {entry.path}"


def count(entry: RequestEntry) -> int | None:
    """How many items a batch has; None when its body is not an array."""
    return (entry.content.count if entry.content is not None else 0) or entry.items


def what(entry: RequestEntry) -> str:
    """What it sent."""
    if not is_batch(entry):
        return f"A {call(entry)}"
    found = count(entry)
    return f"A batch of {items(found)}" if found else "A batch"


def outcome(entry: RequestEntry) -> str:
    """What its client received."""
    if entry.reply == "not_awaited":
        return "its client disconnected before the reply"
    return f"its client received {entry.status}" if entry.is_answered else "its reply was lost"


def amounts(of: Iterable[Item]) -> dict[str, float]:
    """The sums by name, to the ten decimals that Autumn shows."""
    sums: dict[str, float] = {}
    for item in of:
        sums[item.name] = sums.get(item.name, 0.0) + item.amount
    return {name: round(value, 10) for name, value in sorted(sums.items())}


def listed(sums: dict[str, float]) -> str:
    """Amounts as text."""
    return ", ".join(f"{figure(value)} {name}" for name, value in sums.items())


def figure(value: float) -> str:
    """A number as text."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else str(value)


def seconds(value: float) -> str:
    """Seconds as text."""
    return f"{figure(round(value, 3))} s"


def times(number: int) -> str:
    """How often, as text."""
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def doubt_mark(is_certain: bool) -> str:
    """What is written behind the code or title of a finding that is not certain."""
    return "" if is_certain else " (probable)"


def items(number: int) -> str:
    """A number of items as text."""
    return count_of(number, "item")
