"""The kinds of findings: why each matters and what to do instead. The only place for these texts."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from autumn_mock.wire.requests.track import MAX_ITEMS

#: What a kind is known by; these do not change.
Code = Literal[
    "resent_after_accepted",
    "resent_after_lost_reply",
    "not_resent_after_503",
    "retried_too_soon",
    "hammering",
    "batch_too_large",
    "resent_after_refusal",
    "reply_not_awaited",
]


class FindingKind(Struct, frozen=True, kw_only=True):
    """What all findings of one code have in common."""

    title: str
    #: Why it matters.
    why: str
    #: What to do instead.
    instead: str


FINDING_KINDS: dict[Code, FindingKind] = {
    "resent_after_accepted": FindingKind(
        title="Sent again after it was accepted",
        why="A 202 means that the items are queued; in a second request they are deducted a second time.",
        instead="Never send a batch again after its 202, and give each item an idempotency_key if something might.",
    ),
    "resent_after_lost_reply": FindingKind(
        title="Sent again after its reply was lost",
        why="A timeout, a broken connection or an error of something in between does not say that nothing was taken: "
        "the items had been queued, and were deducted once more for each request that followed.",
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
        why="The service told how long it needs; what comes sooner most likely fails again and uses up retries.",
        instead="Wait at least the seconds that Retry-After names before the next try.",
    ),
    "hammering": FindingKind(
        title="Kept sending while rate limited",
        why="Every request into a full window is refused, and those that matter wait behind those that cannot pass.",
        instead="Stop all requests to the call until Retry-After has passed, then go on slower, in larger batches.",
    ),
    "batch_too_large": FindingKind(
        title="Too many items in one batch",
        why=f"A batch of more than {MAX_ITEMS} items is refused as a whole; none of its usage is charged.",
        instead=f"Split what is due into batches of at most {MAX_ITEMS} items.",
    ),
    "resent_after_refusal": FindingKind(
        title="Sent again unchanged after it was refused",
        why="A 400 or 404 speaks of the body; the same body is refused again, and one bad item holds up all others.",
        instead="Do not retry a 400 or 404: mend or set aside the item that the message names, and send the others.",
    ),
    "reply_not_awaited": FindingKind(
        title="Hung up before the reply",
        why="A client that does not wait for the reply cannot know whether its usage was charged.",
        instead="Wait longer than the service may take before giving up, and give each item an idempotency_key, so "
        "that sending it again is safe.",
    ),
}
