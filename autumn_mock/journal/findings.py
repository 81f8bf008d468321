"""Findings: what clients did against the contract, with the evidence.

They are derived from the requests of one environment alone, so equal requests have equal findings. A new kind needs its
texts in :data:`~autumn_mock.journal.finding_kinds.FINDING_KINDS`, and its detector in a module of
:mod:`autumn_mock.journal.detectors`.

Requests that ran concurrently are no retries of each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from autumn_mock.journal import detectors
from autumn_mock.journal.detectors.loops import wrong_keys
from autumn_mock.journal.finding import DETECTORS, STATE_DETECTORS, Finding
from autumn_mock.journal.finding_kinds import FINDING_KINDS
from autumn_mock.journal.finding_state import FindingState
from autumn_mock.journal.requests import RequestEntry

__all__ = ["Finding", "find", "find_in_state", "in_order", "wrong_keys"]

detectors.load()


def find(entries: Sequence[RequestEntry]) -> list[Finding]:
    """The findings in the requests of one environment alone, in the order of their offenders."""
    ordered = _ordered(entries)
    return in_order([each for detect in dict.fromkeys(DETECTORS.values()) for each in detect(ordered)], ordered)


def find_in_state(entries: Sequence[RequestEntry], state: FindingState) -> list[Finding]:
    """The findings that also depend on what became of the requests, in no particular order."""
    ordered = _ordered(entries)
    return [each for detect in dict.fromkeys(STATE_DETECTORS.values()) for each in detect(ordered, state)]


def in_order(found: Iterable[Finding], entries: Sequence[RequestEntry]) -> list[Finding]:
    """Findings in the order of their offenders."""
    positions = {entry.id: index for index, entry in enumerate(_ordered(entries))}
    codes = list(FINDING_KINDS)
    # A request that was received while the findings were made is the newest.
    return sorted(found, key=lambda each: (positions.get(each.requests[-1], len(positions)), codes.index(each.code)))


def _ordered(entries: Sequence[RequestEntry]) -> list[RequestEntry]:
    return sorted(entries, key=lambda entry: (entry.received, entry.id))
