"""A published client in a process of its own that does one call after another; its answers in the wire's words."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from tests.support.client import Client

#: Seconds for one call, the client's start included.
TIMEOUT = 60


class ClientError(Exception):
    """What a client raised."""

    def __init__(self, name: str, body: str, status: int | None = None) -> None:
        super().__init__(f"{name} {status} {body}")
        self.name = name
        self.status = status
        self.body = body


class Caller:
    """A process that reads calls and writes outcomes, a line each."""

    def __init__(self, command: list[str], cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="client-stdout", daemon=True)
        self._reader.start()

    def __enter__(self) -> Caller:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended already
            stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def outcome(self, organisation: Client, method: str, arguments: Any) -> dict[str, Any]:
        """The outcome of a call."""
        request = {"url": organisation.url, "key": organisation.key, "method": method, "arguments": arguments}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._lines.get(timeout=TIMEOUT)
        assert line, f"the client ended in {method}"
        outcome: dict[str, Any] = json.loads(line)
        return outcome


class SdkClient:
    """A client at an organisation. Methods and fields go by the names of the Python client in every language."""

    def __init__(self, caller: Caller, organisation: Client, *, camel: bool = False) -> None:
        self.caller = caller
        self.organisation = organisation
        self.camel = camel

    def methods(self) -> set[str]:
        """Everything that can be called, by its own name in the language."""
        return set(self.caller.outcome(self.organisation, "", {})["answer"])

    def named(self, method: str) -> str:
        """What a method is called in the language."""
        return camel(method) if self.camel else method

    def call(self, method: str, **arguments: Any) -> Any:
        """The answer to a call; skips the test when this client has no such method."""
        sent: Any = arguments
        if self.camel:
            sent = renamed(arguments.get("request", arguments), camel)
        outcome = self.caller.outcome(self.organisation, self.named(method), sent)
        if "absent" in outcome:
            pytest.skip(f"this client has no {outcome['absent']}")
        if "error" in outcome:
            raise ClientError(**outcome["error"])
        return renamed(outcome["answer"], snake) if self.camel else outcome["answer"]


def renamed(value: Any, rename: Callable[[str], str]) -> Any:
    """A value with all its keys renamed."""
    if isinstance(value, dict):
        return {rename(name): renamed(each, rename) for name, each in value.items()}
    return [renamed(each, rename) for each in value] if isinstance(value, list) else value


def camel(name: str) -> str:
    """``customer_id`` as JavaScript says it; an underscore at the end is Python's."""
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name.rstrip("_"))


def snake(name: str) -> str:
    """``customerId`` as the wire says it."""
    return re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name)
