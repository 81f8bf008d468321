"""The processes of a measurement: the server, what it is compared with, and whoever asks them."""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.generator import Plan, Report
from tests.benchmarks.traffic import SIZE
from tests.support.client import OWN, Client

_ROOT = Path(__file__).parents[2]
_GENERATOR = "from tests.benchmarks.generator import main; main()"


def child_environment() -> dict[str, str]:
    """The environment of a process that finds what is measured, and the measurements."""
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    plain = {name: value for name, value in os.environ.items() if name != "AUTUMN_MOCK_DEBUG_LOCKS"}
    return {**plain, "PYTHONPATH": os.pathsep.join(paths)}


class Child:
    """A Python process that says where it answers in its first line. It is killed at the end of the ``with`` block: a
    clean stop writes everything to the file first, which would be measured with whatever comes next."""

    def __init__(self, *arguments: str, environment: Mapping[str, str] | None = None, parking: float = 300) -> None:
        self._command = [sys.executable, *arguments]
        self._environment = {**child_environment(), **(environment or {})}
        self._parking = parking
        self._scratch = tempfile.TemporaryDirectory(prefix="autumn-mock-bench-")
        self._errors = Path(self._scratch.name, "stderr")
        self.process: subprocess.Popen[str]
        self.port = 0

    def __enter__(self) -> Child:
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                self._command,
                cwd=self._scratch.name,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        try:
            words = self._first_line().split()
            assert words, f"no first line; it said:\n{self.errors()}"
            self.port = int(urlsplit(words[-1]).port or 0)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _first_line(self) -> str:
        found: queue.SimpleQueue[str] = queue.SimpleQueue()
        assert self.process.stdout is not None
        read = self.process.stdout.readline
        threading.Thread(target=lambda: found.put(read()), daemon=True).start()
        return found.get(timeout=self._parking)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        if error is not None:
            print(self.errors(), file=sys.stderr)
        self._scratch.cleanup()

    def errors(self) -> str:
        """What it has written to standard error so far."""
        return self._errors.read_text("utf-8", "replace")

    @property
    def cpu(self) -> float:
        """Seconds of a core that it has used; 0 where the system does not tell. Others on the machine hardly matter."""
        stat = Path(f"/proc/{self.process.pid}/stat")
        if not stat.exists():
            return 0.0
        fields = stat.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def memory(self) -> float:
        """Resident memory in MB; 0 where the system does not tell."""
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.exists():
            return 0.0
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return round(int(line.split()[1]) / 1024, 1)

    def ask(self, path: str, body: Any = None, *, keyed: bool = True, timeout: float = 600) -> Any:
        """Ask it something that has to succeed: a GET, or with a body a POST."""
        client = Client(f"http://127.0.0.1:{self.port}", timeout=timeout)
        method = "GET" if body is None else "POST"
        reply = client.request(method, path, body, client.headers(OWN if keyed else None))
        assert reply.status in (200, 202), f"{path} answered {reply.status} {str(reply.body)[:500]}"
        return reply.body

    def pause(self) -> None:
        """Let the workers rest."""
        self.ask("/_mock/queue", {"paused": True}, keyed=False)

    def drain(self) -> dict[str, Any]:
        """Wait until everything queued is deducted; the counts then."""
        return dict(self.ask("/_mock/drain", {"timeout": 3000}, keyed=False, timeout=3010))

    def require_deducted(self, batches: int) -> None:
        """Raises :class:`AssertionError` unless all items of so many batches were deducted and nothing else was."""
        stats = self.ask("/_mock/stats")
        assert stats["deducted"] == stats["offered"] == batches * SIZE, stats


class Generator:
    """A load that is being made."""

    def __init__(self, plan: Plan) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _GENERATOR],
            cwd=_ROOT,
            env=child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdin is not None
        pickle.dump(plan, self._process.stdin)
        self._process.stdin.close()

    def report(self) -> Report:
        """Wait for its end."""
        assert self._process.stdout is not None
        content = self._process.stdout.read()
        self._process.stdout.close()
        assert self._process.wait() == 0, "the generator failed"
        report = pickle.loads(content)
        assert isinstance(report, Report)
        return report


def load(child: Child, requests: list[bytes], *, answers: int | None = None, **plan: Any) -> Report:
    """Send requests to a child as a :class:`Plan` with these words says; all replies have to have one status."""
    report = Generator(Plan(child.port, requests, **plan)).report()
    wanted = {answers} if answers is not None else {200, 202}
    assert set(report.statuses) <= wanted, f"the answers were {report.statuses}"
    return report


def server(*options: str, **words: Any) -> Child:
    """The server itself, on a free port."""
    return Child("-m", "autumn_mock", "serve", "--port", "0", *options, **words)


def bare(*options: str) -> Child:
    """A bare Flask view on the same Waitress."""
    return Child("-m", "tests.benchmarks.bare", *options)
