"""``autumn-mock`` as a process."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple

import autumn_mock

SOURCE = Path(autumn_mock.__file__).parents[1]
PROGRAM = [sys.executable, "-m", "autumn_mock"]
CHILD = Path(__file__).with_name("child.py")
#: Seconds to wait for anything, and for a command that starts another test suite: only a hang takes longer.
TIMEOUT_S, RUN_TIMEOUT_S = 20.0, 120.0

on_unix = sys.platform != "win32"


def environment(**variables: str) -> dict[str, str]:
    """The environment without variables of the program, plus the given ones."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AUTUMN_")}
    paths = [str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths), **variables}


class Done(NamedTuple):
    """The exit code and output of a process."""

    code: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[Any]:
        """The lines of its output, each of them JSON."""
        return [json.loads(line) for line in self.out.splitlines()]


def run(
    *words: str,
    cwd: Path | None = None,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    program: Sequence[str] = PROGRAM,
) -> Done:
    """Run the program to its end."""
    done = subprocess.run(
        [*program, *words],
        cwd=cwd,
        input=stdin,
        env=environment(**(env or {})),
        capture_output=True,
        timeout=RUN_TIMEOUT_S,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))


def execute(*words: str, **how: Any) -> Done:
    """Run ``autumn-mock exec`` to its end."""
    return run("exec", *words, **how)


def child(*words: str) -> list[str]:
    """The command that runs ``child.py`` with words."""
    return [sys.executable, str(CHILD), *words]


class Running:
    """A running process. Leaving its ``with`` block kills it and its children."""

    def __init__(self, *words: str, cwd: Path | None = None, **how: Any) -> None:
        how = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
        env = environment(**how.pop("env", {}))
        self.process: subprocess.Popen[bytes] = subprocess.Popen(
            [*how.pop("program", PROGRAM), *words], cwd=cwd, env=env, **how
        )
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._errors: list[bytes] = []
        self._readers = [
            _reader(self.process.stdout, self._lines.put, lambda: self._lines.put(None)),
            _reader(self.process.stderr, self._errors.append),
        ]

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            left = children_of(self.process.pid)
            self.process.kill()
            for each in left:
                end(each)
        self.process.wait()
        if self.process.stdin is not None:
            with suppress(BrokenPipeError):
                self.process.stdin.close()
        for reader in self._readers:
            reader.join()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self.process.pid

    def line(self) -> str:
        """The next line of its output, without its end."""
        try:
            line = self._lines.get(timeout=TIMEOUT_S)
        except queue.Empty:
            raise AssertionError(f"no output for {TIMEOUT_S} s") from None
        assert line is not None, f"it ended with {self.wait()} and printed\n{self.stderr()}"
        return line.decode().rstrip("\n")

    def stderr(self) -> str:
        """Its standard error, complete when the process and its children have ended."""
        self._readers[1].join(TIMEOUT_S)
        return b"".join(self._errors).decode("utf-8", "replace")

    def send_line(self, line: str = "") -> None:
        """Write a line to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def wait(self, timeout: float = TIMEOUT_S) -> int:
        """Wait for its end; the exit code."""
        return self.process.wait(timeout)


def _reader(
    stream: IO[bytes] | None, take: Callable[[bytes], None], at_end: Callable[[], None] = lambda: None
) -> threading.Thread:
    """Reads a stream line by line in a thread of its own."""

    def read() -> None:
        if stream is not None:
            with stream:
                for line in stream:
                    take(line)
        at_end()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and that still run."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    return [int(own) for own, parent, state in rows if int(parent) == pid and not state.startswith("Z")]


def is_alive(pid: int) -> bool:
    """Whether there is a process with this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def end(pid: int) -> None:
    """End a process, if it is still there."""
    if is_alive(pid):
        os.kill(pid, 9)


def wait_until(is_so: Callable[[], bool], what: str, parking: float = TIMEOUT_S) -> None:
    """Poll a condition."""
    ends = time.monotonic() + parking
    while not is_so():
        assert time.monotonic() < ends, f"{what}: not within {parking} s"
        time.sleep(0.01)
