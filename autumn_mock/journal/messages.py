"""What faults did to messages on their way to a worker, message by message."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Literal

from msgspec import Struct

#: How many messages of one environment are remembered.
CAPACITY = 10_000

#: What became of a message: kept back for a while; delivered in another order; delivered twice; deducted by a worker
#: that died before it said so; lost; delivered again after its deduction, which changed nothing.
MessageNoteKind = Literal["held", "reordered", "duplicated", "crashed", "dropped", "absorbed"]


class MessageNote(Struct, frozen=True):
    """One thing that happened to a message, and the rule that did it (empty: the guard against second deliveries)."""

    fate: MessageNoteKind
    rule: str = ""


class MessageJournal:
    """The notes of each environment. May be used from any thread."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], OrderedDict[str, list[MessageNote]]] = {}

    def note(self, name: tuple[str, str], message_id: str, note: MessageNote) -> None:
        """Remember what happened to a message."""
        with self._lock:
            kept = self._kept.setdefault(name, OrderedDict())
            kept.setdefault(message_id, []).append(note)
            if len(kept) > self._capacity:
                kept.popitem(last=False)

    def of(self, name: tuple[str, str], message_id: str) -> list[MessageNote]:
        """What happened to a message; nothing, mostly."""
        with self._lock:
            kept = self._kept.get(name)
            return list(kept.get(message_id, [])) if kept is not None else []

    def clear(self, name: tuple[str, str] | None = None) -> int:
        """Forget the notes of one environment, or all; says of how many messages."""
        with self._lock:
            return sum(len(self._kept.pop(each)) for each in list(self._kept) if name in (None, each))
