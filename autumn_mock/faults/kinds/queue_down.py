from autumn_mock.faults.options import EVENT
from autumn_mock.faults.sites import EnqueueFault


class QueueDown(EnqueueFault):
    """Nothing can be queued: 503 with Retry-After."""

    name = "queue:down"
    example = "queue:down ttl=30s"
    own_options = (EVENT,)
