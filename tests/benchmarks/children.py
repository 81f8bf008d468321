"""The processes of a measurement: the server, what it is compared with, and the generators of load."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.generator import Plan, Report
from tests.benchmarks.traffic import SIZE
from tests.support.client import OWN
from tests.support.server import PROGRAM, ServerProcess

_ROOT = Path(__file__).parents[2]
_GENERATOR = "from tests.benchmarks.generator import main; main()"


def child_environment() -> dict[str, str]:
    """The environment of a process that finds what is measured, and the measurements."""
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


class Child(ServerProcess):
    """A server that is killed at the end of the ``with`` block: a clean stop writes everything to the file first, which
    would be measured with what follows."""

    def __enter__(self) -> Child:
        super().__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.clean_up()
        if error[0] is not None:
            print(self.stderr(), file=sys.stderr)

    @property
    def port(self) -> int:
        """Where it listens on loopback."""
        return urlsplit(self.url).port or 0

    @property
    def cpu(self) -> float:
        """Seconds of a core that it has used; 0 where the system does not report it. Other load hardly matters."""
        stat = Path(f"/proc/{self.process.pid}/stat")
        if not stat.exists():
            return 0.0
        fields = stat.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def memory(self) -> float:
        """Resident memory in MB; 0 where the system does not report it."""
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.exists():
            return 0.0
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return round(int(line.split()[1]) / 1024, 1)

    def call(self, path: str, body: Any = None, *, keyed: bool = True) -> Any:
        """GET, or POST with a body, and require success; the body of the response."""
        method = "GET" if body is None else "POST"
        reply = self.request(method, path, body, self.headers(OWN if keyed else None), 600)
        assert reply.status in (200, 202), f"{path} answered {reply.status} {str(reply.body)[:500]}"
        return reply.body

    def pause(self) -> None:
        """Pause the workers."""
        self.call("/_mock/queue", {"paused": True}, keyed=False)

    def drain(self, key: str | None = None, timeout: float = 3000) -> dict[str, Any]:
        """Wait until everything queued is deducted; the counts then."""
        return super().drain(key, timeout)

    def require_deducted(self, batches: int) -> None:
        """Raises :class:`AssertionError` unless the items of ``batches`` batches were deducted, and nothing else."""
        stats = self.call("/_mock/stats")
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


def server(*options: str, env: dict[str, str] | None = None) -> Child:
    """The server itself, on a free port."""
    return Child(*options, env=env, timeout=300)


def stamped(*options: str, stamp: Path) -> Child:
    """The server that writes the time of its last log record to a file."""
    return Child(*options, timeout=300, program=("-m", "tests.benchmarks.stamped", str(stamp), *PROGRAM[2:]))


def bare(*options: str) -> Child:
    """A bare Flask view on the same Waitress."""
    return Child(*options, timeout=300, program=("-m", "tests.benchmarks.bare"))
