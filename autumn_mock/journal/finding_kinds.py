"""The kinds of findings: why each matters and what to do instead. The only place for these texts.

The detector of each kind is in :mod:`autumn_mock.journal.detectors`.
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
    "not_resent_after_429": FindingKind(
        title="Refused by the rate limit and never sent again",
        why="Nothing of the request was taken, so its usage is never charged.",
        instead="Keep the usage and send it again, unchanged, after Retry-After; SDKs do not retry by themselves.",
    ),
    "lost_after_accepted": FindingKind(
        title="Accepted and then dropped",
        why="A 202 only means that the usage is queued; usage of a customer or an entity that does not exist is "
        "dropped later, and only the service's own log says so.",
        instead="Create the customer and the entity before the first usage, check the spelling of their ids, and "
        "compare what was sent with the balance.",
    ),
    "unknown_route": FindingKind(
        title="Sent to a route that does not exist",
        why="Nothing of the request was taken. The service answers 401, as for a wrong key.",
        instead="Use the route that the message names, or an SDK.",
    ),
    "lock_not_finalized": FindingKind(
        title="Lock never finalized",
        why="What a lock holds is neither free for other usage nor confirmed; when the lock expires it is returned, "
        "and the usage is not charged.",
        instead="Call balances.finalize with confirm or release on every path, errors included, and send it again "
        "until it succeeds.",
    ),
    "missing_idempotency_key": FindingKind(
        title="Retried without an idempotency key",
        why="After a timeout, a broken connection or an error of a proxy a client cannot know whether its usage was "
        "taken; a retry without a key charges it twice if it was.",
        instead="Make an idempotency_key (or the Idempotency-Key header) for each usage before the first try, and send "
        "it in each try.",
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
    "retried_impossible": FindingKind(
        title="Sent again what cannot succeed",
        why="A 400, 403, 413 or 422 is about the request itself: the same request is refused again.",
        instead="Do not retry it: correct the field that the message names, and report the usage as not recorded.",
    ),
    "loop_on_409": FindingKind(
        title="Kept sending after 409",
        why="409 says that it was done before: the idempotency key was used, or the object exists. No retry changes "
        "that.",
        instead="Treat a 409 for an idempotency key, a lock or a creation as success, and go on.",
    ),
    "loop_on_404": FindingKind(
        title="Kept sending after 404",
        why="What the request names does not exist, and sending it again does not create it.",
        instead="Create the customer, entity or feature that the message names first, or stop.",
    ),
    "loop_on_423": FindingKind(
        title="Kept sending while a purchase was processed",
        why="423 says that a purchase of the customer is under way; until that is done, each further one is refused.",
        instead="Wait a few seconds, and read the customer: the purchase that was under way may be the one that is "
        "wanted.",
    ),
    "used_before_paid": FindingKind(
        title="Used before it was paid",
        why="A payment URL means that nothing was bought yet. Neither the return from its page nor a 200 of the call "
        "says that it was paid: what is used until then is given away.",
        instead="Call check before each use, or read the customer when the browser is back, and ask again until the "
        "plan is there; when the answer has a required_action, send the customer to its payment_url.",
    ),
    "payment_url_asked_for_again": FindingKind(
        title="Payment URL asked for again and again",
        why="Only the page at the payment URL completes a purchase. A further equal request changes nothing, or "
        "charges a card again that was just declined.",
        instead="Send the customer to the payment_url of the first answer, and read the customer to see whether it was "
        "paid.",
    ),
    "bought_again_after_lost_reply": FindingKind(
        title="Bought again after its reply was lost",
        why="A timeout, a broken connection or an error of a proxy does not mean that nothing was bought: a plan that "
        "can be bought several times is charged a second time.",
        instead="After a failure whose outcome is not known, read the customer (its purchases and invoices) before the "
        "purchase is sent again, and send one Idempotency-Key header with all tries.",
    ),
    "canceled_plan_attached": FindingKind(
        title="Canceled plan attached again",
        why="Attaching a plan that ends is refused, because the customer is still on it; it ends all the same.",
        instead='Call billing.update with cancel_action "uncancel".',
    ),
    "past_due_not_noticed": FindingKind(
        title="Failed renewal not noticed",
        why="A plan whose renewal failed goes on for now, and check still allows its usage; without a payment it is "
        "usage that was never paid.",
        instead="Read the customer regularly and check past_due of its subscriptions, or handle the webhook "
        "billing.updated, and send the customer to the portal or to the open invoice.",
    ),
    "wrong_key_retried": FindingKind(
        title="Wrong key, again and again",
        why="Every request with the key is refused, so nothing of what it sent was taken.",
        instead="Stop at the first 401 and check which key the process reads.",
    ),
    "page_not_followed": FindingKind(
        title="Only the first page was read",
        why="A list is returned in pages; what is on the following ones is missing from what the client works with.",
        instead="Ask again with start_cursor set to next_cursor until it is null, or ask for what is needed only.",
    ),
    "near_size_limit": FindingKind(
        title="Body near the limit of its size",
        why="A slightly larger body is refused as a whole, and none of its usage is charged.",
        instead="Limit batches by bytes as well as by items, and keep properties small.",
    ),
    "reply_not_awaited": FindingKind(
        title="Disconnected before the reply",
        why="A client that does not wait for the reply cannot know whether its usage was charged.",
        instead="Use a timeout longer than the service may take, and give each item an idempotency_key, so that "
        "sending it again is safe.",
    ),
}
