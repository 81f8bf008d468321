"""The kinds of findings: why each matters and what to do instead. The only place for these texts.

The detector of each kind is in :mod:`autumn_mock.journal.findings`.
"""

from __future__ import annotations

from msgspec import Struct

from autumn_mock.wire.requests.track import MAX_ITEMS


class FindingKind(Struct, frozen=True, kw_only=True):
    """What all findings of one code have in common."""

    title: str
    #: Why it matters.
    why: str
    #: What to do instead.
    instead: str


#: By code. Codes do not change.
FINDING_KINDS: dict[str, FindingKind] = {
    "resent_after_accepted": FindingKind(
        title="Sent again after it was accepted",
        why="A 202 means that the items are queued; in a second request they are deducted a second time.",
        instead="Never send a batch again after its 202, and give each item an idempotency_key in case something does.",
    ),
    "resent_after_lost_reply": FindingKind(
        title="Sent again after its reply was lost",
        why="A timeout, a broken connection or an error of a proxy does not mean that nothing was queued: the items "
        "had been queued, and were deducted again for each further request.",
        instead="Give each item an idempotency_key, so that a second deduction is dropped; without keys, send again "
        "only after a 503 that Autumn itself sent, wait long enough for replies, and turn off an SDK's fail-open, "
        "which shows a timeout as a 503.",
    ),
    "not_resent_after_503": FindingKind(
        title="Failed and never sent again",
        why="Nothing of the request was queued, so its usage is never charged.",
        instead="Keep the items and send them again, unchanged, after Retry-After until a request is accepted; with an "
        "idempotency_key in each item that is safe after any failure.",
    ),
    "retried_too_soon": FindingKind(
        title="Sent again sooner than Retry-After",
        why="The service says how long it needs; an earlier retry most likely fails again and uses up attempts.",
        instead="Wait at least the seconds that Retry-After names before the next try.",
    ),
    "hammering": FindingKind(
        title="Kept sending while rate limited",
        why="Every request in a full window is refused, and delays the requests that matter.",
        instead="Stop all requests to the call until Retry-After has passed, then continue slowly, in larger batches.",
    ),
    "batch_too_large": FindingKind(
        title="Too many items in one batch",
        why=f"A batch of more than {MAX_ITEMS} items is refused as a whole; none of its usage is charged.",
        instead=f"Split the usage into batches of at most {MAX_ITEMS} items.",
    ),
    "resent_after_refusal": FindingKind(
        title="Sent again unchanged after it was refused",
        why="A 400 or 404 is about the body; the same body is refused again, and one invalid item blocks all others.",
        instead="Do not retry a 400 or 404: correct or remove the item that the message names, and send the others.",
    ),
    "reply_not_awaited": FindingKind(
        title="Disconnected before the reply",
        why="A client that does not wait for the reply cannot know whether its usage was charged.",
        instead="Use a timeout longer than the service may take, and give each item an idempotency_key, so that "
        "sending it again is safe.",
    ),
}
