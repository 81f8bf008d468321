"""What may stand at a path that is opened, replaced or written, and which modules write at all."""

from __future__ import annotations

import ast
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import autumn_mock
from autumn_mock.store import Database
from autumn_mock.store.errors import NotARegularFile
from autumn_mock.store.fileutil import open_regular, replace_file, write_output
from autumn_mock.store.lockfile import LockFile

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither pipes nor devices in directories")

PACKAGE = Path(autumn_mock.__file__).parent


def make_socket(path: Path) -> None:
    before = Path.cwd()
    os.chdir(path.parent)  # the address of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(before)


def make_device(path: Path) -> None:
    """A node of the null device, in the directory of the test."""
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except OSError:
        pytest.skip("only an administrator makes devices")


def make_link(path: Path) -> None:
    victim = path.with_name("victim")
    victim.write_text("precious")
    path.symlink_to(victim)


#: What is not a regular file, and what messages call it.
IRREGULAR: dict[str, Callable[[Path], None]] = {
    "a symbolic link": make_link,
    "a directory": Path.mkdir,
    "a pipe": os.mkfifo,
    "a socket": make_socket,
    "a device": make_device,
}
irregular_kinds = pytest.mark.parametrize("kind", IRREGULAR)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


# -- which modules write

#: The modules that change what stands at a path, and what they do there. All others use ``write_output``.
WRITERS = {
    "store/fileutil.py": "has the rules",
    "store/lockfile.py": "removes the lock file that it holds",
    "store/log.py": "removes the log that it failed to create",
    "store/database.py": "removes logs that it has read or written",
    "store/recovery.py": "removes logs that it has read",
    "cli/ready_file.py": "removes the regular file that it wrote",
    "cli/files.py": "creates a file where there is none, or in a directory of its own",
    "cli/exec.py": "writes in a directory of its own",
    "cli/trust.py": "writes in a directory of its own",
}
#: Methods of paths, which no other object has.
METHODS = {
    "write_text", "write_bytes", "unlink", "rename", "mkdir", "touch", "symlink_to", "hardlink_to", "rmdir", "chmod",
    "TemporaryDirectory", "NamedTemporaryFile", "mkstemp", "mkdtemp", "FileHandler", "RotatingFileHandler",
}  # fmt: skip  # a table is read line by line
#: Functions of the system.
FUNCTIONS = {
    "os": {"open", "fdopen", "replace", "rename", "unlink", "remove", "rmdir", "mkdir", "makedirs", "link", "symlink",
           "truncate", "ftruncate", "mkfifo", "mknod", "chmod", "fchmod", "chown"},
    "shutil": {"copy", "copy2", "copyfile", "copymode", "copytree", "move", "rmtree"},
}  # fmt: skip  # a table is read line by line


def changes(path: Path) -> list[str]:
    """The calls of a module that change what stands at a path, or may do so."""
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    return [f"{each.lineno}: {ast.unparse(each)}" for each in calls if _changes(each)]


def _changes(call: ast.Call) -> bool:
    owner, _, name = ast.unparse(call.func).rpartition(".")
    arguments = [*call.args, *(each.value for each in call.keywords)]
    if name == "open":
        texts = [each.value for each in arguments if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        writes = any(len(mode) <= 3 and set(mode) & set("wax+") for mode in texts)
        return writes or (owner == "os" and ast.unparse(arguments[1]) != "os.O_RDONLY")
    is_of_path = name == "replace" and len(call.args) == 1 and not call.keywords  # a text needs two arguments
    return (bool(owner) and name in METHODS) or name in FUNCTIONS.get(owner, set()) or is_of_path


def test_only_known_modules_change_files() -> None:
    found = {path.relative_to(PACKAGE).as_posix(): changes(path) for path in sorted(PACKAGE.rglob("*.py"))}
    found = {name: calls for name, calls in found.items() if calls}
    assert found.keys() == WRITERS.keys(), found


# -- regular files only


@irregular_kinds
def test_open_regular_refuses_anything_else_at_once_and_leaves_it(kind: str, path: Path) -> None:
    IRREGULAR[kind](path)
    before = os.lstat(path)
    for flags in (os.O_RDONLY, os.O_RDWR | os.O_CREAT, os.O_WRONLY | os.O_APPEND):
        with pytest.raises(NotARegularFile, match=f"is {kind}, not a regular file; it is left as it is"):
            open_regular(path, flags)
    assert os.path.samestat(before, os.lstat(path))
    assert kind != "a symbolic link" or path.with_name("victim").read_text() == "precious"


def test_open_regular_refuses_what_is_put_there_meanwhile(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autumn_mock.store.fileutil.require_replaceable", lambda _: None)
    os.mkfifo(path)
    with pytest.raises(NotARegularFile):
        open_regular(path, os.O_RDWR)
    path.unlink()
    make_link(path)
    with pytest.raises(OSError, match="symbolic links"):
        open_regular(path, os.O_RDWR)


@irregular_kinds
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_replace_file_replaces_regular_files_only(kind: str, when: str, path: Path) -> None:
    draft = path.with_name("draft")

    def pieces() -> Iterator[bytes]:
        yield b"new"
        if when == "meanwhile":
            IRREGULAR[kind](path)

    if when == "before":
        IRREGULAR[kind](path)
    with pytest.raises(NotARegularFile, match=f"is {kind}"):
        replace_file(path, pieces(), draft=draft, sync=False)
    assert stat.S_IFMT(os.lstat(path).st_mode) != stat.S_IFREG
    assert not draft.exists()
    assert kind != "a symbolic link" or path.with_name("victim").read_text() == "precious"


@irregular_kinds
def test_replace_file_removes_no_draft_but_a_file_or_a_link(kind: str, path: Path) -> None:
    draft = path.with_name("draft")
    IRREGULAR[kind](draft)
    if kind == "a symbolic link":
        replace_file(path, [b"new"], draft=draft, sync=False)
        assert path.read_bytes() == b"new"
        assert not path.is_symlink()
        assert path.with_name("victim").read_text() == "precious"
    else:
        before = os.lstat(draft)
        with pytest.raises(NotARegularFile, match=f"is {kind}"):
            replace_file(path, [b"new"], draft=draft, sync=False)
        assert os.path.samestat(before, os.lstat(draft))


# -- output


def test_write_output_replaces_a_regular_file_as_a_whole(path: Path) -> None:
    def failing() -> Iterator[bytes]:
        yield b"half"
        raise ValueError("half way")

    path.write_text("old")
    path.chmod(0o600)
    with pytest.raises(ValueError, match="half way"):
        write_output(path, failing())
    assert path.read_text() == "old"
    assert write_output(path, [b"new"])
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == [path.name]


def test_write_output_refuses_the_database_of_a_running_server(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    with LockFile(path) as lock:
        for each in (path, link, lock.path):
            with pytest.raises(OSError, match="database of a running server; choose another file"):
                write_output(each, [b"never"])
        assert not path.exists()
    with Database.open(path) as database:
        database.begin_checkpoint()
        database.finish_checkpoint({})
        lock.path.unlink()
        before = path.read_bytes()
        for name in ("file", "file.wal"):
            with pytest.raises(OSError, match="database of a running server"):
                write_output(path.with_name(name), [b"never"])
        assert path.read_bytes() == before
    assert write_output(path, [b"now"])


def test_write_output_to_a_link_to_standard_output_appends_to_it(path: Path) -> None:
    """``/dev/stdout`` is such a link. Opening it again would write at the beginning of the file."""
    link = path.with_name("link")
    code = (
        "import sys; from pathlib import Path; from autumn_mock.store.fileutil import write_output\n"
        "print('before', flush=True)\n"
        "write_output(Path(sys.argv[1]), [b'within\\n'])\n"
        "print('after')\n"
    )
    link.symlink_to("/proc/self/fd/1" if Path("/proc/self/fd").is_dir() else "/dev/fd/1")
    with path.open("wb") as output:
        subprocess.run([sys.executable, "-c", code, str(link)], stdout=output, check=True, cwd=PACKAGE.parent)
    assert path.read_text() == "before\nwithin\nafter\n"
    assert link.is_symlink()
