"""What clients did against the contract, told from the journal, with the evidence.

Findings are drawn from the requests of one environment alone, so the same requests always give the same ones. What
they look for is in :mod:`~autumn_mock.journal.retries` and :mod:`~autumn_mock.journal.early_retries`.

Requests that ran side by side are no resends of each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from autumn_mock.journal.attempts import (
    BATCH_CALLS,
    Item,
    array_length,
    canonical,
    follows,
    is_accepted,
    is_answered,
    read_attempts,
)
from autumn_mock.journal.early_retries import EarlyRetry, early_retries, hammering
from autumn_mock.journal.finding_kinds import FINDING_KINDS, Code, FindingKind
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.journal.retries import DoubleCharge, Loss, double_charges, losses
from autumn_mock.wire.requests.track import MAX_ITEMS

__all__ = ["FINDING_KINDS", "Code", "Finding", "FindingKind", "find"]

#: So many 429 replies in a row are hammering.
HAMMERING = 3

_DOUBT = (
    "; two equal uses look just like one that is sent twice, and a timestamp or an idempotency_key in each item would "
    "tell them apart"
)
_SUMMED = "; unless a later request, which brought usage of the same customer and feature, had them added up in it"


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that a client did against the contract."""

    code: Code
    #: What happened, with the figures of this case.
    message: str
    why: str
    instead: str
    #: The ids of the requests that show it, in the order in which they came; the offender is the last.
    requests: tuple[int, ...]
    #: When the offender came, on the organisation's clock (ms).
    at: int
    #: How many items were charged too often, were lost, or were in the offender; None when it has none.
    items: int | None
    #: What was charged too much, or lost, by feature id, event name or ``tokens of MODEL``.
    amounts: dict[str, float]
    #: False when the client may have meant what it did.
    certain: bool


def find(entries: Sequence[RequestEntry]) -> list[Finding]:
    """The findings in the requests of one environment, by the time of their offenders."""
    ordered = sorted(entries, key=lambda entry: (entry.received, entry.id))
    attempts = read_attempts(ordered)
    found = [
        *map(_double_charge, double_charges(attempts)),
        *map(_loss, losses(attempts)),
        *map(_too_soon, early_retries(attempts)),
        *map(_hammered, hammering(ordered, HAMMERING)),
        *_too_large(ordered),
        *_refused_again(ordered),
        *(_not_awaited(entry) for entry in ordered if entry.reply == "not_awaited"),
    ]
    place = {entry.id: index for index, entry in enumerate(ordered)}
    codes = list(FINDING_KINDS)
    return sorted(found, key=lambda finding: (place[finding.requests[-1]], codes.index(finding.code)))


def _finding(
    code: Code,
    requests: Sequence[RequestEntry],
    message: str,
    *,
    items: int | None,
    amounts: dict[str, float] | None = None,
    certain: bool = True,
) -> Finding:
    return Finding(
        code=code,
        message=f"{message}.",
        why=FINDING_KINDS[code].why,
        instead=FINDING_KINDS[code].instead,
        requests=tuple(entry.id for entry in requests),
        at=requests[-1].at,
        items=items,
        amounts=amounts or {},
        certain=certain,
    )


# -- one finding of each kind


def _double_charge(charge: DoubleCharge) -> Finding:
    first, again = charge.requests[0], len(charge.requests) - 1
    amounts = _amounts(charge.items)
    is_certain = all(item.is_marked for item in charge.items)
    return _finding(
        "resent_after_accepted" if charge.was_told else "resent_after_lost_reply",
        charge.requests,
        f"{_what(first)} was accepted, {_told(first)}, and was sent again {_times(again)}: "
        f"{_items(len(charge.items))} too many were charged ({_listed(amounts)}){'' if is_certain else _DOUBT}",
        items=len(charge.items),
        amounts=amounts,
        certain=is_certain,
    )


def _loss(loss: Loss) -> Finding:
    first, tries = loss.requests[0], len(loss.requests)
    amounts = _amounts(loss.items)
    return _finding(
        "not_resent_after_503",
        loss.requests,
        f"{_what(first)} failed{'' if tries == 1 else f' {_times(tries)}'}, {_told(loss.requests[-1])}, and "
        f"{_items(len(loss.items))} of it never came in a request that was accepted: lost are {_listed(amounts)}"
        f"{'' if loss.is_certain else _SUMMED}",
        items=len(loss.items),
        amounts=amounts,
        certain=loss.is_certain,
    )


def _too_soon(haste: EarlyRetry) -> Finding:
    first = haste.requests[0]
    doubt = _DOUBT if haste.items and not haste.is_certain else ""
    return _finding(
        "retried_too_soon",
        haste.requests,
        f"{_what(first)}, {_told(first)}, was sent again {_times(haste.times)} too soon: {_seconds(haste.waited)} "
        f"after a reply that asked to wait {_seconds(haste.asked)}{doubt}",
        items=len(haste.items) or None,
        certain=haste.is_certain,
    )


def _hammered(row: Sequence[RequestEntry]) -> Finding:
    last = row[-1]
    return _finding(
        "hammering",
        row,
        f"{_call(last)} answered 429 {_times(len(row))} in a row, and each of these requests but the first was sent "
        f"before the wait was over that the one before it had been asked for",
        items=last.items,
    )


def _too_large(entries: Iterable[RequestEntry]) -> Iterator[Finding]:
    """One for each different body, with all requests that brought it."""
    rows: dict[tuple[str, bytes], list[RequestEntry]] = {}
    for entry in entries:
        if _is_batch(entry) and entry.service_status == 400 and array_length(entry.body or b"") > MAX_ITEMS:
            rows.setdefault((entry.call, canonical(entry.body or b"")), []).append(entry)
    for row in rows.values():
        length = array_length(row[0].body or b"")
        message = f"A batch of {length} items was refused: at most {MAX_ITEMS} are taken at once"
        yield _finding("batch_too_large", row, message, items=length)


def _refused_again(entries: Iterable[RequestEntry]) -> Iterator[Finding]:
    """One for each row of requests with a body that had been refused. A row ends when the body is accepted after all:
    somebody may have created the feature that was missing."""
    rows: list[list[RequestEntry]] = []
    current: dict[tuple[str, bytes], list[RequestEntry]] = {}
    for entry in entries:
        refused = _is_refused(entry)
        if not _is_batch(entry) or not (current or refused):
            continue
        key = (entry.call, canonical(entry.body or b""))
        row = current.get(key)
        if is_accepted(entry):
            current.pop(key, None)
        elif row is not None and follows(entry, row[-1]):
            row.append(entry)
        elif row is None and refused:
            current[key] = [entry]
            rows.append(current[key])
    for row in rows:
        if len(row) > 1:
            first = row[0]
            message = f"{_what(first)} was refused with {first.status} and sent again unchanged {_times(len(row) - 1)}"
            yield _finding("resent_after_refusal", row, message, items=_count(first))


def _not_awaited(entry: RequestEntry) -> Finding:
    status = entry.service_status
    outcome = "the service had no part in it" if status is None else f"the service had answered {status}"
    return _finding(
        "reply_not_awaited",
        [entry],
        f"The client of {_call(entry)} hung up before the reply, which was ready after "
        f"{_seconds(entry.replied - entry.received)}; {outcome}",
        items=entry.items,
    )


def _is_batch(entry: RequestEntry) -> bool:
    return entry.call in BATCH_CALLS and entry.body is not None


def _is_refused(entry: RequestEntry) -> bool:
    """Whether the service refused what was in the body, and the client knows."""
    return entry.service_status in (400, 404) and entry.status == entry.service_status and is_answered(entry)


# -- words


def _call(entry: RequestEntry) -> str:
    return entry.call or f"{entry.method} {entry.path}"


def _count(entry: RequestEntry) -> int | None:
    """How many items a batch offers, which is not known of one that was refused before they were read."""
    return array_length(entry.body or b"") or entry.items


def _what(entry: RequestEntry) -> str:
    if not _is_batch(entry):
        return f"A {_call(entry)}"
    count = _count(entry)
    return f"A batch of {_items(count)}" if count else "A batch"


def _told(entry: RequestEntry) -> str:
    if entry.reply == "not_awaited":
        return "its client hung up before the reply"
    return f"its client was told {entry.status}" if is_answered(entry) else "its reply was lost"


def _amounts(items: Iterable[Item]) -> dict[str, float]:
    """The sums by name, to the ten decimals that Autumn shows."""
    sums: dict[str, float] = {}
    for item in items:
        sums[item.name] = sums.get(item.name, 0.0) + item.amount
    return {name: round(value, 10) for name, value in sorted(sums.items())}


def _listed(amounts: dict[str, float]) -> str:
    return ", ".join(f"{_figure(value)} {name}" for name, value in amounts.items())


def _figure(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else str(value)


def _seconds(value: float) -> str:
    return f"{_figure(round(value, 3))} s"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count} items"
