"""Every command that asks a running server, run as a person runs it: what it prints, and how it ends."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from autumn_mock.cli import main
from autumn_mock.cli.stats import print_audit
from autumn_mock.faults.kinds import FAULT_KINDS
from autumn_mock.faults.options import MODIFIERS
from tests.support.client import DEFAULT_KEY
from tests.support.server import ServerProcess

BATCH = "/v1/balances.batch_track"
ONE = {"customer_id": "cus_123", "feature_id": "messages"}
LOST = {"customer_id": "nobody", "feature_id": "messages"}

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def running() -> Iterator[ServerProcess]:
    with ServerProcess("--rate-limit", "off") as server:
        yield server


@pytest.fixture
def server(running: ServerProcess) -> ServerProcess:
    """A server on which nothing has happened yet."""
    running.ask("/_mock/reset", {}, None)
    return running


@pytest.fixture
def run(running: ServerProcess) -> Run:
    return runner(running.url)


def runner(url: str) -> Run:
    """Runs a command against a server; keywords are variables."""
    env = {"AUTUMN_MOCK_URL": url, "AUTUMN_SECRET_KEY": None, "AUTUMN_MOCK_KEY": None, "COLUMNS": None}

    def run(*arguments: str, **variables: str) -> Result:
        result = CliRunner().invoke(main, arguments, env={**env, **variables}, prog_name="autumn-mock")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def said(result: Result, code: int = 0) -> str:
    """What a command printed, when it ended as it should."""
    assert result.exit_code == code, result.output
    return result.output


def document(result: Result, code: int = 0) -> Any:
    """The JSON document that a command printed."""
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def send(server: ServerProcess, *items: Any, fault: str | None = None) -> None:
    """A batch that is accepted and worked off."""
    headers = {"x_autumn_mock_fault": fault} if fault is not None else {}
    assert server.post(BATCH, list(items), **headers).status == 202
    server.drain()


# -- asking at all


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["-h"], ["fault", "--help"], ["balances", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys, runpy\n"
        f"sys.argv = ['autumn-mock', *{arguments!r}]\n"
        "try: runpy.run_module('autumn_mock', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print({'flask', 'httpx', 'rich', 'limits', 'tinydb'} & set(sys.modules) or 'nothing')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.endswith("nothing\n")


def test_help_shows_every_command_under_a_heading(run: Run) -> None:
    text = said(run("--help"))
    assert "Fail on purpose:" in text
    for name in main.list_commands(click.Context(main)):
        assert re.search(rf"^  {name} +\w", text, re.MULTILINE)


def test_health(run: Run, running: ServerProcess) -> None:
    assert said(run("health")).startswith("ok: autumn-mock ")
    assert running.url in said(run("health", "--url", f"{running.url}/"))


def test_nobody_answers() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        for command in (["health"], ["stats"], ["fault", "list"], ["requests", "--follow"], ["balances", "cus_123"]):
            result = runner(url)(*command)
            expected = f"Error: no autumn-mock answers at {url}; start one with: autumn-mock serve\n"
            assert said(result, code=1) == expected


class _Other(BaseHTTPRequestHandler):
    """Another program's server."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>hello</html>")

    def log_message(self, *_arguments: Any) -> None:
        pass


def test_somebody_else_answers() -> None:
    with HTTPServer(("127.0.0.1", 0), _Other) as other:
        thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            text = said(runner(f"http://127.0.0.1:{other.server_port}")("stats"), code=1)
        finally:
            other.shutdown()
            thread.join()
    assert "not as an autumn-mock does" in text
    assert "another program" in text


def test_a_wrong_key_is_told_with_the_way_out(run: Run) -> None:
    text = said(run("stats", "--key", "am_sk_test_wrong"), code=1)
    assert "No organisation here has this key" in text
    assert "--key ''" in text
    assert said(run("stats", "--key", "", AUTUMN_SECRET_KEY="am_sk_test_wrong"))


def test_a_key_narrows_a_command_to_its_organisation(run: Run, server: ServerProcess) -> None:
    send(server, ONE)
    assert document(run("stats", "--json"))["organisations"]
    assert document(run("stats", "--json", "--key", DEFAULT_KEY))["offered"] == 1
    assert document(run("stats", "--json", AUTUMN_SECRET_KEY="am_sk_live_autumn_mock"))["offered"] == 0
    several = f"am_sk_live_autumn_mock,{DEFAULT_KEY}"
    assert document(run("stats", "--json", AUTUMN_MOCK_KEY=several))["offered"] == 0


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["stats", "--url", "localhost"], "http://"),
        (["stats", "--key", "schlüssel"], "letters"),
        (["requests", "--count", "1"], "--follow"),
        (["requests", "1", "--follow"], "followed"),
        (["requests", "one"], "one"),
        (["events", "--limit", "0"], "0"),
        (["queue", "drain", "--timeout", "soon"], "soon"),
        (["fault", "clear", "all"], "all"),
        (["fault", "kinds", "enqueue"], "enqueue:fail"),
    ],
)
def test_a_wrong_option_ends_with_code_2(run: Run, arguments: list[str], named: str) -> None:
    assert named in said(run(*arguments), code=2)


# -- faults

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
def test_a_rule_is_armed_and_told(run: Run, server: ServerProcess, arguments: list[str], rule: str) -> None:
    text = said(run("fault", *arguments))
    assert text.splitlines() == [f"armed 1: {rule}", "  on the whole server"]
    assert {each["rule"] for each in server.get("/_mock/faults", None).body["list"]} == {rule}


def test_several_rules_are_armed_in_one_go(run: Run, server: ServerProcess) -> None:
    assert server
    said(run("fault", "queue:down", "times=2", "worker:delay", "2s; worker:reorder", "limit", "3/second"))
    listed = document(run("fault", "list", "--json", "--key", DEFAULT_KEY))["list"]
    rules = [each["rule"] for each in listed]
    assert rules == ["queue:down times=2", "worker:delay 2s", "worker:reorder", "limit 3/second"]


def test_a_drawn_seed_is_told(run: Run, server: ServerProcess) -> None:
    assert server
    [report] = document(run("fault", "partial", "--rate", "0.2", "--json"))["list"]
    assert (report["org"], report["env"]) == (None, None)
    rule = report["rule"]
    assert rule == f"enqueue:fail rate=0.2 seed={report['seed']}"
    assert rule in said(run("fault", "list"))


def test_a_rule_of_one_organisation(run: Run, server: ServerProcess) -> None:
    assert server
    assert "\n  in org_autumn_mock:sandbox\n" in said(run("fault", "outage", "--key", DEFAULT_KEY))
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
def test_a_rule_that_does_not_parse_never_reaches_a_server(arguments: list[str], problem: str, marked: str) -> None:
    text = said(runner("http://127.0.0.1:9")("fault", *arguments), code=2)
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
def test_a_command_that_says_too_little_or_too_much(arguments: list[str], problem: str) -> None:
    assert problem in said(runner("http://127.0.0.1:9")("fault", *arguments), code=2)


def test_a_call_that_does_not_exist_is_the_servers_to_tell(run: Run) -> None:
    text = said(run("fault", "outage", "--route", "balances.batchtrack"), code=1)
    assert "balances.batch_track" in text
    assert text.endswith("^\n")


def test_the_list_of_faults_proves_that_they_fired(run: Run, server: ServerProcess) -> None:
    assert said(run("fault", "list")) == "no rules are armed\n"
    said(run("fault", "partial", "--items", "0", "--times", "1"))
    send(server, ONE, ONE)
    lines = said(run("fault", "list")).splitlines()
    assert lines[0].split() == ["id", "rule", "fired", "refused", "left", "until"]
    assert lines[1].split() == ["1", "enqueue:fail", "items=0", "times=1", "1", "1", "none"]
    assert lines[2].split() == ["on", "the", "whole", "server"]
    assert len(lines) == 3


def test_clearing(run: Run, server: ServerProcess) -> None:
    assert server
    said(run("fault", "outage", "worker:pause", "--key", DEFAULT_KEY), code=2)
    said(run("fault", "queue:down", "worker:pause", "worker:reorder", "--key", DEFAULT_KEY))
    assert said(run("fault", "clear", "2")) == "cleared 1 rule\n"
    assert "No rule with the ID 2 is armed" in said(run("fault", "clear", "2"), code=1)
    assert said(run("fault", "clear")) == "cleared 2 rules\n"
    assert said(run("fault", "clear")) == "cleared 0 rules\n"


def test_kinds_needs_no_server_and_knows_every_word() -> None:
    text = said(runner("http://127.0.0.1:9")("fault", "kinds"))
    for kind in FAULT_KINDS.values():
        assert re.search(rf"^{kind.name}\b.*  {re.escape(kind.summary())}$", text, re.MULTILINE)
        assert kind.example in text
    for option in [*MODIFIERS.values(), *(option for kind in FAULT_KINDS.values() for option in kind.own_options)]:
        assert f"  {option.name}={option.placeholder}" in text
    one = said(runner("http://127.0.0.1:9")("fault", "kinds", "worker:slow"))
    assert "rate=N/s" in one
    assert "enqueue:fail" not in one


# -- the queue


def test_pausing_peeking_draining(run: Run, server: ServerProcess) -> None:
    assert said(run("queue", "peek")) == "nothing waits\n"
    assert said(run("queue", "pause")) == "paused: 0 items in the queue\n"
    server.ask(BATCH, [ONE, {**LOST, "value": 2.5}])
    rows = [line.split() for line in said(run("queue", "peek")).splitlines()]
    assert rows[0] == ["accepted", "customer", "feature", "value", "held", "by", "until"]
    assert sorted(row[1:] for row in rows[1:]) == [["cus_123", "messages", "1"], ["nobody", "messages", "2.5"]]
    assert len(document(run("queue", "peek", "--json", "--limit", "1"))["list"]) == 1
    text = said(run("queue", "drain"), code=1)
    assert "2 of 2 accepted items are not worked off yet: the workers are paused" in text
    assert "autumn-mock queue resume" in text
    assert said(run("queue", "resume")).startswith("running: ")
    assert said(run("queue", "drain", "--timeout", "30")) == "drained: 2 items accepted, 1 deducted, 1 lost\n"


def test_what_holds_items_up_is_told(run: Run, server: ServerProcess) -> None:
    said(run("fault", "worker:pause"))
    server.ask(BATCH, [ONE])
    text = said(run("queue", "drain", "--timeout", "0.01"), code=1)
    assert "1 of 1 accepted items are not worked off yet" in text
    said(run("fault", "clear"))
    assert said(run("queue", "drain")) == "drained: 1 item accepted, 1 deducted, 0 lost\n"


# -- looking


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["requests"], "no request came yet"),
        (["failures"], "no item was refused"),
        (["lost"], "no item was lost"),
        (["findings"], "nothing was found against the contract"),
        (["events"], "there is no event"),
        (["balances", "cus_456", "--key", "am_sk_live_autumn_mock"], "Customer cus_456 not found"),
    ],
)
def test_nothing_to_show_is_said_in_a_sentence(
    run: Run, server: ServerProcess, command: list[str], sentence: str
) -> None:
    assert server
    result = run(*command)
    assert sentence in result.output
    assert result.exit_code == ("not found" in sentence)


def happen(server: ServerProcess) -> None:
    """Something for every command to show."""
    batch = [ONE, {**ONE, "value": 2.5}, LOST, {"customer_id": "cus_alice", "event_name": "message.sent", "value": 3}]
    send(server, *batch, fault="enqueue:fail items=0")
    send(server, *batch)
    with pytest.raises(ConnectionError):
        server.post(BATCH, batch, x_autumn_mock_fault="reply:reset after=enqueue")
    server.post(BATCH, batch, x_autumn_mock_fault="queue:down")
    server.get("/v1/nothing")
    server.drain()


def test_requests(run: Run, server: ServerProcess) -> None:
    happen(server)
    lines = said(run("requests")).splitlines()
    assert lines[0].split() == ["id", "time", "UTC", "call", "status", "items", "ms"]
    shown = "\n".join(lines[1:])
    assert re.search(r"balances\.batch_track  202 +4, 1 refused +\d+\.\d\n    fault: enqueue:fail items=0\n", shown)
    assert re.search(r"batch_track  none \(202\) +4 +\d+\.\d\n    fault: reply:reset .*\n    reply: lost\n", shown)
    assert re.search(r"balances\.batch_track  503 +4, 4 refused", shown)
    assert re.search(r"GET /v1/nothing +401", shown)
    assert len(document(run("requests", "--json"))["list"]) == 5


def test_one_request_shows_the_fate_of_its_items(run: Run, server: ServerProcess) -> None:
    send(server, ONE, {**ONE, "value": 2}, LOST, fault="enqueue:fail items=0; worker:duplicate customer=cus_123")
    [request] = document(run("requests", "--json"))["list"]
    number = str(request["id"])
    text = said(run("requests", number))
    assert f"request {number}: POST /v1/balances.batch_track\n" in text
    assert re.search(r"client was told +202\n +service decided +202\n", text)
    assert re.search(r"0  refused   cus_123   messages      1  enqueue:fail items=0\n", text)
    assert re.search(r"1  deducted  cus_123   messages      2\n", text)
    assert re.search(r"2  lost      nobody    messages      1  customer_not_found\n", text)
    assert "duplicated by worker:duplicate" in text
    assert len(document(run("requests", number, "--json"))["items_fate"]) == 3
    assert "There is no request 0" in said(run("requests", "0"), code=1)


def test_failures(run: Run, server: ServerProcess) -> None:
    happen(server)
    lines = said(run("failures")).splitlines()
    assert lines[0].split() == ["time", "UTC", "refused", "answered", "request", "id"]
    assert re.search(r"1 of 4 +success +req_\w+$", lines[1])
    assert lines[2] == "    item 0: 1 messages of cus_123: enqueue:fail items=0"
    assert re.search(r"4 of 4 +503 +req_\w+$", lines[3])
    assert len(document(run("failures", "--json"))["list"]) == 2


def test_of_many_refused_items_the_first_are_shown(run: Run, server: ServerProcess) -> None:
    server.post(BATCH, [ONE] * 30, x_autumn_mock_fault="queue:down")
    lines = said(run("failures")).splitlines()
    assert lines[-1] == "    and 20 more"
    assert len(lines) == 13


def test_lost(run: Run, server: ServerProcess) -> None:
    happen(server)
    lines = said(run("lost")).splitlines()
    assert lines[0].split() == ["time", "UTC", "customer", "feature", "value", "reason"]
    assert re.search(r"nobody +messages +1  customer_not_found$", lines[1])
    assert re.fullmatch(r"    Customer nobody not found \(req_\w+-2\)", lines[2])
    assert {each["reason"] for each in document(run("lost", "--json"))["list"]} == {"customer_not_found"}


def test_findings(run: Run, server: ServerProcess) -> None:
    happen(server)
    found = document(run("findings", "--json"))["list"]
    text = said(run("findings"))
    assert found
    for each in found:
        assert each["title"] in text
        assert each["message"] in text
        assert each["why"] in text
        assert each["instead"] in text


def test_balances(run: Run, server: ServerProcess) -> None:
    send(server, {**ONE, "value": 2.5})
    lines = [line.split() for line in said(run("balances", "cus_123")).splitlines()]
    assert lines[0] == ["feature", "granted", "used", "left", "resets"]
    assert lines[1][:4] == ["messages", "1100", "2.5", "1097.5"]
    [messages, *_] = document(run("balances", "cus_123", "--json"))["list"]
    assert (messages["customer_id"], messages["feature_id"], messages["remaining"]) == ("cus_123", "messages", 1097.5)
    assert "Customer cus_999 not found" in said(run("balances", "cus_999"), code=1)


def test_an_unlimited_balance(run: Run, server: ServerProcess) -> None:
    server.ask("/v1/balances.create", {"customer_id": "cus_456", "feature_id": "api_calls", "unlimited": True})
    assert re.search(r"api_calls +unlimited +0 +unlimited$", said(run("balances", "cus_456")), re.MULTILINE)


def test_events(run: Run, server: ServerProcess) -> None:
    happen(server)
    lines = said(run("events", "--customer", "cus_alice")).splitlines()
    assert lines[0].split() == ["time", "UTC", "customer", "event", "value", "taken"]
    assert re.search(r"cus_alice  message\.sent +3  3 messages$", lines[1])
    every = document(run("events", "--json"))["list"]
    assert [each["timestamp"] for each in every] == sorted(each["timestamp"] for each in every)
    assert document(run("events", "--json", "--limit", "1"))["list"] == every[-1:]


def test_stats(run: Run, server: ServerProcess) -> None:
    happen(server)
    lines = said(run("stats")).splitlines()
    assert lines[0] == "offered  refused  accepted  ready  in flight  deducted  lost"
    assert lines[1].split() == ["16", "5", "11", "0", "0", "8", "3"]
    assert lines[2:] == ["    lost: 3 customer_not_found"]
    server.ask(BATCH, [LOST], "am_sk_live_autumn_mock")
    server.drain()
    assert "\norg_autumn_mock:live\n" in said(run("stats"))


def test_audit(run: Run, server: ServerProcess) -> None:
    happen(server)
    text = said(run("audit"))
    assert text.startswith("the books balance\n")
    assert "16 offered, 5 refused, 11 accepted, 0 waiting, 8 deducted, 3 lost" in text
    assert "asked: 9 message.sent; taken: 9 messages" in text
    assert document(run("audit", "--json"))["balanced"] is True


@pytest.mark.parametrize("as_json", [False, True])
def test_books_that_do_not_balance_end_with_code_1(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
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
        assert "the books do not balance\n  org_1 sandbox: deducted more" in text
        assert "missing: item 0 of request 7 (req_1-0)\n" in text
        assert "deducted 2 times: req_0-1\n" in text


LOOKS = [
    ["requests"],
    ["failures"],
    ["lost"],
    ["findings"],
    ["balances", "cus_123"],
    ["events"],
    ["stats"],
    ["audit"],
    ["fault", "list"],
    ["queue", "peek"],
    ["fault", "kinds"],
]


@pytest.mark.parametrize("command", LOOKS, ids=" ".join)
def test_in_80_columns_no_line_is_longer_and_no_colour_goes_into_a_pipe(
    run: Run, server: ServerProcess, command: list[str]
) -> None:
    happen(server)
    said(run("fault", "worker:pause", "customer=cus_123", "feature=messages", "route=balances.batch_track", "ttl=1h"))
    server.ask(BATCH, [ONE])
    text = said(run(*command, COLUMNS="80"))
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    assert not re.search(r" $", text, re.MULTILINE)
    assert "\x1b[" in said(run(*command, COLUMNS="80", FORCE_COLOR="1", TERM="xterm"))


def test_names_in_any_script_and_with_brackets(run: Run, server: ServerProcess) -> None:
    send(server, {**LOST, "customer_id": "[red]Zoë 数据[/red]"})
    assert re.search(r"\[red\]Zoë 数据\[/red\]  messages", said(run("lost")))


# -- following


@pytest.mark.parametrize("command", ["requests", "failures", "lost", "findings", "events", "balances cus_123"])
def test_following_ends_after_so_many_and_prints_an_object_a_line(
    run: Run, server: ServerProcess, command: str
) -> None:
    happen(server)
    text = said(run(*command.split(), "--follow", "--json", "--count", "1"))
    [line] = text.splitlines()
    assert json.loads(line) == document(run(*command.split(), "--json"))["list"][0]
    assert said(run(*command.split(), "--follow", "--count", "1"))


@pytest.mark.skipif(sys.platform == "win32", reason="there a child cannot be sent Ctrl-C alone")
def test_following_prints_what_is_new_until_it_is_interrupted(server: ServerProcess) -> None:
    send(server, ONE)
    command = [sys.executable, "-m", "autumn_mock", "balances", "cus_123", "--follow", "--json", "--url", server.url]
    process = subprocess.Popen([*command, "--key", DEFAULT_KEY], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        first = [json.loads(process.stdout.readline()) for _ in range(3)]
        assert {each["feature_id"] for each in first} == {"messages", "api_calls", "seats"}
        send(server, ONE)
        new = json.loads(process.stdout.readline())
        assert (new["feature_id"], new["usage"]) == ("messages", 2)
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == ""
    assert process.returncode == 0


@pytest.mark.parametrize("rule", ["reply:status 500", "reply:malformed"])
def test_a_fault_that_strikes_a_look_does_not_end_following(server: ServerProcess, rule: str) -> None:
    send(server, ONE)
    command = [sys.executable, "-m", "autumn_mock", "balances", "cus_123", "--follow", "--json", "--url", server.url]
    process = subprocess.Popen(
        [*command, "--key", DEFAULT_KEY, "--count", "4"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()
        server.ask("/_mock/faults", {"rule": f"{rule} times=1 route=customers.get"}, None)
        send(server, ONE)
        assert json.loads(process.stdout.readline())["usage"] == 2
    assert process.returncode == 0


# -- serve


def test_serve_tells_the_seeds_that_it_drew() -> None:
    with ServerProcess("--fault", "enqueue:fail rate=0.2", "--fault", "queue:down times=2") as server:
        listed = document(runner(server.url)("fault", "list", "--json", "--key", DEFAULT_KEY))["list"]
        rules = [each["rule"] for each in listed]
        assert server.stderr().splitlines() == [f"autumn-mock: armed {rule}" for rule in rules]
    assert re.fullmatch(r"enqueue:fail rate=0\.2 seed=\d+", rules[0])
