"""What faults did to each message."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

from msgspec import Struct

from autumn_mock.locks import Level, new_lock

#: Messages per environment with notes; the oldest are dropped.
CAPACITY = 10_000

#: What a fault did to a message, or ``absorbed``: a second delivery after the deduction, which changed nothing.
Effect = Literal["held", "reordered", "duplicated", "crashed", "dropped", "absorbed"]


class MessageNote(Struct, frozen=True):
    """One effect on a message, and the text of the rule (empty for ``absorbed``)."""

    fate: Effect
    rule: str = ""


class MessageJournal:
    """The notes of each environment. Thread-safe."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._lock = new_lock(Level.MESSAGE_JOURNAL)
        self._kept: dict[tuple[str, str], OrderedDict[str, list[MessageNote]]] = {}

    def note(self, name: tuple[str, str], message_id: str, note: MessageNote) -> None:
        """Add a note to a message."""
        with self._lock:
            kept = self._kept.setdefault(name, OrderedDict())
            kept.setdefault(message_id, []).append(note)
            if len(kept) > self._capacity:
                kept.popitem(last=False)

    def of(self, name: tuple[str, str], message_id: str) -> list[MessageNote]:
        """The notes of a message, in order."""
        with self._lock:
            kept = self._kept.get(name)
            return list(kept.get(message_id, [])) if kept is not None else []

    def clear(self, name: tuple[str, str] | None = None) -> int:
        """Drop the notes of one environment, or all; returns the number of messages."""
        with self._lock:
            return sum(len(self._kept.pop(each)) for each in list(self._kept) if name in (None, each))
