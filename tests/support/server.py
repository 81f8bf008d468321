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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import autumn_mock
from tests.support.client import DEFAULT_KEY, Client

_READY = re.compile(r"autumn-mock ready (http://\S+)")


class ServerProcess(Client):
    """``python -m autumn_mock serve --port 0`` with further options, in an empty directory of its own.

    Use it in a ``with`` block. Leaving it stops the process and fails unless that went well; a process that the test
    has already ended itself, by whatever means, is only tidied up.
    """

    def __init__(
        self,
        *options: str,
        key: str = DEFAULT_KEY,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 30,
    ) -> None:
        super().__init__(key=key)
        self._options = options
        self._env = env or {}
        self._start_timeout = timeout
        self._scratch = tempfile.TemporaryDirectory(prefix="autumn-mock-test-")
        self._log = Path(self._scratch.name, "stderr")
        self._said = ""
        self.cwd = cwd or Path(self._scratch.name, "cwd")
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="server-stdout", daemon=True)
        self.process: subprocess.Popen[str]

    # -- the process

    def __enter__(self) -> ServerProcess:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None and self.process.poll() is None:
            self.stop()
        else:
            self._tidy_up()

    def start(self) -> None:
        """Start it and wait until it says where it answers."""
        source = Path(autumn_mock.__file__).parents[1]  # found from its own directory too, installed or not
        paths = [str(source), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.cwd.mkdir(exist_ok=True)
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "autumn_mock", "serve", "--port", "0", *self._options],
                cwd=self.cwd,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **self._env},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._reader.start()
        try:
            self.url = self._address()
        except BaseException:
            self._tidy_up()
            raise

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _address(self) -> str:
        try:
            line = self._lines.get(timeout=self._start_timeout)
        except queue.Empty:
            raise AssertionError(f"not ready within {self._start_timeout} s; it said:\n{self.stderr()}") from None
        if line is None:
            code = self.process.wait()
            raise AssertionError(f"ended with code {code} before it was ready; it said:\n{self.stderr()}")
        ready = _READY.fullmatch(line.rstrip("\n"))
        assert ready is not None, f"its first line is {line!r}"
        return ready[1]

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self.process.pid

    def stderr(self) -> str:
        """What it has written to standard error so far."""
        if self._log.exists():
            self._said = self._log.read_text("utf-8", "replace")
        return self._said

    def stop(self, timeout: float = 10) -> None:
        """End it with SIGTERM; it has to go within the timeout, with code 0."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"did not end within {timeout} s of SIGTERM; it said:\n{self.stderr()}") from None
        finally:
            self._tidy_up()
        wanted = 0 if sys.platform != "win32" else 1  # Windows has no SIGTERM: the process is just ended
        assert code == wanted, f"ended with code {code}; it said:\n{self.stderr()}"

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would."""
        self.process.kill()
        self.process.wait()

    def _tidy_up(self) -> None:
        """End the process if it still runs, and let go of everything. A second call does nothing."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
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
