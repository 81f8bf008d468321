from __future__ import annotations

from collections.abc import Sequence

from autumn_mock.journal.requests import RequestEntry, RequestJournal
from tests.journal.test_findings import batch, timed

NAME = ("org", "sandbox")


def test_derived_is_computed_again_after_changes_only() -> None:
    journal, computed = RequestJournal(), []

    def ids(entries: Sequence[RequestEntry]) -> list[int]:
        computed.append(entries)
        return [entry.id for entry in entries]

    assert journal.derived(NAME, ids) == []
    first = batch(1, [timed(1)], org="org", env="sandbox")
    for entry in (first, batch(2, [timed(2)], org="org", env="sandbox")):
        journal.add(entry)
        assert journal.derived(NAME, ids) is journal.derived(NAME, ids)
    journal.amend(first, reply="lost")
    assert journal.derived(NAME, ids) == [1, 2]
    assert len(computed) == 4
    journal.clear(NAME)
    assert journal.derived(NAME, ids) == []


def test_add_drops_the_oldest_bodies_beyond_the_capacity() -> None:
    size = len(batch(1, [timed(1)]).body or b"")
    journal = RequestJournal(capacity=3, body_capacity=2 * size)
    for number in range(1, 5):
        journal.add(batch(number, [timed(1)], org="org", env="sandbox"))
    assert [(entry.id, entry.body is not None) for entry in journal.entries(NAME)] == [(2, False), (3, True), (4, True)]
    assert [len(entry.sent) for entry in journal.entries(NAME)] == [0, 1, 1]


def test_listeners_get_each_request_once_it_is_in_the_journal() -> None:
    journal = RequestJournal()
    seen: list[tuple[int, int]] = []
    journal.add(batch(1, [timed(1)]))
    journal.subscribe(lambda entry: seen.append((entry.id, len(journal))))
    journal.subscribe(lambda entry: seen.append((-entry.id, len(journal))))
    for number in (2, 3):
        journal.add(batch(number, [timed(number)]))
    assert seen == [(2, 2), (-2, 2), (3, 3), (-3, 3)]
