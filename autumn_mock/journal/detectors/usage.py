"""Findings of usage: taken without a reply to the client, not taken and not sent again, taken twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from autumn_mock.counting import are, were
from autumn_mock.journal import wording as w
from autumn_mock.journal.bodies import BATCH_CALLS, TRACK_CALLS, Item
from autumn_mock.journal.finding import Finding, detects, finding
from autumn_mock.journal.near_duplicates import Resend, Unexplained, resends, without_resent
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.journal.retries import DoubleCharge, Loss, double_charges, losses

#: Why equal items without identifiers may be different usages.
INDISTINGUISHABLE = (
    "two equal usages cannot be distinguished from one that is sent twice without a timestamp or an idempotency_key "
    "in each item"
)
#: Why items that only differ in their identifiers may be different usages.
NEW_IDENTIFIERS = "the idempotency_key or timestamp was made anew, so the items may be other usages"
_SHARED = "other requests have the same amounts and properties, so that these do not distinguish one usage from another"
_KEY_ONCE = (
    "Make the idempotency_key (or the Idempotency-Key header) and the timestamp once for each usage, before the first "
    "try, keep them with the usage, and send the same ones in each try."
)


@detects("resent_after_accepted", "resent_after_lost_reply", "not_resent_after_429", "not_resent_after_503")
def usage_findings(entries: Sequence[RequestEntry]) -> Iterator[Finding]:
    """Double charges and losses. ``entries``: in the order in which they were received."""
    bodies = [entry for entry in entries if entry.content is not None]
    charges, repeats = double_charges(bodies)
    lost, recovered = losses(bodies)
    uses = Counter(item.key for entry in bodies if entry.has_taken for item in entry.sent) if charges else Counter()
    for charge in charges:
        yield _double_charge(charge, uses)
    if not lost and all(entry.is_known_accepted for entry in bodies if entry.has_taken):
        return
    unexplained = Unexplained(bodies, repeats | recovered)
    lost, retries = without_resent(lost, unexplained)
    for resend in resends(bodies, unexplained, retries):
        yield _resend(resend)
    for loss in lost:
        yield _loss(loss)


def _double_charge(charge: DoubleCharge, uses: Counter[bytes]) -> Finding:
    first, again = charge.requests[0], len(charge.requests) - 1
    amounts = w.amounts(charge.items)
    return finding(
        "resent_after_accepted" if charge.was_known else "resent_after_lost_reply",
        charge.requests,
        f"{w.what(first)} was accepted, {w.outcome(first)}, and was sent again {w.times(again)}: "
        f"{w.items(len(charge.items))} too many {were(len(charge.items))} {_taken(charge.items)} ({w.listed(amounts)})",
        items=len(charge.items),
        amounts=amounts,
        doubt=_doubt(charge, uses),
    )


def _doubt(charge: DoubleCharge, uses: Counter[bytes]) -> str | None:
    """Why the items may be other usages."""
    if not all(item.is_distinguishable for item in charge.items):
        return INDISTINGUISHABLE
    if charge.requests[0].call in BATCH_CALLS:
        return None
    has_others = any(not item.has_timestamp and uses[item.key] > len(charge.requests) for item in charge.items)
    return _SHARED if has_others else None


def _resend(resend: Resend) -> Finding:
    first, last = resend.requests[0], resend.requests[-1]
    amounts = w.amounts(resend.items)
    how = "in a larger amount" if resend.is_sum else "with a new idempotency_key or timestamp"
    doubt = "the larger amount may be another usage" if resend.is_sum else NEW_IDENTIFIERS
    return finding(
        "resent_after_lost_reply",
        resend.requests,
        f"{w.what(first)} was accepted, {w.outcome(first)}, and was probably sent again {how} by request {last.id}: "
        f"{w.items(len(resend.items))} too many {were(len(resend.items))} {_taken(resend.items)} ({w.listed(amounts)})",
        items=len(resend.items),
        amounts=amounts,
        doubt=doubt,
        instead=_KEY_ONCE if not resend.is_sum else f"{_KEY_ONCE} Add up nothing that a request may have taken.",
    )


def _loss(loss: Loss) -> Finding:
    first, last, tries = loss.requests[0], loss.requests[-1], len(loss.requests)
    amounts = w.amounts(loss.items)
    return finding(
        "not_resent_after_429" if last.status == 429 else "not_resent_after_503",
        loss.requests,
        f"{w.what(first)} failed{'' if tries == 1 else f' {w.times(tries)}'}, {w.outcome(last)}, and "
        f"{w.items(len(loss.items))} of it {are(len(loss.items))} in no accepted request: lost are "
        f"{w.listed(amounts)}",
        items=len(loss.items),
        amounts=amounts,
        doubt=_doubt_of_loss(loss),
    )


def _doubt_of_loss(loss: Loss) -> str | None:
    """Why the items may not be lost."""
    if loss.doubt is not None:
        how = "included them in a sum" if loss.is_sum else "sent them again with a new idempotency_key or timestamp"
        return f"unless request {loss.doubt.id} {how}"
    call = loss.requests[0].call
    if call == "balances.check":
        return "unless the client refused what it had checked for"
    return None if call in TRACK_CALLS else "unless the client gave up the change, and reported that"


def _taken(items: Sequence[Item]) -> str:
    return "granted" if any(item.is_grant for item in items) else "charged"
