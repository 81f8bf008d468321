"""``queue``: pausing, draining and listing."""

from __future__ import annotations

from tests.support.client import BATCH
from tests.support.server import ServerProcess

from .conftest import LOST, ONE, Run, document, text_of


def test_queue_pauses_lists_resumes_and_drains(run: Run, server: ServerProcess) -> None:
    assert text_of(run("queue", "peek")) == "the queue is empty\n"
    assert text_of(run("queue", "pause")) == "paused: 0 items in the queue\n"
    server.ask(BATCH, [ONE, {**LOST, "value": 2.5}])
    rows = [line.split() for line in text_of(run("queue", "peek")).splitlines()]
    assert rows[0] == ["accepted", "customer", "feature", "value", "held", "by", "until"]
    assert sorted(row[1:] for row in rows[1:]) == [["cus_123", "messages", "1"], ["cus_none", "messages", "2.5"]]
    assert len(document(run("queue", "peek", "--json", "--limit", "1"))["list"]) == 1
    text = text_of(run("queue", "drain"), code=1)
    assert "2 of 2 accepted items are not worked off yet: the workers are paused" in text
    assert "autumn-mock queue resume" in text
    assert text_of(run("queue", "resume")).startswith("running: ")
    assert text_of(run("queue", "drain", "--timeout", "30")) == "drained: 2 items accepted, 1 deducted, 1 lost\n"


def test_drain_reports_what_is_still_open(run: Run, server: ServerProcess) -> None:
    text_of(run("fault", "worker:pause"))
    server.ask(BATCH, [ONE])
    text = text_of(run("queue", "drain", "--timeout", "0.01"), code=1)
    assert "1 of 1 accepted item is not worked off yet" in text
    text_of(run("fault", "clear"))
    assert text_of(run("queue", "drain")) == "drained: 1 item accepted, 1 deducted, 0 lost\n"
