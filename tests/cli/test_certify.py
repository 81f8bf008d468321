"""``certify``, run as a command."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from click.testing import CliRunner, Result

from autumn_mock.certification.data import CertificateData
from autumn_mock.cli import main
from autumn_mock.input_files import shipped_files

#: A client that reports success and sends nothing.
SILENT = """
import json, sys
for line in sys.stdin:
    print(json.dumps({"id": json.loads(line)["id"], "outcome": "returned"}), flush=True)
"""
CASE = ["--case", "track-returns"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["certify", *arguments], env={"COLUMNS": None}, prog_name="autumn-mock")


@pytest.fixture
def silent(tmp_path: Path) -> list[str]:
    """The command of an adapter whose client fails."""
    path = tmp_path / "silent.py"
    path.write_text(SILENT, "utf-8")
    return ["--", sys.executable, str(path)]


def test_list_names_every_case() -> None:
    lines = run("--list").stdout.splitlines()[1:]
    assert sorted(line.split()[0] for line in lines) == sorted(shipped_files("case"))
    assert {row["name"] for row in json.loads(run("--list", "--json").stdout)["list"]} == set(shipped_files("case"))


def test_protocol_prints_the_page() -> None:
    assert run("--protocol").stdout.startswith("# Certifying a client\n")


def test_shipped_adapter_passes_and_one_case_has_its_story() -> None:
    done = run("--adapter", "httpx", *CASE)
    assert done.exit_code == 0, done.output
    for part in ("level must: ", "the service charges: 5 messages of cus_456", "balances.track: 200 after", "passed"):
        assert part in done.stdout


def test_json_has_what_was_asked_sent_and_answered_and_when() -> None:
    done = run("--adapter", "httpx", "--case", "reset-after", "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert msgspec.convert(document, CertificateData).summary == "must 1/1"
    assert document.keys() == set(CertificateData.__struct_fields__)
    [case] = document["cases"]
    first, second, third, fourth = case["requests"]
    assert (first["call"], first["status"], first["service_status"]) == ("balances.track", None, 200)
    assert first["reply"] is None
    assert first["faults"] == ["reply:reset after=enqueue times=1"]
    assert first["body"]["idempotency_key"] == second["body"]["idempotency_key"]
    assert (second["status"], second["reply"]["code"]) == (409, "duplicate_idempotency_key")
    assert third["body"][0]["value"] == fourth["body"][0]["value"] == 3
    assert (fourth["status"], fourth["reply"], fourth["items"]) == (202, {"success": True}, 1)
    assert "authorization" in fourth["headers"]
    assert "am_sk_test" not in json.dumps(fourth["headers"]).replace(fourth["headers"]["authorization"], "")
    times = [each["at_ms"] for each in case["requests"]]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= case["took_ms"]
    [track] = case["steps"][1]["instructions"]
    assert (track["do"], track["outcome"], track["fields"]["item"]["value"]) == ("track", "returned", 5)
    assert case["steps"][1]["at_ms"] <= times[0] + 50
    assert track["took_ms"] > 0


def test_failed_case_is_exit_code_1_by_level(silent: list[str], tmp_path: Path) -> None:
    done = run(*CASE, "--json", *silent)
    assert done.exit_code == 1
    document = json.loads(done.stdout)
    assert document["summary"] == "must 0/1"
    assert document["cases"][0]["problems"] == [
        "cus_456 messages: 5 were to be charged, each use once; 0 were charged",
        "expected 1 request, but there were 0",
    ]
    path = tmp_path / "mine.yaml"
    path.write_text(shipped_files("case")["track-returns"].read_text("utf-8").replace("level: must", "level: should"))
    assert run("--case", str(path), *silent).exit_code == 0
    assert run("--case", str(path), "--level", "should", *silent).exit_code == 1


def test_reports_have_the_format_of_their_suffix(silent: list[str], tmp_path: Path) -> None:
    paths = {suffix: tmp_path / f"report.{suffix}" for suffix in ("xml", "json", "md", "html", "svg")}
    options = [option for path in paths.values() for option in ("--report", str(path))]
    assert run(*CASE, *options, *silent).exit_code == 1
    suite = ElementTree.parse(paths["xml"]).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert "the service charges" in str(failure.text)
    assert json.loads(paths["json"].read_text("utf-8"))["cases"][0]["verdict"] == "failed"
    assert "| `track-returns` | must | **failed** |" in paths["md"].read_text("utf-8")
    page = paths["html"].read_text("utf-8")
    assert 'class="failed"' in page
    assert "<svg" in page
    assert ElementTree.fromstring(paths["svg"].read_text("utf-8")).get("aria-label") == "autumn conformance: must 0/1"


def test_a_failure_below_the_level_is_skipped_in_junit(silent: list[str], tmp_path: Path) -> None:
    case, report = tmp_path / "mine.yaml", tmp_path / "report.xml"
    case.write_text(shipped_files("case")["track-returns"].read_text("utf-8").replace("level: must", "level: should"))
    for level, expected in (("must", ("0", "1")), ("should", ("1", "0"))):
        run("--case", str(case), "--level", level, "--report", str(report), *silent)
        suite = ElementTree.parse(report).getroot()
        assert (suite.get("failures"), suite.get("skipped")) == expected
    run("--case", str(case), "--report", str(report), *silent)
    skipped = ElementTree.parse(report).getroot().find("testcase/skipped")
    assert skipped is not None
    assert str(skipped.get("message")).startswith("failed: ")


def test_settings_are_passed_to_the_adapter(tmp_path: Path) -> None:
    path = tmp_path / "settings.py"
    program = SILENT.replace("    print(", '    open("settings.json", "a").write(line)\n    print(')
    path.write_text(program.replace("settings.json", str(tmp_path / "lines").replace("\\", "/")), "utf-8")
    run(*CASE, "--set", "retries=true", "--set", "mode=fast", "--", sys.executable, str(path))
    configured = [json.loads(line) for line in (tmp_path / "lines").read_text("utf-8").splitlines()]
    settings = [each["settings"] for each in configured if each["do"] == "configure"]
    assert settings == [{"retries": True, "mode": "fast"}]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "give the command of an adapter after --"),
        (["--adapter", "autum-js"], "there is no adapter 'autum-js'"),
        (["--case", "nothing", "--", "x"], "there is no case 'nothing'"),
        (["--report", "r.pdf", "--", "x"], "the name must end in .xml, .json, .md, .html, .svg"),
        (["--report", "no/such/r.md", "--", "x"], "there is no such directory"),
        (["--set", "retries", "--", "x"], "write NAME=VALUE"),
        ([*CASE, "--", "no-such-program"], "the adapter 'no-such-program' cannot be run"),
        ([*CASE, "--", sys.executable, "-c", "print('hello')"], "not JSON: 'hello'"),
    ],
)
def test_what_cannot_be_run_is_exit_code_2(arguments: list[str], error: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert error in done.output
