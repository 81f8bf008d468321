"""The rows of the comparison. Servers that do the same work run at the same time and are measured in turns."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autumn_mock.web.openapi import document
from tests.benchmarks.children import Generator
from tests.benchmarks.generator import Plan, Report
from tests.benchmarks.peers.servers import AUTUMN_MOCK, FAUXQS, MOCKS, Peer, Place, Running, free_port, installed
from tests.benchmarks.results import median, shortened
from tests.benchmarks.setting import Setting
from tests.benchmarks.traffic import BATCH, SIZE, batches, compact, customer, http_request

#: Messages of one request to fauxqs: the most that the protocol allows.
_GROUP = 10


@dataclass(frozen=True)
class Figure:
    """What one server needs for the work of a row."""

    row: str
    peer: Peer
    #: Work done in a second, or MB, or ms: as the row says.
    figure: float
    #: Microseconds of a core for one unit of the work; None where it was not measured.
    cpu_us: float | None = None

    def document(self) -> dict[str, Any]:
        """The figure as a JSON object."""
        cpu_us = None if self.cpu_us is None else shortened(self.cpu_us)
        return {"row": self.row, "server": self.peer.name, "figure": shortened(self.figure), "cpu_us": cpu_us}


def run(setting: Setting) -> Iterator[Figure]:
    """All rows."""
    bench = _Bench(setting)
    yield from bench.start()
    yield from bench.calls("batch", batches(), setting.pick((10, 40), (3, 15)), stamped=True)
    yield from bench.calls("single", [http_request(BATCH, _one_item())], setting.pick((10, 1000), (3, 300)))
    yield from bench.memory()
    yield from bench.queue()


def _one_item() -> bytes:
    return compact([{"customer_id": customer(0), "feature_id": "messages", "value": 1}])


class _Bench:
    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._programs = installed()
        self._specification = _write_specification(setting.scratch / "openapi.json")

    @contextmanager
    def _running(self, peers: Sequence[Peer]) -> Iterator[list[Running]]:
        with ExitStack() as stack:
            yield [stack.enter_context(self._server(peer)) for peer in peers]

    def _server(self, peer: Peer) -> Running:
        setting = self._setting
        place = Place(free_port(), self._specification, setting.world(), self._programs, setting.scratch / "compiled")
        probe = _sqs(place.port, "CreateQueue", {"QueueName": "q"}) if peer is FAUXQS else batches()[0]
        return Running(peer, place, probe.replace(b"1000000007", b"%010d" % time.time()))

    def start(self) -> Iterator[Figure]:
        """From the start of the process to the first right answer, in ms."""
        peers = (*MOCKS, FAUXQS)
        found: dict[str, list[tuple[float, float]]] = {peer.name: [] for peer in peers}
        for turn in range(self._setting.pick(7, 3) + 1):
            for peer in peers:
                with self._server(peer) as server:
                    if turn:  # the first start compiles modules
                        found[peer.name].append((server.started_in, server.start_cpu))
        for peer in peers:
            seconds, cpu = (median(column) for column in zip(*found[peer.name], strict=True))
            yield Figure("start", peer, seconds * 1e3, cpu * 1e6)

    def calls(
        self, row: str, requests: list[bytes], amount: tuple[int, int], *, stamped: bool = False
    ) -> Iterator[Figure]:
        """Requests a second, over ``amount``: turns, and requests in each. Nothing is deducted meanwhile."""
        turns, count = amount
        with self._running(MOCKS) as servers:
            rates: dict[str, list[float]] = {server.peer.name: [] for server in servers}
            used = dict.fromkeys(rates, 0.0)
            for turn in range(turns + 1):
                for server in servers if turn % 2 else servers[::-1]:
                    _pause(server)
                    before = server.cpu
                    report = _load(server, requests, count=count, stamped=stamped)
                    if turn:  # the first one compiles and fills caches
                        rates[server.peer.name].append(report.per_second)
                        used[server.peer.name] += server.cpu - before
                    _settle(server)
            for server in servers:
                name = server.peer.name
                yield Figure(row, server.peer, median(rates[name]), used[name] / (turns * count) * 1e6)

    def memory(self) -> Iterator[Figure]:
        """MB after a million items, 200 000 when quick."""
        for peer in MOCKS:
            with self._server(peer) as server:
                # This server refuses batches while its queue is full, and deducts meanwhile.
                _load(server, batches(), count=self._setting.pick(1000, 200), stamped=True, again={503: 0.2})
                _settle(server)
                yield Figure("memory", peer, server.memory)

    def queue(self) -> Iterator[Figure]:
        """Items a second that are sent, kept and taken out again: deducted here, received and deleted there."""
        items = self._setting.pick(100_000, 20_000)
        parts: tuple[tuple[Peer, Callable[[Running, int], float]], ...] = (
            (AUTUMN_MOCK, _through_this_queue),
            (FAUXQS, _through_sqs),
        )
        with self._running([peer for peer, _ in parts]) as servers:
            rates: dict[str, list[float]] = {peer.name: [] for peer, _ in parts}
            used = dict.fromkeys(rates, 0.0)
            turns = self._setting.pick(5, 3)
            for _ in range(turns):
                for server, (peer, through) in zip(servers, parts, strict=True):
                    before = server.cpu
                    rates[peer.name].append(items / through(server, items))
                    used[peer.name] += server.cpu - before
            for peer, _ in parts:
                yield Figure("queue", peer, median(rates[peer.name]), used[peer.name] / (turns * items) * 1e6)


def _load(server: Running, requests: list[bytes], **plan: Any) -> Report:
    report = Generator(Plan(server.port, requests, **plan)).report()
    wanted = {200, 202, *plan.get("again", ())}
    assert set(report.statuses) <= wanted, f"{server.peer.name} answered {report.statuses}"
    return report


def _pause(server: Running) -> None:
    """Let the workers of this server deduct nothing until :func:`_settle`."""
    if server.peer is AUTUMN_MOCK:
        _control(server, "queue", {"paused": True})


def _settle(server: Running) -> None:
    """Wait until everything queued is deducted."""
    if server.peer is AUTUMN_MOCK:
        _control(server, "queue", {"paused": False})
        _control(server, "drain", {"timeout": 600})


def _control(server: Running, call: str, fields: dict[str, Any]) -> None:
    url, headers = f"http://127.0.0.1:{server.port}/_mock/{call}", {"content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, compact(fields), headers), timeout=610) as reply:
        assert reply.status == 200


def _through_this_queue(server: Running, items: int) -> float:
    began = time.monotonic()
    _load(server, batches(), count=items // SIZE, stamped=True)
    _settle(server)
    return time.monotonic() - began


def _through_sqs(server: Running, items: int) -> float:
    """Send, receive and delete messages, each as one load of requests; their seconds."""
    url = f"http://sqs.us-east-1.localhost:{server.port}/000000000000/q"
    body = compact({"customer_id": customer(0), "feature_id": "messages", "value": 1, "properties": {"model": "xl"}})
    entries = [{"Id": str(number), "MessageBody": body.decode()} for number in range(_GROUP)]
    count = items // _GROUP
    sent = _load(server, [_sqs(server.port, "SendMessageBatch", {"QueueUrl": url, "Entries": entries})], count=count)
    fetch = _sqs(server.port, "ReceiveMessage", {"QueueUrl": url, "MaxNumberOfMessages": _GROUP})
    received = _load(server, [fetch], count=count, keeps_bodies=True)
    handles = [each["ReceiptHandle"] for reply in received.bodies for each in json.loads(reply).get("Messages", ())]
    assert len(handles) == items, f"{len(handles)} messages were received"
    deletes = []
    for start in range(0, items, _GROUP):
        group = handles[start : start + _GROUP]
        taken = [{"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(group)]
        deletes.append(_sqs(server.port, "DeleteMessageBatch", {"QueueUrl": url, "Entries": taken}))
    deleted = _load(server, deletes, count=count)
    return sent.seconds + received.seconds + deleted.seconds


def _sqs(port: int, action: str, fields: dict[str, Any]) -> bytes:
    body = compact(fields)
    head = [
        "POST / HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Content-Type: application/x-amz-json-1.0",
        f"X-Amz-Target: AmazonSQS.{action}",
        "Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, "
        "Signature=test",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


def _write_specification(path: Path) -> Path:
    """The OpenAPI document of this server, cut down to the measured call: whole, the peers start seconds later."""
    whole = document("http://127.0.0.1")
    paths = {BATCH: whole["paths"][BATCH]}
    schemas = whole["components"]["schemas"]
    needed: dict[str, Any] = {}
    waiting = list(_references(paths))
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = schemas[name]
            waiting += _references(schemas[name])
    components = {**whole["components"], "schemas": needed}
    path.write_text(json.dumps({**whole, "paths": paths, "components": components}))
    return path


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].rpartition("/")[2]
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)
