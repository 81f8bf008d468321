"""Accidents of real processes: killed in the middle of their work, and out of disk space."""

from __future__ import annotations

import errno
import random
import signal
import sys
from pathlib import Path

import pytest

from autumn_mock.store import Database

from . import counter
from .counter import CHECKPOINT_EVERY, counted_at, run_script

# RLIMIT_FSIZE makes the writes of this process end as those on a full disk do: a short one, then an error.
FULL_DISK = """
import resource, signal, sys
from autumn_mock.store import Database

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with Database.open(sys.argv[1]) as database:
    database.append(b'{"fits":1}')
    before = database.log_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (before + 10, resource.RLIM_INFINITY))
    for attempt in (lambda: database.append(b'{"does":"not fit"}'),
                    lambda: database.append_many([b'{"fits":9}'] * 9),
                    lambda: database.checkpoint({"rows": [b'{"row":1}'] * 100})):
        try:
            attempt()
        except OSError as error:
            print(error.errno)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    database.append(b'{"fits":2}')
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_kill_loses_nothing_that_was_acknowledged_and_repeats_nothing(tmp_path: Path) -> None:
    path = tmp_path / "db.json"
    chance = random.Random(7)
    last = 0
    for _ in range(30):
        limit = last + 10 * CHECKPOINT_EVERY
        with run_script(Path(counter.__file__), path, limit) as child:
            assert child.stdout is not None
            for _ in range(chance.randrange(1, 5 * CHECKPOINT_EVERY)):
                last = int(child.stdout.readline())
            child.send_signal(signal.SIGKILL)
            for line in child.stdout:
                if line.endswith("\n"):
                    last = int(line)
        counted = counted_at(path)
        assert last <= counted <= limit
        last = counted


def test_a_full_disk_refuses_a_record_and_keeps_the_others(tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="the limit on a file's size is Unix's")
    script = tmp_path / "script.py"
    script.write_text(FULL_DISK)
    path = tmp_path / "db.json"
    with run_script(script, path) as child:
        assert child.communicate()[0].split() == [str(errno.EFBIG)] * 3
    with Database.open(path) as database:
        assert database.recovered is None
        assert database.entries == [b'{"fits":1}', b'{"fits":2}']
