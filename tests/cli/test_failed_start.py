"""A start that fails leaves no file that was not there before, and an existing database as it was."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from autumn_mock.cli import main
from autumn_mock.testing.embedded import Emulator
from tests.support.client import DEFAULT_KEY

#: Arguments of a start that fails, its exit code, and what is said. PORT is in use, FOLDER is the working directory.
FAILURES = {
    "port": (["--port", "PORT"], 1, "is in use"),
    "address": (["--host", "192.0.2.1", "--control-token", "t"], 1, "cannot listen on 192.0.2.1"),
    "host name": (["--host", "nowhere.invalid", "--control-token", "t"], 1, "cannot listen on nowhere.invalid"),
    "without token": (["--host", "0.0.0.0"], 2, "--control-token"),
    "world": (["--world", "bad.yaml"], 2, "bad.yaml:2"),
    "no world": (["--world", "missing.yaml"], 2, "missing.yaml"),
    "certificate": (["--tls-cert", "bad.yaml"], 2, "bad.yaml"),
    "no certificate": (["--tls-cert", "missing.pem"], 2, "missing.pem"),
    "key without certificate": (["--tls-key", "bad.yaml"], 2, "--tls-cert"),
    "setting": (["--workers", "0"], 2, "at least 1"),
    "settings file": (["--config", "missing.toml"], 2, "missing.toml"),
    "fault": (["--fault", "enqueue:fial"], 2, "enqueue:fial"),
    "like": (["--auto-org-like", "am_sk_test_none"], 2, "no organisation here has this key"),
    "ready file": (["--ready-file", "missing/ready"], 1, "the ready file missing/ready cannot be written"),
    "ready folder": (["--ready-file", "."], 1, "the ready file . cannot be written"),
}


@pytest.fixture(scope="module")
def taken() -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield str(listener.getsockname()[1])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bad.yaml").write_text("organisations:\n  - slugg: mine\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def content(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def start(arguments: list[str], taken: str) -> tuple[int, str]:
    given = [taken if each == "PORT" else each for each in arguments]
    done = CliRunner().invoke(main, ["serve", "--port", "0", "--quiet", "--db", "state.json", *given])
    return done.exit_code, done.output


@pytest.mark.parametrize("case", FAILURES)
def test_a_failed_start_leaves_no_new_file(folder: Path, taken: str, case: str) -> None:
    arguments, code, said = FAILURES[case]
    before = content(folder)
    found, output = start(arguments, taken)
    assert (found, said in output) == (code, True), output
    assert content(folder) == before


@pytest.mark.parametrize("case", ["port", "certificate", "ready file", "like"])
@pytest.mark.parametrize("is_stopped", [True, False], ids=["stopped", "crashed"])
def test_a_failed_start_leaves_an_existing_database_as_it_was(
    folder: Path, taken: str, case: str, is_stopped: bool
) -> None:
    kept = folder / "state.json"
    with Emulator(db=kept):
        crashed = (folder / "state.json.wal").read_bytes()
    if not is_stopped:
        kept.unlink()
        (folder / "state.json.wal").write_bytes(crashed)
    before = content(folder)
    arguments, code, said = FAILURES[case]
    found, output = start(["--key", "am_sk_test_further", *arguments], taken)
    assert (found, said in output) == (code, True)
    assert content(folder) == before
    with Emulator(db=kept) as mock:
        assert mock.key == DEFAULT_KEY


def test_a_failed_start_of_exec_leaves_no_new_file(folder: Path, taken: str) -> None:
    (folder / "keyless.yaml").write_text("organisations:\n  - slug: mine\n")
    for arguments, code, said in (
        (["--port", taken], 1, "cannot listen"),
        (["--world", "keyless.yaml"], 2, "give --key"),
    ):
        before = content(folder)
        done = CliRunner().invoke(main, ["exec", "--db", "state.json", *arguments, "--", "true"])
        assert (done.exit_code, said in done.output) == (code, True)
        assert content(folder) == before


def test_a_start_without_a_place_for_its_certificate_leaves_no_new_file(folder: Path) -> None:
    script = (
        "import tempfile; tempfile.tempdir = '/nowhere'; from autumn_mock.cli import main; "
        "main(['serve', '--tls', '--port', '0', '--db', 'state.json'])"
    )
    before = content(folder)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "no temporary file can be written: No such file or directory; TMPDIR names a folder" in done.stderr
    assert content(folder) == before
