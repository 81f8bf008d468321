"""``fault``: arming, listing and clearing rules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autumn_mock.faults.kinds import FAULT_KINDS
from autumn_mock.faults.options import MODIFIERS
from tests.support.client import DEFAULT_KEY
from tests.support.server import ServerProcess

from .conftest import ONE, Run, document, runner, send, text_of

ARMED = [
    (["partial", "--rate", "0.2", "--seed", "7"], "enqueue:fail rate=0.2 seed=7"),
    (["partial", "--items", "3,7", "--times", "1"], "enqueue:fail items=3,7 times=1"),
    (["partial", "--first", "2"], "enqueue:fail first=2"),
    (["partial", "--last", "2", "--after", "1"], "enqueue:fail last=2 after=1"),
    (["partial", "--every", "5", "--event", "message.sent"], "enqueue:fail every=5 event=message.sent"),
    (["partial", "--customer", "Ada Lovelace"], 'enqueue:fail customer="Ada Lovelace"'),
    (["outage"], "queue:down"),
    (["outage", "--for", "30s"], "queue:down ttl=30s"),
    (["outage", "--times", "2", "--route", "balances.*"], "queue:down times=2 route=balances.*"),
    (["slow"], "worker:delay 2s"),
    (["slow", "--delay", "500ms", "--feature", "messages"], "worker:delay 500ms feature=messages"),
    (["slow", "--rate", "100/s", "--customer", "cus_123"], "worker:slow rate=100/s customer=cus_123"),
    (["hang"], "reply:hang after=enqueue"),
    (["hang", "--before", "--times", "1"], "reply:hang before=enqueue times=1"),
    (["hang", "--after", "2", "--org", "autumn-mock"], "reply:hang after=enqueue after=2 org=autumn-mock"),
    (["timeout", "--call", "balances.check"], "reply:hang route=balances.check"),
    (["down"], "reply:status 503"),
    (["down", "--for", "30s"], "reply:status 503 ttl=30s"),
    (["500"], "reply:status 500"),
    (["status", "500", "--times", "2"], "reply:status 500 times=2"),
    (["503", "--call", "balances.check", "--retry-after", "5"], "reply:status 503 route=balances.check retry-after=5"),
    (["429", "--times", "1"], "limit:exhaust times=1"),
    (["429", "--retry-after", "3"], "reply:status 429 retry-after=3"),
    (["reply:body", 'json={"a": "b=c"}', "times=1"], """reply:body json='{"a": "b=c"}' times=1"""),
    (["reply:body", "text=it's down; wait", "status=503"], 'reply:body text="it\'s down; wait" status=503'),
    (["""reply:body json='{"a":1}' status=201"""], """reply:body json='{"a":1}' status=201"""),
    (["arm", "enqueue:fail items=3,7"], "enqueue:fail items=3,7"),
    (["arm", "enqueue:fail", "items=3,7", "times=1"], "enqueue:fail items=3,7 times=1"),
    (["arm", "limit", "3/second"], "limit 3/second"),
    (["queue:down", "times=2"], "queue:down times=2"),
    (["reply:content-type", "text/plain", "customer=a:b"], "reply:content-type text/plain customer=a:b"),
    (["enqueue:fail", "customer=Ada Lovelace", "times=1"], 'enqueue:fail customer="Ada Lovelace" times=1'),
    (
        ["reply:status", "503", "retry-after=Wed, 21 Oct 2026 07:28:00 GMT"],
        'reply:status 503 retry-after="Wed, 21 Oct 2026 07:28:00 GMT"',
    ),
]


@pytest.mark.parametrize(("arguments", "rule"), ARMED)
def test_fault_arms_and_prints_the_rule(run: Run, server: ServerProcess, arguments: list[str], rule: str) -> None:
    text = text_of(run("fault", *arguments))
    assert text.splitlines() == [f"armed 1: {rule}", "  on the whole server"]
    assert {each["rule"] for each in server.get("/_mock/faults", None).body["list"]} == {rule}


@pytest.mark.parametrize(
    ("content", "option"),
    [('{ "a": "it\'s" }\n', """json='{"a":"it\\u0027s"}'"""), ("a text", 'text="a text"')],
)
def test_fault_reads_the_body_of_a_reply_from_a_file(
    run: Run, server: ServerProcess, tmp_path: Path, content: str, option: str
) -> None:
    file = tmp_path / "reply"
    file.write_text(content, "utf-8")
    text_of(run("fault", "reply:body", "status=200", "--file", str(file), "times=1"))
    [armed] = server.get("/_mock/faults", None).body["list"]
    assert armed["rule"] == f"reply:body status=200 times=1 {option}"
    reply = server.post("/v1/customers.get", {"customer_id": "cus_123"})
    assert reply.body == ({"a": "it's"} if content.startswith("{") else content)


def test_fault_arms_several_rules(run: Run, server: ServerProcess) -> None:
    assert server
    text_of(run("fault", "queue:down", "times=2", "worker:delay", "2s; worker:reorder", "limit", "3/second"))
    listed = document(run("fault", "list", "--json", "--key", DEFAULT_KEY))["list"]
    rules = [each["rule"] for each in listed]
    assert rules == ["queue:down times=2", "worker:delay 2s", "worker:reorder", "limit 3/second"]


def test_fault_prints_the_random_seed(run: Run, server: ServerProcess) -> None:
    assert server
    [report] = document(run("fault", "partial", "--rate", "0.2", "--json"))["list"]
    assert (report["org"], report["env"]) == (None, None)
    rule = report["rule"]
    assert rule == f"enqueue:fail rate=0.2 seed={report['seed']}"
    assert rule in text_of(run("fault", "list"))


def test_fault_with_key_arms_in_its_organisation(run: Run, server: ServerProcess) -> None:
    assert server
    assert "\n  in org_autumn_mock:sandbox\n" in text_of(run("fault", "outage", "--key", DEFAULT_KEY))
    assert len(document(run("fault", "list", "--json"))["list"]) == 1


@pytest.mark.parametrize(
    ("arguments", "problem", "marked"),
    [
        (["arm", "enqueue:fial"], "did you mean enqueue:fail?", "enqueue:fial"),
        (["enqueue:fail", "item=3"], "unknown option of enqueue:fail 'item'", "item=3"),
        (["arm", "items=3"], "unknown kind 'items=3'", "items=3"),
        (["queue:down", "times=2", "worker:delay", "soon"], "invalid value 'soon' for worker:delay", "soon"),
        (["partial", "--rate", "2"], "invalid value '2' for rate", "2"),
        (["outage", "--for", "ever"], "invalid value 'ever' for ttl", "ever"),
        (["slow", "--rate", "fast"], "write it like 100/s", "fast"),
        (["hang", "--times", "0"], "must be at least 1", "0"),
    ],
)
def test_fault_refuses_an_invalid_rule_without_a_server(arguments: list[str], problem: str, marked: str) -> None:
    text = text_of(runner("http://127.0.0.1:9")("fault", *arguments), code=2)
    assert problem in text
    rule, mark = text.rstrip("\n").split("\n")[-2:]
    assert rule[mark.index("^") :].startswith(marked)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["partial"], "select the items: --rate, --items,"),
        (["slow", "--rate", "1/s", "--delay", "1s"], "--rate or --delay"),
        (["arm"], "RULE"),
        (["overload"], "overload"),
    ],
)
def test_fault_refuses_missing_and_conflicting_options(arguments: list[str], problem: str) -> None:
    assert problem in text_of(runner("http://127.0.0.1:9")("fault", *arguments), code=2)


def test_fault_prints_the_servers_error_for_an_unknown_route(run: Run) -> None:
    text = text_of(run("fault", "outage", "--route", "balances.batchtrack"), code=1)
    assert "balances.batch_track" in text
    assert text.endswith("^\n")


def test_fault_list_prints_how_often_rules_fired(run: Run, server: ServerProcess) -> None:
    assert text_of(run("fault", "list")) == "no rules are armed\n"
    text_of(run("fault", "partial", "--items", "0", "--times", "1"))
    send(server, ONE, ONE)
    lines = text_of(run("fault", "list")).splitlines()
    assert lines[0].split() == ["id", "rule", "fired", "refused", "left", "until"]
    assert lines[1].split() == ["1", "enqueue:fail", "items=0", "times=1", "1", "1", "none"]
    assert lines[2].split() == ["on", "the", "whole", "server"]
    assert len(lines) == 3


def test_fault_clear_clears_one_rule_or_all(run: Run, server: ServerProcess) -> None:
    assert server
    text_of(run("fault", "outage", "worker:pause", "--key", DEFAULT_KEY), code=2)
    text_of(run("fault", "queue:down", "worker:pause", "worker:reorder", "--key", DEFAULT_KEY))
    assert text_of(run("fault", "clear", "2")) == "cleared 1 rule\n"
    assert "No rule with the ID 2 is armed" in text_of(run("fault", "clear", "2"), code=1)
    assert text_of(run("fault", "clear")) == "cleared 2 rules\n"
    assert text_of(run("fault", "clear")) == "cleared 0 rules\n"


def test_fault_kinds_prints_the_grammar_without_a_server() -> None:
    text = text_of(runner("http://127.0.0.1:9")("fault", "kinds"))
    for kind in FAULT_KINDS.values():
        assert re.search(rf"^{kind.name}\b.*  {re.escape(kind.summary())}$", text, re.MULTILINE)
        assert kind.example in text
    for option in [*MODIFIERS.values(), *(option for kind in FAULT_KINDS.values() for option in kind.own_options)]:
        assert f"  {option.name}={option.placeholder}" in text
    one = text_of(runner("http://127.0.0.1:9")("fault", "kinds", "worker:slow"))
    assert "rate=N/s" in one
    assert "enqueue:fail" not in one
