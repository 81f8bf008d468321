"""A client in sh with curl, under ``exec``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tinydb import TinyDB

from tests.exec.running import Done, execute

CLIENT = Path(__file__).with_name("shell") / "client.sh"
#: 3.5 messages of one customer, 2 of another.
USES = ("cus_456", "messages", "3", "cus_123", "messages", "2", "cus_456", "messages", "0.5")
CUSTOMERS = ("cus_456", "cus_123")

pytestmark = [
    pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on the PATH"),
    pytest.mark.skipif(shutil.which("sh") is None, reason="there is no sh on the PATH"),
]


class Outcome(NamedTuple):
    """The end of a run, its report, and the messages deducted from each customer."""

    done: Done
    report: dict[str, Any]
    taken: dict[str, float]

    @property
    def statuses(self) -> list[int]:
        """The status of each batch."""
        return [each["status"] for each in self.report["requests"]]

    @property
    def codes(self) -> set[str]:
        """The codes of the findings."""
        return {each["code"] for each in self.report["findings"]}


def meter(directory: Path, *options: str, uses: tuple[str, ...] = USES, bug: str = "") -> Outcome:
    """Run the client under ``autumn-mock exec``."""
    report, file = directory / "report.json", directory / "state.json"
    files = ("--report", str(report), "--db", str(file))
    done = execute(*options, "--check-findings", *files, "--", "sh", str(CLIENT), *uses, env={"METERING_BUG": bug})
    return Outcome(done, json.loads(report.read_text("utf-8")), taken(file))


def taken(file: Path) -> dict[str, float]:
    """The messages deducted from each customer, according to the database."""
    with TinyDB(file) as database:
        internal = {each["internal_id"]: each["id"] for each in database.table("customers").all()}
        sums = dict.fromkeys(CUSTOMERS, 0.0)
        for event in database.table("events").all():
            for each in event["deductions"]:
                sums[internal[event["customer"]]] += float(each["value"])
    return sums


def test_client_waits_out_an_outage_and_loses_nothing(tmp_path: Path) -> None:
    outcome = meter(tmp_path, "--fault", "queue:down times=2")
    assert (outcome.done.code, outcome.done.out) == (0, b"try 1: 503\ntry 2: 503\ntry 3: 202\n")
    assert outcome.statuses == [503, 503, 202]
    stats = outcome.report["stats"]
    assert (stats["offered"], stats["refused"], stats["deducted"], stats["lost"]) == (9, 6, 3, 0)
    assert outcome.taken == {"cus_456": 3.5, "cus_123": 2}
    assert outcome.report["findings"] == []


def test_client_does_not_resend_a_partly_refused_batch(tmp_path: Path) -> None:
    outcome = meter(tmp_path, "--fault", "enqueue:fail items=0 times=1")
    assert (outcome.done.code, outcome.done.out) == (0, b"try 1: 202\n")
    assert outcome.taken == {"cus_456": 0.5, "cus_123": 2}
    [failure] = outcome.report["failures"]
    assert (failure["failure_count"], failure["total_count"]) == (1, 3)


def test_exec_exits_with_the_code_of_a_client_that_gave_up(tmp_path: Path) -> None:
    outcome = meter(tmp_path, uses=("cus_456", "nope", "1"))
    assert outcome.done[:2] == (1, b"try 1: 404\n")
    assert outcome.done.err.startswith("given up: the service answered 404\nautumn-mock: 1 of 1 request failed:\n")
    assert outcome.statuses == [404]


@pytest.mark.parametrize(
    ("bug", "code", "messages"), [("anxious", "resent_after_accepted", 7), ("impatient", "retried_too_soon", 3.5)]
)
def test_check_findings_detects_a_client_that_violates_the_contract(
    bug: str, code: str, messages: float, tmp_path: Path
) -> None:
    outcome = meter(tmp_path, "--fault", "queue:down times=1", bug=bug)
    assert outcome.done.code == 3
    assert outcome.codes == {code}
    assert code in outcome.done.err
    assert outcome.taken["cus_456"] == messages
