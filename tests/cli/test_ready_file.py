"""``--ready-file`` and other files for output that are no regular files: written in place, and left there."""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import click
import pytest

from autumn_mock.cli.ready_file import ready_file
from autumn_mock.store.lockfile import LockFile
from autumn_mock.testing.embedded import Emulator
from autumn_mock.testing.reports import write_report
from tests.store.test_fileutil import IRREGULAR, irregular_kinds, make_device, make_link
from tests.support.server import ServerProcess

from .conftest import Run, text_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither pipes nor devices in directories")

URL = "http://127.0.0.1:9"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ready"


@pytest.mark.parametrize("content", [None, "an old one"])
def test_ready_file_is_there_while_the_server_runs(content: str | None, path: Path) -> None:
    if content is not None:
        path.write_text(content)
    with ready_file(str(path), URL):
        assert path.read_text() == f"{URL}\n"
        assert os.listdir(path.parent) == ["ready"]
    assert os.listdir(path.parent) == []


@irregular_kinds
def test_ready_file_is_left_if_it_is_not_a_regular_file(kind: str, path: Path) -> None:
    IRREGULAR[kind](path)
    before = path.lstat()
    if kind in ("a symbolic link", "a device"):
        with ready_file(str(path), URL):
            assert kind != "a symbolic link" or path.with_name("victim").read_text() == f"{URL}\n"
    else:  # of a pipe nothing has the other end open
        with (
            pytest.raises(click.ClickException, match=r"the ready file .* cannot be written"),
            ready_file(str(path), URL),
        ):
            pass
    assert os.path.samestat(before, path.lstat())
    assert {each.name for each in path.parent.iterdir()} <= {"ready", "victim"}


def test_ready_file_of_another_server_is_left(path: Path) -> None:
    with ready_file(str(path), URL), ready_file(str(path), "http://127.0.0.1:10"):
        pass
    assert not path.exists()
    with ready_file(str(path), URL):
        path.unlink()
        path.write_text("http://127.0.0.1:10\n")
    assert path.read_text() == "http://127.0.0.1:10\n"


def test_ready_file_does_not_replace_the_database(path: Path) -> None:
    with (
        LockFile(path),
        pytest.raises(click.ClickException, match="database of a running server; choose another file"),
        ready_file(str(path), URL),
    ):
        pass
    assert not path.exists()


# -- the other files for output

Write = Callable[[Path], object]


@pytest.fixture(params=["report", "JUnit report", "snapshot"])
def output(request: pytest.FixtureRequest, run: Run, tmp_path: Path) -> Iterator[tuple[Path, Write]]:
    """A path, and what writes there."""
    if request.param == "snapshot":
        yield tmp_path / "snapshot", lambda path: text_of(run("snapshot", "save", str(path)))
        return
    with Emulator() as mock:
        name = "report.xml" if request.param == "JUnit report" else "report.json"
        yield tmp_path / name, lambda path: write_report(path, ["true"], 0, mock, [])


def test_output_is_written_into_what_is_not_a_regular_file(output: tuple[Path, Write]) -> None:
    path, write = output
    make_link(path)
    write(path)
    assert path.is_symlink()
    assert path.with_name("victim").read_bytes()[:1] in (b"{", b"<")
    path.unlink()
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # so that the writer does not wait for a reader
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(_all_of(reading)), daemon=True)
    reader.start()
    write(path)
    reader.join(10)
    os.close(reading)
    assert received[0][:1] in (b"{", b"<")
    assert stat.S_ISFIFO(path.lstat().st_mode)
    path.unlink()
    make_device(path)
    write(path)
    assert stat.S_ISCHR(path.lstat().st_mode)


def _all_of(fd: int) -> bytes:
    """What is written to a pipe, until its writer closes it."""
    content = b""
    for _ in range(1000):
        with suppress(BlockingIOError):
            piece = os.read(fd, 1 << 16)
            if content and not piece:
                break
            content += piece
        threading.Event().wait(0.01)
    return content


def test_snapshot_save_does_not_replace_a_database_in_use(run: Run, tmp_path: Path) -> None:
    with ServerProcess("--db", str(tmp_path / "state.json")):
        for name in ("state.json", "state.json.lock", "state.json.wal"):
            before = (tmp_path / name).read_bytes() if (tmp_path / name).exists() else None
            text = text_of(run("snapshot", "save", str(tmp_path / name)), code=1)
            assert "database of a running server; choose another file" in text
            assert ((tmp_path / name).read_bytes() if (tmp_path / name).exists() else None) == before
