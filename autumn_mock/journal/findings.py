"""Findings: what clients did against the contract, with the evidence.

They are derived from the requests of one environment alone, so equal requests have equal findings. A new kind needs its
texts in :data:`~autumn_mock.journal.finding_kinds.FINDING_KINDS`, and its detector in :data:`DETECTORS`.

Requests that ran concurrently are no retries of each other.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

from msgspec import Struct

from autumn_mock.journal.bodies import BATCH_CALLS, Item
from autumn_mock.journal.early_retries import early_retries, hammering
from autumn_mock.journal.finding_kinds import FINDING_KINDS
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.journal.retries import double_charges, losses
from autumn_mock.wire.requests.track import MAX_ITEMS

#: The fewest 429 replies in a row that are hammering.
HAMMERING = 3

_DOUBT = (
    "; two equal usages cannot be distinguished from one that is sent twice without a timestamp or an idempotency_key "
    "in each item"
)
_SUMMED = "; unless a later request with usage of the same customer and feature included them in a sum"


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that a client did against the contract."""

    #: One of :data:`~autumn_mock.journal.finding_kinds.FINDING_KINDS`.
    code: str
    title: str
    #: What happened, with the figures of this case.
    message: str
    why: str
    instead: str
    #: The ids of the requests that show it, in the order in which they were received; the last is the offender.
    requests: tuple[int, ...]
    #: When the offender was received, on the organisation's clock (ms).
    at: int
    #: How many items were charged too often, were lost, or were in the offender; None when it has none.
    items: int | None
    #: What was charged too much, or lost, by feature id, event name or ``tokens of MODEL``.
    amounts: dict[str, float]
    #: False when the client may have intended it.
    certain: bool


def find(entries: Sequence[RequestEntry]) -> list[Finding]:
    """The findings in the requests of one environment, in the order of their offenders."""
    ordered = sorted(entries, key=lambda entry: (entry.received, entry.id))
    found = [each for detect in DETECTORS for each in detect(ordered)]
    place = {entry.id: index for index, entry in enumerate(ordered)}
    codes = list(FINDING_KINDS)
    return sorted(found, key=lambda each: (place[each.requests[-1]], codes.index(each.code)))


def finding(
    code: str,
    requests: Sequence[RequestEntry],
    message: str,
    *,
    items: int | None,
    amounts: dict[str, float] | None = None,
    certain: bool = True,
) -> Finding:
    """A finding with the texts of its kind. ``requests``: the evidence; the last one is the offender."""
    kind = FINDING_KINDS[code]
    return Finding(
        code=code,
        title=kind.title,
        message=f"{message}.",
        why=kind.why,
        instead=kind.instead,
        requests=tuple(entry.id for entry in requests),
        at=requests[-1].at,
        items=items,
        amounts=amounts or {},
        certain=certain,
    )


# -- detectors


def _double_charges(entries: Sequence[RequestEntry]) -> Iterator[Finding]:
    for charge in double_charges(_with_body(entries)):
        first, again = charge.requests[0], len(charge.requests) - 1
        amounts = _amounts(charge.items)
        is_certain = all(item.is_marked for item in charge.items)
        yield finding(
            "resent_after_accepted" if charge.was_known else "resent_after_lost_reply",
            charge.requests,
            f"{_what(first)} was accepted, {_outcome(first)}, and was sent again {_times(again)}: "
            f"{_items(len(charge.items))} too many were charged ({_listed(amounts)}){'' if is_certain else _DOUBT}",
            items=len(charge.items),
            amounts=amounts,
            certain=is_certain,
        )


def _losses(entries: Sequence[RequestEntry]) -> Iterator[Finding]:
    for loss in losses(_with_body(entries)):
        first, tries = loss.requests[0], len(loss.requests)
        amounts = _amounts(loss.items)
        yield finding(
            "not_resent_after_503",
            loss.requests,
            f"{_what(first)} failed{'' if tries == 1 else f' {_times(tries)}'}, {_outcome(loss.requests[-1])}, and "
            f"{_items(len(loss.items))} of it {_are(len(loss.items))} in no accepted request: lost are "
            f"{_listed(amounts)}{'' if loss.is_certain else _SUMMED}",
            items=len(loss.items),
            amounts=amounts,
            certain=loss.is_certain,
        )


def _early_retries(entries: Sequence[RequestEntry]) -> Iterator[Finding]:
    for retry in early_retries(_with_body(entries)):
        first = retry.requests[0]
        doubt = _DOUBT if retry.items and not retry.is_certain else ""
        yield finding(
            "retried_too_soon",
            retry.requests,
            f"{_what(first)}, {_outcome(first)}, was sent again {_times(retry.times)} too soon: "
            f"{_seconds(retry.waited)} after a reply that asked to wait {_seconds(retry.asked)}{doubt}",
            items=len(retry.items) or None,
            certain=retry.is_certain,
        )


def _hammering(entries: Sequence[RequestEntry]) -> Iterator[Finding]:
    for row in hammering(entries, HAMMERING):
        last = row[-1]
        yield finding(
            "hammering",
            row,
            f"{_call(last)} answered 429 {_times(len(row))} in a row, and each of these requests but the first was "
            f"sent before the Retry-After of the one before it had passed",
            items=last.items,
        )


def _too_large(entries: Sequence[RequestEntry]) -> Iterator[Finding]:
    """One for each different body, with all requests that sent it."""
    rows: dict[Hashable, list[RequestEntry]] = {}
    for entry in filter(_is_batch, entries):
        if entry.service_status == 400 and (_count(entry) or 0) > MAX_ITEMS:
            rows.setdefault(entry.signature, []).append(entry)
    for row in rows.values():
        count = _count(row[0])
        message = f"A batch of {count} items was refused: at most {MAX_ITEMS} are accepted in one request"
        yield finding("batch_too_large", row, message, items=count)


def _resent_refusals(entries: Sequence[RequestEntry]) -> Iterator[Finding]:
    """One for each row of requests with a body that had been refused. A row ends when the body is accepted after all,
    because a missing feature may have been created."""
    rows: list[list[RequestEntry]] = []
    current: dict[Hashable, list[RequestEntry]] = {}
    for entry in filter(_is_batch, entries):
        refused = _is_refused(entry)
        if not (current or refused):
            continue
        row = current.get(entry.signature)
        if entry.is_accepted:
            current.pop(entry.signature, None)
        elif row is not None and entry.follows(row[-1]):
            row.append(entry)
        elif row is None and refused:
            current[entry.signature] = [entry]
            rows.append(current[entry.signature])
    for row in rows:
        if len(row) > 1:
            first = row[0]
            message = f"{_what(first)} was refused with {first.status} and sent again unchanged {_times(len(row) - 1)}"
            yield finding("resent_after_refusal", row, message, items=_count(first))


def _disconnects(entries: Sequence[RequestEntry]) -> Iterator[Finding]:
    for entry in entries:
        if entry.reply == "not_awaited":
            status = entry.service_status
            outcome = "the service was not reached" if status is None else f"the service answered {status}"
            yield finding(
                "reply_not_awaited",
                [entry],
                f"The client of {_call(entry)} disconnected before the reply, which was ready after "
                f"{_seconds(entry.replied - entry.received)}; {outcome}",
                items=entry.items,
            )


#: Each takes the requests of an environment in the order in which they were received.
DETECTORS: list[Callable[[Sequence[RequestEntry]], Iterator[Finding]]] = [
    _double_charges,
    _losses,
    _early_retries,
    _hammering,
    _too_large,
    _resent_refusals,
    _disconnects,
]


def _with_body(entries: Iterable[RequestEntry]) -> list[RequestEntry]:
    return [entry for entry in entries if entry.content is not None]


def _is_batch(entry: RequestEntry) -> bool:
    return entry.call in BATCH_CALLS and entry.content is not None


def _is_refused(entry: RequestEntry) -> bool:
    """Whether the service refused the body, and the client received that."""
    return entry.service_status in (400, 404) and entry.status == entry.service_status and entry.is_answered


# -- words


def _call(entry: RequestEntry) -> str:
    return entry.call or f"{entry.method} {entry.path}"


def _count(entry: RequestEntry) -> int | None:
    """How many items a batch has; None when its body is not an array."""
    return (entry.content.count if entry.content is not None else 0) or entry.items


def _what(entry: RequestEntry) -> str:
    if not _is_batch(entry):
        return f"A {_call(entry)}"
    count = _count(entry)
    return f"A batch of {_items(count)}" if count else "A batch"


def _outcome(entry: RequestEntry) -> str:
    if entry.reply == "not_awaited":
        return "its client disconnected before the reply"
    return f"its client received {entry.status}" if entry.is_answered else "its reply was lost"


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


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
