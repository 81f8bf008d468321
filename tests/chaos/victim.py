"""A server process on a database that may be ended at any moment of its life, its start and its stop included."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.client import Client
from tests.support.server import PROGRAM, ServerProcess

#: The program as users run it.
PLAIN = PROGRAM
#: The program with checkpoints many times a second.
EAGER = ("-m", "tests.chaos.eager", *PROGRAM[2:])
#: Seconds that anything may take before it counts as stuck.
TIMEOUT = 120.0


class Victim(ServerProcess):
    """A server without rate limits, launched at once. Leaving its ``with`` block kills what still runs."""

    def __init__(self, place: Path, *options: str, program: Sequence[str] = PLAIN, prefix: Sequence[str] = ()) -> None:
        super().__init__("--rate-limit", "off", *options, cwd=place, timeout=TIMEOUT, program=program, prefix=prefix)
        self.launch()

    def __enter__(self) -> Victim:
        return self

    def __exit__(self, *_: object) -> None:
        self.clean_up()

    def ready(self) -> Victim:
        """Itself, once it answers."""
        self.require_ready()
        return self

    def client(self, key: str = "", *, keep_alive: bool = True, timeout: float = 60) -> Client:
        """A client of it that keeps its connection."""
        return super().client(key, keep_alive=keep_alive, timeout=timeout)

    def wait(self, timeout: float = TIMEOUT) -> int:
        """Wait for its end; the exit code."""
        return super().wait(timeout)

    def stop(self, timeout: float = TIMEOUT) -> None:
        """End it as a user does; it must end with code 0 and without a traceback."""
        super().stop(timeout)
        assert "Traceback" not in self.stderr(), self.stderr()


def wait_until(condition: Callable[[], bool], what: str, timeout: float = TIMEOUT, interval: float = 0.01) -> None:
    """Poll a condition until it holds."""
    ends = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < ends, f"{what}: not within {timeout} s"
        time.sleep(interval)
