"""The comparison with other servers, without them: its page, its processes, and chunked replies."""

from __future__ import annotations

import socket
import threading
from datetime import date
from pathlib import Path

import pytest

from tests.benchmarks.children import Generator
from tests.benchmarks.generator import Plan
from tests.benchmarks.peers.measure import Figure
from tests.benchmarks.peers.page import ROWS, page
from tests.benchmarks.peers.servers import AUTUMN_MOCK, MOCKS, PEERS, Place, Running, free_port
from tests.benchmarks.setting import Setting
from tests.benchmarks.traffic import CHECK, compact, customer, http_request


def test_the_page_has_a_table_for_each_row() -> None:
    figures = [Figure(row, peer, 1234.5, 2_500.0) for row in ROWS for peer in MOCKS]
    text = page(figures, {"cores": 2, "ram_gb": 4, "python": "3", "system": "Linux", "load": 0.1}, date(2026, 1, 2))
    assert "Made on 2026-01-02 by `python -m tests.benchmarks --peers`: 2 cores" in text
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        f"## {title}" for title, *_ in ROWS.values()
    ]
    assert text.count("| Prism 5.16.0 | 1 234 | 2.5 ms |") == len(ROWS)
    assert all(f"| {peer.does} |" in text for peer in PEERS)


def test_a_server_is_measured_with_its_processes(tmp_path: Path) -> None:
    place = Place(free_port(), tmp_path / "unused", Setting(tmp_path).world(), tmp_path, tmp_path / "compiled")
    request = http_request(CHECK, compact({"customer_id": customer(1), "feature_id": "messages"}))
    with Running(AUTUMN_MOCK, place, request) as server:
        assert 0 < server.start_cpu <= server.cpu
        assert server.started_in > 0
        assert 10 < server.memory < 500
    assert server.cpu == 0, "a process is left"


def test_a_server_that_ends_is_reported(tmp_path: Path) -> None:
    place = Place(free_port(), tmp_path / "unused", str(tmp_path / "absent.yaml"), tmp_path, tmp_path / "compiled")
    with (
        pytest.raises(AssertionError, match="autumn-mock ended with 2"),
        Running(AUTUMN_MOCK, place, b"GET / HTTP/1.1\r\n\r\n"),
    ):
        pass


def test_the_generator_reads_chunked_replies() -> None:
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"

    def answer(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            for _ in range(2):
                connection.recv(1000)
                connection.sendall(reply[:60])
                connection.sendall(reply[60:])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        plan = Plan(listener.getsockname()[1], [http_request("/")], connections=1, count=2)
        report = Generator(plan).report()
        thread.join()
    assert report.statuses == {200: 2}
