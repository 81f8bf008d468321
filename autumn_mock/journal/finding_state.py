"""What findings that depend on more than the requests are made from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from autumn_mock.domain.lock import Lock
from autumn_mock.domain.message import LostItem
from autumn_mock.store.environment import Environment
from autumn_mock.webhooks.journal import WebhookDelivery


class FindingState(Struct, frozen=True):
    """What findings need to know of an environment."""

    lost: Sequence[LostItem]
    #: The lock with an id.
    lock: Callable[[str], Lock | None]
    #: On the organisation's clock (ms).
    now: int
    #: The largest body in bytes.
    max_body: int
    #: Whose requests they are.
    environment: Environment
    #: The webhooks that an endpoint accepted.
    delivered: Callable[[], Sequence[WebhookDelivery]]
