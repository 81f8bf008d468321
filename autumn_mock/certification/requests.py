"""Judges the requests that a client sent, from the rows of the journal (``GET /_mock/requests?bodies=1``)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autumn_mock.certification.model import RequestsExpectation
from autumn_mock.counting import count_of
from autumn_mock.scenarios.events import ExpectationResult
from autumn_mock.scenarios.expectations import differences, shown
from autumn_mock.scenarios.template import fill

#: A row of the journal.
JournalRow = Mapping[str, Any]
#: The clock of the journal has milliseconds (ms), and a Retry-After that is a date has whole seconds.
_TOLERANCE_MS = 60


def judge_requests(rule: RequestsExpectation, journal: Sequence[JournalRow], now: int) -> Iterator[ExpectationResult]:
    """What is expected of requests, a result for each kind of expectation. ``now`` (ms) is for placeholders."""
    rows = [row for row in journal if rule.call in (None, row["call"])]
    yield from _counts(rule, len(rows), f" of {rule.call}" if rule.call else "")
    if rule.statuses is not None:
        actual = [status_of(row) for row in rows]
        yield _result(actual == rule.statuses, f"statuses {_listed(rule.statuses)}", f"they were {_listed(actual)}")
    if rule.largest_batch is not None:
        most = max((len(items_of(row)) or row["items"] or 0 for row in rows), default=0)
        yield _result(
            most <= rule.largest_batch,
            f"at most {count_of(rule.largest_batch, 'item')} in a request",
            f"one has {most}",
        )
    if rule.obeys_retry_after:
        yield _retry_after(rows)
    if rule.pause is not None:
        least = min((gap for _, _, gap in _gaps(rows)), default=None)
        met = least is None or least >= rule.pause - _TOLERANCE_MS
        yield _result(met, f"{rule.pause} ms or more before a request is repeated", f"one was after {least} ms")
    for name, pattern in rule.headers.items():
        yield _headers(name.lower(), pattern, rows)
    if rule.keys is not None:
        yield _keys_present(rows) if rule.keys == "present" else _keys_stable(rows)
    if rule.items:
        yield _items(fill(rule.items, now), rows)


def status_of(row: JournalRow) -> int | str:
    """The status that the client received; ``reset`` when it received none."""
    status: int | None = row["status"]
    return status if status is not None and row["reply"] != "lost" else "reset"


def request_story(row: JournalRow) -> str:
    """A request of the journal in one line."""
    items = f", {count_of(row['items'], 'item')}" if row["items"] is not None else ""
    faults = f"; fault {', '.join(row['faults'])}" if row["faults"] else ""
    asked = f" (Retry-After {row['retry_after']:g} s)" if row["retry_after"] is not None else ""
    status = status_of(row)
    service = f", the service decided {row['service_status']}" if row["service_status"] not in (None, status) else ""
    sent = status if status != "reset" else "no whole reply"
    return f"{row['call'] or row['path']}{items}: {sent}{asked}{service} after {row['duration_ms']:g} ms{faults}"


def items_of(row: JournalRow) -> list[dict[str, Any]]:
    """The uses in a request's body: of a batch its items, otherwise the body; none when it is not kept or not JSON."""
    if row.get("request_body_cut") or not row["request_body"]:
        return []
    try:
        body = json.loads(row["request_body"])
    except ValueError:
        return []
    return [each for each in (body if isinstance(body, list) else [body]) if isinstance(each, dict)]


def _result(met: bool, wanted: str, actual: str) -> ExpectationResult:
    return ExpectationResult(met, wanted if met else f"expected {wanted}, but {actual}")


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values)) or "none"


def _counts(rule: RequestsExpectation, count: int, of_call: str) -> Iterator[ExpectationResult]:
    actual = "there was 1" if count == 1 else f"there were {count}"

    def requests(number: int) -> str:
        return f"{count_of(number, 'request')}{of_call}"

    if rule.count is not None:
        yield _result(count == rule.count, requests(rule.count), actual)
    if rule.at_least is not None:
        yield _result(count >= rule.at_least, f"at least {requests(rule.at_least)}", actual)
    if rule.at_most is not None:
        yield _result(count <= rule.at_most, f"at most {requests(rule.at_most)}", actual)


def _gaps(rows: Sequence[JournalRow]) -> Iterator[tuple[JournalRow, JournalRow, float]]:
    """Each request with the next one of its call, and the time between its reply and that one (ms)."""
    last: dict[str, JournalRow] = {}
    for row in sorted(rows, key=lambda each: (each["at"], each["id"])):
        earlier = last.get(row["call"])
        if earlier is not None:
            yield earlier, row, round(row["at"] - earlier["at"] - earlier["duration_ms"])
        last[row["call"]] = row


def _retry_after(rows: Sequence[JournalRow]) -> ExpectationResult:
    for earlier, _, gap in _gaps(rows):
        asked = earlier["retry_after"]
        if asked is not None and gap < asked * 1000 - _TOLERANCE_MS:
            text = f"a request followed {gap} ms after a reply that asked for {asked:g} s"
            return _result(False, "every request to wait for Retry-After", text)
    return _result(True, "no request before its Retry-After had passed", "")


def _headers(name: str, pattern: str, rows: Sequence[JournalRow]) -> ExpectationResult:
    wanted = f"every request to have a header {name} that matches {pattern}"
    for row in rows:
        found = {key.lower(): value for key, value in row["request_headers"].items()}.get(name)
        if found is None or not re.search(pattern, found):
            return _result(False, wanted, f"one has {'none' if found is None else shown(found)}")
    return ExpectationResult(True, f"header {name}")


# -- idempotency keys


def _keyed_uses(rows: Sequence[JournalRow]) -> Iterator[tuple[str, str]]:
    """Each use that was sent, as text without its key, and its key: that of the item, or else of the request."""
    for row in rows:
        headers = {key.lower(): value for key, value in row["request_headers"].items()}
        for index, item in enumerate(items_of(row)):
            rest = {name: value for name, value in item.items() if name != "idempotency_key"}
            header = headers.get("idempotency-key", "")
            yield json.dumps(rest, sort_keys=True), str(item.get("idempotency_key") or (header and f"{header}/{index}"))


def _keys_present(rows: Sequence[JournalRow]) -> ExpectationResult:
    without = sum(not key for _, key in _keyed_uses(rows))
    text = f"{without} of {sum(1 for _ in _keyed_uses(rows))} have none"
    return _result(not without, "an idempotency key for every use", text)


def _keys_stable(rows: Sequence[JournalRow]) -> ExpectationResult:
    keys: dict[str, list[str]] = {}
    for use, key in _keyed_uses(rows):
        keys.setdefault(use, []).append(key)
    for use, found in keys.items():
        if any(found) and len(set(found)) > 1:
            text = f"{use} was sent with {len(set(found))} keys: {_listed(found)}"
            return _result(False, "a use that is sent again to keep its idempotency key", text)
    return ExpectationResult(True, "idempotency keys are kept")


def _items(expected: Sequence[Mapping[str, Any]], rows: Sequence[JournalRow]) -> ExpectationResult:
    sent = [item for row in rows for item in items_of(row)]
    for part in expected:
        errors = [differences(part, item, "") for item in sent]
        if all(errors):
            nearest = min(errors, key=len)[0] if errors else "none was sent"
            return _result(False, f"an item with {shown(part)}", nearest)
    return ExpectationResult(True, "the items arrived as they were given")
