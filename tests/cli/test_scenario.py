"""``scenario`` and ``demo``, run as processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from autumn_mock.cli import demo as demo_module
from autumn_mock.cli.scenario import own_server
from autumn_mock.input_files import shipped_files
from autumn_mock.scenarios.report import Report
from tests.scenarios.conftest import WriteScenario, write_steps
from tests.support.client import Client
from tests.support.server import ServerProcess

# Only these commands, without the others.
_COMMANDS = """\
import click
from autumn_mock.cli.demo import demo
from autumn_mock.cli.scenario import scenario
click.Group(commands=[scenario, demo])(prog_name="autumn-mock")
"""
_ENV = {name: value for name, value in os.environ.items() if name != "AUTUMN_MOCK_URL"}


@pytest.fixture
def write_scenario(tmp_path: Path) -> WriteScenario:
    """Write a scenario file."""
    return partial(write_steps, tmp_path)


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", _COMMANDS, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env={**_ENV, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8", **env},
    )


def test_list_prints_names_and_titles() -> None:
    listed = run("scenario", "list").stdout
    assert [line.split()[0] for line in listed.splitlines()] == list(shipped_files("scenario"))
    assert "Slow, but accepted, and charged four times" in listed
    assert run("demo").stdout == listed


def test_run_prints_each_step_and_the_result(server: ServerProcess) -> None:
    done = run("scenario", "run", "outage-and-safe-retry", "--url", server.url)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for line in (
        f"on {server.url}, world default.",
        " 3  The client keeps its batch and retries, no sooner than Retry-After.\n",
        "    batch     2 items: 100, 200 messages of cus_456\n",
        "              retries after 503, at most 5 times\n",
        "    try 1     503 Async track is not available right now (Retry-After: 1)\n",
        "    wait      1 s as asked (the clock is moved)\n",
        '    try 3     202 {"success": true}\n',
        "    balance   cus_456 messages 1000 → 700 (-300)\n",
        "    ✓         no findings\n",
    ):
        assert line in done.stdout
    lines = done.stdout.splitlines()
    assert lines[-1] == "5 steps, all as expected"
    assert all(len(line) <= 80 and line == line.rstrip() for line in lines)


def test_run_takes_the_server_from_the_environment(server: ServerProcess) -> None:
    done = run("scenario", "run", "unknown-customers", AUTUMN_MOCK_URL=server.url)
    assert done.returncode == 0
    assert server.url in done.stdout


def test_run_starts_a_server_if_there_is_none(write_scenario: WriteScenario) -> None:
    done = run("scenario", "run", str(write_scenario("- drain: 1s")))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("No server is listening at http://127.0.0.1:2886; starting one for this run.\n")
    assert done.stdout.endswith("\n1 step, all as expected\n")


def test_run_reports_the_line_of_an_unmet_expectation_and_exits_with_1(
    server: ServerProcess, write_scenario: WriteScenario
) -> None:
    path = write_scenario("- drain: 1s\n- expect: {lost: 7}\n- drain: 1s")
    done = run("scenario", "run", str(path), "--url", server.url, COLUMNS="300")
    assert done.returncode == 1
    assert "✗         expected 7 lost items, but there are no lost items in the journal\n" in done.stdout
    assert "Step 2 of 3 is not as expected:\n" in done.stdout
    joined = done.stdout.replace("\n", " ")  # a long path breaks the line
    assert f"{path}:4: expected 7 lost items, but there are no lost items in the journal" in joined
    assert "Traceback" not in done.stderr


def test_run_prints_json(server: ServerProcess) -> None:
    done = run("scenario", "run", "retry-after-202", "--json", "--url", server.url)
    played = json.loads(done.stdout)
    assert (played["scenario"], played["passed"], played["unmet"]) == ("retry-after-202", True, [])
    assert played["balances"] == [{"customer": "cus_456", "feature": "messages", "before": 1000, "after": 450}]
    assert played["stats"]["deducted"] == 5
    assert [finding["code"] for finding in played["findings"]] == ["resent_after_accepted"]
    sent = [event["outcome"] for step in played["steps"] for event in step["events"] if event["event"] == "attempt"]
    assert sent == [202, 202]


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["scenario", "run", "retry-after-220"], 2, "did you mean 'retry-after-202'?"),
        (["scenario", "run", "missing.yaml"], 2, "missing.yaml: there is no such file"),
        (["scenario", "run", "retry-after-202", "--url", "here"], 2, "must be a URL"),
        (["scenario", "run", "retry-after-202", "--url", "http://127.0.0.1:9"], 1, "no server is listening at"),
        (["demo", "retry-after-220"], 2, "did you mean 'retry-after-202'?"),
    ],
)
def test_run_and_demo_report_errors_without_a_traceback(arguments: list[str], code: int, named: str) -> None:
    done = run(*arguments)
    assert done.returncode == code
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_run_reports_the_line_of_an_error_in_a_file(write_scenario: WriteScenario) -> None:
    path = write_scenario("- drain: soon")
    done = run("scenario", "run", str(path))
    assert done.returncode == 2
    assert f"{path}:3:3: steps.0.drain: 'soon' is not a duration" in done.stderr


def test_run_reads_the_world_of_standard_input_from_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text("organisations:\n  - slug: acme\n    keys: [am_sk_test_acme]\n")
    text = "title: Mine\nworld: acme.yaml\nsteps:\n  - drain: 1s\n"
    done = subprocess.run(
        [sys.executable, "-c", _COMMANDS, "scenario", "check", "-"],
        input=text,
        cwd=tmp_path,
        env=_ENV,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Mine: 1 step, world acme.yaml")


def test_demo_prints_balances_counters_and_findings() -> None:
    done = run("demo", "slow-but-accepted", "--fast")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    shown = done.stdout
    assert "    try 4     no reply within 400 ms; the client treats it as a 503\n" in shown
    before, after = (line for line in shown.splitlines() if "  before  " in line or "  after   " in line)
    assert before.startswith("  cus_456 ")
    assert before.endswith(" 1000")
    assert after.endswith(" 250  -750")
    assert before.count("━") > 3 * after.count("━") > 0
    assert "      8 accepted = 0 ready + 0 in flight + 5 deducted + 3 lost\n" in shown
    assert "      3 lost     = 3 duplicate_idempotency_key\n" in shown
    assert "  Sent again after its reply was lost  resent_after_lost_reply\n" in shown
    assert "(450 messages)" in shown
    assert "    instead  Give each item an idempotency_key" in shown
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_demo_prints_ascii_if_the_terminal_has_nothing_else() -> None:
    done = run("demo", "crash-and-recovery", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "    ok        no findings\n" in done.stdout
    assert "cus_456 messages 1000 -> 700 (-300)\n" in done.stdout
    assert "-----" in done.stdout


def test_demo_exits_with_1_for_an_unmet_expectation(write_scenario: WriteScenario) -> None:
    done = run("demo", str(write_scenario("- expect: {lost: 7}")))
    assert done.returncode == 1
    assert "Counters\n" in done.stdout
    assert "Step 1 of 1 is not as expected" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="signals of a terminal")
def test_demo_ends_cleanly_on_ctrl_c(write_scenario: WriteScenario) -> None:
    path = write_scenario(
        "- pause: workers\n- track: {customer_id: cus_456, feature_id: messages}\n- batch: "
        "[{customer_id: cus_456, feature_id: messages}]\n- drain: 30s"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMANDS, "demo", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**_ENV, "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(" 4  "):
            break
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "Aborted!" in error
    assert "Traceback" not in error


def test_own_server_leaves_no_thread_and_no_socket() -> None:
    before = set(threading.enumerate())
    descriptors = Path("/proc/self/fd")
    opened = len(list(descriptors.iterdir())) if descriptors.is_dir() else 0
    with own_server() as url:
        assert url.startswith("http://127.0.0.1:")
    assert set(threading.enumerate()) <= before
    if descriptors.is_dir():
        assert len(list(descriptors.iterdir())) <= opened


def test_run_keeps_its_organisation(server: ServerProcess) -> None:
    done = run("scenario", "run", "unknown-customers", "--keep", "--url", server.url)
    assert done.returncode == 0, done.stderr
    kept, removal = done.stdout.splitlines()[-2:]
    key = kept.rsplit("--key ", 1)[1]
    assert removal == f"to remove its organisation: autumn-mock org close --url {server.url} --key {key}"
    assert server.get("/_mock/stats", key).body["lost"] > 0
    [org] = server.get("/_mock/organisations", key).body["list"]
    assert kept.startswith(f"kept: page {server.url}/_mock/?organisation={org['id']}; ")
    assert org["name"] == "Unknown customers, accepted and lost in silence"
    server.request("DELETE", "/_mock/organisations", None, server.headers(key))


def test_demo_waits_between_the_text_of_a_step_and_its_play(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(Report, "show", lambda _self, event: seen.append(type(event).__name__))
    monkeypatch.setattr(demo_module, "_wait_for_enter", lambda: seen.append("Enter"))
    monkeypatch.setattr(demo_module, "hold", lambda *_, **__: None)
    done = CliRunner().invoke(demo_module.demo, ["retry-after-202", "--step"])
    assert done.exit_code == 0, done.output
    assert seen.count("Enter") == seen.count("StepBegins") == 4
    assert all(seen[index - 1] == "StepBegins" for index, each in enumerate(seen) if each == "Enter")
    assert seen[-1] == "StepEnds"


def test_demo_steps_with_enter_and_keeps_its_server() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _COMMANDS, "demo", "retry-after-202", "--step"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        env={**_ENV, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write("\n" * 20)
            process.stdin.close()
            kept = next(line for line in process.stdout if line.startswith("kept: page"))
            url, key = kept.split()[2].partition("/_mock/")[0], kept.split()[-1]
            assert Client(url, key).stats()["accepted"] > 0
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 1  # of click alone; the main command makes it 130
        finally:
            process.kill()


@pytest.mark.parametrize("content", ["", "titel: x\n"])
def test_scenario_from_standard_input(content: str) -> None:
    text = content or shipped_files("scenario")["unknown-customers"].read_text("utf-8")
    done = subprocess.run(
        [sys.executable, "-c", _COMMANDS, "scenario", "run", "-"],
        input=text,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env={**_ENV, "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == (2 if content else 0), done.stderr
