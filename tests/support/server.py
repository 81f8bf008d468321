"""A server process for tests: started as a user starts it, called over HTTP, stopped with a signal."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import autumn_mock
from tests.support.client import DEFAULT_KEY, Client

#: The command that users run.
PROGRAM = ("-m", "autumn_mock", "serve", "--port", "0")
_READY = re.compile(r"\S+ ready (https?://\S+)")
_ROOT = Path(__file__).parents[2]


class ServerProcess(Client):
    """``python -m autumn_mock serve --port 0`` with further options, in an empty directory of its own.

    Use it in a ``with`` block. Leaving it stops the process and requires that it ends well; a process that the test has
    already ended is only cleaned up. ``program`` is another Python program that prints its address in its first line,
    ``prefix`` a command that runs it.
    """

    def __init__(
        self,
        *options: str,
        key: str = DEFAULT_KEY,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 30,
        program: Sequence[str] = PROGRAM,
        prefix: Sequence[str] = (),
    ) -> None:
        super().__init__(key=key)
        self._command = [*prefix, sys.executable, *program, *options]
        self._env = env or {}
        self.start_timeout = timeout
        self._scratch = tempfile.TemporaryDirectory(prefix="autumn-mock-test-")
        self._log = Path(self._scratch.name, "stderr")
        self._written = ""
        self.cwd = cwd or Path(self._scratch.name, "cwd")
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="server-stdout", daemon=True)
        self.process: subprocess.Popen[str]

    # -- the process

    def __enter__(self) -> ServerProcess:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None and self.is_alive:
            self.stop()
        else:
            self.clean_up()

    def start(self) -> None:
        """Start it and wait until it prints its address."""
        self.launch()
        try:
            self.require_ready()
        except BaseException:
            self.clean_up()
            raise

    def launch(self) -> None:
        """Start it and do not wait."""
        # The package is found from another directory too, installed or not.
        paths = dict.fromkeys([str(Path(autumn_mock.__file__).parents[1]), str(_ROOT)])
        self.cwd.mkdir(exist_ok=True)
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                self._command,
                cwd=self.cwd,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join([*paths, *filter(None, [os.environ.get("PYTHONPATH")])]),
                    **self._env,
                },
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def wait_ready(self, timeout: float) -> bool:
        """Wait for the line with its address; False when it ended, or time ran out, before that."""
        if not self.url:
            try:
                line = self._lines.get(timeout=timeout)
            except queue.Empty:
                return False
            if line is None:
                self._lines.put(None)
                self.process.wait()
                return False
            ready = _READY.fullmatch(line.rstrip("\n"))
            assert ready is not None, f"its first line is {line!r}"
            self.url = ready[1]
        return True

    def require_ready(self) -> None:
        """Wait until it answers; :class:`AssertionError` with its error output when it does not."""
        if not self.wait_ready(self.start_timeout):
            code = self.process.poll()
            how = f"not ready within {self.start_timeout} s" if code is None else f"ended with code {code} before ready"
            raise AssertionError(f"{how}; stderr:\n{self.stderr()}")

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def stderr(self) -> str:
        """What it has written to standard error so far."""
        if self._log.exists():
            self._written = self._log.read_text("utf-8", "replace")
        return self._written

    def terminate(self) -> None:
        """Ask it to stop."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self, timeout: float = 10) -> int:
        """Wait for its end; the exit code."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"did not end within {timeout} s; stderr:\n{self.stderr()}") from None

    def stop(self, timeout: float = 10) -> None:
        """End it with SIGTERM; it must end within the timeout, with code 0."""
        self.terminate()
        try:
            code = self.wait(timeout)
        finally:
            self.clean_up()
        wanted = 0 if sys.platform != "win32" else 1  # Windows has no SIGTERM: the process is just ended
        assert code == wanted, f"ended with code {code}; stderr:\n{self.stderr()}"

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would."""
        self.process.kill()
        self.process.wait()

    def clean_up(self) -> None:
        """End the process if it still runs, and release everything. A second call does nothing."""
        self.kill()
        self._reader.join()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.stderr()  # is kept
        self._scratch.cleanup()

    # -- calls

    def client(self, key: str = "", *, keep_alive: bool = False, timeout: float = 60) -> Client:
        """A client of this server with its key or another one."""
        return Client(self.url, key or self.key, keep_alive=keep_alive, timeout=timeout)

    def organisation(self, world: str = "default") -> Client:
        """A client of a new organisation that holds a shipped world."""
        status, _, body = self.post("/_mock/organisations", {"world": world}, None)
        assert status == 201, body
        return self.client(body["key"])

    def drain(self, key: str | None = None, timeout: float = 120) -> dict[str, Any]:
        """Wait until everything queued is processed, on the whole server or for one key; the counts then."""
        return super().drain(key, timeout)

    def stats(self, key: str | None = None) -> dict[str, Any]:
        """The item counts of the whole server or of one key."""
        return super().stats(key)
