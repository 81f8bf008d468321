"""What every record has in common, and the ranges of its numbers, which hold at rest as well."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

#: The largest integer that a double holds without a gap.
MAX_SAFE_INTEGER = 2**53 - 1
#: The last instant that a clock can be set to, in ms: 1 January 9990. Calendars end soon after it.
LATEST = 253_086_768_000_000

Instant = Annotated[int, Meta(ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)]
"""Milliseconds since the epoch."""
Length = Annotated[int, Meta(ge=1, le=MAX_SAFE_INTEGER)]
"""How many of something there are, of which there is at least one."""
Count = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
"""How many of something there are."""


class Record(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A row of a table. Encodes to, and is validated from, one JSON document.

    Records hold data only and never one another in a circle, so the cyclic garbage collector need not walk over the
    millions of them that a long run keeps.
    """


def instant(number: float) -> int:
    """A number as an instant, within the range of one."""
    return max(min(int(number), MAX_SAFE_INTEGER), -MAX_SAFE_INTEGER)


def length(number: float | None) -> int:
    """A number as a length; none, or one below one, counts as one."""
    return max(min(int(number or 1), MAX_SAFE_INTEGER), 1)
