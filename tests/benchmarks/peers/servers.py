"""The servers that are compared: how each is installed, started and measured as a process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.benchmarks.children import child_environment
from tests.support.cache import cached

#: Seconds until a server has to answer, and for npm.
START_TIMEOUT = 60
INSTALL_TIMEOUT = 600


@dataclass(frozen=True)
class Place:
    """What a server is started with."""

    port: int
    #: The OpenAPI document of the measured calls, and a world for this server.
    specification: Path
    world: str
    #: The directory with the commands of the npm packages.
    programs: Path
    #: Where compiled Python modules are kept.
    compiled: Path

    def program(self, name: str, *arguments: str) -> list[str]:
        """The command of an npm package, with arguments."""
        return [str(self.programs / name), *arguments]


@dataclass(frozen=True)
class Peer:
    """A server. ``does``: what it does with a batch, in the words of the page."""

    name: str
    does: str
    command: Callable[[Place], list[str]]
    #: The npm package with its version; empty for this server.
    package: str = ""
    environment: Callable[[Place], Mapping[str, str]] = lambda _: {}


AUTUMN_MOCK = Peer(
    "autumn-mock",
    "validates every field with Autumn's messages, queues, deducts, keeps the events",
    lambda place: [
        *(sys.executable, "-m", "autumn_mock", "serve", "--quiet", "--port", str(place.port)),
        *("--world", place.world, "--rate-limit", "off"),
    ],
    environment=lambda place: {"PYTHONPYCACHEPREFIX": str(place.compiled), "PYTHONDONTWRITEBYTECODE": ""},
)
PRISM = Peer(
    "Prism",
    "validates against JSON Schema; keeps nothing",
    lambda place: place.program("prism", "mock", str(place.specification), "-p", str(place.port), "-v", "silent"),
    "@stoplight/prism-cli@5.16.0",
)
STEADY = Peer(
    "Steady",
    "validates against JSON Schema; keeps nothing",
    lambda place: place.program(
        "steady", "-p", str(place.port), "--log=false", "--reject-on-sdk-error", str(place.specification)
    ),
    "@stdy/cli@0.22.2",
)
MOCKOON = Peer(
    "Mockoon",
    "validates nothing; keeps nothing",
    lambda place: place.program("mockoon-cli", "start", "-d", str(place.specification), "-p", str(place.port), "-X"),
    "@mockoon/cli@9.9.0",
)
#: The newest release that runs on Node 20.
FAUXQS = Peer(
    "fauxqs",
    "a queue with the protocol of SQS: keeps messages until they are received and deleted",
    lambda place: place.program("fauxqs"),
    "fauxqs@1.9.2",
    lambda place: {"FAUXQS_PORT": str(place.port), "FAUXQS_LOGGER": "false"},
)
#: Those that answer the calls of this server, and all.
MOCKS = (AUTUMN_MOCK, PRISM, STEADY, MOCKOON)
PEERS = (*MOCKS, FAUXQS)


def installed() -> Path:
    """The directory with the commands of all peers, installed by npm once."""
    packages = [peer.package for peer in PEERS if peer.package]

    def install(directory: Path) -> None:
        subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--silent", *packages],
            cwd=directory,
            check=True,
            timeout=INSTALL_TIMEOUT,
        )

    name = "peers-" + "-".join(each.rpartition("@")[2] for each in packages)
    return cached(name, install) / "node_modules" / ".bin"


def free_port() -> int:
    """A port of loopback that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Running:
    """A server that runs for a ``with`` block, in a session of its own, so that all of its processes are measured."""

    def __init__(self, peer: Peer, place: Place, probe: bytes) -> None:
        self.peer = peer
        self.port = place.port
        self._place = place
        self._probe = probe
        self._process: subprocess.Popen[bytes]
        #: Seconds until the first right answer, and seconds of a core until then.
        self.started_in = 0.0
        self.start_cpu = 0.0

    def __enter__(self) -> Running:
        began = time.monotonic()
        self._process = subprocess.Popen(
            self.peer.command(self._place),
            env={**child_environment(), **self.peer.environment(self._place)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            while not answers(self.port, self._probe):
                waited = time.monotonic() - began
                assert self._process.poll() is None, f"{self.peer.name} ended with {self._process.returncode}"
                assert waited < START_TIMEOUT, f"{self.peer.name} did not answer within {START_TIMEOUT} s"
                time.sleep(0.005)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.started_in = time.monotonic() - began
        self.start_cpu = self.cpu
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(ProcessLookupError):  # all have ended
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)

    def _stats(self) -> list[list[str]]:
        """The fields of ``/proc/PID/stat`` from the third on, of each process of the session."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rpartition(")")[2].split()
            except OSError:  # it has ended
                continue
            if int(fields[3]) == self._process.pid:
                found.append(fields)
        return found

    @property
    def cpu(self) -> float:
        """Seconds of a core that its processes have used."""
        ticks = sum(int(fields[11]) + int(fields[12]) for fields in self._stats())
        return ticks / os.sysconf("SC_CLK_TCK")

    @property
    def memory(self) -> float:
        """Resident memory of its processes in MB."""
        return sum(int(fields[21]) for fields in self._stats()) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def answers(port: int, request: bytes) -> bool:
    """Whether a request gets an answer of success."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            return connection.recv(64).split(b" ")[1][:1] == b"2"
    except (OSError, IndexError):
        return False
