"""A change: what one transaction did, as one line of the write-ahead log.

A change describes the result (records put, keys deleted, sums added), so that replaying a log restores the state that
wrote it. A change of several environments, or of an environment and its organisation, is one change with parts, because
a line of the log is either durable as a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from autumn_mock.domain.message import ItemCounters

#: JSON as the files have it: amounts are numbers, read back to the last digit.
ENCODER = msgspec.json.Encoder(decimal_format="number")
#: What fields are named in files.
_STORED_NAMES = {"counters": "books"}


class Change(msgspec.Struct, omit_defaults=True, rename=_STORED_NAMES):
    """What one transaction did to one environment (``org`` empty: to the whole server)."""

    org: str = ""
    env: str = ""
    #: Table name to records.
    put: dict[str, list[Any]] = {}
    #: Table name to keys.
    delete: dict[str, list[str]] = {}
    #: What to add to the counters.
    counters: ItemCounters | None = None
    #: Set when the environment (or the server) was emptied first.
    cleared: bool = False
    #: Further changes, applied after this one in their order.
    parts: list[Change] = []

    def copied(self) -> Change:
        """The same change, to which further records are added apart."""
        put = {name: list(records) for name, records in self.put.items()}
        delete = {name: list(keys) for name, keys in self.delete.items()}
        return msgspec.structs.replace(self, put=put, delete=delete)

    def each(self) -> Iterator[Change]:
        """The change and its parts, in the order in which they are applied."""
        yield self
        for part in self.parts:
            yield from part.each()


class _StoredChange(msgspec.Struct, rename=_STORED_NAMES):
    org: str = ""
    env: str = ""
    put: dict[str, list[msgspec.Raw]] = {}
    delete: dict[str, list[str]] = {}
    counters: ItemCounters | None = None
    cleared: bool = False
    parts: list[_StoredChange] = []


_DECODER = msgspec.json.Decoder(_StoredChange)


def encode(change: Change) -> bytes:
    """One log line."""
    return ENCODER.encode(change)


def decode(payload: bytes, kinds: dict[str, type[Any]]) -> Change:
    """A change read back; ``kinds`` maps table names to record types.

    Raises :class:`msgspec.ValidationError` for a line that no version of this program wrote.
    """
    return _change(_DECODER.decode(payload), kinds)


def _change(stored: _StoredChange, kinds: dict[str, type[Any]]) -> Change:
    put = {
        table: [msgspec.json.decode(raw, type=kinds[table]) for raw in records]
        for table, records in stored.put.items()
        if table in kinds
    }
    delete = {table: keys for table, keys in stored.delete.items() if table in kinds}
    parts = [_change(part, kinds) for part in stored.parts]
    return Change(stored.org, stored.env, put, delete, stored.counters, stored.cleared, parts)
