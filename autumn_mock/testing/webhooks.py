"""The webhooks of a test's organisation: ``autumn_mock.webhooks``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from autumn_mock.domain.webhook import DEFAULT_SECRET, WebhookType
from autumn_mock.settings import read_endpoint
from autumn_mock.webhooks.journal import WebhookDelivery

if TYPE_CHECKING:
    from autumn_mock.engine import Engine


class MockWebhooks:
    """What was sent, oldest first, and to whom. Iterate over it, or take its ``len()``.

    Before :meth:`send_to` or :meth:`record`, no webhook is made.
    """

    def __init__(self, emulator: Engine, name: tuple[str, str]) -> None:
        self._emulator = emulator
        self._name = name
        #: The messages that :meth:`take` has returned.
        self._taken: set[str] = set()

    def __repr__(self) -> str:
        return f"<MockWebhooks {', '.join(each.type for each in self) or 'none'}>"

    def __iter__(self) -> Iterator[WebhookDelivery]:
        return iter(self._emulator.webhooks.journal.deliveries(*self._name))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def send_to(self, url: str, secret: str = DEFAULT_SECRET) -> None:
        """Send the organisation's webhooks to a URL from now on. Raises :class:`ValueError`."""
        self._emulator.add_webhook_endpoint(read_endpoint(url, secret), self._name[0])

    def record(self) -> None:
        """Keep the organisation's webhooks from now on, also without a receiver."""
        self._emulator.record_webhooks(self._name[0])

    def of(self, kind: WebhookType | None = None, customer: str | None = None) -> list[WebhookDelivery]:
        """Those of a type, about a customer."""
        return [each for each in self if _is_wanted(each, kind, customer)]

    def take(self, kind: WebhookType, customer: str | None, timeout: float) -> WebhookDelivery | None:
        """The first that was not returned before, once it was delivered; None after ``timeout`` seconds."""
        self._require_watched()

        def find(each: WebhookDelivery) -> bool:
            is_done = each.status in ("delivered", "recorded") and each.id not in self._taken
            return is_done and _is_wanted(each, kind, customer)

        found = self._emulator.webhooks.journal.wait_found(find, timeout, *self._name)
        if found is not None:
            self._taken.add(found.id)
        return found

    def missing(self, kind: WebhookType, customer: str | None, timeout: float) -> str:
        """Why :meth:`take` has found none, in a sentence."""
        whom = "" if customer is None else f" about {customer}"
        lines = [f"{each.type} about {_customer_of(each.payload)}: {each.error or each.status}" for each in self]
        return f"no {kind}{whom} was delivered within {timeout} s; sent: {'; '.join(lines) or 'nothing'}"

    def _require_watched(self) -> None:
        if not self._emulator.webhooks.has_endpoints(self._name[0]):
            raise AssertionError(
                "no webhooks are made yet: call autumn_mock.webhooks.send_to(URL), or autumn_mock.webhooks.record(), "
                "before what should cause them"
            )


def _is_wanted(delivery: WebhookDelivery, kind: WebhookType | None, customer: str | None) -> bool:
    return kind in (None, delivery.type) and customer in (None, _customer_of(delivery.payload))


def _customer_of(payload: dict[str, Any]) -> str | None:
    data = payload["data"]
    found: str | None = data.get("customer_id") or (data.get("customer") or {}).get("id")
    return found
