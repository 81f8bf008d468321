"""A server process on a database that may be ended at any moment of its life, its start and its stop included."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.client import Client

ROOT = Path(__file__).parents[2]
#: The program as people run it.
PLAIN = "autumn_mock"
#: The program with checkpoints many times a second.
EAGER = "tests.chaos.eager"
#: Seconds that anything may take before it counts as stuck.
PATIENCE = 120.0


class Victim:
    """``python -m PROGRAM serve --port 0`` with further options. Leaving its ``with`` block kills what still runs.

    ``prefix``: a command that runs it.
    """

    def __init__(self, place: Path, *options: str, program: str = PLAIN, prefix: Sequence[str] = ()) -> None:
        self._log = place / "stderr.txt"
        self._began = self._log.stat().st_size if self._log.exists() else 0
        self.url = ""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*prefix, sys.executable, "-m", program, "serve", "--port", "0", "--rate-limit", "off", *options],
                cwd=place,
                env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def __enter__(self) -> Victim:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def stderr(self) -> str:
        """What this process has written to standard error so far."""
        with self._log.open("rb") as log:
            log.seek(self._began)
            return log.read().decode("utf-8", "replace")

    def wait_ready(self, parking: float = PATIENCE) -> bool:
        """Wait for the line that says where it answers; False when it ended, or time ran out, before that."""
        assert self.process.stdout is not None
        if not self.url and select.select([self.process.stdout], [], [], parking)[0]:
            line = self.process.stdout.readline().decode()
            assert not line or line.startswith("autumn-mock ready http"), f"it said {line!r} and\n{self.stderr()}"
            self.url = line.strip().rpartition(" ")[2]
        return bool(self.url)

    def ready(self) -> Victim:
        """Itself, once it answers."""
        assert self.wait_ready(), f"it ended, or was not ready within {PATIENCE} s; it said\n{self.stderr()}"
        return self

    def client(self, *, timeout: float = 60) -> Client:
        """A client of it that keeps its connection."""
        return Client(self.url, keep_alive=True, timeout=timeout)

    def terminate(self) -> None:
        """Ask it to stop."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Wait for its end; the exit code."""
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"did not end within {PATIENCE} s; it said\n{self.stderr()}") from None

    def stop(self) -> None:
        """End it as a person does; it has to go with code 0 and without complaint."""
        self.terminate()
        assert self.wait() == 0, f"it said\n{self.stderr()}"
        assert "Traceback" not in self.stderr(), self.stderr()

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would; without effect on one that has ended."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def wait_until(is_so: Callable[[], bool], what: str, parking: float = PATIENCE, look_every: float = 0.01) -> None:
    """Wait for a condition that nothing tells of."""
    ends = time.monotonic() + parking
    while not is_so():
        assert time.monotonic() < ends, f"{what}: not within {parking} s"
        time.sleep(look_every)
