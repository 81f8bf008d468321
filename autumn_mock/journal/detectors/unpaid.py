"""Findings of usage that belongs to a plan which was not paid yet: access that was granted without a check."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence

from msgspec import Struct

from autumn_mock.domain.balance import Balance
from autumn_mock.domain.payment import PageAct
from autumn_mock.journal import wording as w
from autumn_mock.journal.bodies import TRACK_CALLS, Item
from autumn_mock.journal.finding import Finding, detects_in_state, finding
from autumn_mock.journal.finding_state import FindingState
from autumn_mock.journal.item_status import accepted_messages
from autumn_mock.journal.purchases import PurchaseCall, acts_by_page, fields_of, purchases
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.store.environment import Environment


class _Use(Struct):
    """A usage of which nothing was deducted."""

    entry: RequestEntry
    item: Item
    #: The check that denied it before; None: the customer had never had anything of the feature.
    denied: RequestEntry | None


@detects_in_state("used_before_paid")
def used_before_paid(entries: Sequence[RequestEntry], state: FindingState) -> Iterator[Finding]:
    """One for each purchase that was not paid, or not known to be, when what only it grants was used already.

    Either a check had denied the usage before, or the customer had nothing of the feature, and had not used it before
    the purchase. Nothing was deducted.
    """
    made = [each for each in purchases(entries) if not each.is_granted_at_once]
    if all(each.page is None for each in made):
        return
    judge = _Judge(entries, state, made)
    found: dict[str | None, tuple[PurchaseCall, list[_Use]]] = {}  # by page
    for entry in entries:
        if entry.call not in TRACK_CALLS or not entry.is_accepted:
            continue
        judged: dict[Hashable, tuple[PurchaseCall, RequestEntry | None] | None] = {}  # equal for all items of a target
        for item in judge.untaken(entry):
            if item.target not in judged:
                judged[item.target] = judge.judged(entry, item)
            one = judged[item.target]
            if one is not None and (item.timestamp is None or item.timestamp >= one[0].entry.at):
                found.setdefault(one[0].page, (one[0], []))[1].append(_Use(entry, item, one[1]))
    for purchase, uses in found.values():
        yield _used(purchase, uses, judge.stage(purchase, uses[-1].entry))


def _checks_by_target(entries: Sequence[RequestEntry]) -> dict[Hashable, list[RequestEntry]]:
    """The checks, by the customer, the entity and the feature that they ask about."""
    found: dict[Hashable, list[RequestEntry]] = {}
    for each in entries:
        if each.call == "balances.check" and each.content is not None:
            fields = each.content.fields
            target = (fields.get("customer_id"), fields.get("entity_id") or "", fields.get("feature_id"))
            if all(isinstance(one, str) for one in target):
                found.setdefault(target, []).append(each)
    return found


def _used(purchase: PurchaseCall, uses: Sequence[_Use], stage: str) -> Finding:
    first = purchase.entry
    evidence = {first.id: first}
    for use in uses:
        for entry in (use.denied, use.entry):
            if entry is not None:
                evidence[entry.id] = entry
    amounts = w.amounts(use.item for use in uses)
    denied = any(use.denied is not None for use in uses)
    before = "a check had denied it before" if denied else "the customer had nothing of the feature before"
    action = "" if purchase.refusal is None else f" and the required_action {purchase.refusal}"
    return finding(
        "used_before_paid",
        sorted(evidence.values(), key=lambda entry: entry.received),
        f"Usage of {w.listed(amounts)} by {first.customer_id} was recorded, and nothing was deducted for it: the "
        f"{first.call} of {purchase.plans} was answered with a payment URL ({purchase.page}){action}, and {stage}; "
        f"{before}",
        items=len(uses),
        amounts=amounts,
        doubt="the client may give this usage away",
    )


class _Judge:
    """What is known of usages and purchases of one environment."""

    def __init__(self, entries: Sequence[RequestEntry], state: FindingState, made: Sequence[PurchaseCall]) -> None:
        self._made: dict[str, list[PurchaseCall]] = {}
        self._by_page: dict[str | None, PurchaseCall] = {}
        for purchase in made:
            if purchase.page is not None:
                self._by_page.setdefault(purchase.page, purchase)
            self._made.setdefault(purchase.entry.customer_id, []).append(purchase)
        self._grants: dict[int, set[str]] = {}
        self._acts = acts_by_page(state.environment)
        self._environment = state.environment
        self._checks = _checks_by_target(entries)
        self._first_uses: dict[Hashable, float] = {}
        for entry in entries:
            for item in entry.sent if entry.call in TRACK_CALLS else ():
                self._first_uses.setdefault(item.target, entry.received)
        self._known_features: dict[str, set[str]] = {}
        self._empty = _messages_without_deduction(state.environment, entries)

    def untaken(self, entry: RequestEntry) -> list[Item]:
        """The items of a request that were processed, and for which nothing was deducted."""
        sent = entry.sent
        if entry.items is None:
            found = list(sent) if not any(each.value for each in entry.deducted) else []
        else:
            messages = accepted_messages(entry).items()
            found = [sent[index] for index, id in messages if id in self._empty and index < len(sent)]
        return [each for each in found if each.amount > 0 and not each.name.startswith("tokens of ")]

    def judged(self, entry: RequestEntry, item: Item) -> tuple[PurchaseCall, RequestEntry | None] | None:
        """The purchase that a usage belongs to, and the check that had denied it, if there was one.

        None when the usage does not show that access was granted without a check.
        """
        waiting = self._waiting_for(entry, item)
        if waiting is None:
            return None
        last = self._last_check(entry, item)
        if last is not None:
            answer = fields_of(last.reply_body).get("allowed") if last.is_known_accepted else None
            # Otherwise it allowed the usage; or it failed, and the client goes on without an answer.
            return (waiting, last) if answer is False else None
        return None if self._has_held(entry, item, waiting) or self._has_used(item) else (waiting, None)

    def _waiting_for(self, entry: RequestEntry, item: Item) -> PurchaseCall | None:
        """The purchase that grants the feature of a usage, if it was under way then: the last one before it, by the
        first call that its page was named to."""
        features = self._features(item.name)
        for purchase in reversed(self._made.get(item.customer_id, ())):
            if purchase.entry.entity_id not in ("", item.entity_id):
                continue
            if entry.follows(purchase.entry) and features & self._granted(purchase):
                return None if self._is_settled(purchase, entry) else self._by_page.get(purchase.page)
        return None

    def stage(self, purchase: PurchaseCall, entry: RequestEntry) -> str:
        """What had become of the purchase when a request was received."""
        acts = [act.action for act in self._acts_before(purchase, entry)]
        if "pay" in acts or "3ds" in acts:
            return "the service did not know of the payment yet"
        if "decline" in acts:
            return "the payment was declined there"
        if not acts:
            return "its page was not opened"
        return "the customer left its page" if "abandon" in acts else "the customer had not paid there"

    def _acts_before(self, purchase: PurchaseCall, entry: RequestEntry) -> list[PageAct]:
        return [act for act in self._acts.get(purchase.page or "", ()) if act.received <= entry.received]

    def _is_settled(self, purchase: PurchaseCall, entry: RequestEntry) -> bool:
        """Whether the service knew of the payment when a request was received."""
        if any(act.action == "settle" for act in self._acts_before(purchase, entry)):
            return True
        first = purchase.entry
        return any(
            first.at < each.started_at < entry.at
            for owner in self._owners(first.customer_id)
            for each in (
                *self._environment.customer_plans.of(owner).values(),
                *(closed.attached for closed in self._environment.closed_plans.of(owner).values()),
            )
            if each.plan_id in purchase.plan_ids
        )

    def _last_check(self, entry: RequestEntry, item: Item) -> RequestEntry | None:
        """The last check of the same feature that had ended before a usage."""
        checks = self._checks.get((item.customer_id, item.entity_id, item.name), ())
        return next((each for each in reversed(checks) if entry.follows(each)), None)

    def _has_used(self, item: Item) -> bool:
        """Whether usage of the feature was recorded before any purchase of it, too: the client records all usage."""
        features = self._features(item.name)
        first = next(each for each in self._made[item.customer_id] if features & self._granted(each))
        return self._first_uses[item.target] < first.entry.received

    def _has_held(self, entry: RequestEntry, item: Item, waiting: PurchaseCall) -> bool:
        """Whether the customer had had something of the feature when a usage was received."""
        features = self._features(item.name)
        return any(
            row.feature_id in features and not self._is_bought(row, waiting)
            for owner in self._owners(item.customer_id)
            for row in (
                *self._environment.balances.of(owner).values(),
                *(row for closed in self._environment.closed_plans.of(owner).values() for row in closed.rows),
            )
            if row.created_at <= entry.at
        )

    def _is_bought(self, row: Balance, waiting: PurchaseCall) -> bool:
        return row.plan_id in waiting.plan_ids and row.created_at >= waiting.entry.at

    def _features(self, name: str) -> set[str]:
        """The features that usage of a name may be deducted from."""
        known = self._known_features.get(name)
        if known is not None:
            return known
        every = self._environment.features.snapshot()
        direct = {each.id for each in every if name == each.id or name in each.event_names}
        found = direct | {each.id for each in every if any(each.cost_of(one) is not None for one in direct)}
        self._known_features[name] = found
        return found

    def _granted(self, purchase: PurchaseCall) -> set[str]:
        """The features that its plans grant."""
        known = self._grants.get(purchase.entry.id)
        if known is not None:
            return known
        plans = [each for each in self._environment.plans.snapshot() if each.id in purchase.plan_ids]
        customized = purchase.fields.get("customize")
        items = customized.get("items") if isinstance(customized, Mapping) else purchase.fields.get("items")
        more = (
            [each.get("feature_id") for each in items if isinstance(each, Mapping)] if isinstance(items, list) else []
        )
        found = {item.feature_id for plan in plans for item in plan.items} | {each for each in more if each}
        self._grants[purchase.entry.id] = found
        return found

    def _owners(self, customer_id: str) -> list[str]:
        return [each.internal_id for each in self._environment.customers.of(customer_id).values()]


def _messages_without_deduction(environment: Environment, entries: Sequence[RequestEntry]) -> set[str]:
    """The queued usages of requests that were processed, and for which nothing was deducted."""
    if all(entry.items is None for entry in entries):
        return set()
    with environment.lock:
        events = environment.events.snapshot()
    empty = (each for each in events if each.message_id is not None and not any(one.value for one in each.deductions))
    return {each.message_id for each in empty if each.message_id is not None}
