"""The program with checkpoints many times a second, so that kills and full disks meet them.

    python -m tests.chaos.eager serve --db FILE

Everything else is as it is: only the thresholds of a checkpoint are smaller.
"""

from __future__ import annotations

from autumn_mock import maintenance
from autumn_mock.cli import main
from autumn_mock.store import database, state

#: Bytes of log that are worth a checkpoint here, however large the file is.
SMALL_LOG = 2048
#: Seconds between two rounds of maintenance.
ROUND = 0.02


def make_eager() -> None:
    """Replace the figures; one that has another name by now is an error, or nothing would be tested."""
    for module, name in ((state, "_SMALL_LOG"), (maintenance, "_ROUND"), (database.Database, "file_size")):
        assert hasattr(module, name), f"{module} has no {name} any more"
    state._SMALL_LOG = SMALL_LOG
    maintenance._ROUND = ROUND
    database.Database.file_size = property(lambda _: 0)  # type: ignore[method-assign, assignment]  # a patch


if __name__ == "__main__":
    make_eager()
    main()
