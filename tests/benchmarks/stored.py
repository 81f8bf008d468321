"""A database file with many events, as a server leaves it: ``python -m tests.benchmarks.stored FILE WORLD COUNT``.

The events are those of batches, spread evenly over the last thirty days and over the customers of the world. They are
put straight into the tables, and the store's own checkpoint writes the file.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from autumn_mock.domain.event import Deduction, Event
from autumn_mock.engine import Engine
from autumn_mock.ids import new_id
from tests.benchmarks.children import child_environment
from tests.benchmarks.traffic import SIZE, properties, write_world

#: Milliseconds over which the events are spread.
SPAN = 30 * 86_400_000
#: Customers whose they are.
CUSTOMERS = 1000


def stored_events(directory: Path, count: int, environment: Mapping[str, str] | None = None) -> Path:
    """A file with ``count`` events in a directory, made by another process unless it is there already.

    ``environment`` is that of the process: another checkout may write it.
    """
    path = directory / f"events-{count}.json"
    if not path.exists():
        world = write_world(directory / "stored-world.json", CUSTOMERS)
        command = [sys.executable, "-m", "tests.benchmarks.stored", str(path), str(world), str(count)]
        subprocess.run(command, check=True, env=environment or child_environment())
    return path


def write(path: str, world: str, count: int) -> None:
    """Write the file."""
    emulator = Engine(db=path, world=world)
    environment = next(each for each in emulator.state.environments() if len(each.customers))
    customers = list(environment.customers)
    rows = [next(iter(environment.balances.of(each.internal_id).values())) for each in customers]
    now, one = environment.clock.now(), Decimal(1)
    for number in range(count):
        row = rows[number % len(rows)]
        deduction = Deduction(
            balance_id=row.id,
            feature_id=row.feature_id,
            value=one,
            reset=row.reset,
            resets_at=row.next_reset_at,
        )
        environment.events.put(
            Event(
                id=new_id("evt"),
                timestamp=now - SPAN + (number + 1) * SPAN // count,
                name="calls" if number // SIZE % 5 == 4 else "messages",
                customer=row.customer,
                value=one,
                properties=dict(properties(number // 7)),
                deductions=(deduction,),
                message_id=f"req_0123456789abcdefghijklmno{number // SIZE:07d}-{number % SIZE}",
            )
        )
    emulator.stop()


if __name__ == "__main__":
    write(sys.argv[1], sys.argv[2], int(sys.argv[3]))
