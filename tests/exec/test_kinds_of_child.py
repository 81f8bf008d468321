"""``exec`` runs every kind of command and ends with its code: daemons, traps, much output, a further ``exec``."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from autumn_mock.cli import main
from tests.exec.running import PROGRAM, Running, end, execute, is_alive, on_unix, run, wait_until

pytestmark = pytest.mark.skipif(not on_unix or shutil.which("setsid") is None, reason="commands of Linux")
_MEGABYTE = 1 << 20

#: Shell scripts, and the code that ``exec`` ends with.
SCRIPTS = {
    "success": ("true", 0),
    "largest code": ("exit 255", 255),
    "code of its last command": ("false; exit", 1),
    "code like a signal": ("exit 143", 143),
    "code like findings": ("exit 3", 3),
    "killed by a failure": ("kill -SEGV $$", 128 + signal.SIGSEGV),
    "killed by an alarm": ("kill -ALRM $$", 128 + signal.SIGALRM),
    "killed by a pipe": ("kill -PIPE $$", 128 + signal.SIGPIPE),
    "trap with a code": ("trap 'exit 7' TERM; kill -TERM $$", 7),
    "trap that goes on": ("trap : TERM; kill -TERM $$; exit 4", 4),
    "ignored signals": ("trap '' TERM HUP INT; kill -TERM $$; kill -HUP $$; kill -INT $$; exit 6", 6),
    "stopped for a moment": ("(sleep 0.1; kill -CONT $$) & kill -STOP $$; exit 8", 8),
    "closed streams": ("exec <&- >&- 2>&-; exit 9", 9),
    "removed directory": ('mkdir "$0.d"; cd "$0.d"; rmdir "$0.d"; exit 10', 10),
    "other variables": ("env -i sh -c 'exit 11'", 11),
}


def inside(*words: str) -> Result:
    """Run ``exec`` in this process."""
    return CliRunner().invoke(main, ["exec", *words])


@pytest.mark.parametrize("name", SCRIPTS)
def test_exec_ends_with_the_code_of(name: str, tmp_path: Path) -> None:
    script, code = SCRIPTS[name]
    done = inside("--", "sh", "-c", script, str(tmp_path / "script"))
    assert done.exit_code == code, done.output
    assert isinstance(done.exception, SystemExit) or code == 0


@pytest.mark.parametrize("words", [(), ("--",)], ids=["nothing", "separator"])
def test_exec_without_a_command_runs_nothing(words: tuple[str, ...]) -> None:
    done = inside(*words)
    assert done.exit_code == 2
    assert "Missing argument 'COMMAND...'" in done.output


def test_exec_of_an_empty_word_is_a_missing_command() -> None:
    assert inside("--", "").exit_code in (126, 127)


def test_exec_does_not_wait_for_a_daemon(tmp_path: Path) -> None:
    """One that has left its group and closed its streams; it goes on after the run."""
    number = tmp_path / "number"
    done = inside("--", "sh", "-c", f"setsid sleep 600 <&- >&- 2>&- & echo $! >{number}; exit 5")
    assert done.exit_code == 5
    assert is_alive(int(number.read_text()))
    end(int(number.read_text()))


def test_exec_ends_before_a_process_that_kept_its_output(tmp_path: Path) -> None:
    number = tmp_path / "number"
    with Running("exec", "--", "sh", "-c", f"sleep 600 & echo $! >{number}; echo first; exit 5") as running:
        assert running.line() == "first"
        assert running.wait() == 5
        end(int(number.read_text()))


def test_exec_passes_100_mb_on_and_keeps_none(tmp_path: Path) -> None:
    """Through both streams; and none of it is kept."""
    write = f"import sys; [sys.stdout.buffer.write(bytes({_MEGABYTE})) for _ in range(100)]"
    count = tmp_path / "count"
    peak = (
        "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(code)"
    )
    command = [*PROGRAM, "exec", "--", sys.executable, "-c", write]
    done = run("-c", f'"$@" | wc -c >{count}', "sh", sys.executable, "-c", peak, *command, program=["sh"])
    assert (done.code, count.read_text().strip()) == (0, str(100 * _MEGABYTE)), done.err
    assert int(done.err.splitlines()[-1]) < 150_000 * (1 if sys.platform == "linux" else 1024)


def test_exec_passes_10_mb_of_input_on() -> None:
    done = execute("--", "wc", "-c", stdin=bytes(10 * _MEGABYTE))
    assert (done.code, done.out.split()) == (0, [str(10 * _MEGABYTE).encode()])


def test_exec_within_exec_has_a_server_of_its_own() -> None:
    show = 'echo "$AUTUMN_MOCK_URL"; exit 12'
    done = execute("--", "sh", "-c", 'echo "$AUTUMN_MOCK_URL"; "$@"', "sh", *PROGRAM, "exec", "--", "sh", "-c", show)
    outer, inner = done.out.split()
    assert (done.code, outer == inner) == (12, False)


def test_exec_ends_when_its_command_is_killed_from_outside() -> None:
    with Running("exec", "--", "sh", "-c", "echo $$; exec sleep 60") as running:
        number = int(running.line())
        end(number)
        assert running.wait() == 128 + signal.SIGKILL
        wait_until(lambda: not is_alive(number), "the command is gone")
