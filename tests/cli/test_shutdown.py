"""How a server ends: by which signals, and on a full disk with a message and exit code 1."""

from __future__ import annotations

import errno
import os
import signal
import sys
from pathlib import Path
from unittest import mock

import click
import pytest
from click.testing import CliRunner

from autumn_mock.cli import main
from autumn_mock.cli.shutdown import STOP_SIGNALS, handling_signals, stop, stop_once
from autumn_mock.engine import Engine
from autumn_mock.store import Database

_FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("words", [["serve"], ["exec", "--", "true"]], ids=["serve", "exec"])
def test_start_errors_reports_a_full_disk(words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "db.json"
    command, *rest = words
    with mock.patch.object(Database, "append", side_effect=_FULL):
        result = CliRunner().invoke(main, [command, "--port", "0", "--db", str(path), *rest])
    assert result.exit_code == 1
    assert result.output == f"Error: the database {path} cannot be written: No space left on device\n"
    assert os.listdir(tmp_path) == []


def test_stop_reports_a_full_disk_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "db.json"
    emulator = Engine(db=str(path))
    emulator.start()
    content = emulator.snapshot()
    with (
        mock.patch.object(os, "replace", side_effect=_FULL),
        pytest.raises(click.ClickException, match="could not be written: No space left on device; nothing is lost"),
    ):
        stop(emulator)
    stop(emulator)
    with Engine(db=str(path)) as again:
        assert len(again.snapshot()) == len(content)


# -- signals

unix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has few signals")

#: Signals whose default action does not end a process (POSIX; signal(7)), and those that no handler receives.
HARMLESS = {"SIGCHLD", "SIGCLD", "SIGCONT", "SIGURG", "SIGWINCH", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGSTOP", "SIGKILL"}
#: Those of an instruction that fails: it would fail again after a handler.
FAILURES = {"SIGILL", "SIGBUS", "SIGFPE", "SIGSEGV"}
#: Python ignores them; the call that caused them raises an error, which is handled there.
OF_CALLS = {"SIGPIPE", "SIGXFSZ"}


@unix
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other signals")
def test_every_signal_that_ends_a_process_is_handled() -> None:
    spared = {each for each in signal.Signals if each.name in HARMLESS | FAILURES | OF_CALLS}
    assert signal.valid_signals() - spared == set(STOP_SIGNALS)
    assert {signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGALRM, signal.SIGXCPU, signal.SIGRTMAX} <= set(
        STOP_SIGNALS
    )


@unix
@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_handling_signals_receives_a_signal_and_restores_the_handler(number: int) -> None:
    received: list[int] = []
    before = signal.getsignal(number)
    with handling_signals(received.append):
        os.kill(os.getpid(), number)
        with handling_signals(lambda _: received.append(0)):  # as exec does while its command runs
            os.kill(os.getpid(), number)
    assert received == [number, 0]
    assert signal.getsignal(number) is before


@unix
def test_stop_once_leaves_a_second_signal_to_the_system_and_ignores_the_rest() -> None:
    with handling_signals(lambda _: None):
        stop_once()
        for number in STOP_SIGNALS:
            wanted = signal.SIG_DFL if number in (signal.SIGINT, signal.SIGTERM) else signal.SIG_IGN
            assert signal.getsignal(number) is wanted
