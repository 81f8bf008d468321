"""The process of an adapter: starting it, asking it, ending it. Its standard error is kept for messages."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple

from autumn_mock.certification.protocol import AdapterAnswer, ProtocolError, instruction_line, read_answer
from autumn_mock.clock import stopwatch

#: Seconds for an answer, unless the command line gives another number.
ANSWER_TIMEOUT_S = 60.0
#: Seconds that a process has to end after its input was closed, and after SIGTERM.
_END_S, _TERM_S = 5.0, 2.0
#: Lines of standard error that are kept, and those that a message shows.
_KEPT, _SHOWN = 200, 5
#: The longest line of an answer, in bytes.
_LONGEST = 16 << 20


class AdapterFailed(Exception):
    """The adapter cannot be started, ended, printed no answer in time, or something that is not one.

    ``label``: what happened, in few words.
    """

    def __init__(self, text: str, label: str = "failed") -> None:
        super().__init__(text)
        self.label = label


class TimedAnswer(NamedTuple):
    """An answer, and how long it took, in ms."""

    answer: AdapterAnswer
    took: float


class Adapter:
    """An adapter's process. Use it in a ``with`` block; leaving it ends the process.

    ``timeout``: the seconds that an answer may take. Methods raise :class:`AdapterFailed`; its message has the last
    lines that the process printed on standard error.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = ANSWER_TIMEOUT_S,
    ) -> None:
        self._command = list(command)
        self._cwd = cwd
        # A proxy from the environment must not be used for a server on the same machine.
        local = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
        self._env = {**os.environ, **local, **(env or {})}
        self._timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._errors: deque[str] = deque(maxlen=_KEPT)
        self._readers: list[threading.Thread] = []
        self._number = 0

    def __enter__(self) -> Adapter:
        try:
            self._process = subprocess.Popen(  # noqa: S603  # the command is the user's own
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self._cwd,
                env=self._env,
                start_new_session=True,
            )
        except OSError as error:
            raise AdapterFailed(f"the adapter {self._command[0]!r} cannot be run: {error.strerror or error}") from None
        for read, stream in ((self._read_answers, self._process.stdout), (self._read_errors, self._process.stderr)):
            reader = threading.Thread(target=read, args=(stream,), name="autumn-mock-adapter", daemon=True)
            reader.start()
            self._readers.append(reader)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(at_once=error is not None)

    @property
    def errors(self) -> list[str]:
        """The last lines of standard error."""
        return list(self._errors)

    def ask(self, do: str, **fields: Any) -> TimedAnswer:
        """Give one instruction and wait for its answer."""
        return self.ask_all([(do, fields)])[0]

    def ask_all(
        self, instructions: Sequence[tuple[str, Mapping[str, Any]]], timeout: float | None = None
    ) -> list[TimedAnswer]:
        """Give instructions without waiting in between; the answers, which may arrive in any order, in that of these.

        An adapter may handle them one after the other, or at the same time. ``timeout`` (s): a shorter one for these.
        """
        until = min(self._timeout, timeout or self._timeout)
        first, started = self._number + 1, stopwatch()
        self._number += len(instructions)
        lines = [instruction_line(first + index, *each) for index, each in enumerate(instructions)]
        names = dict(enumerate((do for do, _ in instructions), start=first))
        # In a thread: an adapter may answer before it has read all of the input.
        writer = threading.Thread(target=self._write, args=(b"".join(lines),), name="autumn-mock-adapter", daemon=True)
        writer.start()
        answers: dict[int, TimedAnswer] = {}
        while len(answers) < len(instructions):
            waiting = next(name for number, name in names.items() if number not in answers)
            answer = self._next(waiting, started, until)
            if answer.id not in names or answer.id in answers:
                raise self._failed(f"the adapter answered number {answer.id}, which is not a number it was asked for")
            answers[answer.id] = TimedAnswer(answer, round((stopwatch() - started) * 1000, 1))
        return [answers[number] for number in names]

    def wait_for_end(self, timeout: float) -> int | None:
        """The exit code of the process once its input is closed; None if it does not end within ``timeout`` seconds."""
        assert self._process is not None
        with suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def _write(self, content: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):  # it has ended, which the reader of answers reports
            self._process.stdin.write(content)
            self._process.stdin.flush()

    def _next(self, waiting: str, started: float, timeout: float) -> AdapterAnswer:
        left = timeout - (stopwatch() - started)
        try:
            line = self._lines.get(timeout=max(left, 0.001))
        except queue.Empty:
            raise self._failed(f"the adapter did not answer {waiting!r} within {timeout:g} s", "no answer") from None
        if line is None:
            assert self._process is not None
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_TERM_S)
            for reader in self._readers:  # what it printed on standard error belongs to the message
                reader.join(_TERM_S)
            code = self._process.poll()
            how = "closed its output" if code is None else f"ended with exit code {code}"
            raise self._failed(f"the adapter {how} before it answered {waiting!r}", "ended the process")
        try:
            return read_answer(line)
        except ProtocolError as error:
            raise self._failed(str(error)) from None

    def _failed(self, text: str, label: str = "no valid answer") -> AdapterFailed:
        last = [line for line in self._errors if line.strip()][-_SHOWN:]
        lines = "".join(f"\n  {line}" for line in last)
        return AdapterFailed(f"{text}{'; its last lines on standard error:' + lines if lines else ''}", label)

    def _read_answers(self, stream: IO[bytes]) -> None:
        with suppress(OSError, ValueError):
            while line := stream.readline(_LONGEST):
                if line.strip():
                    self._lines.put(line)
        self._lines.put(None)

    def _read_errors(self, stream: IO[bytes]) -> None:
        with suppress(OSError, ValueError):
            for line in stream:
                self._errors.append(line.decode("utf-8", "replace").rstrip())

    def _end(self, *, at_once: bool) -> None:
        process = self._process
        assert process is not None
        if not at_once and self.wait_for_end(_END_S) is None:
            at_once = True
        if at_once and process.poll() is None:
            self._signal(signal.SIGTERM)
            try:
                process.wait(_TERM_S)
            except subprocess.TimeoutExpired:
                self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))
                process.wait()
        for reader in self._readers:
            reader.join(_TERM_S)
        for stream in (process.stdin, process.stdout, process.stderr):
            with suppress(OSError):
                assert stream is not None
                stream.close()

    def _signal(self, number: int) -> None:
        """Send a signal to the process and those that it started."""
        assert self._process is not None
        with suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, number)
            else:
                self._process.terminate()
