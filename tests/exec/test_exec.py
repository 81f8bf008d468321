"""``exec``: exit codes, signals, environment, the server, findings and reports."""

from __future__ import annotations

import json
import os
import re
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
    """Whether a server is listening."""
    address = urlsplit(url)
    with socket.socket() as client:
        return client.connect_ex((address.hostname or "", address.port or 0)) == 0


def inside(*words: str) -> Result:
    """Run ``exec`` in this process."""
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


# -- exit codes


#: What is printed of a command that sends no requests.
NO_REQUEST = (
    "autumn-mock: warning: 0 requests reached the server: does the client use the address in AUTUMN_MOCK_URL?\n"
)


@pytest.mark.parametrize("code", [0, 5])
def test_exec_exits_with_the_code_of_the_command(code: int) -> None:
    done = execute("--", "sh", "-c", f"exit {code}")
    assert done == (code, b"", NO_REQUEST)


@unix
@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
def test_exec_exits_like_a_shell_for_a_command_that_a_signal_ended(name: str) -> None:
    done = execute("--", "sh", "-c", f"kill -{name.removeprefix('SIG')} $$")
    assert done == (128 + signal.Signals[name], b"", "")


@pytest.mark.parametrize("command", ["no-such-command-anywhere", "./nor this one"])
def test_exec_exits_with_127_for_a_missing_command(command: str, tmp_path: Path) -> None:
    done = execute("--", command, "with", "words", cwd=tmp_path)
    assert (done.code, done.out) == (127, b"")
    assert command in done.err
    assert len(done.err.splitlines()) == 1


@unix
@pytest.mark.parametrize("kind", ["directory", "no program", "no format"])
def test_exec_exits_with_126_for_what_cannot_be_run(kind: str, tmp_path: Path) -> None:
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
def test_exec_names_the_missing_interpreter_of_a_script(line: str, tmp_path: Path) -> None:
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
def test_exec_forwards_signals_to_the_command(name: str) -> None:
    """The signal is sent to autumn-mock alone, as service managers do."""
    with Running("exec", "--", *child("pid", "url", f"await={name}", "exit=7")) as running:
        number, url = int(running.line()), json.loads(running.line())
        assert running.line() == "ready"
        assert can_connect(url)
        running.process.send_signal(signal.Signals[name])
        assert running.line() == "1"
        assert running.wait() == 7
        assert running.stderr() == NO_REQUEST
    assert not is_alive(number)
    assert not can_connect(url)


@unix
def test_exec_leaves_ctrl_c_to_the_terminal() -> None:
    """The terminal sends it to both processes; the command must receive it once."""
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


# -- input, output, environment


def test_exec_passes_input_and_output_through() -> None:
    content = bytes(range(256)) * 4096
    done = execute("--", "sh", "-c", "cat; printf 'to the side\\n' >&2", stdin=content)
    assert (done.code, done.err) == (0, f"to the side\n{NO_REQUEST}")
    assert done.out == content


def test_exec_adds_to_the_environment_and_keeps_the_rest() -> None:
    given = {"LAST": "1", "EMPTY": "", "ODD": "a=b\nc\udcff", "PATH": os.environ["PATH"], "AUTUMN_OTHER": "kept"}
    done = execute("--", *child("env"), env=given)
    assert done.code == 0, done.err
    [seen] = done.lines
    before = environment(**given)
    ours = {name: seen.pop(name) for name in ("AUTUMN_MOCK_URL", "AUTUMN_MOCK_KEY", "AUTUMN_SECRET_KEY")}
    assert ours.pop("AUTUMN_MOCK_URL").startswith("http://127.0.0.1:")
    assert set(ours.values()) == {DEFAULT_KEY}
    assert seen.pop("ATMN_BACKEND_URL").startswith("http://127.0.0.1:")
    assert {seen.pop(name) for name in ("NO_PROXY", "no_proxy")} == {"127.0.0.1,localhost"}
    assert {**seen, "LC_CTYPE": ""} == {**before, "LC_CTYPE": ""}  # Python itself may set that one


def test_exec_leaves_options_after_the_command_to_it() -> None:
    for dashes in ([], ["--"]):
        done = execute(*dashes, "printf", "%s\n", "--port", "-h", "--version", "--", "a b", "")
        assert done.out.decode().splitlines() == ["--port", "-h", "--version", "--", "a b", ""], done.err


# -- the server


def test_exec_in_parallel_shares_nothing() -> None:
    command = ["exec", "--", *child("url", "batch=3", "listen", "balance")]
    with Running(*command) as one, Running(*command) as other:
        urls = [json.loads(each.line()) for each in (one, other)]
        assert urls[0] != urls[1]
        for each in (one, other):
            assert each.line() == "202"
            each.send_line()
            assert float(each.line()) == GRANT - 3
            assert each.wait() == 0


def test_exec_uses_a_free_port_unless_one_is_given() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    given = f"http://127.0.0.1:{port}"
    assert execute("--port", str(port), "--", *child("url")).lines == [given]
    assert execute("--", *child("url"), env={"AUTUMN_MOCK_PORT": str(port)}).lines == [given]


def test_exec_runs_nothing_if_the_port_is_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = execute("--port", port, "--", "touch", str(tmp_path / "was run"))
    assert (done.code, done.out) == (1, b"")
    assert port in done.err
    assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_exec_applies_the_options_of_the_server() -> None:
    """The first further key is the command's; its organisation is empty."""
    further = "am_sk_test_of_mine"
    options = ["--key", further, "--fault", "queue:down times=1", "--now", "2026-03-01", "--seed", "7"]
    done = execute(*options, "--", *child("batch=1", f"key={DEFAULT_KEY}", "batch=1", "again", "balance"))
    assert done.lines == [404, 503, 202, GRANT - 1]
    other = execute("--world", "empty", "--", "sh", "-c", 'echo "$AUTUMN_SECRET_KEY"')
    assert other.out == b"am_sk_test_empty\n"


def test_exec_requires_a_key_for_a_world_without_keys(tmp_path: Path) -> None:
    """A snapshot has only hashes of keys."""
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


def test_exec_with_db_leaves_a_tinydb_file_for_the_next_run(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    for left in (GRANT - 2, GRANT - 4):
        assert execute("--db", str(file), "--", *child("batch=2", "balance")).lines == [202, left]
    with TinyDB(file) as database:
        assert [event["value"] for event in database.table("events").all()] == [2, 2]
    assert [each.name for each in tmp_path.iterdir()] == ["kept.json"]


def test_commands_work_under_exec() -> None:
    inside = f"{' '.join(PROGRAM)} health && {' '.join(PROGRAM)} balances cus_456 --json"
    done = execute("--control-token", "a secret", "--", "sh", "-c", inside)
    assert done.code == 0, done.err
    health, _, rows = done.out.decode().partition("\n")
    assert health.startswith("ok: autumn-mock ")
    assert json.loads(rows)["list"][0]["remaining"] == GRANT


def test_exec_keeps_the_ready_file_while_the_command_runs(tmp_path: Path) -> None:
    file = tmp_path / "ready"
    done = execute("--ready-file", str(file), "--", *child("url", f"exists={file}"))
    url, text = done.lines
    assert text == f"{url}\n"
    assert not file.exists()


@pytest.mark.skipif(shutil.which("ps") is None, reason="there is no ps")
def test_exec_starts_one_process_and_leaves_nothing(tmp_path: Path) -> None:
    with Running("exec", "--", *child("pid", "url", "batch=1", "listen"), cwd=tmp_path) as running:
        number, url = int(running.line()), json.loads(running.line())
        assert running.line() == "202"
        assert children_of(running.pid) == [number]
        running.send_line()
        assert running.wait() == 0
    wait_until(lambda: not is_alive(number), "the command is gone")
    assert not can_connect(url)
    assert list(tmp_path.iterdir()) == []


# -- invalid options


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
        (["--report", "missing/report.xml"], "missing/report.xml"),
        (["--now", "yesterday"], "yesterday"),
    ],
)
def test_exec_refuses_invalid_options_and_runs_nothing(options: list[str], named: str, tmp_path: Path) -> None:
    result = inside(*options, "--", "touch", str(tmp_path / "was run"))
    assert result.exit_code == 2
    assert named in result.stderr
    assert list(tmp_path.iterdir()) == []


# -- findings and reports

#: A client that sends a batch again although it was accepted.
CARELESS = child("batch=3", "again", "balance")


@pytest.fixture
def reports(tmp_path: Path) -> tuple[Path, Path]:
    """Where the two kinds of reports go."""
    return tmp_path / "report.json", tmp_path / "report.xml"


def test_check_findings_fails_the_run_for_a_violation(reports: tuple[Path, Path]) -> None:
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
    assert done.code == 0  # without --check-findings the finding is only printed
    assert "resent_after_accepted" in done.err
    cases = junit(as_xml)
    assert [name for name, passed in cases.items() if not passed] == ["autumn-mock.contract:resent_after_accepted"]
    assert len(cases) == 1 + len(FINDING_KINDS)


@pytest.mark.parametrize("words", [("open", "batch=3", "again", "close"), ("batch=3", "again", "reset")])
def test_check_findings_includes_organisations_that_are_closed_or_reset(words: tuple[str, ...]) -> None:
    done = execute("--check-findings", "--", *child(*words))
    assert (done.code, done.lines) == (3, [202, 202, 200])
    assert done.err.count("autumn-mock: resent_after_accepted: ") == 1
    assert "charged too often: 3 messages" in done.err


def test_findings_name_the_organisation_of_their_requests(reports: tuple[Path, Path]) -> None:
    owner = None
    for report in reports:
        words = ("open=charges twice", "batch=3", "again", "close", "key=am_sk_test_wrong", *["again"] * 3)
        done = execute("--report", str(report), "--", *child(*words))
        owner = re.search(r"resent_after_accepted: (organisation \S+ \(charges twice\), sandbox): A batch", done.err)
        assert owner is not None, done.err
        assert "wrong_key_retried: no organisation: The key" in done.err
    assert owner is not None
    found = {each["code"]: each for each in json.loads(reports[0].read_text("utf-8"))["findings"]}
    named = found["resent_after_accepted"]
    assert (named["org_name"], named["env"]) == ("charges twice", "sandbox")
    assert named["org"]
    assert named["org_slug"]
    assert found["wrong_key_retried"]["org"] == found["wrong_key_retried"]["org_name"] == ""
    [failure] = ElementTree.parse(reports[1]).getroot().findall("testcase[@name='resent_after_accepted']/failure")
    assert failure.get("message", "").startswith(owner[1])
    assert (failure.text or "").startswith(owner[1])


def test_a_failed_command_is_followed_by_why_its_requests_failed(reports: tuple[Path, Path]) -> None:
    as_json, as_xml = reports
    code = """
import os, urllib.request
for key in (os.environ["AUTUMN_SECRET_KEY"], "am_sk_test_forgotten_key"):
    url = os.environ["AUTUMN_MOCK_URL"] + "/v1/balances.check"
    body = b'{"customer_id":"cus_123","feature_id":"mesages"}'
    try: urllib.request.urlopen(urllib.request.Request(url, body, {"Authorization": "Bearer " + key}))
    except urllib.error.HTTPError: pass
raise SystemExit(%d)
"""
    done = execute("--report", str(as_xml), "--", sys.executable, "-c", code % 1)
    assert done.code == 1
    assert "autumn-mock: 2 of 2 requests failed:\n" in done.err
    assert "POST /v1/balances.check 404 cus_123: Feature mesages not found\n" in done.err
    assert '    sent: {"customer_id":"cus_123","feature_id":"mesages"}\n' in done.err
    unknown = (
        f"1 request used a key that opens no organisation: am_sk_test_forg*********; the key here is {DEFAULT_KEY}"
    )
    assert f"autumn-mock: {unknown}\n" in done.err
    assert unknown in (ElementTree.parse(as_xml).getroot().findtext("testcase/system-err") or "")
    done = execute("--report", str(as_json), "--", sys.executable, "-c", code % 0)
    assert done.code == 0
    assert "requests failed" not in done.err  # a test of errors causes them
    assert unknown in done.err
    document = json.loads(as_json.read_text("utf-8"))
    assert document["unknown_keys"] == {"am_sk_test_forg*********": 1}
    assert json.loads(document["requests"][0]["request_body"])["feature_id"] == "mesages"


def test_check_findings_reports_probable_findings_only(reports: tuple[Path, Path]) -> None:
    _, as_xml = reports
    done = execute("--check-findings", "--report", str(as_xml), "--", *child("unmarked=3", "again"))
    assert (done.code, done.lines) == (0, [202, 202])
    assert "resent_after_accepted (probable)" in done.err
    hint = "autumn-mock: 1 probable finding not counted; --check-findings=probable fails on it, too"
    assert hint in done.err
    assert hint not in execute("--check-findings=probable", "--", *child("unmarked=3", "again")).err
    assert all(junit(as_xml).values())
    [output] = ElementTree.parse(as_xml).getroot().iter("system-out")
    assert FINDING_KINDS["resent_after_accepted"].instead in (output.text or "")


def test_check_findings_keeps_the_code_of_a_failed_command(reports: tuple[Path, Path]) -> None:
    _, as_xml = reports
    done = execute("--check-findings", "--report", str(as_xml), "--", *CARELESS, "exit=5")
    assert done.code == 5
    failed = [name for name, passed in junit(as_xml).items() if not passed]
    assert len(failed) == 2
    suite = ElementTree.parse(as_xml).getroot()
    texts = [each.get("message", "") + (each.text or "") for each in suite.iter("failure")]
    assert "5" in texts[0]
    assert FINDING_KINDS["resent_after_accepted"].instead in texts[1]


def test_check_findings_prints_nothing_for_a_correct_client(reports: tuple[Path, Path]) -> None:
    _, as_xml = reports
    done = execute("--check-findings", "--report", str(as_xml), "--", *child("batch=3", "balance"))
    assert (done.code, done.err) == (0, "")
    assert all(junit(as_xml).values())


@pytest.mark.parametrize(
    ("rules", "words", "warnings"),
    [
        ((), (), [NO_REQUEST.removeprefix("autumn-mock: warning: ").strip()]),
        (("queue:down times=1", "worker:drop"), ("batch=3",), ["rule never fired: worker:drop"]),
        (("reply:delay 1ms",), ("open", "batch=3", "close"), []),
        (("reply:delay 1ms times=1",), ("batch=3", "reset", "batch=3"), []),
        (
            ("worker:drop customer=cus_123",),
            ("open", "batch=3", "close"),
            ["rule never fired: worker:drop customer=cus_123"],
        ),
    ],
    ids=["no request", "one of two", "closed organisation", "reset", "never in a closed one"],
)
def test_exec_warns_of_runs_that_prove_little(
    rules: tuple[str, ...], words: tuple[str, ...], warnings: list[str], reports: tuple[Path, Path]
) -> None:
    as_json, _ = reports
    options = [word for rule in rules for word in ("--fault", rule)]
    done = execute(*options, "--report", str(as_json), "--", *child(*words))
    assert done.code == 0
    assert re.findall("^autumn-mock: warning: (.*)$", done.err, re.MULTILINE) == warnings
    assert json.loads(as_json.read_text("utf-8"))["warnings"] == warnings


def test_exec_fails_on_warnings_if_asked(reports: tuple[Path, Path]) -> None:
    _, as_xml = reports
    done = execute("--fail-on-warnings", "--fault", "worker:drop", "--report", str(as_xml), "--", *child())
    assert done.code == 3
    text = ElementTree.parse(as_xml).getroot().findtext("testcase/system-err") or ""
    assert text.splitlines()[1] == "warning: rule never fired: worker:drop"
    assert execute("--fail-on-warnings", "--", *child("exit=4")).code == 4
    assert execute("--fail-on-warnings", "--", *child("batch=1")).code == 0


def test_report_is_written_after_the_queue_is_drained(reports: tuple[Path, Path]) -> None:
    as_json, _ = reports
    execute("--report", str(as_json), "--", *child("batch=1"))
    assert json.loads(as_json.read_text("utf-8"))["stats"]["deducted"] == 1
    execute("--fault", "worker:pause", "--report", str(as_json), "--", *child("batch=1"))
    stats = json.loads(as_json.read_text("utf-8"))["stats"]
    assert (stats["accepted"], stats["ready"], stats["deducted"]) == (1, 1, 0)


@pytest.mark.parametrize(
    "word", ["\x1b[1mbold", "a\nb", "<&>\"'", "naïve 数据 😀", "\ufffe", "bad \udcff byte", "a ]]> b", "\x01\x08"]
)
@pytest.mark.parametrize("suffix", ["xml", "json"])
def test_report_is_well_formed_for_any_arguments(suffix: str, word: str, tmp_path: Path) -> None:
    file = tmp_path / f"report.{suffix}"
    result = inside("--report", str(file), "--", "true", word)
    assert result.exit_code == 0, result.output
    if suffix == "xml":
        assert all(junit(file).values())
    else:
        assert json.loads(file.read_text("utf-8"))["command"][0] == "true"


def test_exec_gives_the_command_the_first_key_of_the_option() -> None:
    program = [sys.executable, "-c", "import os; print(os.environ['AUTUMN_SECRET_KEY'], os.environ['AUTUMN_MOCK_KEY'])"]
    done = execute("--world", "empty", "--key", "am_sk_test_mine", "--key", "am_sk_test_other", "--", *program)
    assert done.out.split() == [b"am_sk_test_mine"] * 2, done.err


def test_report_is_written_to_standard_output() -> None:
    done = execute("--report", "-", "--", sys.executable, "-c", "")
    assert json.loads(done.out)["exit_code"] == 0, done.err


def test_exec_warns_of_a_run_that_only_pushed_a_catalogue() -> None:
    """``atmn push`` before a suite that reaches nothing proves nothing."""
    call = 'import os, httpx; httpx.post(os.environ["AUTUMN_MOCK_URL"] + "/v1/features.list", json={}, headers=HEADERS)'
    headers = 'HEADERS = {"authorization": "Bearer " + os.environ["AUTUMN_SECRET_KEY"]}'
    program = f"import os; {headers}; {call}"
    done = execute("--fail-on-warnings", "--", sys.executable, "-c", program)
    assert (done.code, b"only requests about the catalogue" in done.err.encode()) == (3, True)
