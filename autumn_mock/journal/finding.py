"""What a client did against the contract: one finding, and the declaration of what detects it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import asdict

from autumn_mock.journal.finding_kinds import FINDING_KINDS
from autumn_mock.journal.finding_state import FindingState
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.store.environment import Environment


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that a client did against the contract."""

    #: One of :data:`~autumn_mock.journal.finding_kinds.FINDING_KINDS`.
    code: str
    #: What it means, in a few words.
    title: str
    #: What happened, with the figures of this case.
    message: str
    #: Why it matters.
    why: str
    #: What the client should do.
    instead: str
    #: The ids of the requests that show it, in the order in which they were received; the last is the offender.
    requests: tuple[int, ...]
    #: When the offender was received, on the organisation's clock (ms).
    at: int
    #: How many items were charged too often, were lost, or were in the offender; None when it has none.
    items: int | None
    #: What was charged too much, or lost, by feature id, event name or ``tokens of MODEL``.
    amounts: dict[str, float]
    #: False when the client may have intended it, or there is another explanation.
    certain: bool
    #: That explanation; empty when it is certain.
    reason: str = ""


class OwnedFinding(Finding, frozen=True, kw_only=True):
    """A finding, and the organisation whose key the requests had; all empty when the key opened none."""

    #: The id of the organisation.
    org: str
    #: ``sandbox`` or ``live``.
    env: str
    #: The slug and the name of the organisation. A test that gives its organisation a name is found by it.
    org_slug: str
    org_name: str


def owned(findings: Iterable[Finding], environment: Environment | None) -> list[OwnedFinding]:
    """The findings of an environment, or those of no organisation, with their owner."""
    org = environment.organisation if environment is not None else None
    return [
        OwnedFinding(
            **asdict(each),
            org=org.id if org is not None else "",
            env=environment.name[1] if environment is not None else "",
            org_slug=org.slug if org is not None else "",
            org_name=org.name if org is not None else "",
        )
        for each in findings
    ]


def finding(
    code: str,
    requests: Sequence[RequestEntry],
    message: str,
    *,
    items: int | None,
    amounts: dict[str, float] | None = None,
    doubt: str | None = None,
    instead: str | None = None,
) -> Finding:
    """A finding with the texts of its kind.

    Args:
        code: the kind.
        requests: the evidence; the last one is the offender.
        message: what happened, without a full stop.
        items: how many items are concerned.
        amounts: what is at stake, by name.
        doubt: another explanation; the finding is certain without one.
        instead: advice in place of the kind's.
    """
    kind = FINDING_KINDS[code]
    return Finding(
        code=code,
        title=kind.title,
        message=f"{message}; {doubt}." if doubt else f"{message}.",
        why=kind.why,
        instead=instead or kind.instead,
        requests=tuple(entry.id for entry in requests),
        at=requests[-1].at,
        items=items,
        amounts=amounts or {},
        certain=not doubt,
        reason=doubt or "",
    )


#: Takes the requests of an environment in the order in which they were received.
Detector = Callable[[Sequence[RequestEntry]], Iterator[Finding]]
#: Takes its state, too.
StateDetector = Callable[[Sequence[RequestEntry], FindingState], Iterator[Finding]]

#: What detects each finding, by its code.
DETECTORS: dict[str, Detector] = {}
STATE_DETECTORS: dict[str, StateDetector] = {}

D = TypeVar("D", bound=Detector)
S = TypeVar("S", bound=StateDetector)


def detects(*codes: str) -> Callable[[D], D]:
    """Declare what detects the findings with these codes."""

    def declare(detector: D) -> D:
        DETECTORS.update(dict.fromkeys(codes, detector))
        return detector

    return declare


def detects_in_state(*codes: str) -> Callable[[S], S]:
    """Declare what detects the findings with these codes, from the requests and what became of them."""

    def declare(detector: S) -> S:
        STATE_DETECTORS.update(dict.fromkeys(codes, detector))
        return detector

    return declare
