"""The two ways lists are paged, by cursor or by offset; the version of the request decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from autumn_mock.operations.errors import invalid_request
from autumn_mock.web.context import Answer
from autumn_mock.web.endpoint import PagedSchema
from autumn_mock.wire.answer import Body, CursorPage, OffsetPage
from autumn_mock.wire.cursor import decode_cursor, encode_cursor
from autumn_mock.wire.schema import Params, schema_of

#: The largest page of a list of customers or entities.
MAX_ROWS = 1000

#: The ``created_at`` (ms) and the id of the last row of a page.
Place = tuple[int, str]
R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")
P = TypeVar("P")
A = TypeVar("A", bound=Params)
B = TypeVar("B", bound=Params)


class PageOf(Protocol[R_co]):
    """Some rows, and where the next page begins: the (created_at, id) of the last row, or None."""

    @property
    def rows(self) -> Sequence[R_co]: ...

    @property
    def next(self) -> Place | None: ...


class CountedPageOf(PageOf[R_co], Protocol[R_co]):
    """A page, and how many rows there are, and how many that match."""

    @property
    def total_count(self) -> int: ...

    @property
    def filtered_count(self) -> int: ...


def paged(by_cursor: type[A], by_offset: type[B]) -> PagedSchema[A | B]:
    """The request of a list, by version."""
    return PagedSchema(schema_of(by_cursor), schema_of(by_offset))


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
    params: CursorParams, find: Callable[[Place | None], PageOf[R]], body_of: Callable[[R], Body]
) -> Answer:
    """The answer with the page after ``start_cursor``."""
    page = from_cursor(params, find)
    return Answer(CursorPage(rows=[body_of(row) for row in page.rows], next_cursor=next_cursor(page)))


def from_cursor(params: CursorParams, find: Callable[[Place | None], P]) -> P:
    """The page after ``start_cursor``. Raises :class:`ApiError` (400) for a page that would be too large."""
    if params.limit > MAX_ROWS:
        raise invalid_request(f"limit {params.limit} exceeds max of {MAX_ROWS} for this org")
    return find(decode_cursor(params.start_cursor) if params.start_cursor else None)


def next_cursor(page: PageOf[Any]) -> str | None:
    """The cursor of the page after this one."""
    return None if page.next is None else encode_cursor(*page.next)


def offset_page(params: OffsetParams, page: CountedPageOf[R], body_of: Callable[[R], Body]) -> Answer:
    """The answer with the page from ``offset`` on. ``has_more`` means that the page is full."""
    rows = [body_of(row) for row in page.rows]
    return Answer(
        OffsetPage(
            rows=rows,
            total=len(rows),
            total_count=page.total_count,
            total_filtered_count=page.filtered_count,
            limit=params.limit,
            offset=params.offset,
            has_more=len(rows) == params.limit,
        )
    )
