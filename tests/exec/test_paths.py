"""What stands at a path that the program writes: devices, pipes and links are left as they are."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import autumn_mock
from autumn_mock.cli.shutdown import STOP_SIGNALS
from autumn_mock.store import Database
from autumn_mock.store.errors import DatabaseInUse, StoreError
from autumn_mock.store.fileutil import write_output
from autumn_mock.testing.reports import write_report
from tests.support.client import BATCH
from tests.support.server import ServerProcess

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such files on Windows")
ITEM = {"customer_id": "cus_123", "feature_id": "messages"}


def device(path: Path) -> None:
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root may make a device")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link_to_a_device(path: Path) -> None:
    device(path.with_name("device"))
    path.symlink_to(path.with_name("device"))


def link_to_a_file(path: Path) -> None:
    path.with_name("victim").write_text("of another program\n")
    path.symlink_to(path.with_name("victim"))


MAKERS = [device, pipe, link_to_a_device, link_to_a_file]
Maker = Callable[[Path], None]


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Path]:
    """A path; when something other than a regular file was put there, it is there afterwards, unchanged."""
    path = tmp_path / "at"
    yield path
    assert not path.exists() or not stat.S_ISREG(os.lstat(path).st_mode)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "autumn_mock", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("make", [device, pipe, link_to_a_device, Path.mkdir], ids=lambda each: each.__name__)
def test_a_database_must_be_a_regular_file(at: Path, make: Maker) -> None:
    make(at)
    with pytest.raises(StoreError, match="not a regular file; it is left as it is"):
        Database.open(at)
    assert [each.name for each in at.parent.iterdir() if each.name.startswith("at.")] == []


@pytest.mark.parametrize("make", MAKERS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("suffix", [".lock", ".wal", ".wal.1"])
def test_files_of_a_database_are_not_opened_through_links(tmp_path: Path, make: Maker, suffix: str) -> None:
    made = tmp_path / f"db.json{suffix}"
    make(made)
    kind = stat.S_IFMT(os.lstat(made).st_mode)
    with pytest.raises(StoreError, match="not a regular file; it is left as it is"):
        Database.open(tmp_path / "db.json")
    assert stat.S_IFMT(os.lstat(made).st_mode) == kind
    victim = tmp_path / "victim"
    assert not victim.exists() or victim.read_text() == "of another program\n"


@pytest.mark.parametrize("make", MAKERS, ids=lambda each: each.__name__)
def test_the_draft_of_a_database_does_not_follow_links(tmp_path: Path, make: Maker) -> None:
    make(tmp_path / "db.json.tmp")
    with Database.open(tmp_path / "db.json") as database:
        database.begin_checkpoint()
        database.finish_checkpoint({})
    assert stat.S_ISREG(os.lstat(tmp_path / "db.json").st_mode)
    victim = tmp_path / "victim"
    assert not victim.exists() or victim.read_text() == "of another program\n"


@pytest.mark.parametrize("make", [device, link_to_a_device], ids=lambda each: each.__name__)
def test_output_is_written_in_place_where_no_regular_file_stands(at: Path, make: Maker) -> None:
    make(at)
    assert write_output(at, [b"text\n"]) is False
    with autumn_mock.Emulator() as mock:
        write_report(at, ["true"], 0, mock, [])


def test_output_is_written_through_a_link_which_stays(at: Path) -> None:
    link_to_a_file(at)
    assert write_output(at, [b"text\n"]) is False
    assert at.read_text() == "text\n"


def test_output_is_written_to_a_pipe_that_is_read_and_refused_otherwise(at: Path) -> None:
    pipe(at)
    with pytest.raises(OSError, match="No such device or address"):
        write_output(at, [b"text\n"])
    seen: list[bytes] = []
    reader = threading.Thread(target=lambda: seen.append(at.read_bytes()))
    reader.start()
    while reader.is_alive():
        try:
            write_output(at, [b"text\n"])
            break
        except OSError:  # not open yet
            continue
    reader.join(10)
    assert seen == [b"text\n"]


def test_ready_file_on_a_device_is_written_and_stays(at: Path) -> None:
    device(at)
    with ServerProcess("--ready-file", str(at)) as server:
        server.stop()
    assert stat.S_ISCHR(os.lstat(at).st_mode)


# -- the same file twice


def another(path: Path) -> None:
    with pytest.raises(DatabaseInUse, match="is in use by"):
        Database.open(path)


def test_another_server_is_refused_however_it_comes_to_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "db.json"
    with Database.open(path) as database:
        database.begin_checkpoint()
        database.finish_checkpoint({})
    (tmp_path / "link").symlink_to(folder)
    (folder / "link.json").symlink_to(path)
    (folder / "hard.json").hardlink_to(path)
    with Database.open(path) as database:
        for other in (path, folder / ".." / "folder" / "db.json", tmp_path / "link" / "db.json", folder / "link.json"):
            another(other)
        another(folder / "hard.json")
        path.with_name("db.json.lock").unlink()
        another(path)
        database.append(b"{}")
        database.begin_checkpoint()
        path.with_name("db.json.lock").unlink(missing_ok=True)
        another(path)
        database.finish_checkpoint({})
        (folder / "later.json").hardlink_to(path)
        another(folder / "later.json")
    with Database.open(path):
        pass


# -- signals, a removed directory, a zip file


@pytest.mark.parametrize("number", [each for each in STOP_SIGNALS if each.name not in ("SIGINT", "SIGTERM")])
def test_every_signal_that_ends_a_process_ends_the_server_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    ready, db = tmp_path / "ready", tmp_path / "db.json"
    with ServerProcess("--ready-file", str(ready), "--db", str(db)) as server:
        server.client(server.key).ask(BATCH, [ITEM])
        server.process.send_signal(number)
        assert server.wait() == 0
        assert "Traceback" not in server.stderr()
    assert [each.name for each in tmp_path.iterdir()] == ["db.json"]


def test_no_signal_that_ends_a_process_is_left_out() -> None:
    """Those that may be handled and whose default ends the process, but for faults of the process itself."""
    faults = {"SIGABRT", "SIGIOT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV", "SIGSYS", "SIGTRAP", "SIGEMT"}
    harmless = {"SIGCHLD", "SIGCLD", "SIGCONT", "SIGURG", "SIGWINCH", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGINFO"}
    ignored = {"SIGPIPE", "SIGXFSZ"}  # by Python
    others = {each for each in signal.Signals if each.name not in faults | harmless | ignored | {"SIGKILL", "SIGSTOP"}}
    assert {each for each in others if not each.name.startswith("SIGRT")} == set(STOP_SIGNALS)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM])
def test_exec_forwards_signals(number: signal.Signals) -> None:
    child = f"import os, signal; os.kill(os.getppid(), int({int(number)})); signal.pause()"
    assert run("exec", "--", sys.executable, "-c", child).returncode == 128 + number


def test_a_directory_that_is_removed_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with ServerProcess("--db", str(folder / "db.json"), cwd=tmp_path) as server:
        client = server.client(server.key)
        client.ask(BATCH, [ITEM])
        client.drain()
        shutil.rmtree(folder)
        assert client.post(BATCH, [ITEM]).status == 503
        assert client.post("/v1/balances.check", ITEM).status == 200
        server.process.terminate()
        assert server.wait() == 1
        assert "was removed" in server.stderr()
        assert "Traceback" not in server.stderr()


def test_from_a_zip_file_the_reason_is_given(tmp_path: Path) -> None:
    package = Path(autumn_mock.__file__).parent
    with zipfile.ZipFile(tmp_path / "autumn.zip", "w") as archive:
        for each in package.rglob("*.py"):
            archive.write(each, Path("autumn_mock") / each.relative_to(package))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "autumn.zip")}
    command = [sys.executable, "-P", "-m", "autumn_mock", "serve"] if sys.version_info >= (3, 11) else None
    if command is None:
        pytest.skip("needs -P")
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "does not run from a zip file, install it with pip" in done.stderr
