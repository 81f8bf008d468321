"""The server at the limit of open files."""

from __future__ import annotations

import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.wire import connect
from tests.support.server import ServerProcess

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="prlimit and /proc")


def limited(files: int, db: Path) -> ServerProcess:
    return ServerProcess("--db", str(db), prefix=("prlimit", f"--nofile={files}:{files}"))


def cpu_seconds(server: ServerProcess) -> float:
    fields = Path(f"/proc/{server.pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.parametrize("files", [14, 16, 32, 64])
def test_server_with_few_file_descriptors_serves_beside_idle_connections(files: int, tmp_path: Path) -> None:
    with limited(files, tmp_path / "db.json") as server, ExitStack() as stack:
        idle: list[socket.socket] = [stack.enter_context(connect(server.url, 10)) for _ in range(60)]
        assert server.get("/_mock/health").status == 200
        before = cpu_seconds(server)
        time.sleep(1)
        assert cpu_seconds(server) - before < 0.3
        assert server.get("/_mock/health").status == 200
        assert len(idle) == 60
    assert "Traceback" not in server.stderr()
    assert len(server.stderr()) < 50_000


@pytest.mark.parametrize("files", [10, 12])
def test_server_with_too_few_file_descriptors_says_so_and_ends(files: int, tmp_path: Path) -> None:
    server = limited(files, tmp_path / "db.json")
    with pytest.raises(AssertionError, match=rf"of {files} open files that are allowed, \d are left; allow more with"):
        server.start()
    assert "Traceback" not in server.stderr()
