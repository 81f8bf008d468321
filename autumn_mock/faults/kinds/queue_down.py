"""``queue:down``."""

from __future__ import annotations

from autumn_mock.faults.options import EVENT
from autumn_mock.faults.sites import EnqueueFault


class QueueDown(EnqueueFault):
    """Nothing can be queued."""

    name = "queue:down"
    summary = "nothing can be queued: 503 with Retry-After"
    example = "queue:down ttl=30s"
    own_options = (EVENT,)
