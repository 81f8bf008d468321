"""Tables and lists: their width, colours, and ``--follow``."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys

import pytest

from tests.support.client import BATCH, DEFAULT_KEY
from tests.support.server import ServerProcess

from .conftest import LOST, ONE, Run, document, make_history, send, text_of


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["requests"], "no requests yet"),
        (["failures"], "no refused items"),
        (["lost"], "no lost items"),
        (["findings"], "no findings: "),
        (["events"], "no events"),
        (["balances", "cus_456", "--key", "am_sk_live_autumn_mock"], "Customer cus_456 not found"),
    ],
)
def test_show_list_prints_a_sentence_for_an_empty_list(
    run: Run, server: ServerProcess, command: list[str], sentence: str
) -> None:
    assert server
    result = run(*command)
    assert sentence in result.output
    assert result.exit_code == ("not found" in sentence)


COMMANDS = [
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


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_sheet_fits_80_columns_and_prints_colours_on_terminals_only(
    run: Run, server: ServerProcess, command: list[str]
) -> None:
    make_history(server)
    text_of(
        run("fault", "worker:pause", "customer=cus_123", "feature=messages", "route=balances.batch_track", "ttl=1h")
    )
    server.ask(BATCH, [ONE])
    text = text_of(run(*command, COLUMNS="80"))
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    assert not re.search(r" $", text, re.MULTILINE)
    assert "\x1b[" in text_of(run(*command, COLUMNS="80", FORCE_COLOR="1", TERM="xterm"))


def test_sheet_prints_names_in_any_script_and_with_brackets(run: Run, server: ServerProcess) -> None:
    send(server, {**LOST, "customer_id": "[red]Zoë 数据[/red]"})
    assert re.search(r"\[red\]Zoë 数据\[/red\]  messages", text_of(run("lost")))


@pytest.mark.parametrize("command", ["requests", "failures", "lost", "findings", "events", "balances cus_123"])
def test_follow_ends_after_count_rows(run: Run, server: ServerProcess, command: str) -> None:
    make_history(server)
    text = text_of(run(*command.split(), "--follow", "--json", "--count", "1"))
    [line] = text.splitlines()
    assert json.loads(line) == document(run(*command.split(), "--json"))["list"][0]
    assert text_of(run(*command.split(), "--follow", "--count", "1"))


@pytest.mark.skipif(sys.platform == "win32", reason="there a child cannot be sent Ctrl-C alone")
def test_follow_prints_new_rows_until_ctrl_c(server: ServerProcess) -> None:
    send(server, ONE)
    # A shell starts background jobs with SIGINT ignored, which children inherit.
    restore = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = f"{restore}; from autumn_mock.cli import main; main()"
    command = [sys.executable, "-c", program, "balances", "cus_123", "--follow", "--json", "--url", server.url]
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
def test_follow_continues_after_a_fault(server: ServerProcess, rule: str) -> None:
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
