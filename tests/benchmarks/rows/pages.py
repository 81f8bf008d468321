"""``pages``: what open pages cost the batch path: CPU time of the server for a batch, with and without them in turns.

Each page reads the stream of states, as a browser does that shows the overview. The load is one client that sends
batches as fast as they are answered: at that load a page costs most.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.benchmarks.children import Child, server
from tests.benchmarks.results import Result, at_least, median
from tests.benchmarks.setting import Setting
from tests.benchmarks.traffic import BATCH, customer

PAGES = 20
#: Items of a batch, as a client sends them that collects usage for a moment.
ITEMS = 100


def measure(setting: Setting) -> Iterator[Result]:
    """One result: batches per CPU second with pages, in units of those without."""
    without, watched = [], []
    with server("--world", setting.world(), "--rate-limit", "off") as child:
        batches_per_cpu_second(child, 1)  # warms up
        for _ in range(setting.pick(10, 5)):
            without.append(batches_per_cpu_second(child, setting.pick(6, 3)))
            with pages(child, PAGES):
                watched.append(batches_per_cpu_second(child, setting.pick(6, 3)))
    details = {"without": round(median(without), 1), "with_20_pages": round(median(watched), 1)}
    yield Result("pages", median(watched) / median(without), "of the rate without pages", at_least(0.95), details)


@contextmanager
def pages(child: Child, count: int) -> Iterator[None]:
    """Pages that read their streams on threads of this process."""
    with ExitStack() as stack:
        for _ in range(count):
            page = stack.enter_context(socket.create_connection(("127.0.0.1", child.port)))
            page.sendall(b"GET /_mock/live HTTP/1.1\r\nHost: localhost\r\nx-autumn-mock-environment: load\r\n\r\n")
            threading.Thread(target=_read, args=(page,), daemon=True).start()
            stack.callback(page.shutdown, socket.SHUT_RDWR)
        yield


def _read(page: socket.socket) -> None:
    while page.recv(1 << 16):
        pass


def batches_per_cpu_second(child: Child, seconds: float) -> float:
    """The rate of one client for some seconds."""
    customers = [customer(number % 100) for number in range(ITEMS)]
    sent, began, ends = 0, child.cpu, time.monotonic() + seconds
    with child.client(keep_alive=True) as client:
        while time.monotonic() < ends:
            sent += 1  # no two batches are equal: the same one again would be a finding
            client.ask(BATCH, [{"customer_id": each, "feature_id": "messages", "value": sent} for each in customers])
    child.drain(child.key)
    return sent / (child.cpu - began)
