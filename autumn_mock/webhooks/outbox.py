"""Routes the webhooks of an environment to the senders of its organisation's endpoints."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from autumn_mock.domain.webhook import Webhook, WebhookEndpoint
from autumn_mock.ids import new_id
from autumn_mock.locks import Level, new_lock
from autumn_mock.store.environment import Environment
from autumn_mock.webhooks.journal import WebhookDelivery, WebhookJournal
from autumn_mock.webhooks.sender import Sender

#: Endpoints of a server; each has a thread.
_MOST_ENDPOINTS = 100
#: Keys of sent webhooks that are kept. A key contains its minute.
_MOST_KEYS = 10_000

_log = logging.getLogger("autumn_mock.webhooks")


class Outbox:
    """All endpoints of a server: ``endpoints`` of every organisation, and ``own`` ones by the id of theirs.

    Further keywords are those of :class:`~autumn_mock.webhooks.sender.Sender`.
    """

    def __init__(
        self,
        endpoints: Sequence[WebhookEndpoint] = (),
        own: Mapping[str, Sequence[WebhookEndpoint]] | None = None,
        **options: Any,
    ) -> None:
        self.journal = WebhookJournal()
        self._options = options
        self._senders: dict[WebhookEndpoint, Sender] = {}
        self._everyone = self._open(endpoints)
        self._own = {org: self._open(each) for org, each in (own or {}).items()}
        self._lock = new_lock(Level.OUTBOX)
        #: Organisations whose webhooks are kept in the journal although no endpoint may receive them.
        self._recorded: set[str] = set()
        #: In the order they were first used.
        self._keys: dict[str, None] = {}

    def _open(self, endpoints: Sequence[WebhookEndpoint]) -> list[Sender]:
        senders = []
        for endpoint in dict.fromkeys(endpoints):
            sender = self._senders.get(endpoint)
            if sender is None:
                sender = self._senders[endpoint] = Sender(endpoint, self.journal, **self._options)
            senders.append(sender)
        return senders

    def __repr__(self) -> str:
        return f"<Outbox {len(self._senders)} endpoints, {len(self.journal)} deliveries>"

    def _of(self, org: str) -> dict[WebhookEndpoint, Sender]:
        senders = [*self._everyone, *self._own.get(org, ())]
        return {sender.endpoint: sender for sender in senders}

    @property
    def is_used(self) -> bool:
        """True if there is an endpoint, or an organisation whose webhooks are recorded."""
        return bool(self._senders or self._recorded)

    def has_endpoints(self, org: str) -> bool:
        """True if an organisation has an endpoint, or its webhooks are recorded."""
        return bool(self._everyone or self._own.get(org) or org in self._recorded)

    def record(self, org: str) -> None:
        """Keep the webhooks of an organisation in the journal, also those that no endpoint receives."""
        self._recorded.add(org)

    def close(self, org: str) -> None:
        """Remove the endpoints that an organisation alone has: it was closed."""
        with self._lock:
            self._recorded.discard(org)
            gone = self._own.pop(org, [])
            used = [*self._everyone, *(each for senders in self._own.values() for each in senders)]
            unused = [each for each in gone if each not in used]
            for sender in unused:
                del self._senders[sender.endpoint]
        for sender in unused:
            sender.stop()

    def add(self, endpoint: WebhookEndpoint, org: str | None) -> None:
        """Add an endpoint of one organisation, or of all.

        Raises :class:`ValueError` when it exists, or when there are too many: each has a thread.
        """
        with self._lock:
            known = self._everyone if org is None else self._own.get(org, [])
            if any(sender.endpoint.url == endpoint.url for sender in known):
                raise ValueError(f"{endpoint.url} is an endpoint already")
            if endpoint not in self._senders and len(self._senders) >= _MOST_ENDPOINTS:
                raise ValueError(f"there are {_MOST_ENDPOINTS} webhook endpoints already")
            opened = [*known, *self._open([endpoint])]
            if org is None:
                self._everyone = opened
            else:
                self._own = {**self._own, org: opened}

    def endpoints(self, org: str | None = None) -> list[dict[str, str | None]]:
        """The endpoints of one organisation, or all: the URL, and the organisation if it is of one alone."""
        own = [(name, sender) for name, senders in self._own.items() if org in (None, name) for sender in senders]
        every = [*((None, sender) for sender in self._everyone), *own]
        return [{"url": sender.endpoint.url, "org": name} for name, sender in every]

    def resend(self, message_id: str, org: str | None = None, env: str | None = None) -> int:
        """Deliver a message again to its endpoints that still exist; returns how many there are."""
        sent = {(each.org, each.endpoint): each for each in self.journal.find(message_id, org, env)}
        count = 0
        for delivery in sent.values():
            for sender in self._of(delivery.org).values():
                if sender.endpoint.url == delivery.endpoint:
                    sender.put(replace(delivery, status="pending", attempts=0, http_status=None, error=None))
                    count += 1
        return count

    def publish(self, environment: Environment, webhooks: Sequence[Webhook]) -> None:
        """Queue webhooks for every endpoint of an organisation, except those whose key was used before."""
        org, env = environment.name
        senders = self._of(org)
        for webhook in webhooks:
            if webhook.key is not None and not self._is_first(f"{org}:{env}:{webhook.key}"):
                _log.info("not sent again within the minute: %s", webhook.key)
                continue
            message_id = new_id("msg")
            delivery = WebhookDelivery(
                id=message_id,
                at=environment.clock.now(),
                org=org,
                env=env,
                type=webhook.type,
                endpoint="",
                payload={**webhook.envelope, "type": webhook.type, "data": webhook.data},
                cause=webhook.cause,
                status="pending" if senders else "recorded",
            )
            if not senders:
                self.journal.record(delivery)
            for endpoint, sender in senders.items():
                sender.put(replace(delivery, endpoint=endpoint.url))

    def _is_first(self, key: str) -> bool:
        with self._lock:
            if key in self._keys:
                return False
            self._keys[key] = None
            if len(self._keys) > _MOST_KEYS:
                del self._keys[next(iter(self._keys))]
            return True

    def clear(self, org: str | None = None, env: str | None = None) -> int:
        """Delete deliveries and keys, and drop what waits, of one environment or all; returns how many."""
        for sender in list(self._senders.values()):
            sender.clear(org, env)
        with self._lock:
            self._keys = {key: None for key in self._keys if org is not None and not key.startswith(f"{org}:{env}:")}
        return self.journal.clear(org, env)

    def release(self) -> None:
        """End all waits for deliveries."""
        self.journal.release()

    def stop(self) -> None:
        """End all deliveries."""
        for sender in list(self._senders.values()):
            sender.stop()
