"""``autumn-mock exec``: it is as if the command had been run by itself, but for a server beside it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import sys
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from tinydb import TinyDB

from autumn_mock.cli import main
from autumn_mock.journal.finding_kinds import FINDING_KINDS
from tests.exec.running import (
    PROGRAM,
    Running,
    child,
    children_of,
    environment,
    execute,
    is_alive,
    on_unix,
    wait_until,
)
from tests.support.client import DEFAULT_KEY

unix = pytest.mark.skipif(not on_unix, reason="Windows has no such signals")
#: What cus_456 has in the default world.
GRANT = 1000


def can_connect(url: str) -> bool:
    """Whether somebody listens there."""
    address = urlsplit(url)
    with socket.socket() as client:
        return client.connect_ex((address.hostname or "", address.port or 0)) == 0


def inside(*words: str) -> Result:
    """Run ``autumn-mock exec`` in this process, where nothing depends on it that it is one of its own."""
    result = CliRunner().invoke(main, ["exec", *words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def junit(path: Path) -> dict[str, bool]:
    """The test cases of a JUnit report, and whether each has passed; the sums are checked."""
    suite = ElementTree.parse(path).getroot()
    assert suite.tag == "testsuite"
    cases = {f"{case.get('classname')}:{case.get('name')}": not case.findall("failure") for case in suite}
    assert int(suite.get("tests", "")) == len(cases)
    assert int(suite.get("failures", "")) == list(cases.values()).count(False)
    assert (suite.get("errors"), suite.get("skipped")) == ("0", "0")
    return cases


# -- how it ends


@pytest.mark.parametrize("code", [0, 5])
def test_it_ends_with_the_code_of_the_command(code: int) -> None:
    done = execute("--", "sh", "-c", f"exit {code}")
    assert done == (code, b"", "")


@unix
@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
def test_a_command_that_a_signal_ended_is_told_of_as_shells_do(name: str) -> None:
    done = execute("--", "sh", "-c", f"kill -{name.removeprefix('SIG')} $$")
    assert done == (128 + signal.Signals[name], b"", "")


@pytest.mark.parametrize("command", ["no-such-command-anywhere", "./nor this one"])
def test_a_command_that_does_not_exist_is_named_with_code_127(command: str, tmp_path: Path) -> None:
    done = execute("--", command, "with", "words", cwd=tmp_path)
    assert (done.code, done.out) == (127, b"")
    assert command in done.err
    assert len(done.err.splitlines()) == 1


@unix
@pytest.mark.parametrize("kind", ["directory", "no program", "no format"])
def test_what_is_no_program_is_named_with_code_126(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "not a program"
    if kind == "directory":
        path.mkdir()
    else:
        path.write_bytes(b"\x00\x01 neither a script nor a binary\n")
        path.chmod(stat.S_IRWXU if kind == "no format" else stat.S_IRUSR)
    done = execute("--", str(path))
    assert (done.code, done.out) == (126, b"")
    assert str(path) in done.err
    assert len(done.err.splitlines()) == 1


@unix
@pytest.mark.parametrize("line", ["#!/no/such/interpreter -x", "#!  /no/such/interpreter"])
def test_a_script_whose_interpreter_is_missing_says_which(line: str, tmp_path: Path) -> None:
    path = tmp_path / "script"
    path.write_text(f"{line}\n")
    path.chmod(stat.S_IRWXU)
    done = execute("--", str(path))
    assert (done.code, done.out) == (126, b"")
    said = f"autumn-mock: {path} cannot be run: its first line names /no/such/interpreter, which does not exist"
    assert done.err.splitlines() == [said]


# -- signals


@unix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_reaches_the_command_and_both_end_with_what_it_makes_of_it(name: str) -> None:
    """The signal is sent to autumn-mock alone, as service managers and programs do."""
    with Running("exec", "--", *child("pid", "url", f"await={name}", "exit=7")) as running:
        number, url = int(running.line()), json.loads(running.line())
        assert running.line() == "ready"
        assert can_connect(url)
        running.process.send_signal(signal.Signals[name])
        assert running.line() == "1"
        assert running.wait() == 7
        assert running.said() == ""
    assert not is_alive(number)
    assert not can_connect(url)


@unix
def test_a_command_that_knows_no_better_dies_of_the_signal_and_is_told_of() -> None:
    with Running("exec", "--", *child("pid", "listen")) as running:
        number = int(running.line())
        running.process.terminate()
        assert running.wait() == 128 + signal.SIGTERM
    assert not is_alive(number)


@unix
def test_ctrl_c_reaches_the_command_once() -> None:
    """The terminal sends it to both; the command decides what comes of it."""
    here, there = os.openpty()
    lead = (
        "import fcntl, os, sys, termios\n"
        "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"  # the terminal of the new session
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])\n"
    )
    leader = [sys.executable, "-c", lead, *PROGRAM[1:]]
    command = ["exec", "--", *child("await=SIGINT", "exit=3")]
    try:
        with Running(*command, program=leader, stdin=there, start_new_session=True) as running:
            assert running.line() == "ready"
            os.write(here, b"\x03")
            assert running.line() == "1"
            assert running.wait() == 3
    finally:
        os.close(here)
        os.close(there)


@unix
def test_a_second_signal_reaches_the_command_too() -> None:
    """So that a command which only stops accepting work at the first one can be told to hurry."""
    with Running("exec", "--", *child("await=SIGTERM", "await=SIGTERM", "exit=4")) as running:
        for _ in range(2):
            assert running.line() == "ready"
            running.process.terminate()
            assert running.line() == "1"
        assert running.wait() == 4


# -- what goes in and out


def test_input_and_output_pass_through_untouched() -> None:
    content = bytes(range(256)) * 4096
    done = execute("--", "sh", "-c", "cat; printf 'to the side\\n' >&2", stdin=content)
    assert (done.code, done.err) == (0, "to the side\n")
    assert done.out == content


def test_the_environment_keeps_what_it_had() -> None:
    given = {"LAST": "1", "EMPTY": "", "ODD": "a=b\nc\udcff", "PATH": os.environ["PATH"], "AUTUMN_OTHER": "kept"}
    done = execute("--", *child("env"), env=given)
    assert done.code == 0, done.err
    [seen] = done.lines
    before = environment(**given)
    ours = {name: seen.pop(name) for name in ("AUTUMN_MOCK_URL", "AUTUMN_MOCK_KEY", "AUTUMN_SECRET_KEY")}
    assert ours.pop("AUTUMN_MOCK_URL").startswith("http://127.0.0.1:")
    assert set(ours.values()) == {DEFAULT_KEY}
    assert {**seen, "LC_CTYPE": ""} == {**before, "LC_CTYPE": ""}  # Python itself may set that one


def test_what_the_environment_said_of_another_server_is_overruled() -> None:
    elsewhere = {"AUTUMN_MOCK_URL": "http://127.0.0.1:9", "AUTUMN_SECRET_KEY": "am_sk_live_production"}
    done = execute("--", *child("batch=3", "balance"), env=elsewhere)
    assert done.lines == [202, GRANT - 3]


def test_words_behind_the_command_are_its_own() -> None:
    """With ``--`` and without."""
    for dashes in ([], ["--"]):
        done = execute(*dashes, "printf", "%s\n", "--port", "-h", "--version", "--", "a b", "")
        assert done.out.decode().splitlines() == ["--port", "-h", "--version", "--", "a b", ""], done.err


def test_the_working_directory_is_kept(tmp_path: Path) -> None:
    assert execute("--", "pwd", cwd=tmp_path).out.decode().strip() == os.path.realpath(tmp_path)


# -- the server beside it


def test_two_side_by_side_share_nothing() -> None:
    command = ["exec", "--", *child("url", "batch=3", "listen", "balance")]
    with Running(*command) as one, Running(*command) as other:
        urls = [json.loads(each.line()) for each in (one, other)]
        assert urls[0] != urls[1]
        for each in (one, other):
            assert each.line() == "202"
            each.tell()
            assert float(each.line()) == GRANT - 3
            assert each.wait() == 0


def test_the_port_is_a_free_one_unless_it_is_given() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    given = f"http://127.0.0.1:{port}"
    assert execute("--port", str(port), "--", *child("url")).lines == [given]
    assert execute("--", *child("url"), env={"AUTUMN_MOCK_PORT": str(port)}).lines == [given]


def test_a_port_that_is_taken_is_told_and_nothing_is_run(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = execute("--port", port, "--", "touch", str(tmp_path / "was run"))
    assert (done.code, done.out) == (1, b"")
    assert port in done.err
    assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_world_a_fault_and_a_key_are_those_of_the_command() -> None:
    """The key of the environment is that of the world; a further one opens an empty organisation."""
    further = "am_sk_test_of_mine"
    options = ["--key", further, "--fault", "queue:down times=1", "--now", "2026-03-01", "--seed", "7"]
    done = execute(*options, "--", *child("batch=1", "again", "balance", f"key={further}", "batch=1"))
    assert done.lines == [503, 202, GRANT - 1, 404]
    other = execute("--world", "empty", "--", "sh", "-c", 'echo "$AUTUMN_SECRET_KEY"')
    assert other.out == b"am_sk_test_empty\n"


def test_a_world_that_knows_no_keys_needs_one(tmp_path: Path) -> None:
    """A snapshot keeps only hashes of keys: the key has to be given, and it opens the organisation that had it."""
    saved = tmp_path / "saved.json"
    program = " ".join(PROGRAM)
    script = f"{program} snapshot save {saved}"
    assert execute("--", *child("batch=2", "balance")).lines == [202, GRANT - 2]
    assert execute("--", "sh", "-c", script).code == 0
    done = execute("--world", str(saved), "--key", DEFAULT_KEY, "--", *child("balance"))
    assert done.lines == [GRANT]
    done = execute("--world", str(saved), "--", *child("balance"))
    assert (done.code, done.out) == (2, b"")
    assert "--key" in done.err
    assert "Traceback" not in done.err


def test_a_database_is_left_as_plain_tinydb_and_taken_up_by_the_next_run(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    for left in (GRANT - 2, GRANT - 4):
        assert execute("--db", str(file), "--", *child("batch=2", "balance")).lines == [202, left]
    with TinyDB(file) as database:
        assert [event["value"] for event in database.table("events").all()] == [2, 2]
    assert [each.name for each in tmp_path.iterdir()] == ["kept.json"]


def test_a_database_of_another_run_is_refused_in_a_sentence(tmp_path: Path) -> None:
    file = str(tmp_path / "kept.json")
    with Running("exec", "--db", file, "--", *child("pid", "listen")) as first:
        first.line()
        done = execute("--db", file, "--", *child("pid"))
        assert (done.code, done.out) == (1, b"")
        assert str(first.pid) in done.err
        assert "Traceback" not in done.err
        first.tell()
        assert first.wait() == 0


def test_commands_of_autumn_mock_work_inside() -> None:
    inside = f"{' '.join(PROGRAM)} health && {' '.join(PROGRAM)} balances cus_456 --json"
    done = execute("--", "sh", "-c", inside)
    assert done.code == 0, done.err
    health, _, rows = done.out.decode().partition("\n")
    assert health.startswith("ok: autumn-mock ")
    assert json.loads(rows)["list"][0]["remaining"] == GRANT


def test_commands_inside_are_given_the_token_that_the_server_demands() -> None:
    done = execute("--control-token", "a secret", "--", *PROGRAM, "stats", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["offered"] == 0


def test_the_ready_file_is_there_while_the_command_runs(tmp_path: Path) -> None:
    file = tmp_path / "ready"
    done = execute("--ready-file", str(file), "--", *child("url", f"exists={file}"))
    url, text = done.lines
    assert text == f"{url}\n"
    assert not file.exists()


def test_a_seed_that_was_drawn_is_told(tmp_path: Path) -> None:
    """So that a run can be had again, whether its rule has struck or not."""
    file = tmp_path / "report.json"
    done = execute("--fault", "enqueue:fail rate=0.2", "--report", str(file), "--", "true")
    assert "enqueue:fail rate=0.2 seed=" in done.err + file.read_text("utf-8")


@pytest.mark.skipif(shutil.which("ps") is None, reason="there is no ps")
def test_nothing_but_the_command_is_started_and_nothing_is_left_behind(tmp_path: Path) -> None:
    with Running("exec", "--", *child("pid", "url", "batch=1", "listen"), cwd=tmp_path) as running:
        number, url = int(running.line()), json.loads(running.line())
        assert running.line() == "202"
        assert children_of(running.pid) == [number]
        running.tell()
        assert running.wait() == 0
    wait_until(lambda: not is_alive(number), "the command is gone")
    assert not can_connect(url)
    assert list(tmp_path.iterdir()) == []


def test_it_works_from_a_path_with_spaces(tmp_path: Path) -> None:
    place = tmp_path / "a path with spaces & more"
    place.mkdir()
    program = place / "my program.sh"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$0" "$@"\nexit 6\n', "utf-8")
    program.chmod(stat.S_IRWXU)
    (place / "my world.yaml").write_text("organisations:\n  - slug: mine\n    keys: [am_sk_test_mine]\n", "utf-8")
    files = ["--db", "my file.json", "--world", "my world.yaml", "--report", "my report.json"]
    done = execute(*files, "--", str(program), "two words", "it's", cwd=place)
    assert (done.code, done.err) == (6, "")
    assert done.out.decode().splitlines() == [str(program), "two words", "it's"]
    document = json.loads((place / "my report.json").read_text("utf-8"))
    assert document["command"] == [str(program), "two words", "it's"]
    assert {each.name for each in place.iterdir()} == {
        "my program.sh", "my world.yaml", "my file.json", "my report.json"
    }  # fmt: skip


# -- options that are wrong


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--port", "70000"], "0 to 65535"),
        (["--world", "defualt"], "default"),
        (["--world", "gone.yaml"], "gone.yaml"),
        (["--fault", "queue:dwon"], "queue:down"),
        (["--key", "secret"], "am_sk_test_"),
        (["--host", "0.0.0.0"], "--control-token"),
        (["--nonsense"], "--nonsense"),
        (["--report", "/"], "/"),
        (["--now", "yesterday"], "yesterday"),
    ],
)
def test_a_wrong_option_ends_it_with_code_2_before_anything_is_run(
    options: list[str], named: str, tmp_path: Path
) -> None:
    result = inside(*options, "--", "touch", str(tmp_path / "was run"))
    assert result.exit_code == 2
    assert named in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [[], ["--"], ["--check-findings"]])
def test_without_a_command_it_ends_with_code_2(words: list[str]) -> None:
    result = inside(*words)
    assert result.exit_code == 2
    assert "COMMAND" in result.stderr


# -- what came to light

#: A client that sends a batch again although it was accepted.
CARELESS = child("batch=3", "again", "balance")


@pytest.fixture
def reports(tmp_path: Path) -> tuple[Path, Path]:
    """Where the two kinds of reports go."""
    return tmp_path / "report.json", tmp_path / "report.xml"


def test_a_broken_contract_fails_the_run_that_checks_for_it(reports: tuple[Path, Path]) -> None:
    as_json, as_xml = reports
    done = execute("--check-findings", "--report", str(as_json), "--", *CARELESS)
    assert (done.code, done.lines) == (3, [202, 202, GRANT - 6])
    assert "resent_after_accepted" in done.err
    assert FINDING_KINDS["resent_after_accepted"].instead in done.err
    document = json.loads(as_json.read_text("utf-8"))
    assert document["exit_code"] == 0
    assert document["command"] == CARELESS
    assert [each["code"] for each in document["findings"]] == ["resent_after_accepted"]
    assert (document["stats"]["accepted"], document["stats"]["deducted"]) == (2, 2)
    assert [each["status"] for each in document["requests"] if each["items"]] == [202, 202]
    done = execute("--report", str(as_xml), "--", *CARELESS)
    assert done.code == 0  # it was not asked to check, and still tells
    assert "resent_after_accepted" in done.err
    cases = junit(as_xml)
    assert [name for name, passed in cases.items() if not passed] == ["autumn-mock.contract:resent_after_accepted"]
    assert len(cases) == 1 + len(FINDING_KINDS)


def test_what_is_not_certain_is_told_and_fails_nothing(reports: tuple[Path, Path]) -> None:
    """Two equal uses without a mark may both be meant."""
    _, as_xml = reports
    done = execute("--check-findings", "--report", str(as_xml), "--", *child("unmarked=3", "again"))
    assert (done.code, done.lines) == (0, [202, 202])
    assert "resent_after_accepted (possible)" in done.err
    assert all(junit(as_xml).values())
    [told] = ElementTree.parse(as_xml).getroot().iter("system-out")
    assert FINDING_KINDS["resent_after_accepted"].instead in (told.text or "")


def test_the_code_of_a_command_that_failed_wins_over_that_of_its_findings(reports: tuple[Path, Path]) -> None:
    _, as_xml = reports
    done = execute("--check-findings", "--report", str(as_xml), "--", *CARELESS, "exit=5")
    assert done.code == 5
    failed = [name for name, passed in junit(as_xml).items() if not passed]
    assert len(failed) == 2
    suite = ElementTree.parse(as_xml).getroot()
    texts = [each.get("message", "") + (each.text or "") for each in suite.iter("failure")]
    assert "5" in texts[0]
    assert FINDING_KINDS["resent_after_accepted"].instead in texts[1]


def test_a_client_that_keeps_the_contract_passes_and_says_nothing(reports: tuple[Path, Path]) -> None:
    _, as_xml = reports
    done = execute("--check-findings", "--report", str(as_xml), "--", *child("batch=3", "balance"))
    assert (done.code, done.err) == (0, "")
    assert all(junit(as_xml).values())


def test_what_is_still_queued_at_the_end_is_worked_off_before_it_is_told(reports: tuple[Path, Path]) -> None:
    """But what a fault holds for good is not waited for."""
    as_json, _ = reports
    execute("--report", str(as_json), "--", *child("batch=1"))
    assert json.loads(as_json.read_text("utf-8"))["stats"]["deducted"] == 1
    execute("--fault", "worker:pause", "--report", str(as_json), "--", *child("batch=1"))
    stats = json.loads(as_json.read_text("utf-8"))["stats"]
    assert (stats["accepted"], stats["ready"], stats["deducted"]) == (1, 1, 0)


def test_a_command_that_cannot_be_run_is_reported(reports: tuple[Path, Path]) -> None:
    as_json, _ = reports
    assert execute("--report", str(as_json), "--", "no-such-command-anywhere").code == 127
    assert json.loads(as_json.read_text("utf-8"))["exit_code"] == 127


@pytest.mark.parametrize("suffix", ["xml", "json"])
def test_a_report_that_cannot_be_written_is_told_in_a_sentence(suffix: str, tmp_path: Path) -> None:
    """And neither the findings nor the command's own code get lost over it."""
    file = tmp_path / "nowhere" / f"report.{suffix}"
    for command, codes in (("false", {1, 2}), ("true", {1, 2})):  # before anything is run, or after all of it
        result = inside("--report", str(file), "--", command)
        assert result.exit_code in codes
        assert str(file) in result.stderr


@pytest.mark.parametrize("word", ["\x1b[1mbold", "a\nb", "<&>\"'", "naïve 数据 😀", "\ufffe", "bad \udcff byte"])
@pytest.mark.parametrize("suffix", ["xml", "json"])
def test_a_report_is_well_formed_whatever_the_command_is_called(suffix: str, word: str, tmp_path: Path) -> None:
    file = tmp_path / f"report.{suffix}"
    result = inside("--report", str(file), "--", "true", word)
    assert result.exit_code == 0, result.output
    if suffix == "xml":
        assert all(junit(file).values())
    else:
        assert json.loads(file.read_text("utf-8"))["command"][0] == "true"


def test_help_tells_of_the_code_and_of_the_variables() -> None:
    text = inside("--help").output
    for word in ("AUTUMN_MOCK_URL", "AUTUMN_SECRET_KEY", "--check-findings", "--report", "JUnit"):
        assert word in text
