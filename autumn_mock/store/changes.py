"""A change: what one transaction did, as one line of the write-ahead log.

A change says what is true afterwards (records put, keys deleted, sums added), so that replaying a log gives the very
state that wrote it. What concerns several environments, or an environment and the organisation that it is of, is one
change with parts, because a line of the log lasts wholly or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from autumn_mock.domain.books import Books

#: JSON as it stands in the files: amounts are numbers, read back to the last digit.
ENCODER = msgspec.json.Encoder(decimal_format="number")


class Change(msgspec.Struct, omit_defaults=True):
    """What one transaction did to one environment (``org`` empty: to the whole server)."""

    org: str = ""
    env: str = ""
    #: Table name to records.
    put: dict[str, list[Any]] = {}
    #: Table name to keys.
    delete: dict[str, list[str]] = {}
    #: What to add to the books.
    books: Books | None = None
    #: Set when the environment (or the server) was emptied first.
    cleared: bool = False
    #: What is done after it, in this order.
    parts: list[Change] = []

    def each(self) -> Iterator[Change]:
        """The change and its parts, one after the other as they are done."""
        yield self
        for part in self.parts:
            yield from part.each()


class _StoredChange(msgspec.Struct):
    org: str = ""
    env: str = ""
    put: dict[str, list[msgspec.Raw]] = {}
    delete: dict[str, list[str]] = {}
    books: Books | None = None
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
    return Change(stored.org, stored.env, put, delete, stored.books, stored.cleared, parts)
