"""The two ways lists are paged: by cursor since 2.3, by offset before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from autumn_mock.domain.version import Version
from autumn_mock.operations.errors import invalid_request
from autumn_mock.web.context import Answer
from autumn_mock.web.endpoint import VersionedSchema
from autumn_mock.wire.cursor import decode_cursor, encode_cursor
from autumn_mock.wire.schema import Params, schema_of

#: The most rows that a list of customers or entities gives at once.
MAX_ROWS = 1000

R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")
A = TypeVar("A", bound=Params)
B = TypeVar("B", bound=Params)


class Page(Protocol[R_co]):
    """Some rows, and where the next page begins: the (created_at, id) of the last row, or None."""

    @property
    def rows(self) -> Sequence[R_co]: ...

    @property
    def next(self) -> tuple[int, str] | None: ...


class CountedPage(Page[R_co], Protocol[R_co]):
    """A page, and how many rows there are, and how many that match."""

    @property
    def total_count(self) -> int: ...

    @property
    def filtered_count(self) -> int: ...


def paged(by_cursor: type[A], by_offset: type[B]) -> VersionedSchema[A | B]:
    """The request of a list, by version."""
    return VersionedSchema(schema_of(by_cursor), Version.V2_3, schema_of(by_offset))


class CursorParams(Protocol):
    """The parameters of a list by cursor."""

    @property
    def limit(self) -> int: ...

    @property
    def start_cursor(self) -> str: ...


class OffsetParams(Protocol):
    """The parameters of a list by offset."""

    @property
    def limit(self) -> int: ...

    @property
    def offset(self) -> int: ...


def cursor_page(
    params: CursorParams,
    find: Callable[[tuple[int, str] | None], Page[R]],
    body_of: Callable[[R], dict[str, Any]],
    *,
    tells_more: bool = False,
) -> Answer:
    """A page from ``start_cursor`` on; ``tells_more``: it says whether it is the last also in a field of its own."""
    if params.limit > MAX_ROWS:
        raise invalid_request(f"limit {params.limit} exceeds max of {MAX_ROWS} for this org")
    page = find(decode_cursor(params.start_cursor) if params.start_cursor else None)
    more = {"has_more": page.next is not None} if tells_more else {}
    following = encode_cursor(*page.next) if page.next is not None else None
    return Answer({"list": [body_of(row) for row in page.rows], **more, "next_cursor": following})


def offset_page(params: OffsetParams, page: CountedPage[R], body_of: Callable[[R], dict[str, Any]]) -> Answer:
    """A page from ``offset`` on. ``has_more`` means that the page is full."""
    rows = [body_of(row) for row in page.rows]
    return Answer(
        {
            "list": rows,
            "total": len(rows),
            "total_count": page.total_count,
            "total_filtered_count": page.filtered_count,
            "limit": params.limit,
            "offset": params.offset,
            "has_more": len(rows) == params.limit,
        }
    )
