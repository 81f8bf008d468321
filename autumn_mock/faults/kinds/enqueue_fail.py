from autumn_mock.faults.options import EVENT, Option, indexes, positive
from autumn_mock.faults.sites import EnqueueFault


class FailItems(EnqueueFault):
    """All items of a batch, or the selected ones, cannot be queued; the reply is 202 unless none could be queued."""

    name = "enqueue:fail"
    example = "enqueue:fail items=3,7"
    own_options = (
        Option("items", indexes, "only the items with these indexes in the batch, counted from 0", "I,J"),
        Option("first", positive, "only the first N items of a batch", "N"),
        Option("last", positive, "only the last N items of a batch", "N"),
        EVENT,
    )

    def select(self, matching: list[int], count: int) -> list[int]:
        return [index for index in matching if self._has_index(index, count) and self.is_selected()]

    def _has_index(self, index: int, count: int) -> bool:
        options = self.options
        if "items" in options and index not in options["items"]:
            return False
        if "first" in options and index >= options["first"]:
            return False
        return not ("last" in options and index < count - options["last"])
