"""One process at a time, and no crash leaves a file locked."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from autumn_mock.store.errors import DatabaseInUse, StoreError
from autumn_mock.store.lockfile import LockFile

from .counter import run_script

HOLDER = """
import sys
from autumn_mock.store.lockfile import LockFile

with LockFile(sys.argv[1]):
    print("locked", flush=True)
    sys.stdin.read()
"""

# Being alone is checked by something that has nothing to do with the lock: a file that must not exist yet.
RACER = """
import os, sys
from autumn_mock.store.errors import DatabaseInUse
from autumn_mock.store.lockfile import LockFile

print("ready", flush=True)
sys.stdin.readline()
turns = 0
while turns < 1000:
    try:
        with LockFile(sys.argv[1]):
            alone = sys.argv[1] + ".alone"
            os.close(os.open(alone, os.O_CREAT | os.O_EXCL))
            os.unlink(alone)
            turns += 1
    except DatabaseInUse:
        pass
print(turns)
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "db.json"


def script(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "script.py"
    path.write_text(text)
    return path


def test_holds_the_process_number_while_locked(database: Path) -> None:
    lock = LockFile(database)
    with lock:
        assert lock.path == database.with_name("db.json.lock")
        assert lock.path.read_text() == f"{os.getpid()}\n"
    if sys.platform != "win32":
        assert not lock.path.exists()


def test_a_second_lock_in_the_same_process_is_refused(database: Path) -> None:
    with LockFile(database):
        with pytest.raises(DatabaseInUse) as caught:
            LockFile(database).acquire()
        assert caught.value.pid == os.getpid()
        assert str(caught.value) == f"the database {database} is in use by process {os.getpid()}"
    with LockFile(database):
        pass


def test_a_lock_is_not_taken_twice(database: Path) -> None:
    lock = LockFile(database)
    with lock:
        with pytest.raises(DatabaseInUse):
            lock.acquire()
        with pytest.raises(DatabaseInUse):  # and the attempt has not given it away
            LockFile(database).acquire()


def test_release_without_acquire_has_no_effect(database: Path) -> None:
    with LockFile(database):
        LockFile(database).release()
        with pytest.raises(DatabaseInUse):
            LockFile(database).acquire()


def test_a_holder_that_has_not_written_its_number_yet_is_respected(database: Path) -> None:
    lock = LockFile(database)
    with lock:
        lock.path.write_bytes(b"")
        with pytest.raises(DatabaseInUse, match="in use by another process") as caught:
            LockFile(database).acquire()
        assert caught.value.pid is None


@pytest.mark.parametrize(
    "content", [b"", b"12", b"torn\0\0", b"1\n", b"%d\n" % os.getpid()], ids=["empty", "cut", "torn", "alive", "us"]
)
def test_acquire_ignores_the_file_of_a_dead_process(database: Path, content: bytes) -> None:
    lock = LockFile(database)
    lock.path.write_bytes(content)
    with lock:
        assert lock.path.read_text() == f"{os.getpid()}\n"


def test_the_lock_of_another_process_names_it_and_ends_with_it(database: Path, tmp_path: Path) -> None:
    holder = run_script(script(tmp_path, HOLDER), database)
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(DatabaseInUse) as caught:
            LockFile(database).acquire()
        assert caught.value.pid == holder.pid
        holder.kill()
    assert LockFile(database).path.exists()
    with LockFile(database):
        pass


def test_acquire_is_exclusive_between_processes(database: Path, tmp_path: Path) -> None:
    race = script(tmp_path, RACER)
    racers = [run_script(race, database) for _ in range(3)]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    assert [racer.communicate()[0] for racer in racers] == ["1000\n"] * 3


def test_a_place_where_no_lock_can_be_made_is_an_error_with_the_reason(tmp_path: Path) -> None:
    lock = LockFile(tmp_path / "missing" / "db.json")
    with pytest.raises(StoreError, match=r"the lock file .*db\.json\.lock cannot be written: No such file"):
        lock.acquire()
