"""A suite of 200 tests with the fixture, in one process and in several: each sees what it did itself, and nothing else.

How long it took is told, not asserted: no test fails because a machine is busy.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import autumn_mock

SOURCE = Path(autumn_mock.__file__).parents[1]
COUNT = 200
TIMEOUT = 300

#: Every test writes down which organisation it had, on which server.
PROJECT = f"""
import http.client
import json
import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest


def send(mock, items):
    address = urlsplit(mock.url)
    connection = http.client.HTTPConnection(address.hostname, address.port)
    headers = {{"authorization": f"Bearer {{mock.key}}", "content-type": "application/json"}}
    connection.request("POST", "/v1/balances.batch_track", json.dumps(items), headers)
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize("number", range({COUNT}))
def test_it(autumn_mock, number):
    assert autumn_mock.balance("cus_456", "messages") == 1000
    items = [{{"customer_id": "cus_456", "feature_id": "messages", "value": number}}, {{**ITEM, "value": 0.5}}]
    assert send(autumn_mock, items) == 202
    assert autumn_mock.drain()["deducted"] == 2
    assert autumn_mock.balance("cus_456", "messages") == 1000 - number - 0.5
    assert [entry.items for entry in autumn_mock.requests] == [2]
    Path("seen", autumn_mock.organisation).write_text(f"{{os.getpid()}} {{autumn_mock.url}}")


ITEM = {{"customer_id": "cus_456", "feature_id": "messages"}}
"""


@pytest.mark.parametrize("processes", [1, 4])
def test_two_hundred_tests_share_no_state(
    tmp_path: Path, processes: int, record_property: Callable[[str, object], None]
) -> None:
    (tmp_path / "test_project.py").write_text(PROJECT, "utf-8")
    seen = tmp_path / "seen"
    seen.mkdir()
    workers = [] if processes == 1 else ["-p", "xdist", "-n", str(processes)]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "autumn-mock", "--durations=1", *workers],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT,
        check=False,
    )
    seconds = time.perf_counter() - began
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{COUNT} passed" in done.stdout
    assert len(list(seen.iterdir())) == COUNT
    servers = {tuple(path.read_text("utf-8").split()) for path in seen.iterdir()}
    assert len(servers) == processes
    assert len({process for process, _ in servers}) == len({url for _, url in servers}) == processes
    record_property(f"seconds_for_{COUNT}_tests_in_{processes}", seconds)
    print(f"{COUNT} tests in {processes} processes took {seconds:.2f} s; {done.stdout.splitlines()[-1]}")
