"""``stats`` and ``audit``."""

from __future__ import annotations

import json

import pytest

from autumn_mock.cli.stats import print_audit
from tests.support.client import BATCH
from tests.support.server import ServerProcess

from .conftest import LOST, Run, document, make_history, text_of


def test_stats_prints_the_counters(run: Run, server: ServerProcess) -> None:
    make_history(server)
    lines = text_of(run("stats")).splitlines()
    assert lines[0] == "offered  refused  accepted  ready  in flight  deducted  lost"
    assert lines[1].split() == ["16", "5", "11", "0", "0", "8", "3"]
    assert lines[2:] == ["    lost: 3 customer_not_found"]
    server.ask(BATCH, [LOST], "am_sk_live_autumn_mock")
    server.drain()
    assert "\norg_autumn_mock:live\n" in text_of(run("stats"))


def test_audit_prints_counters_and_amounts(run: Run, server: ServerProcess) -> None:
    make_history(server)
    text = text_of(run("audit"))
    assert text.startswith("the counters balance\n")
    assert "16 offered, 5 refused, 11 accepted, 0 waiting, 8 deducted, 3 lost" in text
    assert "asked: 9 message.sent; deducted: 9 messages" in text
    assert document(run("audit", "--json"))["balanced"] is True


@pytest.mark.parametrize("as_json", [False, True])
def test_audit_exits_with_1_for_counters_that_do_not_balance(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    organisation = {
        "org": "org_1",
        "env": "sandbox",
        "books": {"offered": 2, "refused": 0, "accepted": 2, "waiting": 0, "deducted": 1, "lost": 0},
        "missing": [{"message_id": "req_1-0", "request": 7, "index": 0, "deductions": 0}],
        "double": [{"message_id": "req_0-1", "request": None, "index": None, "deductions": 2}],
        "customers": [],
    }
    problem = "org_1 sandbox: deducted more than once: 1"
    answer = {"balanced": False, "problems": [problem], "organisations": [organisation]}
    with pytest.raises(SystemExit) as ended:
        print_audit(answer, as_json)
    assert ended.value.code == 1
    text = capsys.readouterr().out
    if as_json:
        assert json.loads(text) == answer
    else:
        assert "the counters do not balance\n  org_1 sandbox: deducted more" in text
        assert "missing: item 0 of request 7 (req_1-0)\n" in text
        assert "deducted 2 times: req_0-1\n" in text
