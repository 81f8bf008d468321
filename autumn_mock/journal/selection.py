"""Which requests of the journal a filter selects: the same for the control API, the command and the fixture."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from autumn_mock.clock import stopwatch
from autumn_mock.durations import parse_duration
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.settings import read_instant

Condition = Callable[[RequestEntry], bool]


def select(
    entries: Iterable[RequestEntry],
    *,
    status: str | int = "",
    call: str = "",
    customer: str = "",
    since: str | int = "",
    failed: bool = False,
) -> list[RequestEntry]:
    """The requests that meet all conditions; an empty one is none.

    Args:
        entries: the requests.
        status: what the client received: ``404``, ``4xx``, or ``none`` for no reply.
        call: the canonical name of a call.
        customer: the id of a customer that a request names; of a batch, that of its first item.
        since: how long ago at most (``5m``), or an instant by the organisation's clock.
        failed: without a whole reply of success.

    Raises:
        ValueError: for an invalid status or time.
    """
    conditions: list[Condition] = []
    if status != "":
        conditions.append(_has_status(str(status)))
    if call:
        conditions.append(lambda entry: entry.call == call)
    if customer:
        conditions.append(lambda entry: entry.customer_id == customer)
    if since != "":
        conditions.append(_is_since(str(since)))
    if failed:
        conditions.append(lambda entry: not entry.is_known_accepted)
    return [entry for entry in entries if all(condition(entry) for condition in conditions)]


def _has_status(wanted: str) -> Condition:
    if not re.fullmatch(r"[1-5]([0-9]{2}|xx)|none", wanted, re.ASCII):
        raise ValueError("status: must be a status like 404, a class like 4xx, or none")
    if wanted == "none":
        return lambda entry: entry.status is None
    if wanted.endswith("xx"):
        return lambda entry: entry.status is not None and str(entry.status)[0] == wanted[0]
    return lambda entry: entry.status == int(wanted)


def _is_since(text: str) -> Condition:
    try:
        begin = stopwatch() - parse_duration(text) / 1000
    except ValueError:
        pass
    else:
        return lambda entry: entry.received >= begin
    try:
        instant = read_instant(text)
    except ValueError:
        raise ValueError("since: must be a duration like 5m, or an instant like 2026-01-31T12:00:00Z") from None
    return lambda entry: entry.at >= instant
