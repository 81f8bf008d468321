"""Purchases in the journal: the calls that buy plans, and what they were answered."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any

from autumn_mock.domain.payment import PageAct
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.store.environment import Environment
from autumn_mock.webhooks.journal import WebhookDelivery
from autumn_mock.wire.body import json_body

#: The calls that buy, or open a page on which it is done.
PURCHASE_CALLS = frozenset(
    {
        "billing.attach",
        "billing.multi_attach",
        "billing.multi_update",
        "billing.update",
        "billing.create_schedule",
        "attach",
        "checkout",
    }
)
#: The calls that open a page on which a customer changes the card.
CARD_PAGES = frozenset(
    {
        "billing.open_customer_portal",
        "billing.setup_payment",
        "get_customers_customer_id_billing_portal",
        "post_customers_customer_id_billing_portal",
        "setup_payment",
    }
)
#: Fields that do not say what is bought.
_INCIDENTAL = ("success_url", "metadata", "checkout_session_params")
#: Where the answers of the calls name the payment page.
_URLS = ("payment_url", "checkout_url", "url")
_AT_ONCE = ("enable_plan_immediately", "enable_product_immediately")


class PurchaseCall:
    """One accepted call that buys."""

    def __init__(self, entry: RequestEntry) -> None:
        self.entry = entry
        self.fields = fields_of(entry.body)
        self.answer = fields_of(entry.reply_body)

    def __repr__(self) -> str:
        return f"<PurchaseCall {self.entry.id} of {self.plans} by {self.entry.customer_id}>"

    @cached_property
    def plan_ids(self) -> tuple[str, ...]:
        """The plans that it names."""
        several = self.fields.get("product_ids"), self.fields.get("plans")
        inner = [each for listed in several if isinstance(listed, list) for each in listed]
        named = [self.fields.get("plan_id"), self.fields.get("product_id")]
        named += [each.get("plan_id") if isinstance(each, Mapping) else each for each in inner]
        return tuple(each for each in named if isinstance(each, str))

    @property
    def plans(self) -> str:
        """The plans as text."""
        return ", ".join(self.plan_ids) or "a plan"

    @cached_property
    def page(self) -> str | None:
        """The id of the session or invoice that the client was to send its customer to; None without any."""
        url = next((found for name in _URLS if isinstance(found := self.answer.get(name), str)), None)
        return url.rpartition("/")[2] if url and self.entry.is_known_accepted else None

    @property
    def refusal(self) -> str | None:
        """Why the card on file was not charged, as the answer says."""
        action = self.answer.get("required_action")
        code = action.get("code") if isinstance(action, Mapping) else None
        return code if isinstance(code, str) else None

    @property
    def is_granted_at_once(self) -> bool:
        """Whether the client asked that the plan is active before it is paid."""
        mode = self.fields.get("invoice_mode")
        sources = (self.fields, mode if isinstance(mode, Mapping) else {})
        return any(source.get(name) for source in sources for name in _AT_ONCE)

    @cached_property
    def subject(self) -> Hashable:
        """Equal for calls that buy the same."""
        own = {name: value for name, value in self.fields.items() if name not in _INCIDENTAL}
        return self.entry.path, repr(sorted(own.items()))


def purchases(entries: Iterable[RequestEntry]) -> list[PurchaseCall]:
    """The purchases that the service accepted and whose bodies are kept."""
    return [PurchaseCall(each) for each in entries if each.call in PURCHASE_CALLS and each.is_accepted and each.body]


def acts_by_page(environment: Environment) -> dict[str, list[PageAct]]:
    """What happened on the payment pages, by page, oldest first."""
    found: dict[str, list[PageAct]] = {}
    for act in list(environment.page_acts):
        found.setdefault(act.page, []).append(act)
    return found


#: Calls whose answer shows which plans a customer has, beside those about customers and entities.
_SHOWING = frozenset(
    {
        *CARD_PAGES,
        "invoices.list",
        "purchases.list",
        "subscriptions.list",
    }
)
#: Those that show it only of the customer that they name.
_ELIGIBILITY = frozenset({"plans.list", "get_components_pricing_table"})
_SHOWING_PREFIXES = ("customers", "entities", "get_customers", "post_customers_customer_id")


def shows_plans(entry: RequestEntry, customer_id: str) -> bool:
    """Whether its client learned from it which plans the customer has; a list shows those of all customers."""
    if entry.call in _ELIGIBILITY:
        return entry.is_known_accepted and entry.customer_id == customer_id
    shows = entry.call in _SHOWING or entry.call.startswith(_SHOWING_PREFIXES)
    return shows and entry.is_known_accepted and entry.customer_id in ("", customer_id)


def reads_between(entries: Sequence[RequestEntry], customer_id: str, first: RequestEntry, last: RequestEntry) -> bool:
    """Whether a client read the customer's plans after one request, and before another one."""
    return any(
        each.received >= first.received and each.ended <= last.received and shows_plans(each, customer_id)
        for each in entries
    )


def is_about(delivery: WebhookDelivery, customer: str, environment: Environment) -> bool:
    """Whether a webhook is about a customer (by the internal id)."""
    data = delivery.payload.get("data")
    named = data.get("customer_id") or data.get("customer") if isinstance(data, Mapping) else None
    named = named.get("id") if isinstance(named, Mapping) else named
    owner = environment.customers.get(customer)
    return owner is not None and named in (owner.id, owner.internal_id)


def money(value: Decimal, currency: str) -> str:
    """An amount in the major unit: ``20.00 usd``."""
    return f"{value:.2f} {currency}"


def fields_of(body: bytes | None) -> Mapping[str, Any]:
    """The fields of a body; empty when it is not an object, or not kept."""
    found: Any = json_body(body) if body else None
    return found if isinstance(found, dict) else {}
