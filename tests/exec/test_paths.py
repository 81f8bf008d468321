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
from autumn_mock.input_files import fixtures_directory, shipped_files
from autumn_mock.store import Database
from autumn_mock.store.errors import DatabaseInUse, StoreError
from autumn_mock.store.fileutil import write_output
from autumn_mock.testing.reports import write_report
from tests.exec.running import wait_until
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


@pytest.mark.parametrize("make", [link_to_a_device, link_to_a_file], ids=lambda each: each.__name__)
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


@pytest.mark.parametrize("number", [each for each in STOP_SIGNALS if each <= max(signal.SIGSYS, signal.SIGTERM)])
def test_every_signal_that_ends_a_process_ends_the_server_cleanly(tmp_path: Path, number: int) -> None:
    """Also when it is sent twice, as when a terminal closes. See tests/cli/test_shutdown.py."""
    ready, db = tmp_path / "ready", tmp_path / "db.json"
    with ServerProcess("--ready-file", str(ready), "--db", str(db)) as server:
        server.client(server.key).ask(BATCH, [ITEM])
        server.process.send_signal(number)
        if number not in (signal.SIGINT, signal.SIGTERM):
            server.process.send_signal(number)
        assert server.wait() == 0
        assert "Traceback" not in server.stderr()
    assert [each.name for each in tmp_path.iterdir()] == ["db.json"]


def test_exec_forwards_every_signal() -> None:
    """All of them in one run; the command counts them."""
    child = (
        "import os, signal, sys\n"
        "numbers = {int(each) for each in sys.argv[1:]}\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, numbers)\n"
        "for number in numbers:\n"
        "    os.kill(os.getppid(), number)\n"
        "    assert signal.sigtimedwait(numbers, 20).si_signo == number, number\n"
        "print(len(numbers))\n"
    )
    done = run("exec", "--", sys.executable, "-c", child, *map(str, STOP_SIGNALS))
    assert (done.returncode, done.stdout) == (0, f"{len(STOP_SIGNALS)}\n"), done.stderr


def test_exec_ends_cleanly_by_a_signal_after_its_command(tmp_path: Path) -> None:
    """The drain after the command waits for a delayed item."""
    command = ["exec", "--ready-file", str(tmp_path / "ready"), "--db", str(tmp_path / "db.json")]
    send = (
        "import os, subprocess, sys, urllib.request as r\n"
        "u, k = os.environ['AUTUMN_MOCK_URL'], os.environ['AUTUMN_SECRET_KEY']\n"
        'body = b\'[{"customer_id": "cus_123", "feature_id": "messages"}]\'\n'
        "r.urlopen(r.Request(u + '/v1/balances.batch_track', body, {'authorization': f'Bearer {k}'})).read()\n"
        "later = f'import os, time; time.sleep(1); os.kill({os.getppid()}, 1)'\n"
        "subprocess.Popen([sys.executable, '-c', later])\n"
    )
    done = run(*command, "--fault", "worker:delay 1h", "--", sys.executable, "-c", send)
    assert done.returncode == 128 + signal.SIGHUP, done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["db.json"]
    with Database.open(tmp_path / "db.json") as database:
        assert len(database.tables["messages"]) == 1


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
        folder.mkdir()  # the state is written there again, soon
        wait_until(lambda: client.post(BATCH, [ITEM]).status == 202, "the database is written again")
        server.kill()
    with ServerProcess("--db", str(folder / "db.json"), cwd=tmp_path) as server:
        assert server.drain()["accepted"] == 2
        shutil.rmtree(folder)
        server.process.terminate()
        assert server.wait() == 1
        assert "removed" in server.stderr()
        assert "Traceback" not in server.stderr()


def zipped(path: Path, fixtures: str | None) -> dict[str, str]:
    """The environment to run the package from a zip file that has the shipped files in a directory."""
    package = Path(autumn_mock.__file__).parent
    with zipfile.ZipFile(path, "w") as archive:
        for each in package.rglob("*.py"):
            archive.write(each, Path("autumn_mock") / each.relative_to(package))
        for kind in ("worlds", "scenarios") if fixtures is not None else ():
            for each in (fixtures_directory() / kind).iterdir():
                archive.write(each, f"{fixtures}/{kind}/{each.name}")
    return {**os.environ, "PYTHONPATH": str(path)}


def run_zipped(path: Path, fixtures: str | None, *words: str) -> subprocess.CompletedProcess[str]:
    temporary = path.parent / "temporary"
    temporary.mkdir()
    env = {**zipped(path, fixtures), "TMPDIR": str(temporary)}
    command = [sys.executable, "-m", "autumn_mock", *words]
    done = subprocess.run(
        command, env=env, cwd=temporary, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert list(temporary.iterdir()) == []  # copies of shipped files are removed
    return done


@pytest.mark.parametrize("fixtures", ["fixtures", "autumn_mock/_fixtures"], ids=["checkout", "wheel"])
def test_a_server_runs_from_a_zip_file(tmp_path: Path, fixtures: str) -> None:
    command = ["exec", "--", sys.executable, "-c", "import autumn_mock; print(autumn_mock.__file__)"]
    done = run_zipped(tmp_path / "autumn mock.zip", fixtures, *command)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'autumn mock.zip' / 'autumn_mock' / '__init__.py'}\n")
    shutil.rmtree(tmp_path / "temporary")
    done = run_zipped(tmp_path / "autumn.zip", fixtures, "scenario", "list")
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(shipped_files("scenario"))


def test_from_a_zip_file_without_the_shipped_files_the_reason_is_given(tmp_path: Path) -> None:
    done = run_zipped(tmp_path / "autumn.zip", None, "serve", "--port", "0")
    assert done.returncode == 2
    assert "a zip file of it needs them too, or install it with pip" in done.stderr
    assert "Traceback" not in done.stderr
