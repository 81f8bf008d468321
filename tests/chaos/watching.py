"""What a server process takes up, and whether it serves others meanwhile."""

from __future__ import annotations

import os
import statistics
import threading
import time
from pathlib import Path
from types import TracebackType

from tests.chaos.victim import Victim
from tests.support.client import CHECK, NoReply


def memory(victim: Victim) -> float:
    """Resident memory, in MB."""
    status = Path(f"/proc/{victim.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def open_files(victim: Victim) -> int:
    """How many file descriptors it has."""
    return len(os.listdir(f"/proc/{victim.pid}/fd"))


def threads(victim: Victim) -> int:
    """How many threads it has."""
    return len(os.listdir(f"/proc/{victim.pid}/task"))


class Bystander(threading.Thread):
    """A client that checks a balance again and again, every other time on a new connection, for the time of a block.

    Leaving the block fails when one of the answers was not a 200, or took longer than ``timeout`` seconds.
    """

    def __init__(self, victim: Victim, timeout: float = 5.0) -> None:
        super().__init__(daemon=True)
        self._victim = victim
        self._timeout = timeout
        self._stopping = threading.Event()
        self._times: list[float] = []
        self._wrong: list[str] = []
        self._most_memory = 0.0

    def __enter__(self) -> Bystander:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self.join()
        if kind is None:
            assert not self._wrong, f"{len(self._wrong)} of {len(self._times)} checks: {self._wrong[0]}"
            assert len(self._times) >= 3, "nothing was seen"

    def run(self) -> None:
        body = {"customer_id": "cus_456", "feature_id": "messages"}
        kept = self._victim.client(timeout=self._timeout)
        while not self._stopping.wait(0.02):
            client = kept if len(self._times) % 2 else self._victim.client(timeout=self._timeout)
            began = time.monotonic()
            try:
                status = client.post(CHECK, body).status
                if status != 200:
                    self._wrong.append(f"answered {status}")
            except NoReply as error:
                self._wrong.append(f"no answer within {self._timeout} s: {error}")
            self._times.append(time.monotonic() - began)
            if client is not kept:
                client.close()
            self._most_memory = max(self._most_memory, memory(self._victim))
        kept.close()

    @property
    def count(self) -> int:
        """How many checks were made so far."""
        return len(self._times)

    @property
    def figures(self) -> dict[str, float]:
        """How long the checks took, and the most memory that was seen meanwhile."""
        return {
            "checks": len(self._times),
            "check_p50_ms": round(statistics.median(self._times) * 1000, 1),
            "check_max_ms": round(max(self._times) * 1000, 1),
            "most_memory_mb": round(self._most_memory),
        }
