"""What real clients do, under ``exec``: which findings there are, the exit code, and the last line.

The scripts are the ones in public reports: a single track whose reply is lost, keys that are made at each try, and
usage that goes nowhere.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.exec.running import Done, child, execute
from tests.support.node import Node

SCRIPTS = Path(__file__).with_name("node")
LOST = "reply:reset after=enqueue times=1"


def judged(node: Node, tmp_path: Path, script: str, *options: str, fault: str = "", mark: str = "") -> Done:
    """A script under ``exec``."""
    if not (tmp_path / "node_modules").exists():
        node.link_packages(tmp_path)
    (tmp_path / script).write_text((SCRIPTS / script).read_text("utf-8"), "utf-8")
    faults = ["--fault", fault] if fault else []
    return execute(*faults, *options, "--", node.executable, script, cwd=tmp_path, env={"MARK": mark})


def codes(done: Done) -> list[str]:
    """The findings that were printed."""
    lines = [line for line in done.err.splitlines() if line.startswith("autumn-mock: ")]
    found = [line.split(": ")[1] for line in lines]
    return [each for each in found if "_" in each]


def last_line(done: Done) -> str:
    return done.err.splitlines()[-1]


@pytest.mark.node
@pytest.mark.parametrize("fault", [LOST, "reply:status 502 after=enqueue times=1"])
@pytest.mark.parametrize(
    ("mark", "is_certain"), [("", False), ("properties", True), ("timestamp", True), ("async", False)]
)
def test_single_track_sent_again(node: Node, tmp_path: Path, fault: str, mark: str, is_certain: bool) -> None:
    rule = f"{fault} route=balances.track"
    done = judged(node, tmp_path, "single-track.mjs", "--check-findings", fault=rule, mark=mark)
    assert done.code == (3 if is_certain else 0), done.err
    assert codes(done) == [f"resent_after_lost_reply{'' if is_certain else ' (probable)'}"]
    assert last_line(done) == f"autumn-mock: {'' if is_certain else 'probably '}charged too often: 5 messages"
    if not is_certain:
        again = judged(node, tmp_path, "single-track.mjs", "--check-findings=probable", fault=rule, mark=mark)
        assert again.code == 3
        only = "--check-findings=probable,hammering"
        assert judged(node, tmp_path, "single-track.mjs", only, fault=rule, mark=mark).code == 0


@pytest.mark.node
def test_new_keys_after_a_lost_reply(node: Node, tmp_path: Path) -> None:
    done = judged(node, tmp_path, "fresh-keys.mjs", "--check-findings", fault=LOST)
    assert (done.code, codes(done)) == (0, ["resent_after_lost_reply (probable)"])
    assert "before the first try" in done.err
    assert last_line(done) == "autumn-mock: probably charged too often: 3 messages"
    assert judged(node, tmp_path, "fresh-keys.mjs", "--check-findings=probable", fault=LOST).code == 3


@pytest.mark.node
@pytest.mark.parametrize("times", [1, 2])
def test_new_keys_after_a_503(node: Node, tmp_path: Path, times: int) -> None:
    fault = f"queue:down times={times}"
    done = judged(node, tmp_path, "fresh-keys.mjs", "--check-findings=probable", fault=fault)
    assert (done.code, codes(done)) == (0, []), done.err


@pytest.mark.node
def test_usage_that_goes_nowhere(node: Node, tmp_path: Path) -> None:
    done = judged(node, tmp_path, "nowhere.mjs", "--check-findings")
    assert (done.code, codes(done)) == (3, ["lost_after_accepted", "unknown_route"])
    assert last_line(done) == "autumn-mock: lost: 5 messages; no such route: POST /v1/balances.batchTrack"


@pytest.mark.node
@pytest.mark.parametrize(
    ("mark", "words"), [("return", "did not know of the payment yet"), ("decline", "payment_failed")]
)
def test_a_purchase_that_is_used_before_it_is_paid(node: Node, tmp_path: Path, mark: str, words: str) -> None:
    done = judged(node, tmp_path, "purchases.mjs", "--check-findings=probable,used_before_paid", mark=mark)
    assert (done.code, codes(done)) == (3, ["used_before_paid (probable)"]), done.err
    assert words in done.err
    assert last_line(done) == "autumn-mock: probably given away: 3 messages"


@pytest.mark.node
def test_a_purchase_that_is_checked_before_it_is_used(node: Node, tmp_path: Path) -> None:
    done = judged(node, tmp_path, "purchases.mjs", "--check-findings=probable")
    assert (done.code, codes(done)) == (0, []), done.err


# -- variables of the command


def test_the_command_knows_the_server_by_every_name_asked_for() -> None:
    key = "am_sk_test_mine"
    options = ["--world", "empty", "--key", key, "--env", "AUTUMN_API_URL=/v1", "--env", "AUTUMN_BASE_URL"]
    proxies = {"NO_PROXY": "internal.example", "HTTP_PROXY": "http://127.0.0.1:9"}
    done = execute(*options, "--", *child("env"), env=proxies)
    [found] = done.lines
    url = found["AUTUMN_MOCK_URL"]
    assert (found["ATMN_BACKEND_URL"], found["AUTUMN_BASE_URL"], found["AUTUMN_API_URL"]) == (url, url, f"{url}/v1")
    assert (found["AUTUMN_SECRET_KEY"], found["AUTUMN_MOCK_KEY"]) == (key, key)
    assert found["NO_PROXY"] == found["no_proxy"] == "internal.example,127.0.0.1,localhost"


@pytest.mark.parametrize("name", ["", "A-B", "1A", "AUTUMN_API_URL=v1"])
def test_names_of_variables_are_checked(name: str) -> None:
    done = execute("--env", name, "--", *child("env"))
    assert done.code == 2
    assert "must be the name of a variable" in done.err


@pytest.mark.parametrize(("text", "word"), [("sure", "there is no finding"), ("probable,hamering", "hammering")])
def test_levels_and_codes_are_checked(text: str, word: str) -> None:
    done = execute(f"--check-findings={text}", "--", *child("env"))
    assert done.code == 2
    assert word in done.err


def test_check_findings_takes_no_argument_of_the_command() -> None:
    assert execute("--check-findings", *child("batch=3")).code == 0
