"""Snapshots that several threads are the first to read, in a process of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from autumn_mock.engine import Engine

_SCRIPT = """
import sys, threading
from pathlib import Path
from autumn_mock.store.documents import changes_of
from autumn_mock.store.tinyfile import read_snapshot

path = Path(sys.argv[1])
content = path.read_bytes()
sys.setswitchinterval(1e-6)
barrier = threading.Barrier(8)

def read():
    barrier.wait()
    list(changes_of(read_snapshot(content, path).tables, path))

threads = [threading.Thread(target=read) for _ in range(8)]
for each in threads: each.start()
for each in threads: each.join()
"""


def test_threads_that_read_the_first_snapshots_at_once_do_not_crash(tmp_path: Path) -> None:
    """msgspec 0.22 crashes the process when two threads first use a type at the same time."""
    path = tmp_path / "snapshot.json"
    with Engine() as engine:
        path.write_bytes(engine.snapshot())
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", _SCRIPT, str(path)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
